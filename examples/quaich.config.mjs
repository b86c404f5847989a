// @ts-check
/**
 * Mounts every example: `npm start`, then http://127.0.0.1:8000/
 */
import { examples } from './catalogue.js';

export default {
  bind: '127.0.0.1:8000',
  // The upload has a limit of its own; the server's must not be lower.
  limitBody: process.env.EXAMPLES_UPLOAD_LIMIT || '4g',
  apps: [
    { prefix: '/', module: './index.js' },
    ...examples.map(({ prefix, module, name = 'app', workers }) => ({
      prefix,
      module,
      export: name,
      ...(workers && { workers }),
    })),
  ],
};
