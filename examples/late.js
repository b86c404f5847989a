// @ts-check
/**
 * How late is a clock while SQLite sleeps? The page that draws it, and the query that sleeps: sync, blocking. The clock
 * is the stream of events.js, which runs on another thread. With `npx quaich demo` a server of node:http stands beside.
 *
 *     curl 'http://127.0.0.1:8000/late/sleep?seconds=3'
 */
import { EVERY, latePage } from './lib/late-page.js';
import { sendPage } from './lib/page.js';
import { BadRequest, mountPath, queryInteger } from './lib/request.js';
import { checkMethod, notFound, sendJson, sendText } from './lib/respond.js';
import { openSleeper } from './lib/sleeper.js';

/** @import { Environ, StartResponse } from 'quaich' */
/** @typedef {import('./lib/sleeper.js').Sleeper} Sleeper */

const SLEEPER = 'late.sleeper';
/** The key of the environ with the origin of another server of the same paths, such as `http://127.0.0.1:8001`. */
const OTHER = 'late.other';

/** @param {Record<string, unknown>} state */
export async function startup(state) {
  state[SLEEPER] = await openSleeper();
}

/** @param {Record<string, unknown>} state */
export function shutdown(state) {
  /** @type {Sleeper} */ (state[SLEEPER]).close();
}

/** @param {Environ} environ @param {StartResponse} startResponse */
function sleep(environ, startResponse) {
  const sleeper = /** @type {Sleeper} */ (environ['quaich.state']?.[SLEEPER]);
  try {
    const seconds = queryInteger(environ, 'seconds', { min: 0, max: 10, fallback: 3 });
    const slept = sleeper.sleep(seconds, environ['quaich.client_disconnected'] ?? (() => false));
    return sendJson(startResponse, '200 OK', { what: sleeper.what, seconds: slept }, [['Cache-Control', 'no-store']]);
  } catch (error) {
    if (error instanceof BadRequest) return sendText(startResponse, error.status, `${error.message}\n`);
    throw error;
  }
}

/**
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  const path = environ.PATH_INFO;
  if (path !== '' && path !== '/' && path !== '/sleep') return notFound(startResponse);
  const refused = checkMethod(environ, startResponse, 'GET');
  if (refused) return refused;
  if (path === '/sleep') return sleep(environ, startResponse);
  const root = mountPath(environ);
  const other = environ[OTHER];
  const servers = [{ name: 'Quaich', clock: `${root}/../events/stream?every=${EVERY}`, sleep: `${root}/sleep` }];
  const connect = typeof other === 'string' ? other : '';
  if (connect !== '') {
    servers.push({ name: 'node:http', clock: `${connect}/events/stream`, sleep: `${connect}/late/sleep` });
  }
  return sendPage(startResponse, { ...latePage(servers, `${root}/../`), connect });
}
