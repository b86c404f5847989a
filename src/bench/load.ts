/**
 * Puts load on a server, from a process of its own: wrk where it is installed, else autocannon. Both keep a number of
 * connections busy, each sending its next request when the answer to the last one is there (a closed loop): a server
 * that stalls is asked less meanwhile, so that their latencies leave out what would have waited (coordinated omission).
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtModule } from '../rules/own-files.ts';
import { atExit, endGroup } from './at-exit.ts';
import { LoadFailed, withLoad } from './load-process.ts';
import type { LoadRequest, Method } from './load-request.ts';

interface LoadOptions {
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

/** The version of autocannon, a package that is installed beside this one where somebody wants it. */
function autocannonVersion(): string | undefined {
  try {
    const found: unknown = createRequire(import.meta.url)('autocannon/package.json');
    return String(typeof found === 'object' && found !== null && Reflect.get(found, 'version'));
  } catch {
    return undefined;
  }
}

const cannonVersion = autocannonVersion();

/** The load generators of this machine, the better one first, with their versions; perhaps there is none. */
export const generators: ReadonlyMap<string, Generator> = new Map<string, Generator>([
  ...(wrkVersion === undefined ? [] : [[wrkVersion, wrk] as const]),
  ...(cannonVersion === undefined ? [] : [[`autocannon ${cannonVersion}`, autocannon] as const]),
]);

/** What `load-autocannon` is told. */
export interface AutocannonOrder extends LoadOptions {
  readonly url: string;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** That each answer has to have. */
  readonly status: number;
}

function autocannon(origin: string, request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const { path, method = 'GET', headers = {}, body } = request;
  const { status } = request.expect;
  const order: AutocannonOrder = { ...options, url: origin + path, method, headers, body, status };
  return withLoad(builtModule('src/bench/load-autocannon'), order, (result: LoadResult) => result);
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

/** Exit code of a shell whose command SIGINT has ended. */
const INTERRUPTED = 130;
/** Milliseconds that wrk may take beyond the time it was given. */
const GRACE = 30_000;

/**
 * What a command prints that puts load on a server for so many seconds, and what its processes have used by then. It
 * ends with this process, with all that it has started. Null where its time was over before it had begun.
 */
async function printed(command: readonly string[], seconds: number): Promise<string | null> {
  // The shell tells what its children have used. It outlives the signal, which ends the load.
  const child = spawn('sh', ['-c', 'trap : INT; "$@" && times', 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = () => endGroup(child);
  const forget = atExit(end);
  const over = setTimeout(() => endGroup(child, 'SIGINT'), seconds * 1000);
  const late = setTimeout(end, seconds * 1000 + GRACE);
  try {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString('latin1')));
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString('latin1')));
    const [code, signal] = await once(child, 'close');
    if (code === INTERRUPTED || signal === 'SIGINT') return null;
    if (code !== 0) throw new LoadFailed(`${command.join(' ')} ended with code ${code}: ${stderr}`);
    return stdout;
  } finally {
    clearTimeout(over);
    clearTimeout(late);
    forget();
  }
}

async function wrk(origin: string, request: LoadRequest, options: LoadOptions): Promise<LoadResult> {
  const { connections, seconds, pipelining = 1 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'quaich-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const forget = atExit(remove);
  try {
    const file = join(folder, 'load.lua');
    writeFileSync(file, script(request, pipelining));
    // It takes whole seconds, and stops earlier where it is interrupted. An answer may take as long as with autocannon.
    const limit = ['-d', `${Math.ceil(seconds) + 1}s`, '--timeout', '10s'];
    const command = ['wrk', '-t1', `-c${connections}`, ...limit, '-s', file, origin];
    const stdout = await printed(command, seconds);
    if (stdout === null) return { requests: 0, seconds, bytes: 0, latency: {} };
    const figures = stdout.slice(stdout.indexOf('{'), stdout.lastIndexOf('}') + 1);
    if (figures === '') throw new LoadFailed(`wrk said something else: ${stdout}`);
    const { requests, us, bytes, refused, broken, ...latency } = JSON.parse(figures) as Record<string, number>;
    // It counts statuses from 400 on.
    const wrong = request.expect.status < 400 ? refused : requests - refused;
    if (wrong + broken > 0) throw new LoadFailed(`${request.path}: ${wrong} with another status, ${broken} broken off`);
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
    forget();
    remove();
  }
}

/** Microseconds, from the last line of what `times` prints: `0m1.25s 0m0.50s`, user and system (POSIX). */
function childrenCpu(stdout: string): number | undefined {
  let seconds = 0;
  for (const time of stdout.trimEnd().split('\n').at(-1)?.split(' ') ?? []) {
    const found = /^([0-9]+)m([0-9.]+)s$/.exec(time);
    if (found === null) return undefined;
    seconds += Number(found[1]) * 60 + Number(found[2]);
  }
  return Math.round(seconds * 1e6);
}
