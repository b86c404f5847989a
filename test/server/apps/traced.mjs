// Applications of both kinds whose requests are traced: they answer, fail, stream until their client leaves, or wait
// until a file is there.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncToAsync } from 'quaich/shim';
import { tracing } from 'quaich/tracing';
import { write } from './trace-log.mjs';

write({ event: 'loaded' });

const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const chunk = Buffer.from('a chunk\n');
const isReleased = () => existsSync(`${process.env.TRACE_LOG}.release`);

export function syncApp({ PATH_INFO: path, ...environ }, startResponse) {
  if (path === '/fail') throw new Error('expected');
  if (path === '/slow') {
    write({ event: 'waiting' });
    while (!isReleased()) block(10);
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return path === '/stream' ? stream() : [Buffer.from(`waited: ${environ['quaich.queue_time']}`)];
}

function* stream() {
  for (;;) {
    yield chunk;
    block(10);
  }
}

export async function asyncApp(environ, startResponse) {
  if (environ.PATH_INFO === '/slow') {
    write({ event: 'waiting' });
    while (!isReleased()) await sleep(10);
  }
  const body = syncApp(environ, startResponse);
  if (environ.PATH_INFO !== '/stream') return body;
  return (async function* () {
    for (;;) {
      yield chunk;
      await sleep(10);
    }
  })();
}

export const syncSpans = tracing()(syncApp);
export const asyncSpans = tracing()(asyncApp);

export const bridged = syncToAsync(`${import.meta.filename}:syncApp`);

export function shutdown() {
  write({ event: 'application' });
}
