// The load of the suite `mix`, a process of its own: its argument is an order, what it prints a result, both in JSON.
// Users ask for something heavy, each again as soon as it has its answer (a closed loop). Beside them light requests
// are sent at a fixed rate, however long the answers take (an open loop), on connections that are there already, as
// behind a reverse proxy. The latency of a light request counts from the moment when it was due, not when it was sent:
// whoever stalls is charged for all that waited meanwhile, here too (no coordinated omission).
import { Agent, request as httpRequest } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * @typedef {{ path: string, status: number, length: number }} Paced a GET, and what its answer has to be
 * @typedef {object} Order
 * @property {string} origin
 * @property {Paced} light
 * @property {number} rate light requests a second
 * @property {Paced} heavy
 * @property {number} users who ask for it
 * @property {number} seconds
 *
 * @typedef {object} Result
 * @property {Record<'p50' | 'p99' | 'p999', number>} latency of light requests, in milliseconds
 * @property {number} late how late they were sent, p99 in milliseconds: so much of `latency` is this client's own
 * @property {number} heavyRate answers a second, while light requests were sent
 * @property {number} heavyAnswers all of them
 */

/** Milliseconds an answer may take. */
const LIMIT = 30_000;
/** Milliseconds that users have a head start, so that the server is busy when the first light request comes. */
const HEAD_START = 200;
/** For light requests. */
const CONNECTIONS = 64;

/**
 * A function that sends a GET on one of so many connections, and ends with the answer. If that is a wrong one, or none,
 * it throws, and nobody catches that: this process fails.
 */
function sender(origin, { path, status, length }, connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  // Ends: by the answer; by an error or the limit, which the request tells by `error`.
  const attempt = (resolve, reject) => {
    const request = httpRequest(origin + path, { agent, timeout: LIMIT });
    request.on('timeout', () => request.destroy(new Error(`${path}: no answer within ${LIMIT} ms`)));
    request.on('error', (error) => {
      // The server has closed an idle connection, as it may, while the request was on its way.
      if (request.reusedSocket && error.code === 'ECONNRESET') attempt(resolve, reject);
      else reject(error);
    });
    request.on('response', (response) => {
      let received = 0;
      response.on('error', reject);
      response.on('data', (chunk) => {
        received += chunk.length;
      });
      response.on('end', () => {
        if (response.statusCode === status && received === length) resolve();
        else reject(new Error(`${path}: status ${response.statusCode}, ${received} bytes`));
      });
    });
    request.end();
  };
  return () => new Promise(attempt);
}

/** A histogram takes whole numbers above zero: microseconds. */
const record = (histogram, milliseconds) => histogram.record(Math.max(1, Math.round(milliseconds * 1000)));
const percentile = (histogram, percent) => histogram.percentile(percent) / 1000;

/** Calls `send` whenever a request is due, and waits for all answers. */
async function pace(send, { rate, seconds }) {
  const latency = createHistogram();
  const late = createHistogram();
  const answers = [];
  const began = performance.now();
  for (let i = 0; i < rate * seconds; i++) {
    const due = began + (i * 1000) / rate;
    // A timer may be early by a part of a millisecond.
    while (performance.now() < due) await delay(due - performance.now());
    record(late, performance.now() - due);
    answers.push(send().then(() => record(latency, performance.now() - due)));
  }
  await Promise.all(answers);
  return { latency, late };
}

/**
 * @param {Order} order
 * @returns {Promise<Result>}
 */
async function load(order) {
  const { origin, light, heavy, users } = order;
  const sendLight = sender(origin, light, CONNECTIONS);
  const sendHeavy = sender(origin, heavy, users);
  await Promise.all(Array.from({ length: CONNECTIONS }, sendLight));
  let heavyAnswers = 0;
  let ended = false;
  const use = async () => {
    for (; !ended; heavyAnswers++) await sendHeavy();
  };
  const using = Array.from({ length: users }, use);
  await delay(HEAD_START);
  const before = heavyAnswers;
  const began = performance.now();
  const { latency, late } = await pace(sendLight, order);
  const heavyRate = ((heavyAnswers - before) * 1000) / (performance.now() - began);
  ended = true;
  await Promise.all(using);
  return {
    latency: { p50: percentile(latency, 50), p99: percentile(latency, 99), p999: percentile(latency, 99.9) },
    late: percentile(late, 99),
    heavyRate,
    heavyAnswers,
  };
}

console.log(JSON.stringify(await load(JSON.parse(process.argv[2]))));
process.exit(); // the connections are of no use any more
