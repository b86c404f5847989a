/**
 * Puts load on a server, from a process of its own: wrk where it is installed, else autocannon. Both keep a number of
 * connections busy, each sending its next request when the answer to the last one is there (a closed loop): a server
 * that stalls is asked less meanwhile, so that their latencies leave out what would have waited (coordinated omission).
 */
import { type ChildProcess, execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LoadFailed, withLoad } from './load-process.ts';
import type { LoadRequest, Method } from './load-request.ts';

export interface LoadOptions {
  readonly connections: number;
  /** Requests that a connection sends before it waits; 1 by default. */
  readonly pipelining?: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Answered requests. */
  readonly requests: number;
  readonly seconds: number;
  /** Read from all connections. */
  readonly bytes: number;
  /** Milliseconds, by percentile; empty where the generator cannot tell. */
  readonly latency: Readonly<Partial<Record<'p50' | 'p90' | 'p99' | 'p999', number>>>;
  /** CPU microseconds that the load itself took; absent where that is not known. */
  readonly cpu?: number;
}

export type Generator = (origin: string, request: LoadRequest, options: LoadOptions) => Promise<LoadResult>;

const wrkVersion = /wrk \S+/.exec(spawnSync('wrk', ['-v'], { encoding: 'latin1' }).stdout ?? '')?.[0];

/** The load generators of this machine, the better one first, with their versions. */
export const generators: ReadonlyMap<string, Generator> = new Map<string, Generator>([
  ...(wrkVersion === undefined ? [] : [[wrkVersion, wrk] as const]),
  ['autocannon', autocannon] as const,
]);

/** What `load-autocannon` is told. */
export interface AutocannonOrder extends LoadOptions {
  readonly url: string;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

function autocannon(origin: string, request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const { path, method = 'GET', headers = {}, body } = request;
  const order: AutocannonOrder = { ...options, url: origin + path, method, headers, body };
  return withLoad(new URL('./load-autocannon.js', import.meta.url), order, (result: LoadResult) => result);
}

/** Prints the figures as JSON; wrk hands its latencies over in microseconds. */
const REPORT = `
done = function(summary, latency)
  io.write(string.format('{"requests":%d,"us":%d,"bytes":%d,"refused":%d,"broken":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d}',
    summary.requests, summary.duration, summary.bytes, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9)))
end
`;

/** A string for Lua; any byte may stand in it. */
function lua(text: string | Uint8Array): string {
  return `"${Array.from(Buffer.from(text), (byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

function script({ method = 'GET', headers = {}, body, path }: LoadRequest, pipelining: number): string {
  const lines = [`wrk.method = ${lua(method)}`, `wrk.path = ${lua(path)}`];
  for (const [name, value] of Object.entries(headers)) {
    lines.push(`wrk.headers[${lua(name)}] = ${lua(value)}`);
  }
  if (body !== undefined) lines.push(`wrk.body = ${lua(body)}`); // it sends the length itself
  if (pipelining > 1) {
    lines.push(`local batch`, `init = function() batch = string.rep(wrk.format(), ${pipelining}) end`);
    lines.push('request = function() return batch end');
  }
  return lines.join('\n') + REPORT;
}

const run = promisify(execFile);

/** A shell tells what its children have used; where it is ended, they are. */
const SHELL = '"$@" & trap "kill $!" TERM; wait $! && times';

async function wrk(origin: string, request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const { connections, seconds, pipelining = 1 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'quaich-bench-'));
  let shell: ChildProcess | undefined;
  const end = () => {
    shell?.kill();
    rmSync(folder, { recursive: true });
  };
  process.once('exit', end); // the bench may be broken off
  try {
    const file = join(folder, 'load.lua');
    writeFileSync(file, script(request, pipelining));
    const whole = Math.max(1, Math.round(seconds)); // it takes no others
    // An answer may take as long as autocannon lets it.
    const args = ['wrk', '-t1', `-c${connections}`, `-d${whole}s`, '--timeout', '10s', '-s', file, origin];
    const running = run('sh', ['-c', SHELL, 'sh', ...args], { timeout: (whole + 30) * 1000 });
    shell = running.child;
    const { stdout } = await running;
    const figures = /\{.*\}/.exec(stdout)?.[0];
    if (figures === undefined) throw new LoadFailed(`wrk said something else: ${stdout}`);
    const { requests, us, bytes, refused, broken, ...latency } = JSON.parse(figures) as Record<string, number>;
    if (refused + broken > 0) throw new LoadFailed(`${request.path}: ${refused} refused, ${broken} broken off`);
    // It takes one time for a whole pipeline, and counts as if there were one for each answer.
    const milliseconds = (key: string) => (pipelining > 1 ? undefined : latency[key] / 1000);
    return {
      requests,
      seconds: us / 1e6,
      bytes,
      latency: {
        p50: milliseconds('p50'),
        p90: milliseconds('p90'),
        p99: milliseconds('p99'),
        p999: milliseconds('p999'),
      },
      cpu: childrenCpu(stdout),
    };
  } finally {
    process.off('exit', end);
    end();
  }
}

/** Microseconds, from the last line of what `times` prints: `0m1.25s 0m0.50s`, user and system (POSIX). */
function childrenCpu(stdout: string): number | undefined {
  const found = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(stdout);
  if (found === null) return undefined;
  const [user, userSeconds, system, systemSeconds] = found.slice(1).map(Number);
  return Math.round(((user + system) * 60 + userSeconds + systemSeconds) * 1e6);
}
