// Applications that make use of what they are free to do, and of what a server must leave alone. Steps as generators,
// so that one text makes both forms.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { staticApplication } from 'quaich/middleware';
import { asyncToSync, syncToAsync } from 'quaich/shim';

const root = fileURLToPath(new URL('./files', import.meta.url));
const TEXT = [['Content-Type', 'text/plain']];
const bytes = (text) => Buffer.from(text, 'latin1');

/** Bytes of a block: `?large` is for blocks that are not sent as small ones are. */
const sizeOf = (environ) => (environ.QUERY_STRING === 'large' ? 200_000 : 50_000);

/** The strings of environ, and what else it has. */
function look(environ) {
  const shown = ([key, value]) => [key, typeof value === 'string' ? value : Object.prototype.toString.call(value)];
  return JSON.stringify([...Object.entries(environ).map(shown), ['state', environ['quaich.state']]]);
}

/** Leaves nothing of environ as it was. */
function spoil(environ) {
  const { 'quaich.state': state, 'wsgi.version': version } = environ;
  state.spoilt = true;
  for (const key of Object.keys(environ)) {
    if (key.startsWith('HTTP_')) delete environ[key];
    else environ[key] = null;
  }
  environ['my.own'] = 'left behind';
  environ.HTTP_HOST = environ;
  try {
    version[0] = 9;
  } catch {
    // Frozen, because it is shared.
  }
  Object.setPrototypeOf(environ, { INHERITED: 'too' });
  Object.freeze(environ);
}

function* steps(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/look':
      startResponse('200 OK', TEXT);
      yield bytes(look(environ));
      break;
    case '/spoil':
      startResponse('200 OK', TEXT);
      spoil(environ);
      yield bytes('spoilt');
      break;
    case '/reuse': {
      startResponse('200 OK', TEXT);
      const block = new Uint8Array(sizeOf(environ));
      for (let i = 0; i < 60; i++) {
        block.fill(i);
        yield block;
      }
      // Also after the last step.
      block.fill(255);
      break;
    }
    case '/breaks':
      startResponse('200 OK', TEXT);
      yield bytes('what has been sent');
      throw new Error('expected in this test: a secret');
    default:
      startResponse('200 OK', [
        ['Content-Type', 'text/html; charset=utf-8'],
        ['ETag', '"the-tag"'],
        ['Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT'],
        ['Accept-Ranges', 'bytes'],
        ['Content-Length', '20000'],
      ]);
      yield bytes('<p>the same again</p>'.repeat(1000).slice(0, 20_000));
  }
}

const files = { sync: staticApplication('sync', { root }), async: staticApplication('async', { root }) };
const isFile = (environ) => environ.PATH_INFO.endsWith('.txt');

/** With `write`: `/write` uses one buffer for all of it. */
export function syncApp(environ, startResponse) {
  if (isFile(environ)) return files.sync(environ, startResponse);
  if (environ.PATH_INFO !== '/write') return steps(environ, startResponse);
  const write = startResponse('200 OK', TEXT);
  const block = new Uint8Array(sizeOf(environ));
  for (let i = 0; i < 60; i++) {
    block.fill(i);
    write(block);
  }
  block.fill(255);
  return [];
}

export async function asyncApp(environ, startResponse) {
  if (isFile(environ)) return files.async(environ, startResponse);
  if (environ.PATH_INFO !== '/write') return later(steps(environ, startResponse));
  const write = startResponse('200 OK', TEXT);
  const block = new Uint8Array(sizeOf(environ));
  for (let i = 0; i < 60; i++) {
    block.fill(i);
    await write(block);
  }
  block.fill(255);
  return [];
}

async function* later(chunks) {
  for (const chunk of chunks) {
    yield chunk;
    await null;
  }
}

export const startup = (state) => {
  state.answer = 42;
};

export const bridgedSync = syncToAsync(`${import.meta.url}:syncApp`, { threads: 1 });
export const bridgedAsync = asyncToSync(`${import.meta.url}:asyncApp`);

// One for each copy of this module.
const copy = randomUUID();
let calls = 0;

/** Tells which copy of the module answers, after how many calls of its own. */
export const copies = (_environ, startResponse) => {
  startResponse('200 OK', TEXT);
  const body = [bytes(JSON.stringify({ thread: threadId, copy, calls: ++calls }))];
  // Long enough for the next request to find this worker busy.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  return body;
};
copies.startup = () => {};
export const asyncCopies = async (environ, startResponse) => copies(environ, startResponse);
asyncCopies.startup = () => {};
