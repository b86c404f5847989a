// What a bridge costs: one application run by the engine, natively and through the shim, without a network. Run the
// build before: `node bench/shim.mjs [rounds] [seconds]`.
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { AsyncInput } from '../dist/src/engine/async-input.js';
import { runAsync } from '../dist/src/engine/run-async.js';
import { runSync } from '../dist/src/engine/run-sync.js';
import { SyncInput } from '../dist/src/engine/sync-input.js';
import { asyncToSync, syncToAsync } from '../dist/src/shim/index.js';
import { interleave, median, table } from './measure.mjs';
import { asyncArray, asyncStream, syncArray, syncStream } from './shim.apps.mjs';

const module = fileURLToPath(new URL('./shim.apps.mjs', import.meta.url));

/** The environ of a browser's GET; a new one for each request. */
function environ(input, async) {
  return {
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
  };
}

const nothing = () => {};
const SINK = { send: nothing, abort: () => process.abort(), done: nothing };

function sync(app) {
  return async () => runSync(app, environ(new SyncInput(null), false), SINK);
}

function async(app) {
  return () =>
    new Promise((resolve) => {
      const done = () => resolve(undefined);
      const transport = { ...SINK, send: (_head, _chunk, final) => (final === 2 ? done() : undefined), done };
      runAsync(app, environ(new AsyncInput(null), true), transport);
    });
}

/** One message there and back between two threads that sleep in between. */
function wakeUps() {
  const { port1, port2 } = new MessageChannel();
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL('./shim.wake.mjs', import.meta.url), {
    workerData: { port: port2, bell },
    transferList: [port2],
  });
  let answered = nothing;
  port1.on('message', () => answered());
  const once = () =>
    new Promise((resolve) => {
      answered = () => resolve(undefined);
      port1.postMessage(0);
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    });
  const stop = async () => {
    await thread.terminate();
    port1.close();
  };
  return { once, stop };
}

/** Runs requests one after another, or `parallel` at a time, for so many seconds. */
async function measure(once, seconds, parallel) {
  const until = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  const began = performance.now();
  let requests = 0;
  const line = async () => {
    while (performance.now() < until) {
      await once();
      requests++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, line));
  const cpu = process.cpuUsage(before);
  return { wall: ((performance.now() - began) * 1000) / requests, cpu: (cpu.user + cpu.system) / requests };
}

const SUITES = [
  { body: 'Array', heading: 'One chunk in an array', syncApp: syncArray, asyncApp: asyncArray },
  { body: 'Stream', heading: 'Eight chunks one by one', syncApp: syncStream, asyncApp: asyncStream },
];

export const title = 'One application natively and through the shim, without a network';

/** @param {{ rounds?: number, seconds?: number }} options */
export async function run({ rounds = 5, seconds = 1 } = {}) {
  const floor = wakeUps();
  const parts = [];
  for (const { body, heading, syncApp, asyncApp } of SUITES) {
    const there = syncToAsync(`${module}:sync${body}`, { threads: 1 });
    const lockstep = syncToAsync(`${module}:sync${body}`, { threads: 1, ahead: 0 });
    const back = asyncToSync(`${module}:async${body}`);
    const bridges = [there, lockstep, back];
    for (const bridge of bridges) await bridge.startup?.({});
    const candidates = new Map([
      ['native sync', [sync(syncApp), 1]],
      ['native async', [async(asyncApp), 1]],
      ["sync as async, where: 'here'", [async(syncToAsync(syncApp, { where: 'here' })), 1]],
      ['sync as async, on a worker', [async(there), 1]],
      ['the same, ahead: 0', [async(lockstep), 1]],
      ['the same, 16 requests at a time', [async(there), 16]],
      ['async as sync, on its thread', [sync(back), 1]],
      ['nothing but two wake-ups', [floor.once, 1]],
    ]);
    for (const [once, parallel] of candidates.values()) await measure(once, 0.5, parallel);
    const results = await interleave([...candidates.keys()], rounds, (name) => {
      const [once, parallel] = candidates.get(name);
      return measure(once, seconds, parallel);
    });
    parts.push(
      `${heading}, per request:\n`,
      table(
        ['application', 'µs elapsed', 'µs CPU, all threads'],
        [...results].map(([name, runs]) => [
          name,
          median(runs.map((run) => run.wall)).toFixed(1),
          median(runs.map((run) => run.cpu)).toFixed(1),
        ]),
      ),
      '',
    );
    for (const bridge of bridges) await bridge.shutdown?.({});
  }
  await floor.stop();
  return parts.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [rounds, seconds] = process.argv.slice(2).map(Number);
  console.log(await run({ rounds: rounds || undefined, seconds: seconds || undefined }));
}
