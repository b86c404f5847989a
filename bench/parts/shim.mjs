// One application run by the engine, natively and through bridges, without a network; and other packages that bridge
// between threads, with a function that gives the same answer. A *call* runs it once.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { repeat, repeatSync } from './repeat.mjs';
import { asyncArray, asyncStream, LENGTH, syncArray, syncStream } from './shim-apps.mjs';

const APPS = new URL('./shim-apps.mjs', import.meta.url);
const native = {
  sync: { Array: syncArray, Stream: syncStream },
  async: { Array: asyncArray, Stream: asyncStream },
};
/** By reference, for a thread of its own. */
const apart = (name) => `${fileURLToPath(APPS)}:${name}`;

/** The environ of a browser's GET; a new one for each request. */
const environ = (input, async) => ({
  __proto__: null,
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '',
  PATH_INFO: '/articles/17',
  QUERY_STRING: 'page=2',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '8000',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REMOTE_ADDR: '127.0.0.1',
  REMOTE_PORT: '54321',
  HTTP_HOST: 'localhost:8000',
  HTTP_USER_AGENT: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  HTTP_ACCEPT: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  HTTP_ACCEPT_LANGUAGE: 'en-US,en;q=0.5',
  HTTP_ACCEPT_ENCODING: 'gzip, deflate, br, zstd',
  HTTP_CONNECTION: 'keep-alive',
  HTTP_COOKIE: 'session=0123456789abcdef',
  'wsgi.version': [1, 0],
  'wsgi.url_scheme': 'http',
  'wsgi.input': input,
  'wsgi.errors': { write: (text) => process.stderr.write(text), writelines() {}, flush() {} },
  'wsgi.multithread': async,
  'wsgi.multiprocess': false,
  'wsgi.run_once': false,
  'wsgi.input_terminated': true,
  'quaich.async': async,
  'quaich.client_disconnected': async ? undefined : () => false,
});

/** What others are given of it: they know no input, and no functions. */
const VARIABLES = Object.fromEntries(
  Object.entries(environ(null, false)).filter(([, value]) => typeof value === 'string'),
);

/** What has been answered, over all calls. */
const answered = { heads: 0, bytes: 0 };

/** Gets what the engine sends. */
function send(head, chunk) {
  if (head?.status === 200) answered.heads++;
  if (chunk !== null) answered.bytes += chunk.length;
}

/** Gets what a function has returned. */
function take({ status, body }) {
  if (status === '200 OK') answered.heads++;
  answered.bytes += body.length;
}

const nothing = () => {};
const SINK = { send, abort: nothing, done: nothing };

const syncCall =
  (app, { runSync, SyncInput }, options = {}) =>
  () => {
    runSync(app, environ(new SyncInput(null), false), SINK, options);
  };

const asyncCall =
  (app, { runAsync, AsyncInput, DONE }, options = {}) =>
  () =>
    new Promise((resolve) => {
      const transport = {
        send(head, chunk, final) {
          send(head, chunk);
          if (final === DONE) resolve();
        },
        abort: nothing,
        done: resolve,
      };
      runAsync(app, environ(new AsyncInput(null), true), transport, options);
    });

/** Contexts for requests, as the gateways of a server hand them in; a build without such has no use for any. */
async function gatewayOptions(root) {
  const file = join(root, 'dist/src/engine/context.js');
  if (!existsSync(file)) return {};
  const { Contexts } = await import(pathToFileURL(file).href);
  return { contexts: new Contexts() };
}

async function started(bridge) {
  await bridge.startup?.({});
  return bridge;
}

/**
 * @typedef {() => void | Promise<void>} Call
 * @param {(body: 'Array' | 'Stream') => Call | Promise<Call>} callOf used with the first case that needs it
 * @param {boolean} blocks a call is over when it returns
 * @returns {import('./part-process.mjs').Measure}
 */
