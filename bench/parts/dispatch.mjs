// The ways to hand a request to a worker thread and get the answer back. A worker does nothing but read the head and
// answer; whoever gets the answer reads all of it. A *way* keeps so many requests under way until a time has come, and
// tells how many were answered.
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ANSWER } from './dispatch-worker.mjs';
import { stopwatch } from './repeat.mjs';

/** @typedef {(underWay: number, until: number) => Promise<number>} Way until: as by `performance.now()` */

const WORKER = new URL('./dispatch-worker.mjs', import.meta.url);
const REQUEST =
  'GET /hello?a=1 HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n';
const FIELDS = 4;

const startWorkers = (count, dataOf) =>
  Array.from({ length: count }, (_, index) =>
    new Worker(WORKER, { workerData: dataOf(index) }).on('exit', () => {
      throw new Error('a worker has ended');
    }),
  );

/** Of the messages from a worker, all but whole responses. */
const UNEXPECTED = ['chunk', 'file', 'hint', 'abort', 'done', 'wantContinue', 'wantBody', 'errors', 'note'];

/** @returns {Way} */
function rings(kind, workers, built, root) {
  const { createMemory, GatewayEnd, ringLayout } = built;
  const { HEAD_FIELD_COUNT, HEAD_LENGTH, HEAD_RECORD, READ_AREA } = built;
  const layout = ringLayout({ slots: 1024, [kind === 'sync' ? 'syncWorkers' : 'asyncWorkers']: workers });
  const memory = createMemory(layout);
  const gateway = new GatewayEnd(memory, layout);
  startWorkers(workers, (index) => ({ kind, root, memory, layout, index }));
  // As the parser leaves it.
  gateway.bytes.latin1Write(REQUEST, READ_AREA, REQUEST.length);
  gateway.words[HEAD_RECORD / 4 + HEAD_LENGTH] = REQUEST.length;
  gateway.words[HEAD_RECORD / 4 + HEAD_FIELD_COUNT] = FIELDS;

  /** As the server chooses. */
  const leastLoaded = () => {
    let least = 0;
    for (let i = 1; i < workers; i++) if (gateway.inFlight(i) < gateway.inFlight(least)) least = i;
    return least;
  };
  const give = () => {
    const slot = gateway.acquire();
    gateway.fill(slot, 0, 0, 'http 127.0.0.1 40000', READ_AREA);
    gateway.endBody(slot);
    if (kind === 'sync') gateway.dispatchSync(slot);
    else gateway.dispatchAsync(slot, leastLoaded());
  };
  let open = 0;
  let answered = 0;
  let end = 0;
  const unexpected = () => {
    throw new Error('only whole responses are expected');
  };
  const handler = {
    ...Object.fromEntries(UNEXPECTED.map((name) => [name, unexpected])),
    head(slot, { textStart }, start, chunk) {
      // A server would write this string to the socket.
      check(gateway.bytes.latin1Slice(textStart, start + chunk));
      gateway.release(slot);
      answered++;
      if (performance.now() < end) give();
      else open--;
    },
  };
  return (underWay, until) =>
    new Promise((resolve) => {
      open = underWay;
      answered = 0;
      end = until;
      for (let i = 0; i < underWay; i++) give();
      gateway.flush();
      const turn = () => {
        do {
          gateway.drain(handler);
          gateway.flush();
          if (open === 0) return resolve(answered);
        } while (!gateway.arm(turn));
      };
      turn();
    });
}

function check(answer) {
  if (answer !== ANSWER) throw new Error(`wrong answer: ${JSON.stringify(answer)}`);
}

/**
 * What is sent next goes to the worker that has just answered.
 *
 * @returns {Way}
 */
function postMessage(workers) {
  const threads = startWorkers(workers, () => ({ kind: 'postMessage' }));
  return (underWay, until) =>
    new Promise((resolve) => {
      let open = underWay;
      let answered = 0;
      for (const thread of threads) {
        thread.removeAllListeners('message').on('message', (answer) => {
          check(answer);
          answered++;
          if (performance.now() < until) thread.postMessage(REQUEST);
          else if (--open === 0) resolve(answered);
        });
      }
      for (let i = 0; i < underWay; i++) threads[i % workers].postMessage(REQUEST);
    });
}

/** @returns {Promise<Way>} */
async function piscina(workers) {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({ filename: fileURLToPath(WORKER), minThreads: workers, maxThreads: workers });
  return async (underWay, until) => {
    let answered = 0;
    const line = async () => {
      while (performance.now() < until) {
        check(await pool.run(REQUEST));
        answered++;
      }
    };
    await Promise.all(Array.from({ length: underWay }, line));
    return answered;
  };
}

/**
 * The threads of each number of workers start with the first case that needs them; those of other cases sleep.
 *
 * @returns {import('./part-process.mjs').Measure}
 */
function measureWay(startWay) {
  const ways = new Map();
  return async ({ workers, underWay }, seconds) => {
    if (!ways.has(workers)) ways.set(workers, await startWay(workers));
    const read = stopwatch();
    return read(await ways.get(workers)(underWay, performance.now() + seconds * 1000));
  };
}

const modules = ['assembly/layout.js', 'src/rings/index.js', 'src/interface/transport.js'];
const ring = (kind) => ({
  modules,
  start: (built, root) => measureWay((workers) => rings(kind, workers, built, root)),
});

/** @type {Record<string, import('./part-process.mjs').Part>} */
export const candidates = {
  'piscina.run': { package: 'piscina', start: () => measureWay(piscina) },
  'quaich rings, sync workers': ring('sync'),
  'quaich rings, async workers': ring('async'),
  postMessage: { start: () => measureWay(postMessage) },
};
