// Idle keep-alive connections: what a server keeps for each, and what it does meanwhile.
import { setTimeout as delay } from 'node:timers/promises';
import { withLoad } from '../../dist/src/bench/load-process.js';
import { check } from '../../dist/src/bench/load-request.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';
import { inWords, MOST_CONNECTIONS, patient } from '../load/connections.mjs';

const IDLE = new URL('../load/idle.mjs', import.meta.url);

/** `settled`: milliseconds after which a server has settled. */
const caseOf = (connections, settled, more) => ({
  name: `${inWords(connections)} idle connections`,
  connections,
  settled,
  ...more,
});

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'idle',
  title: 'Idle connections',
  metrics: [
    { key: 'connection', title: 'memory for a connection', unit: 'bytes', better: 'lower' },
    { key: 'idle', title: 'CPU time of the idle server', unit: 'ms/s', better: 'lower' },
    { key: 'memory', title: 'memory with all of them', unit: 'MB', better: 'lower' },
  ],
  slow: true,
  notes: [
    'Each connection has had one answer. Memory for a connection is what the server has grown by, after a load that ' +
      'has warmed it up, divided by their number; what the kernel holds for a socket is not in it.',
  ],
  base: 'node:http',
  candidates: servers({ 'node:http': {}, 'node:http, cluster': {}, quaich: {}, 'uWebSockets.js': {}, Bun: {} }, start),
  cases: [caseOf(MOST_CONNECTIONS, 1000, { tiny: caseOf(100, 50) })],
});

/** Nothing runs between measurements: memory that a server has had before would hide what it takes. */
const start = async (command, generator) => ({
  cold: true,
  measure: async (one, seconds) => {
    const server = await ServerProcess.start(patient(command));
    try {
      return await server.during(measure(server, generator, one, seconds));
    } finally {
      await server.stop();
    }
  },
  stop: async () => {},
});

async function measure(server, generator, { connections, settled }, seconds) {
  await generator(server.url, requests.hello, { connections: 64, seconds });
  await delay(settled);
  const alone = usageOf(server.pid);
  return withLoad(IDLE, { port: server.port, connections }, async () => {
    await delay(settled);
    const before = usageOf(server.pid);
    await delay(seconds * 1000);
    const after = usageOf(server.pid);
    await check(server.url, requests.hello);
    return {
      connection: (after.memory - alone.memory) / connections,
      idle: (after.cpu - before.cpu) / 1000 / seconds,
      memory: after.memory / 1e6,
    };
  });
}
