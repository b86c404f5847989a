// Applications whose requests are counted by the tests of health checks and metrics.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const STATUSES = { '/moved': '302 Found', '/missing': '404 Not Found' };

/** The number in the query string. */
const asked = (environ) => Number(environ.QUERY_STRING);

function answer(environ, startResponse) {
  const path = environ.PATH_INFO;
  if (path === '/fail') throw new RangeError('on purpose');
  if (path === '/exit') process.exit(3);
  startResponse(STATUSES[path] ?? '200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(path)];
}

const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** `/sleep?100` blocks its thread for 100 ms, `/until?FILE` until there is that file; `/loop?100` computes so long. */
export function app(environ, startResponse) {
  const end = performance.now() + asked(environ);
  if (environ.PATH_INFO === '/sleep') block(asked(environ));
  if (environ.PATH_INFO === '/until') while (!existsSync(environ.QUERY_STRING)) block(5);
  if (environ.PATH_INFO === '/loop') while (performance.now() < end);
  return answer(environ, startResponse);
}

/** `/stream` never ends. */
export async function asyncApp(environ, startResponse) {
  if (environ.PATH_INFO === '/sleep') await sleep(asked(environ));
  if (environ.PATH_INFO === '/until') while (!existsSync(environ.QUERY_STRING)) await sleep(5);
  if (environ.PATH_INFO === '/stream') {
    startResponse('200 OK', []);
    return (async function* () {
      for (;;) {
        yield Buffer.from('more\n');
        await sleep(10);
      }
    })();
  }
  return answer(environ, startResponse);
}
