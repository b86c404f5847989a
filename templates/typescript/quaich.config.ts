// What is served, and how: `npx quaich --help all` lists every setting.
import type { ServeOptions } from 'quaich';

export default {
  apps: ['/=./site.ts', '/events=./events.ts', '/api=./api.ts'],
  healthPath: '/healthz',
} satisfies ServeOptions;
