// The start of a server: how long until its first answer is there, and what it has taken until then.
import { check } from '../../dist/src/bench/load-request.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'start',
  title: 'From the start of the process to the first answer',
  metrics: [
    { key: 'time', title: 'time to the first answer', unit: 'ms', better: 'lower' },
    { key: 'cpu', title: 'CPU time until then', unit: 'ms', better: 'lower' },
    { key: 'memory', title: 'memory then', unit: 'MB', better: 'lower' },
  ],
  notes: ['Memory is that of all processes of a server; pages that they share count for each.'],
  base: 'node:http',
  candidates: servers(
    {
      'node:http': {},
      'node:http, cluster': {},
      quaich: {},
      'raw net, parses nothing': {},
      'uWebSockets.js': {},
      Bun: {},
    },
    start,
  ),
  cases: [{ name: 'first answer', quick: true }],
});

/** Nothing runs between measurements: each starts the server, and ends it. */
const start = async (command) => ({ cold: true, measure: () => measure(command), stop: async () => {} });

async function measure(command) {
  const server = await ServerProcess.start(command);
  try {
    const listened = performance.now();
    await server.during(check(server.url, requests.hello));
    const time = server.started + performance.now() - listened;
    const { cpu, memory } = usageOf(server.pid);
    return { time, cpu: cpu / 1000, memory: memory / 1e6 };
  } finally {
    await server.stop();
  }
}
