// Idle keep-alive connections: what a server keeps for each, and what it does meanwhile.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { withLoad } from '../../dist/src/bench/load-process.js';
import { check } from '../../dist/src/bench/load-request.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';

const IDLE = new URL('../load/idle.mjs', import.meta.url);

/** Descriptors of a process besides those of its connections. */
const OTHERS = 500;
/** Descriptors that a process may have: Node raises its limit to that as it starts, and its children inherit it. */
const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })); // NaN: unlimited
const MOST = Math.min(10_000, Number.isNaN(limit) ? 10_000 : limit - OTHERS);

/** Connections stay open for longer than a measurement takes: by the variables of Quaich, and of the peers. */
const patient = { QUAICH_TIMEOUT_KEEP_ALIVE: '2m', KEEP_ALIVE: '120' };

/** Milliseconds after which a server has settled. */
const SETTLED = 1000;

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'idle',
  title: 'Idle connections',
  metrics: [
    { key: 'connection', title: 'memory for a connection', unit: 'bytes', better: 'lower' },
    { key: 'idle', title: 'CPU time of the idle server', unit: 'ms/s', better: 'lower' },
    { key: 'memory', title: 'memory with all of them', unit: 'MB', better: 'lower' },
  ],
  notes: [
    'Each connection has had one answer. Memory for a connection is what the server has grown by, after a load that ' +
      'has warmed it up, divided by their number; what the kernel holds for a socket is not in it.',
  ],
  base: 'node:http',
  candidates: servers({ 'node:http': {}, 'node:http, cluster': {}, quaich: {}, 'uWebSockets.js': {}, Bun: {} }, start),
  cases: [{ name: `${MOST.toLocaleString('en')} idle connections`, connections: MOST, quick: true }],
});

/** Nothing runs between measurements: memory that a server has had before would hide what it takes. */
const start = async (command, generator) => ({
  cold: true,
  measure: async ({ connections }, seconds) => {
    const server = await ServerProcess.start({ ...command, env: { ...command.env, ...patient } });
    try {
      return await server.during(measure(server, generator, connections, seconds));
    } finally {
      await server.stop();
    }
  },
  stop: async () => {},
});

async function measure(server, generator, connections, seconds) {
  await generator(server.url, requests.hello, { connections: 64, seconds });
  await delay(SETTLED);
  const alone = usageOf(server.pid);
  return withLoad(IDLE, { port: server.port, connections }, async () => {
    await delay(SETTLED);
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
