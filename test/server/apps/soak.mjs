// Applications for the soak: each answer carries the token that its request has in the query, `TOKEN` or
// `TOKEN&COUNT`; other paths end the thread or hang it.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const word = new Int32Array(new SharedArrayBuffer(4));

function dieAt(path) {
  switch (path) {
    case '/exit':
      process.exit(3);
      break;
    case '/hang':
      for (;;) Atomics.wait(word, 0, 0, 1000);
    case '/loop':
      for (;;);
    case '/memory':
      for (const list = []; ; ) list.push(new Array(100_000).fill(list.length));
  }
}

/** What an answer consists of, and the pauses between its parts in milliseconds. */
function* parts(path, token, count) {
  if (path === '/stream') for (let i = 0; i < count; i++) yield { text: `${token}\n`.repeat(1000), pause: 0 };
  else if (path === '/events') for (let i = 0; i < count; i++) yield { text: `data: ${token} ${i}\n\n`, pause: 20 };
  else yield { text: token, pause: 0 };
}

function begin(environ, startResponse) {
  dieAt(environ.PATH_INFO);
  const [token, count] = environ.QUERY_STRING.split('&');
  startResponse('200 OK', [
    ['Content-Type', environ.PATH_INFO === '/events' ? 'text/event-stream' : 'text/plain'],
    ['X-Token', token],
    ['X-Stage', environ.STAGE],
  ]);
  return [environ.PATH_INFO, token, Number(count)];
}

export function* sync(environ, startResponse) {
  const hash = createHash('sha256');
  let size = 0;
  for (;;) {
    const bytes = environ['wsgi.input'].read(65_536);
    if (bytes.length === 0) break;
    size += bytes.length;
    hash.update(bytes);
  }
  for (const { text, pause } of parts(...begin(environ, startResponse))) {
    yield Buffer.from(text);
    if (pause > 0) Atomics.wait(word, 0, 0, pause);
  }
  if (size > 0) yield Buffer.from(` ${size} ${hash.digest('hex')}`);
}

export async function* async(environ, startResponse) {
  const hash = createHash('sha256');
  let size = 0;
  for await (const bytes of environ['wsgi.input'].chunks()) {
    size += bytes.length;
    hash.update(bytes);
  }
  for (const { text, pause } of parts(...begin(environ, startResponse))) {
    yield Buffer.from(text);
    if (pause > 0) await sleep(pause);
  }
  if (size > 0) yield Buffer.from(` ${size} ${hash.digest('hex')}`);
}
