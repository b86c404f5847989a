// What TLS could spoil: the environ, bodies in both directions, a response that breaks off.
import { setTimeout as sleep } from 'node:timers/promises';
import { markAsync } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';

const MIB = new Uint8Array(1024 ** 2).fill(120);

/** `/environ` tells what the connection is, `/zeros?N` sends N MiB; beside them `/breaks` and `/echo`. */
const SHORT = {
  '/environ': (environ) => {
    const known = Object.entries(environ).filter(([name]) => /^(?:SSL_|HTTPS$|wsgi\.url_scheme$)/.test(name));
    return [Buffer.from(JSON.stringify(Object.fromEntries(known)))];
  },
  '/zeros': ({ QUERY_STRING }) => Array.from({ length: Number(QUERY_STRING) }, () => MIB),
};

const part = Buffer.from('part');
const broken = () => new Error('broken off on purpose');
/** Milliseconds until then: an error that comes with bytes is not seen by everybody. */
const SOON = 200;

export function syncApp(environ, startResponse) {
  startResponse('200 OK', []);
  if (environ.PATH_INFO === '/breaks') return breaks();
  const short = SHORT[environ.PATH_INFO];
  return short === undefined ? echo(environ['wsgi.input']) : short(environ);
}

function* breaks() {
  yield part;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SOON);
  throw broken();
}

function* echo(input) {
  for (let chunk = input.read(65_536); chunk.length > 0; chunk = input.read(65_536)) yield chunk;
}

export const asyncApp = markAsync(async (environ, startResponse) => {
  startResponse('200 OK', []);
  if (environ.PATH_INFO === '/breaks') return asyncBreaks();
  const short = SHORT[environ.PATH_INFO];
  return short === undefined ? asyncEcho(environ['wsgi.input']) : short(environ);
});

async function* asyncBreaks() {
  yield part;
  await sleep(SOON);
  throw broken();
}

async function* asyncEcho(input) {
  for (let chunk = await input.read(65_536); chunk.length > 0; chunk = await input.read(65_536)) yield chunk;
}

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);
