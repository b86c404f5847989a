// Applications for the end of connections, by the server and by the client.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { markAsync } from 'quaich';

const bytes = (text) => Buffer.from(text);
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Refuses without a look at the body. */
function refuse(startResponse) {
  startResponse('403 Forbidden', []);
  return [bytes('no')];
}

function late(startResponse) {
  startResponse('200 OK', []);
  return [bytes('late')];
}

/**
 * `/late?MS` answers after a time, `/silent?FILE` never, `/begun?FILE` begins and goes on never; both write to the file when
 * the client has gone. All else is refused.
 */
export function app(environ, startResponse) {
  const { PATH_INFO: path, QUERY_STRING: query } = environ;
  const untilGone = () => {
    while (!environ['quaich.client_disconnected']()) block(10);
    appendFileSync(query, 'gone');
  };
  if (path === '/late') block(Number(query));
  else if (path === '/silent') untilGone();
  else if (path === '/begun') {
    startResponse('200 OK', []);
    return (function* () {
      yield bytes('begun');
      untilGone();
    })();
  } else return refuse(startResponse);
  return late(startResponse);
}

export const asyncApp = markAsync(async (environ, startResponse) => {
  const { PATH_INFO: path, QUERY_STRING: query, 'quaich.signal': signal } = environ;
  const untilGone = async () => {
    while (!signal.aborted) await sleep(10);
    appendFileSync(query, 'gone');
  };
  if (path === '/late') await sleep(Number(query));
  else if (path === '/silent') await untilGone();
  else if (path === '/begun') {
    startResponse('200 OK', []);
    return (async function* () {
      yield bytes('begun');
      await untilGone();
    })();
  } else return refuse(startResponse);
  return late(startResponse);
});
