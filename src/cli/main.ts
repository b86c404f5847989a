#!/usr/bin/env node
import { closeSync, openSync } from 'node:fs';
import { stuckThreads } from '../pool/stuck-threads.ts';
import { clusterModule } from '../rules/cluster.ts';
import { forDescriptor } from '../rules/stack-frame.ts';
import type { ResolvedOptions, ServeOptions } from '../server/options.ts';
import { guardStream } from '../server/standard-streams.ts';
import type { CheckedApplication } from './check-mounts.ts';
import { FAILED, MISCONFIGURED } from './exit-codes.ts';
import { run } from './run.ts';
import type { RunningServer } from './serving.ts';
import { serviceNotifier } from './systemd.ts';

guardStream(process.stdout);
guardStream(process.stderr);

// Imported when it is needed: help and wrong options answer without a server.
const serve = async (options: ServeOptions): Promise<RunningServer> => {
  const server = await import('../server/index.ts');
  return server.serve(options);
};
const probe = async (options: ResolvedOptions): Promise<readonly CheckedApplication[]> => {
  const server = await import('../server/plan.ts');
  return (await server.makePlan(options, 'check')).apps.map(({ known }) => known);
};

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`quaich: needs Node.js 20.19 or later; this is ${process.version}\n`);
  process.exit(MISCONFIGURED);
}

/** Fails where it was removed. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    process.stderr.write('quaich: the current directory does not exist any more\n');
    return process.exit(MISCONFIGURED);
  }
}

const streams = {
  directory: currentDirectory(),
  stdout: (text: string) => process.stdout.write(text),
  stderr: (text: string) => process.stderr.write(forDescriptor(2, text)),
};

/** A signal ends it with all that it has started, which the end of this process sees to. */
async function bench(argv: readonly string[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(FAILED));
  const { runBench } = await import('./bench/bench.ts');
  return runBench(argv, { ...streams, terminal: process.stderr.isTTY });
}

const terminals = [process.stdin, process.stdout, process.stderr].filter((stream) => stream.isTTY);

function hungUp(): boolean {
  if (terminals.length === 0) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

/** Ends this process by force, and those that serve for it (`--processes`). */
function kill(): void {
  for (const worker of Object.values(clusterModule().workers ?? {})) worker?.process.kill('SIGKILL');
  process.kill(process.pid, 'SIGKILL');
}

const serveOrTell = (argv: readonly string[]): Promise<number> =>
  run(argv, {
    ...streams,
    env: process.env,
    serve,
    probe,
    signals: process,
    hungUp,
    kill,
    notify: serviceNotifier(process.env, process.pid, (text) => streams.stderr(`quaich: warning: ${text}\n`)),
  });

/** Loaded by those who ask for it alone: nothing of it is there in production. */
async function dev(argv: readonly string[]): Promise<number> {
  process.env.NODE_ENV ??= 'development';
  const { runDev } = await import('./dev/dev.ts');
  return runDev(argv, {
    ...streams,
    env: process.env,
    stdin: process.stdin,
    terminals: { stdout: process.stdout.isTTY, stderr: process.stderr.isTTY },
    signals: process,
    kill,
  });
}

async function check(argv: readonly string[]): Promise<number> {
  const { runCheck } = await import('./client/check.ts');
  return runCheck(argv, { ...streams, env: process.env, probe, kill });
}

async function fetchOnce(argv: readonly string[]): Promise<number> {
  const [{ runFetch }, { descriptorSink }, server] = await Promise.all([
    import('./client/fetch.ts'),
    import('./client/response-output.ts'),
    import('../server/probe.ts'),
  ]);
  return runFetch(argv, {
    ...streams,
    env: process.env,
    body: descriptorSink(1),
    terminal: process.stdout.isTTY,
    probe: server.probe,
    kill,
  });
}

async function create(argv: readonly string[]): Promise<number> {
  const { runCreate } = await import('./create/create.ts');
  return runCreate(argv, { ...streams, kill });
}

async function demo(argv: readonly string[]): Promise<number> {
  const { runDemo } = await import('./demo/demo.ts');
  return runDemo(argv, { ...streams, env: process.env, serve, signals: process, hungUp, kill });
}

/** What is no application, but a command of its own. */
const commands = new Map([
  ['bench', bench],
  ['check', check],
  ['create', create],
  ['demo', demo],
  ['dev', dev],
  ['fetch', fetchOnce],
]);
const argv = process.argv.slice(2);
const command = commands.get(argv[0]);
const code = await (command === undefined ? serveOrTell(argv) : command(argv.slice(1)));

// What an application left running (timers, connections, native code) must not keep a finished command alive. Output to
// a pipe may still be on its way; a reader that has gone, or does not read, is not waited for.
const exit = (): void => (stuckThreads.size > 0 ? kill() : process.exit(code));
process.exitCode = code;
setTimeout(exit, 1000).unref();
process.stdout.write('', () => process.stderr.write('', exit));
