// Puts load on a server: wrk where it is installed, else autocannon. Both count finished requests and refuse errors.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const hasWrk = spawnSync('wrk', ['--version']).error === undefined;

/**
 * @param {string} url
 * @param {{ connections: number, seconds: number, pipelining?: number }} options
 * @returns {Promise<{ requests: number, seconds: number, latency50: number, latency99: number }>} latencies in
 *   milliseconds
 */
export async function load(url, { connections, seconds, pipelining = 1 }) {
  if (hasWrk && pipelining === 1) return wrk(url, connections, seconds);
  const { default: autocannon } = await import('autocannon');
  const result = await autocannon({ url, connections, duration: seconds, pipelining });
  if (result.errors + result.non2xx + result.timeouts > 0) {
    throw new Error(`${url}: ${result.errors} errors, ${result.non2xx} refused, ${result.timeouts} timed out`);
  }
  return {
    requests: result.requests.total,
    seconds: result.duration,
    latency50: result.latency.p50,
    latency99: result.latency.p99,
  };
}

async function wrk(url, connections, seconds) {
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]);
  if (/Socket errors|Non-2xx/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  const total = /(\d+) requests in ([\d.]+)(m?s)/.exec(stdout);
  if (total === null) throw new Error(`wrk said something else: ${stdout}`);
  const milliseconds = (percentile) => {
    const found = new RegExp(`${percentile}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout);
    return found === null ? Number.NaN : Number(found[1]) * { us: 0.001, ms: 1, s: 1000 }[found[2]];
  };
  return {
    requests: Number(total[1]),
    seconds: Number(total[2]),
    latency50: milliseconds(50),
    latency99: milliseconds(99),
  };
}