function measureCalls(callOf, blocks = false) {
  const calls = new Map();
  return async ({ body, chunks, parallel }, seconds) => {
    if (!calls.has(body)) calls.set(body, await callOf(body));
    const call = calls.get(body);
    const before = { ...answered };
    const { requests, sample } = blocks ? repeatSync(call, seconds) : await repeat(call, seconds, parallel);
    assert.deepEqual(
      { heads: answered.heads - before.heads, bytes: answered.bytes - before.bytes },
      { heads: requests, bytes: requests * chunks * LENGTH },
    );
    return sample;
  };
}

/** One message there and back between two threads that sleep in between. */
function wakeUps() {
  const { port1, port2 } = new MessageChannel();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  new Worker(new URL('./shim-wake.mjs', import.meta.url), { workerData: { port: port2, bell }, transferList: [port2] });
  const waiting = [];
  port1.on('message', () => waiting.shift()());
  const call = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port1.postMessage(0);
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    });
  return async ({ parallel }, seconds) => (await repeat(call, seconds, parallel)).sample;
}

const modules = [
  'src/engine/async-input.js',
  'src/engine/run-async.js',
  'src/engine/run-sync.js',
  'src/engine/sync-input.js',
  'src/interface/transport.js',
  'src/shim/index.js',
];

/** An async caller of a sync application, through the bridge that `bridge` makes for a body. */
const syncAsAsync = (bridge) => ({
  modules,
  start: (built) => measureCalls(async (body) => asyncCall(await started(bridge(built, body)), built)),
});

/** @type {Record<string, import('./part-process.mjs').Part>} */
export const candidates = {
  'two wake-ups and nothing else': { start: wakeUps },
  'quaich, native sync': {
    modules,
    start: (built, root) =>
      measureCalls(async (body) => syncCall(native.sync[body], built, await gatewayOptions(root)), true),
  },
  'quaich, native async': {
    modules,
    start: (built, root) =>
      measureCalls(async (body) => asyncCall(native.async[body], built, await gatewayOptions(root))),
  },
  'quaich, sync as async, here': syncAsAsync(({ syncToAsync }, body) =>
    syncToAsync(native.sync[body], { where: 'here' }),
  ),
  'quaich, sync as async, on a worker': syncAsAsync(({ syncToAsync }, body) =>
    syncToAsync(apart(`sync${body}`), { threads: 1 }),
  ),
  'quaich, sync as async, on a worker, ahead: 0': syncAsAsync(({ syncToAsync }, body) =>
    syncToAsync(apart(`sync${body}`), { threads: 1, ahead: 0 }),
  ),
  'piscina, sync as async': {
    package: 'piscina',
    start: async () => {
      const { Piscina } = await import('piscina');
      const pool = new Piscina({ filename: fileURLToPath(APPS), name: 'syncFunction', minThreads: 1, maxThreads: 1 });
      return measureCalls(() => async () => take(await pool.run(VARIABLES)));
    },
  },
  'comlink, sync as async': {
    package: 'comlink',
    start: async () => {
      const { wrap } = await import('comlink');
      const { default: nodeEndpoint } = await import('comlink/dist/esm/node-adapter.mjs');
      const call = wrap(nodeEndpoint(new Worker(new URL('./shim-comlink.mjs', import.meta.url))));
      return measureCalls(() => async () => take(await call(VARIABLES)));
    },
  },
  'quaich, async as sync': {
    modules,
    start: (built) =>
      measureCalls(async (body) => syncCall(await started(built.asyncToSync(apart(`async${body}`))), built), true),
  },
  'synckit, async as sync': {
    package: 'synckit',
    start: async () => {
      const { createSyncFn } = await import('synckit');
      const call = createSyncFn(new URL('./shim-synckit.mjs', import.meta.url));
      return measureCalls(() => () => take(call(VARIABLES)), true);
    },
  },
  'make-synchronous, async as sync': {
    package: 'make-synchronous',
    start: async () => {
      const { default: makeSynchronous } = await import('make-synchronous');
      const call = makeSynchronous(
        `async (variables) => (await import(${JSON.stringify(APPS.href)})).asyncFunction(variables)`,
      );
      return measureCalls(() => () => take(call(VARIABLES)), true);
    },
  },
};
