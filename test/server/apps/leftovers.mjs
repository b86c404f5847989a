// A process that serves, closes, and tells what is left of it.
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from 'quaich';

const module = fileURLToPath(new URL('./behaviours.mjs', import.meta.url));

/** Resources of the event loop, open files that are no part of Node itself, and threads. */
function leftovers() {
  const linux = process.platform === 'linux';
  const files = !linux
    ? []
    : readdirSync('/proc/self/fd')
        .map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N');
          } catch {
            return '';
          }
        })
        .filter((target) => /^(socket|\/)/.test(target) && !target.startsWith('/proc/'));
  return {
    resources: process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .sort(),
    files: files.sort(),
    threads: linux ? readdirSync('/proc/self/task').length : 0,
  };
}

const options = {
  apps: [
    { prefix: '/sync', module, export: 'fast' },
    { prefix: '/async', module, export: 'asyncFast' },
    { prefix: '/inline', module, export: 'asyncFast', inline: true },
    { prefix: '/events', module, export: 'events' },
  ],
  bind: '127.0.0.1:0',
  syncWorkers: 2,
  asyncWorkers: 2,
  timeoutGraceful: 100,
  accessLogFile: join(process.argv[2], 'access'),
};

// The first server starts what Node starts once (its thread pool) and keeps.
await (await serve(options)).close();
const before = leftovers();
const server = await serve(options);
process.once('message', async () => {
  await server.close();
  process.send?.({ before, after: leftovers() });
});
process.send?.({ url: server.url });
