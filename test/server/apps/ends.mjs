// Applications for the end of connections, by the server and by the client.
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { markAsync } from 'quaich';

const bytes = (text) => Buffer.from(text);
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Refuses without a look at the body. */
function refuse(startResponse) {
  startResponse('403 Forbidden', []);
  return [bytes('no')];
}

function file(environ, startResponse) {
  startResponse('200 OK', [['Content-Length', '1000000']]);
  const [path, flags] = environ.QUERY_STRING.split('&');
  const fd = openSync(path, flags);
  return environ['wsgi.file_wrapper']({ fd, read: () => new Uint8Array(), close: () => closeSync(fd) });
}

function late(startResponse) {
  startResponse('200 OK', []);
  return [bytes('late')];
}

const EVENTS = [['Content-Type', 'text/event-stream']];

/**
 * `/late?MS` answers after a time, `/slowly?MS` begins and ends after that. `/silent?FILE` never answers, `/begun?FILE`
 * begins and goes on never, as `/events?FILE` does with a stream of events; these make the file when they wait, and
 * write to it when nobody wants the response any more, and why. `/file?FILE` sends a file as if it had a million bytes.
 * All else is refused.
 */
export function app(environ, startResponse) {
  const { PATH_INFO: path, QUERY_STRING: query } = environ;
  const untilGone = (write) => {
    appendFileSync(query, '');
    while (!environ['quaich.client_disconnected']()) block(10);
    try {
      write(bytes('nobody wants this'));
    } catch (error) {
      appendFileSync(query, error.code);
    }
  };
  if (path === '/late') block(Number(query));
  else if (path === '/silent') untilGone(startResponse('200 OK', []));
  else if (path === '/begun' || path === '/events') {
    const write = startResponse('200 OK', path === '/events' ? EVENTS : []);
    write(bytes('begun'));
    untilGone(write);
  } else if (path === '/slowly') {
    const write = startResponse('200 OK', []);
    write(bytes('begun'));
    block(Number(query));
    return [bytes('over')];
  } else if (path === '/file') return file(environ, startResponse);
  else return refuse(startResponse);
  return path === '/late' ? late(startResponse) : [];
}

export const asyncApp = markAsync(async (environ, startResponse) => {
  const { PATH_INFO: path, QUERY_STRING: query, 'quaich.signal': signal } = environ;
  const untilGone = async () => {
    appendFileSync(query, '');
    while (!signal.aborted) await sleep(10);
    appendFileSync(query, signal.reason.code);
  };
  if (path === '/late') await sleep(Number(query));
  else if (path === '/silent') await untilGone();
  else if (path === '/begun' || path === '/events') {
    startResponse('200 OK', path === '/events' ? EVENTS : []);
    return (async function* () {
      yield bytes('begun');
      await untilGone();
    })();
  } else if (path === '/slowly') {
    const write = startResponse('200 OK', []);
    await write(bytes('begun'));
    await sleep(Number(query));
    return [bytes('over')];
  } else if (path === '/file') return file(environ, startResponse);
  else return refuse(startResponse);
  return late(startResponse);
});
