import { markAsync } from 'quaich';

/** What the application knew of the peer of each request. */
const seen = [];

/** Notes the peer; `/seen` tells of all requests since it was last asked. */
export function app(environ, startResponse) {
  const asked = environ.PATH_INFO === '/seen';
  if (!asked) seen.push([environ.REMOTE_ADDR, environ['quaich.unix_socket']]);
  startResponse('200 OK', []);
  return [Buffer.from(JSON.stringify(asked ? seen.splice(0) : 'noted'))];
}

export const asyncApp = markAsync((environ, startResponse) => app(environ, startResponse));
