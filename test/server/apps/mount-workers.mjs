// Applications that hold their thread, echo what they are sent, and tell which thread they run on.
import { existsSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const { QUAICH_TEST_BROKEN: broken = '' } = process.env;

/** Fails on the threads that are started while the file is there. */
export function startup() {
  if (existsSync(broken)) throw new RangeError('expected: does not start');
}

function answer(environ, startResponse, body) {
  if (environ.PATH_INFO === '/exit') process.exit(3);
  const fields = Object.keys(environ).filter((name) => name.startsWith('HTTP_X_'));
  startResponse('200 OK', [
    ['X-Thread', String(threadId)],
    ['X-Multiprocess', String(environ['wsgi.multiprocess'])],
    ['X-Fields', String(fields.length)],
    ['X-Last', environ.HTTP_X_LAST ?? ''],
  ]);
  return [body];
}

const word = new Int32Array(new SharedArrayBuffer(4));

/** `/hold` blocks its thread until there is the file of the query. */
function hold(environ) {
  if (environ.PATH_INFO === '/hold') while (!existsSync(environ.QUERY_STRING)) Atomics.wait(word, 0, 0, 5);
}

export function sync(environ, startResponse) {
  hold(environ);
  return answer(environ, startResponse, environ['wsgi.input'].read());
}

export async function async(environ, startResponse) {
  hold(environ);
  return answer(environ, startResponse, await environ['wsgi.input'].read());
}
