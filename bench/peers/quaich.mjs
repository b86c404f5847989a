// node quaich.mjs sync|async|inline
import { serve } from 'quaich';
import { announce } from './announce.mjs';

const module = new URL('../apps/hello.mjs', import.meta.url).href;
const mode = process.argv[2];
const server = await serve({
  apps: [{ module, export: mode === 'sync' ? 'sync' : 'asynchronous', inline: mode === 'inline' }],
  bind: '127.0.0.1:0',
  syncWorkers: 1,
  asyncWorkers: 1,
});
announce(server.url);
