// The built site, served by Quaich itself.
import { fileURLToPath } from 'node:url';
import { staticApplication } from '../../dist/src/middleware/index.js';

export const app = staticApplication('sync', {
  root: fileURLToPath(new URL('../../build/site/html', import.meta.url)),
  endings: ['.html'],
});
