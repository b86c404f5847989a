/** The process in which autocannon runs. */
import type { AutocannonOrder, LoadResult } from './load.ts';
import { LoadFailed, takeOrder } from './load-process.ts';

takeOrder(load);

async function load(order: AutocannonOrder): Promise<LoadResult> {
  const { url, method, headers, body, connections, pipelining, seconds, status } = order;
  const { default: autocannon } = await import('autocannon');
  const before = process.cpuUsage();
  const result = await autocannon({
    url,
    method,
    headers,
    body: body === undefined ? undefined : Buffer.from(body),
    connections,
    pipelining,
    duration: seconds,
    // It ends with the sample behind its time.
    sampleInt: Math.min(1000, seconds * 250),
  });
  const { user, system } = process.cpuUsage(before);
  const { errors, timeouts, statusCodeStats = {} } = result;
  const right = statusCodeStats[`${status}`]?.count ?? 0;
  const wrong = Object.values(statusCodeStats).reduce((sum, { count = 0 }) => sum + count, 0) - right;
  if (errors + timeouts + wrong > 0) {
    const counts = `${wrong} with another status, ${errors} broken off, ${timeouts} without an answer in time`;
    throw new LoadFailed(`${method} ${url}: ${counts}`);
  }
  const { p50, p90, p99, p99_9 } = result.latency;
  return {
    requests: result.requests.total,
    seconds: result.duration,
    bytes: result.throughput.total,
    latency: { p50, p90, p99, p999: p99_9 },
    cpu: user + system,
  };
}
