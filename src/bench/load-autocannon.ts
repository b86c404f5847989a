/** The process in which autocannon runs, so that its CPU time is its own: one order by message, one answer. */
import type { AutocannonAnswer, AutocannonOrder } from './load.ts';

process.once('message', (order: AutocannonOrder) => {
  load(order)
    .catch((error): AutocannonAnswer => ({ failed: String(error) }))
    .then((answer) => process.send?.(answer));
});
process.once('disconnect', () => process.exit());

async function load({
  url,
  method,
  headers,
  body,
  connections,
  pipelining,
  seconds,
  status,
}: AutocannonOrder): Promise<AutocannonAnswer> {
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
  });
  const { user, system } = process.cpuUsage(before);
  const { errors, timeouts, statusCodeStats = {} } = result;
  const right = statusCodeStats[`${status}`]?.count ?? 0;
  const wrong = Object.values(statusCodeStats).reduce((sum, { count = 0 }) => sum + count, 0) - right;
  if (errors + timeouts + wrong > 0) {
    return { failed: `${wrong} with another status, ${errors} broken off, ${timeouts} without an answer in time` };
  }
  const { p50, p90, p99, p99_9 } = result.latency;
  return {
    result: {
      requests: result.requests.total,
      seconds: result.duration,
      bytes: result.throughput.total,
      latency: { p50, p90, p99, p999: p99_9 },
      cpu: user + system,
    },
  };
}
