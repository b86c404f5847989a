// The start of a server: how long until its first answer is there, and what it has taken until then.
import { check } from '../../dist/src/bench/load-request.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';

export const START_METRICS = [
  { key: 'time', title: 'time to the first answer', unit: 'ms', better: 'lower' },
  { key: 'cpu', title: 'CPU time until then', unit: 'ms', better: 'lower' },
  { key: 'memory', title: 'memory then', unit: 'MB', better: 'lower' },
];

/** Starts a server, asks it once, and ends it. */
export async function firstAnswer(command) {
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
