// A server that has to wait and to compute at the same time: how long do light requests take while heavy ones run?
// Everybody but the event loop has two threads or processes for what blocks. The client sends light requests at a fixed
// rate, and counts from when each was due (load/paced.mjs).
import { iterationsPerMillisecond, requests } from '../apps/mix.mjs';
import { PACED_METRICS, startPaced } from '../load/start-paced.mjs';

const iterations = iterationsPerMillisecond();
const burn = requests.burn(20 * iterations);
const pieces = requests.pieces(iterations);
const rate = 200;

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'mix',
  title: 'Light requests beside heavy ones',
  metrics: PACED_METRICS,
  base: 'Fastify and Piscina',
  candidates: servers(
    {
      'Fastify and Piscina': {},
      'one event loop': {},
      'quaich, sync and async': {},
      'gunicorn, 2 sync': {},
      'gunicorn, 2 gthread': {},
    },
    startPaced,
  ),
  cases: [
    { name: 'async GET alone', light: requests.async, rate, heavy: burn, users: 0 },
    {
      name: 'async GET, while sync requests take 20 ms of CPU each',
      quick: true,
      light: requests.async,
      rate,
      heavy: burn,
      users: 8,
    },
    { name: 'sync GET alone', light: requests.sync, rate, heavy: burn, users: 0 },
    {
      name: 'sync GET, while async requests take 20 times 1 ms of CPU each',
      light: requests.sync,
      rate,
      heavy: pieces,
      users: 8,
    },
  ],
});
