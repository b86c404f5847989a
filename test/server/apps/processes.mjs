// Applications that tell their process, hold it, and end it.
import { existsSync } from 'node:fs';

const { QUAICH_TEST_BROKEN: broken = '' } = process.env;

export function startup() {
  if (existsSync(broken)) throw new RangeError('expected: does not start');
}

function answer(environ, startResponse) {
  if (environ.PATH_INFO === '/kill') process.kill(process.pid, 'SIGKILL');
  startResponse('200 OK', [['X-Multiprocess', String(environ['wsgi.multiprocess'])]]);
  return [Buffer.from(`${process.pid}${environ.STAGE ?? ''}`)];
}

/** `/sleep?500` sleeps for 500 ms. */
export function sync(environ, startResponse) {
  if (environ.PATH_INFO === '/sleep') {
    console.log('begun');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(environ.QUERY_STRING));
  }
  return answer(environ, startResponse);
}

/** `/loop` never ends. */
export async function async(environ, startResponse) {
  if (environ.PATH_INFO === '/loop') for (;;);
  return answer(environ, startResponse);
}
