// Applications for the tests of bridges between threads.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as timer } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { markAsync } from 'quaich';
import { asyncToSync, shareContext, syncToAsync } from 'quaich/shim';

const here = import.meta.url;
const bytes = (text) => new TextEncoder().encode(text);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

export const requestId = new AsyncLocalStorage();
shareContext('request id', requestId);

const log = (environ, text) => environ['wsgi.errors'].write(`${text}\n`);

/** What the environ looks like on this side, and where this is. */
function describe(environ) {
  const types = {};
  for (const key of Object.keys(environ)) types[key] = typeof environ[key];
  return bytes(
    JSON.stringify({
      threadId,
      types,
      nullPrototype: Object.getPrototypeOf(environ) === null,
      version: environ['wsgi.version'],
      frozen: Object.isFrozen(environ['wsgi.version']),
      list: environ['test.list'],
      bytes: [...(environ['test.bytes'] ?? [])],
      flags: [
        environ['wsgi.multithread'],
        environ['wsgi.multiprocess'],
        environ['wsgi.run_once'],
        environ['quaich.async'],
      ],
      state: environ['quaich.state'],
      context: requestId.getStore() ?? null,
    }),
  );
}

function hooked(app, name) {
  app.startup = (state) => {
    state.startedOn = threadId;
    if (process.env.QUAICH_TEST_HOOK === name) throw new Error(`expected: ${name} does not start`);
  };
  app.shutdown = () => {
    if (process.env.QUAICH_TEST_HOOK === `${name} shutdown`) throw new Error('expected: shutdown');
  };
  return app;
}

export const asyncInfo = hooked(async (environ, start) => {
  start('200 OK', []);
  await sleep(1);
  return [describe(environ)];
}, 'asyncInfo');

export const syncInfo = hooked((environ, start) => {
  start('200 OK', []);
  return [describe(environ)];
}, 'syncInfo');

// ---- async, for callers that block

export async function* noHead() {}

export async function dies() {
  process.exit(7);
}

export async function* diesLate(_environ, start) {
  start('200 OK', []);
  yield bytes('a');
  await sleep(5);
  process.exit(7);
}

export async function outOfMemory() {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(Math.random()));
}

export async function* waits(environ, start) {
  start('200 OK', []);
  try {
    yield bytes('first');
    await new Promise((resolve) => {
      environ['quaich.signal'].addEventListener('abort', () => {
        log(environ, `signal ${environ['quaich.signal'].reason.name}`);
        resolve();
      });
    });
    yield bytes('too late');
  } finally {
    log(environ, 'return');
  }
}

export function endless(environ, start) {
  let steps = 0;
  start('200 OK', []);
  environ['quaich.signal'].addEventListener('abort', () =>
    log(environ, `signal ${environ['quaich.signal'].reason.name}`),
  );
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        steps++;
        return { done: false, value: new Uint8Array(1000).fill(120) };
      },
      async return() {
        log(environ, `return after ${steps}`);
        return { done: true };
      },
    }),
    async close() {
      await sleep(1);
      log(environ, 'close');
    },
  };
}
Object.defineProperty(endless, Symbol.for('quaich.kind'), { value: 'async' });

export async function* neverReturns(_environ, start) {
  start('200 OK', []);
  try {
    yield bytes('a');
    yield bytes('b');
  } finally {
    await new Promise(() => {});
  }
}

export async function leavesWork(environ, start) {
  start('200 OK', []);
  setTimeout(() => {}, 60_000);
  sleep(50).then(() => environ['wsgi.input'].read());
  return [bytes('done')];
}

export async function writes(_environ, start) {
  const write = start('200 OK', []);
  const first = write(bytes('1'));
  const buffer = bytes('2');
  const second = write(buffer);
  buffer[0] = 33;
  await Promise.all([first, second]);
  return [bytes('3')];
}

export async function* echo(environ, start) {
  start('200 OK', []);
  for await (const block of environ['wsgi.input'].chunks()) yield block;
  yield* [await environ['wsgi.input'].read()];
}

export async function silent() {
  await new Promise(() => {});
}

