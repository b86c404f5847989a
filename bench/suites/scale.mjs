// What a request costs as there are more connections.
import { setTimeout as delay } from 'node:timers/promises';
import { HTTP_METRICS, measureHttp } from '../../dist/src/bench/http-case.js';
import { withLoad } from '../../dist/src/bench/load-process.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';
import { inWords, MOST_CONNECTIONS, patient } from '../load/connections.mjs';

const IDLE = new URL('../load/idle.mjs', import.meta.url);

const request = requests.hello;
const most = inWords(MOST_CONNECTIONS);

/** A server rests that uses at most so many microseconds of CPU in so many milliseconds. */
const [RESTING, PAUSE] = [2000, 50];

/** Milliseconds that a server is given to come to rest. */
const LIMIT = 10_000;

/** `idle` more connections are open meanwhile; `atLeast` seconds are measured, so that opening counts for little. */
const CASES = [
  { name: 'small GET, 1 connection', request, connections: 1 },
  { name: 'small GET, 10 connections', request, connections: 10 },
  { name: 'small GET, 100 connections', request, connections: 100 },
  { name: 'small GET, 1,000 connections', request, connections: 1000 },
  { name: `small GET, ${most} connections`, request, connections: MOST_CONNECTIONS, atLeast: 3 },
  {
    name: `small GET, 100 connections of ${most}, others idle`,
    request,
    connections: 100,
    idle: MOST_CONNECTIONS - 100,
  },
];

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'scale',
  title: 'From one connection to many',
  metrics: HTTP_METRICS,
  slow: true,
  notes: [`The load opens its connections within the measurement: with ${most} of them that is a part of the cost.`],
  base: 'node:http',
  candidates: servers({ 'node:http': {}, 'node:http, cluster': {}, quaich: {}, 'uWebSockets.js': {}, Bun: {} }, start),
  cases: CASES,
});

async function start(command, generator) {
  const server = await ServerProcess.start(patient(command));
  const measure = async (one, seconds) => {
    await settled(server.pid);
    const busy = () => measureHttp(server, generator, one, Math.max(seconds, one.atLeast ?? 0));
    return one.idle === undefined ? busy() : withLoad(IDLE, { port: server.port, connections: one.idle }, busy);
  };
  return { measure: (one, seconds) => server.during(measure(one, seconds)), stop: () => server.stop() };
}

/** Until a server has closed what an earlier load has left to it, which takes a while for ten thousand connections. */
async function settled(pid) {
  const begin = performance.now();
  for (let used = usageOf(pid).cpu, before = 0; used - before > RESTING && performance.now() - begin < LIMIT; ) {
    before = used;
    await delay(PAUSE);
    used = usageOf(pid).cpu;
  }
}
