// @ts-check
/**
 * Mounts every example: `npm start`, then http://127.0.0.1:8000/
 */
import { examples } from './catalogue.js';

export default {
  bind: '127.0.0.1:8000',
  apps: [
    { prefix: '/', module: './index.js' },
    ...examples.map(({ prefix, module, name }) => ({ prefix, module, export: name ?? 'app' })),
  ],
};
