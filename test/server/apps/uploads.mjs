// Applications for bodies that come slowly.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

let uploads = 0;

/**
 * Answers a POST with size and SHA-256 of its body, as soon as it has begun to come; `GET /uploads` tells how many
 * POSTs came here.
 */
export function* app(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  if (environ.REQUEST_METHOD === 'GET') {
    yield Buffer.from(environ.PATH_INFO === '/uploads' ? String(uploads) : 'quick');
    return;
  }
  uploads++;
  const hash = createHash('sha256');
  let size = 0;
  for (;;) {
    const block = environ['wsgi.input'].read(100);
    if (block.length === 0) break;
    if (size === 0) yield Buffer.from('begun ');
    size += block.length;
    hash.update(block);
  }
  yield Buffer.from(`${size} ${hash.digest('hex')}`);
}

const pause = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/**
 * Waits as many milliseconds as the query says, reads the body slowly, and writes what came of it to the file that
 * X-Outcome names.
 */
export function late(environ, startResponse) {
  pause(Number(environ.QUERY_STRING));
  let size = 0;
  let outcome = 'complete';
  try {
    for (;;) {
      const block = environ['wsgi.input'].read(65_536);
      if (block.length === 0) break;
      size += block.length;
      pause(10);
    }
  } catch (error) {
    outcome = error.name;
  }
  writeFileSync(environ.HTTP_X_OUTCOME, `${outcome} ${size}`);
  startResponse('200 OK', []);
  return [];
}

/** Keeps its worker busy for as many milliseconds as the query says. */
export function busy(environ, startResponse) {
  pause(Number(environ.QUERY_STRING));
  startResponse('200 OK', []);
  return [Buffer.from('done')];
}

/** Transfers what it reads of the body, 16 bytes first; answers with all it has read. */
export async function transferring(environ, startResponse) {
  const input = environ['wsgi.input'];
  const read = [];
  const take = (block) => {
    read.push(Buffer.from(block));
    structuredClone(block.buffer, { transfer: [block.buffer] });
  };
  take(await input.read(16));
  take(await input.readline());
  take(await input.read(100));
  for await (const block of input.chunks()) take(block);
  startResponse('200 OK', []);
  return [Buffer.concat(read)];
}

let forgotten;

/** Answers a POST at once and reads on behind the response; the next GET tells what became of that. */
export async function forgetful(environ, startResponse) {
  startResponse('200 OK', []);
  if (environ.REQUEST_METHOD === 'GET') return [Buffer.from(await forgotten)];
  forgotten = environ['wsgi.input'].read().then(
    (bytes) => `read ${bytes.byteLength}`,
    (error) => error.name,
  );
  return [];
}
