// Applications that tell how many of their requests were in progress at a time; `/most` tells and starts anew.
import { setTimeout as sleep } from 'node:timers/promises';

const counters = { running: 0, most: 0 };

function* count(environ, startResponse, during) {
  if (environ.PATH_INFO === '/most') {
    startResponse('200 OK', []);
    yield Buffer.from(String(counters.most));
    counters.most = 0;
    return;
  }
  if (environ.PATH_INFO === '/multithread') {
    startResponse('200 OK', []);
    yield Buffer.from(String(environ['wsgi.multithread']));
    return;
  }
  counters.running++;
  counters.most = Math.max(counters.most, counters.running);
  startResponse('200 OK', []);
  yield Buffer.from('a');
  yield during();
  yield Buffer.from('b');
}

const closing = (body, before) => ({
  ...body,
  async close() {
    await before();
    counters.running--;
  },
});

/** Answers in two parts with a pause; counts as running until its body is closed. */
export function syncApp(environ, startResponse) {
  const chunks = count(environ, startResponse, () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return new Uint8Array(0);
  });
  if (environ.PATH_INFO !== '/') return chunks;
  return {
    [Symbol.iterator]: () => chunks,
    close() {
      counters.running--;
    },
  };
}

export async function asyncApp(environ, startResponse) {
  const chunks = count(environ, startResponse, () => null);
  if (environ.PATH_INFO !== '/') return [...chunks];
  async function* slow() {
    for (const chunk of chunks) {
      if (chunk === null) await sleep(5);
      else yield chunk;
    }
  }
  const body = slow();
  // Slow to close, after its last byte is out: the request is over only then.
  return closing({ [Symbol.asyncIterator]: () => body }, () => sleep(10));
}
