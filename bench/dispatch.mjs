// What it costs to hand a request to a worker thread and its answer back: CPU of all threads of the process, for one
// request. The worker does nothing but read the head and answer. Run after `npm run build`: node bench/dispatch.mjs
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { HEAD_FIELD_COUNT, HEAD_LENGTH, HEAD_RECORD, READ_AREA } from '../dist/assembly/layout.js';
import { createMemory, GatewayEnd, ringLayout } from '../dist/src/rings/index.js';
import { interleave, median, table } from './measure.mjs';

export const title = 'Dispatch: one request to a worker thread and back';

const WORKER = new URL('./dispatch-worker.mjs', import.meta.url);
const FIELDS = 4;
const HEAD =
  'GET /hello?a=1 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n';

/** Each way: `serve(count, depth)` sends `count` requests, `depth` of them at a time; `close` ends the thread. */
const WAYS = {
  'rings, sync worker': () => rings('sync'),
  'rings, async worker': () => rings('async'),
  postMessage: message,
  'piscina.run': piscina,
};

function rings(kind) {
  const layout = ringLayout({ syncWorkers: kind === 'sync' ? 1 : 0, asyncWorkers: kind === 'sync' ? 0 : 1 });
  const memory = createMemory(layout);
  const gateway = new GatewayEnd(memory, layout);
  const worker = new Worker(WORKER, { workerData: { kind, memory, layout } });
  gateway.bytes.latin1Write(HEAD, READ_AREA, HEAD.length);
  gateway.words[HEAD_RECORD / 4 + HEAD_LENGTH] = HEAD.length;
  gateway.words[HEAD_RECORD / 4 + HEAD_FIELD_COUNT] = FIELDS;
  let left = 0;
  let open = 0;
  const give = () => {
    const slot = gateway.acquire();
    gateway.fill(slot, 0, 0, 'http 127.0.0.1 40000', READ_AREA);
    gateway.endBody(slot);
    if (kind === 'sync') gateway.dispatchSync(slot);
    else gateway.dispatchAsync(slot, 0);
    left--;
    open++;
  };
  const unexpected = () => {
    throw new Error('only whole responses are expected');
  };
  const handler = {
    head(slot, { textStart, textLength }, start, chunk) {
      // A server would write this string to the socket.
      if (gateway.bytes.latin1Slice(textStart, start + chunk).length !== textLength + chunk) unexpected();
      gateway.release(slot);
      open--;
      if (left > 0) give();
    },
    chunk: unexpected,
    file: unexpected,
    abort: unexpected,
    done: unexpected,
    wantContinue: unexpected,
    wantBody: unexpected,
    note: unexpected,
  };
  return {
    serve: (count, depth) =>
      new Promise((resolve) => {
        left = count;
        for (let i = 0; i < depth; i++) give();
        gateway.flush();
        const turn = () => {
          do {
            gateway.drain(handler);
            gateway.flush();
            if (open === 0) return resolve();
          } while (!gateway.arm(turn));
        };
        turn();
      }),
    close: async () => {
      gateway.stop();
      await new Promise((resolve) => worker.once('exit', resolve));
    },
  };
}

function message() {
  const worker = new Worker(WORKER, { workerData: { kind: 'message' } });
  return {
    serve: (count, depth) =>
      new Promise((resolve) => {
        let left = count - depth;
        let open = depth;
        worker.on('message', () => {
          if (left-- > 0) worker.postMessage(HEAD);
          else if (--open === 0) resolve(worker.removeAllListeners('message'));
        });
        for (let i = 0; i < depth; i++) worker.postMessage(HEAD);
      }),
    close: async () => {
      worker.postMessage(null);
      await new Promise((resolve) => worker.once('exit', resolve));
    },
  };
}

function piscina() {
  const pool = new Piscina({ filename: fileURLToPath(WORKER), minThreads: 1, maxThreads: 1 });
  return {
    serve: async (count, depth) => {
      let left = count;
      const one = async () => {
        while (left-- > 0) await pool.run(HEAD);
      };
      await Promise.all(Array.from({ length: depth }, one));
    },
    close: () => pool.destroy(),
  };
}

/**
 * @param {{ rounds?: number, milliseconds?: number }} [options] rounds, and the rough length of one measurement
 * @returns {Promise<{ way: string, depth: number, microseconds: number, ratio: number }[]>} CPU of one request, median
 *   of the rounds; ratio: CPU of piscina.run over this
 */
export async function benchDispatch({ rounds = 7, milliseconds = 250 } = {}) {
  const ways = new Map(Object.entries(WAYS).map(([name, make]) => [name, make()]));
  const results = [];
  for (const depth of [1, 64]) {
    const counts = new Map();
    for (const [name, way] of ways) {
      // Warms up, and finds how many requests fill the time.
      await way.serve(2000, depth);
      const start = performance.now();
      await way.serve(2000, depth);
      counts.set(name, Math.ceil((2000 * milliseconds) / (performance.now() - start)));
    }
    const samples = await interleave([...ways.keys()], rounds, async (name) => {
      const count = counts.get(name);
      const before = process.cpuUsage();
      await ways.get(name).serve(count, depth);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / count;
    });
    const peer = samples.get('piscina.run');
    for (const [way, list] of samples) {
      const ratio = median(list.map((sample, round) => peer[round] / sample));
      results.push({ way, depth, microseconds: Number(median(list).toFixed(2)), ratio: Number(ratio.toFixed(1)) });
    }
  }
  for (const way of ways.values()) await way.close();
  return results;
}

export async function run() {
  const results = await benchDispatch();
  return table(
    ['way', 'requests at a time', 'CPU per request (us)', 'piscina.run is'],
    results.map(({ way, depth, microseconds, ratio }) => [way, depth, microseconds.toFixed(2), `${ratio} times that`]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await run());
