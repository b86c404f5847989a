/** A case of HTTP load, and how a server is measured in it. */

import type { Generator } from './load.ts';
import { check, type LoadRequest, WrongAnswer } from './load-request.ts';
import { usageOf } from './process-tree.ts';
import { type ServerCommand, ServerProcess } from './server-process.ts';
import type { Metric, Running, Sample } from './suite.ts';

export interface HttpCase {
  readonly name: string;
  readonly request: LoadRequest;
  readonly connections: number;
  readonly pipelining?: number;
}

export const HTTP_METRICS: readonly Metric[] = [
  { key: 'cpu', title: 'CPU time', unit: 'µs/request', better: 'lower' },
  { key: 'rate', title: 'throughput', unit: 'requests/s', better: 'higher' },
  { key: 'p50', title: 'latency p50', unit: 'ms', better: 'lower' },
  { key: 'p90', title: 'latency p90', unit: 'ms', better: 'lower' },
  { key: 'p99', title: 'latency p99', unit: 'ms', better: 'lower' },
  { key: 'p999', title: 'latency p99.9', unit: 'ms', better: 'lower' },
  { key: 'memory', title: 'peak memory', unit: 'MB', better: 'lower' },
  { key: 'load', title: 'CPU of the load', unit: 'cores', better: 'lower' },
];

/** Bytes that two answers to the same request may differ by: a date, a field for keep-alive. */
const SLACK = 200;

/** Seconds of load within which something has to be answered. */
const PATIENCE = 8;

/** Starts a server for load by `generator`. */
export async function startHttp(command: ServerCommand, generator: Generator): Promise<Running<HttpCase>> {
  const server = await ServerProcess.start(command);
  return {
    measure: (one, seconds) => server.during(measureHttp(server, generator, one, seconds)),
    stop: () => server.stop(),
  };
}

/**
 * Loads a server. Before and after it has to give the answer that is expected, and meanwhile as many bytes for each
 * request. Where nothing at all is answered in time, the load is repeated for longer.
 */
export async function measureHttp(
  server: ServerProcess,
  generator: Generator,
  one: HttpCase,
  seconds: number,
): Promise<Sample> {
  const { request, connections, pipelining } = one;
  const size = await check(server.url, request);
  const before = usageOf(server.pid);
  const load = await generator(server.url, request, { connections, pipelining, seconds });
  const after = usageOf(server.pid);
  await check(server.url, request);
  const { requests, latency } = load;
  if (requests === 0) {
    if (seconds < PATIENCE) return measureHttp(server, generator, one, 2 * seconds);
    throw new WrongAnswer(`${request.path}: no request was answered within ${seconds} s`);
  }
  const underWay = (connections * (pipelining ?? 1) * size) / requests;
  if (request.expect.body !== undefined && Math.abs(load.bytes / requests - size) > SLACK + underWay) {
    throw new WrongAnswer(`${request.path}: ${load.bytes / requests} bytes an answer in place of ${size}`);
  }
  return {
    cpu: (after.cpu - before.cpu) / requests,
    rate: requests / load.seconds,
    ...latency,
    memory: after.peak / 1e6,
    load: load.cpu === undefined ? undefined : load.cpu / 1e6 / load.seconds,
  };
}
