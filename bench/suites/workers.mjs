// An application that computes, on more and more workers: what each of them adds.
import { availableParallelism } from 'node:os';
import { HTTP_METRICS, measureHttp } from '../../dist/src/bench/http-case.js';
import { ServerProcess } from '../../dist/src/bench/server-process.js';
import { requests } from '../apps/content.mjs';

/** Iterations that take about a millisecond. */
const WORK = 4500;

/** 1, 2, 4 ... and as many as there are cores. */
const counts = [1];
while (counts.at(-1) < availableParallelism()) counts.push(Math.min(2 * counts.at(-1), availableParallelism()));

const nameOf = (workers) => `about 1 ms of CPU, 64 connections, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;

const [cpu, rate, ...others] = HTTP_METRICS;
const oneThread = Object.fromEntries(counts.slice(1).map((count) => [nameOf(count), 'it is one thread']));

/** @param {import('../context.mjs').Context} context */
export const suite = ({ servers }) => ({
  name: 'workers',
  title: 'From one worker to one for each core',
  metrics: [rate, cpu, ...others],
  notes: ['The load takes its part of the cores: the last worker adds less than the others.'],
  base: 'node:http, cluster',
  candidates: servers({ 'node:http, cluster': {}, quaich: {} }, start).map((candidate) =>
    candidate.name.startsWith('quaich inline') ? { ...candidate, cannot: oneThread } : candidate,
  ),
  cases: counts.map((workers) => ({
    name: nameOf(workers),
    request: requests.work(WORK),
    connections: 64,
    workers,
    quick: workers === counts.at(-1),
  })),
});

/** A server for each number of workers, started when it is measured first. Those without load take no CPU. */
async function start(command, generator) {
  const servers = new Map();
  const serverOf = async (workers) => {
    if (!servers.has(workers)) servers.set(workers, await ServerProcess.start(withWorkers(command, workers)));
    return servers.get(workers);
  };
  const measure = async (one, seconds) => {
    const server = await serverOf(one.workers);
    return server.during(measureHttp(server, generator, one, seconds));
  };
  const stop = async () => {
    for (const server of servers.values()) await server.stop();
  };
  return { measure, stop };
}

/** The same server with so many workers: by the flags of Quaich, and a variable for the peers. */
const withWorkers = ({ args, env, ...command }, workers) => ({
  ...command,
  args: args.map((argument, at) => (args[at - 1]?.endsWith('-workers') ? String(workers) : argument)),
  env: { ...env, WORKERS: String(workers) },
});
