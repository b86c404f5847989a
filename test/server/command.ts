// The built command in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';

export const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const main = join(dist, 'src/cli/main.js');

/** Variables that would change what the command does. */
const OURS = /^(?:QUAICH_\w*|NODE_OPTIONS|PORT|HOST|WEB_CONCURRENCY|NOTIFY_SOCKET|LISTEN_\w+|WATCHDOG_\w+)$/;

/** The command in a process of its own. */
export interface Command {
  child: ChildProcess;
  stdout: string;
  stderr: string;
  readonly code: Promise<number | null>;
}

const running = new Set<Command>();

afterEach(async () => {
  for (const { child, code } of running) {
    child.kill('SIGKILL');
    await code;
  }
  running.clear();
});

export interface Place {
  cwd?: string;
  env?: Record<string, string>;
  program?: string;
  /** Flags of Node. */
  execArgv?: string[];
  /** A command that gets Node and its arguments behind its own. */
  wrapper?: string[];
  stdio?: (number | 'pipe' | 'ignore' | object)[];
}

/** Starts the built command. What is still running after a test is killed. */
export function start(argv: string[], place: Place = {}): Command {
  const { cwd, env = {}, program = main, execArgv = [], stdio, wrapper = [] } = place;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
  const [file, ...args] = [...wrapper, process.execPath, ...execArgv, program, ...argv];
  const child = spawn(file, args, {
    cwd,
    env: { ...inherited, ...env },
    stdio: (stdio ?? ['ignore', 'pipe', 'pipe']) as 'pipe'[],
  });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const command: Command = { child, stdout: '', stderr: '', code };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    command.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    command.stderr += text;
  });
  running.add(command);
  return command;
}

/** The addresses of the ready lines, once there are as many as expected. */
export async function ready(command: Command, count = 1): Promise<string[]> {
  for (;;) {
    const lines = command.stderr.matchAll(/^(?:listening on |\{.*"msg":"listening","url":")(.+?)(?:"\})?\n/gm);
    const urls = [...lines].map(([, url]) => url);
    if (urls.length >= count) return urls;
    const ended = await Promise.race([
      command.code.then(() => true),
      new Promise<boolean>((resolve) => command.child.stderr?.once('data', () => resolve(false))),
    ]);
    if (ended) throw new Error(`the command ended early: ${command.stderr}`);
  }
}

export async function ended(command: Command): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const code = await command.code;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

/** What came back of a request. */
interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a GET, or with a body a POST of JSON. */
export function send(url: string, path: string, json?: string): Promise<Answer> {
  const target = url.startsWith('unix:')
    ? { socketPath: url.slice(5) }
    : { host: new URL(url).hostname.replace(/[[\]]/g, ''), port: new URL(url).port };
  const options = json === undefined ? {} : { method: 'POST', headers: { 'Content-Type': 'application/json' } };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, ...options, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => (text += more));
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.once('error', reject);
    });
    outgoing.once('error', reject);
    outgoing.end(json);
  });
}

export async function get(url: string, path = '/'): Promise<Pick<Answer, 'status' | 'text'>> {
  const { status, text } = await send(url, path);
  return { status, text };
}
