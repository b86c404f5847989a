// What HTTP/2 could spoil: environ, fields, bodies in both directions, and how they end.
import { setTimeout as sleep } from 'node:timers/promises';
import { markAsync } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';

const bytes = (text) => Buffer.from(text);
const part = bytes('part');
const piece = new Uint8Array(16_384);
/** Milliseconds until then: an error that comes with bytes is not seen by everybody. */
const SOON = 200;

/** Calls of `/slow`, pieces that `/endless` has made, and bodies that `/whole` has read to their end. */
let begun = 0;
let pieces = 0;
let whole = 0;

const texts = (environ) => Object.entries(environ).filter(([, value]) => typeof value === 'string');

/** `/environ` has all texts of it, `/fields` answers with fields that occur twice, `/none` with 204. */
const SHORT = {
  '/environ': (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'application/json']]);
    return [bytes(JSON.stringify(Object.fromEntries(texts(environ))))];
  },
  '/fields': (_environ, startResponse) => {
    const cookies = ['a=1; Path=/', 'b=2'].map((value) => ['Set-Cookie', value]);
    startResponse('201 Made', [['Vary', 'A'], ['vary', 'B'], ...cookies, ['X-Bytes', '\xe9'], ['Content-Length', '2']]);
    return [bytes('ok')];
  },
  '/none': (_environ, startResponse) => {
    startResponse('204 No Content', []);
    return [];
  },
  '/counts': (_environ, startResponse) => {
    startResponse('200 OK', []);
    return [bytes(JSON.stringify({ begun, pieces, whole }))];
  },
};

/**
 * Beside the short ones: `/breaks` breaks within its body, `/whole` tells the size of its own, `/slow` answers late,
 * `/endless` never ends, and all else echoes.
 */
export function syncApp(environ, startResponse) {
  const short = SHORT[environ.PATH_INFO];
  if (short !== undefined) return short(environ, startResponse);
  const { PATH_INFO: path, 'wsgi.input': input } = environ;
  startResponse('200 OK', []);
  if (path === '/whole') return size(input.read());
  return path === '/breaks' ? breaks() : echo(input);
}

function size(body) {
  whole++;
  return [bytes(String(body.length))];
}

function* breaks() {
  yield part;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SOON);
  throw new Error('broken off on purpose');
}

function* echo(input) {
  for (let chunk = input.read(65_536); chunk.length > 0; chunk = input.read(65_536)) yield chunk;
}

export const asyncApp = markAsync(async (environ, startResponse) => {
  const { PATH_INFO: path, 'wsgi.input': input } = environ;
  const short = SHORT[path];
  if (short !== undefined) return short(environ, startResponse);
  if (path === '/slow') {
    begun++;
    await sleep(Number(environ.QUERY_STRING), undefined, { ref: false });
  }
  startResponse('200 OK', []);
  if (path === '/slow') return [bytes('late')];
  if (path === '/whole') return size(await input.read());
  if (path === '/breaks') return asyncBreaks();
  return path === '/endless' ? endless() : asyncEcho(input);
});

async function* asyncBreaks() {
  yield part;
  await sleep(SOON);
  throw new Error('broken off on purpose');
}

async function* endless() {
  for (; ; pieces++) yield piece;
}

async function* asyncEcho(input) {
  for (let chunk = await input.read(65_536); chunk.length > 0; chunk = await input.read(65_536)) yield chunk;
}

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);