/** Sync, on a bridge's thread: calls a bridge there. */
const nestedBridge = asyncToSync(`${here}:echo`);
const onLoop = syncToAsync((environ, start) => nestedBridge(environ, start), { where: 'here' });
export async function nested(environ, start) {
  if (environ.PATH_INFO === '/direct') return nestedBridge({ ...environ, 'quaich.async': false }, start);
  return onLoop(environ, start);
}

const itself = asyncToSync(`${here}:recursive`);
export async function recursive(_environ, start) {
  start('200 OK', []);
  return [];
}
recursive.startup = () => itself.startup({});

export const largeArray = async (_environ, start) => {
  start('200 OK', []);
  return [new Uint8Array(2_000_000).fill(97), new Uint8Array(4_000_000).fill(98)];
};
export const largeArraySync = (_environ, start) => {
  start('200 OK', []);
  return [new Uint8Array(2_000_000).fill(97), new Uint8Array(4_000_000).fill(98)];
};

/** Takes its time to begin, and ends when it is told to. */
export async function endsOnAbort(environ, start) {
  const signal = environ['quaich.signal'];
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  log(environ, `signal ${signal.reason.name}`);
  start('200 OK', []);
  return {
    async *[Symbol.asyncIterator]() {
      log(environ, 'never');
      yield bytes('never');
    },
    close() {
      log(environ, 'close');
      throw new Error('expected: close');
    },
  };
}

/** Fails when its caller has left; by path with a failure of its own, or with what the signal is the reason of. */
export async function failsWhenLeft({ PATH_INFO: path, 'quaich.signal': signal }) {
  if (path === '/call') await timer(60_000, undefined, { signal });
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  throw path === '/reason' ? signal.reason : new Error('expected: unheard');
}

export const failsByThenable = markAsync((environ) => ({
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  then: (_fulfil, reject) => void failsWhenLeft(environ).catch(reject),
}));

/** Fails as far ahead of its caller as it may be. */
export async function* failsAhead(_environ, start) {
  start('200 OK', []);
  yield bytes('a');
  yield bytes('b');
  throw new Error('expected: unheard');
}

export function* failsAheadSync(_environ, start) {
  start('200 OK', []);
  yield bytes('a');
  yield bytes('b');
  throw new Error('expected: unheard');
}

/** Does not wait for what it writes, and fails. */
export async function writesAndThrows(_environ, start) {
  const write = start('200 OK', []);
  write(bytes('1'));
  write(bytes('2'));
  write(bytes('3'));
  throw new RangeError('expected: after three writes');
}

export async function writesOn(environ, start) {
  const write = start('200 OK', []);
  for (let i = 0; i < 4; i++) {
    try {
      await write(bytes('x'));
      log(environ, 'written');
    } catch (error) {
      log(environ, `${error.name}, signal ${environ['quaich.signal'].reason?.name}`);
    }
  }
  return [];
}

export const startsForever = async () => [];
startsForever.startup = () => new Promise((resolve) => setTimeout(resolve, 60_000));

/** Its event loop stands still, whatever anybody wants. */
export async function* standsStill(_environ, start) {
  start('200 OK', []);
  yield bytes('a');
  for (;;) block(1000);
}

/** Dies while its caller closes the body. */
export async function* diesInClose(_environ, start) {
  start('200 OK', []);
  try {
    yield bytes('a');
    yield bytes('b');
  } finally {
    process.exit(7);
  }
}

/** How the body came. */
export async function* blocks(environ, start) {
  start('200 OK', [['Content-Type', 'text/plain']]);
  for await (const block of environ['wsgi.input'].chunks()) yield bytes(`[${Buffer.from(block)}]`);
}

export async function streams(environ, start) {
  start('200 OK', []);
  const found = [];
  for await (const block of environ['wsgi.input'].stream()) found.push(bytes(`[${Buffer.from(block)}]`));
  return found;
}

export async function lines(environ, start) {
  start('200 OK', []);
  let count = 0;
  for await (const line of environ['wsgi.input']) count += line.length > 0 ? 1 : 0;
  return [bytes(String(count))];
}

export async function* oneLine(environ, start) {
  start('200 OK', []);
  yield await environ['wsgi.input'].readline();
}

