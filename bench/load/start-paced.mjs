// A server under the load of `paced.mjs`, and what is measured of it.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { check } from '../../dist/src/bench/load-request.js';
import { usageOf } from '../../dist/src/bench/process-tree.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';

export const PACED_METRICS = [
  { key: 'p99', title: 'light requests, p99 from when due', unit: 'ms', better: 'lower' },
  { key: 'p50', title: 'light requests, p50 from when due', unit: 'ms', better: 'lower' },
  { key: 'p999', title: 'light requests, p99.9 from when due', unit: 'ms', better: 'lower' },
  { key: 'heavy', title: 'heavy requests, throughput', unit: 'requests/s', better: 'higher' },
  { key: 'cpu', title: 'CPU time, light ones included', unit: 'ms/heavy request', better: 'lower' },
  { key: 'memory', title: 'peak memory', unit: 'MB', better: 'lower' },
  { key: 'late', title: 'light requests, sent late by the client, p99', unit: 'ms', better: 'lower' },
];

const file = fileURLToPath(new URL('paced.mjs', import.meta.url));
const run = promisify(execFile);
const paced = ({ path, expect }) => ({ path, status: expect.status, length: expect.body.length });

/**
 * Starts a server for a light and a heavy load at the same time. Before and after each measurement it has to give both
 * answers as they are expected, and meanwhile answers of that status and length.
 *
 * @returns {Promise<import('../../dist/src/bench/suite.js').Running<object>>}
 */
export async function startPaced(command) {
  const server = await ServerProcess.start(command);
  const verify = async ({ light, heavy }) => {
    await check(server.url, light);
    await check(server.url, heavy);
  };
  const measure = async (one, seconds) => {
    await verify(one);
    const { light, rate, heavy, users } = one;
    const order = { origin: server.url, light: paced(light), rate, heavy: paced(heavy), users, seconds };
    const before = usageOf(server.pid);
    const { stdout } = await run(process.execPath, [file, JSON.stringify(order)]);
    const after = usageOf(server.pid);
    await verify(one);
    const { latency, late, heavyRate, heavyAnswers } = JSON.parse(stdout);
    const ofHeavy = users > 0 && { heavy: heavyRate, cpu: (after.cpu - before.cpu) / 1000 / heavyAnswers };
    return { ...latency, ...ofHeavy, memory: after.peak / 1e6, late };
  };
  return {
    measure: (one, seconds) => server.during(measure(one, seconds)),
    stop: () => server.stop(),
  };
}