/** Answers while a read of its own waits for the client. */
export async function* answersWhileReading(environ, start) {
  start('200 OK', []);
  const rest = environ['wsgi.input'].read();
  yield bytes('ready');
  yield await rest;
}

// ---- sync, for callers with an event loop

export function sleeps(_environ, start) {
  block(200);
  start('200 OK', []);
  return [bytes('awake')];
}

export function* readsTwice(environ, start) {
  start('200 OK', []);
  yield environ['wsgi.input'].readline();
  yield environ['wsgi.input'].readline();
  yield bytes('end');
}

export function* readsAll(environ, start) {
  start('200 OK', []);
  try {
    yield environ['wsgi.input'].read();
  } catch (error) {
    log(environ, `read threw ${error.name}, disconnected ${environ['quaich.client_disconnected']()}`);
    throw error;
  }
}

export function endlessSync(environ, start) {
  let steps = 0;
  const place = threadId;
  start('200 OK', []);
  const same = () => (threadId === place ? 'same thread' : 'another thread');
  return {
    [Symbol.iterator]: () => ({
      next() {
        steps++;
        return { done: false, value: new Uint8Array(1000).fill(120) };
      },
      return() {
        log(environ, `return after ${steps}, ${same()}`);
        return { done: true };
      },
    }),
    close() {
      log(environ, `close, ${same()}`);
    },
  };
}

export function writesSync(_environ, start) {
  const write = start('200 OK', []);
  const chunk = bytes('1');
  for (let i = 1; i < 4; i++) {
    chunk[0] = 48 + i;
    write(chunk);
  }
  return [];
}

export function spins() {
  for (;;) block(1000);
}

export function diesSync() {
  process.exit(7);
}

export function outOfMemorySync() {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(Math.random()));
}

/** Dies when the client has sent something. */
export function diesReading(environ) {
  environ['wsgi.input'].readline();
  process.exit(7);
}

/** Dies between two requests. */
export function diesLater(environ, start) {
  if (environ.PATH_INFO === '/die') setTimeout(() => process.exit(7), 1);
  start('200 OK', []);
  return [bytes('served')];
}

/** Spins on request. */
export function maySpin(environ, start) {
  while (environ.PATH_INFO === '/spin') block(1000);
  start('200 OK', []);
  return [bytes('served')];
}

/** Goes on writing when its client has gone. */
export function writesOnSync(environ, start) {
  const write = start('200 OK', []);
  for (let i = 0; i < 4; i++) {
    try {
      write(bytes('x'));
      log(environ, 'written');
    } catch (error) {
      log(environ, error.name);
    }
  }
  return [];
}

/** Promises two bytes, and has more. */
export function counts(environ, start) {
  let steps = 0;
  start('200 OK', [['Content-Length', '2']]);
  return {
    [Symbol.iterator]: () => ({
      next() {
        log(environ, `step ${++steps}`);
        return { done: false, value: bytes(steps === 1 ? 'a' : 'bcd') };
      },
      return() {
        log(environ, 'return');
        return { done: true };
      },
    }),
  };
}

export function polls(environ, start) {
  start('200 OK', []);
  return (function* () {
    yield bytes('polling');
    log(environ, 'waiting');
    while (!environ['quaich.client_disconnected']()) block(2);
    log(environ, 'noticed');
    yield bytes('discarded');
  })();
}

export function failsStrangely(environ) {
  if (environ.PATH_INFO === '/getter') {
    const error = new Error('x');
    Object.defineProperty(error, 'stack', {
      get() {
        throw new Error('y');
      },
    });
    throw error;
  }
  if (environ.PATH_INFO === '/function') throw new Error('expected: uncloneable', { cause: { f() {} } });
  throw null;
}

// ---- mounted in servers

export const info = asyncToSync(`${here}:asyncInfo`);
export const echoSync = asyncToSync(`${here}:echo`);
export const blocksSync = asyncToSync(`${here}:blocks`);
export const oneLineSync = asyncToSync(`${here}:oneLine`);
export const answersWhileReadingSync = asyncToSync(`${here}:answersWhileReading`);
export const maySpinAsync = syncToAsync(`${here}:maySpin`, { threads: 1, terminateTimeout: 50 });
export const infoAsync = syncToAsync(`${here}:syncInfo`, { threads: 1 });
