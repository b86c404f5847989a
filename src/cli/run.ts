import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { ProbedApplication } from '../pool/probe.ts';
import { version } from '../rules/version.ts';
import type { ServedApplication } from '../server/index.ts';
import { type ResolvedOptions, resolveOptions, type ServeOptions } from '../server/options.ts';
import { parseArguments } from './arguments.ts';
import { type Configuration, configure, printConfiguration } from './configuration.ts';
import { PLACES } from './entry.ts';
import type { Environment } from './environment.ts';
import { FAILED, MISCONFIGURED, STOPPED } from './exit-codes.ts';
import { helpText, shortHelp } from './help.ts';
import { startLines } from './start-lines.ts';
import type { ServiceState } from './systemd.ts';

/** What the command needs of a server that answers requests. */
export interface RunningServer {
  /** Where it listens: `http://127.0.0.1:8000`, `unix:/run/site.sock`. */
  readonly urls: readonly string[];
  /** Where it tells of itself; null: nowhere. */
  readonly statusUrl?: string | null;
  /** What it serves. */
  readonly applications?: readonly ServedApplication[];
  /** Rejects when the server cannot go on. */
  readonly failed: Promise<never>;
  /** Stops in order (L-08); rejects when a shutdown hook failed (L-10). */
  close(): Promise<void>;
  /** Cuts the waiting of `close` short (L-11). */
  abort(): unknown;
  /** Opens the access log anew. */
  reopenLogs?(): void;
  /** Loads the applications again (L-27), and tells which settings need a new start. */
  reload?(options: ServeOptions): Promise<readonly string[]>;
}

/** An application as `--check` shows it. */
export type CheckedApplication = Pick<ProbedApplication, 'kind' | 'foreign' | 'notes'>;

export type Serve = (options: ServeOptions) => Promise<RunningServer>;

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

/** The world around the command; tests give their own. */
export interface Surroundings {
  readonly env: Environment;
  readonly directory: string;
  stdout(text: string): void;
  stderr(text: string): void;
  readonly serve: Serve;
  /** Loads the applications without serving them, and tells what they are. */
  probe(options: ResolvedOptions): Promise<readonly CheckedApplication[]>;
  /** Where signals are heard: the process. */
  readonly signals: {
    on(signal: Signal, listener: () => void): unknown;
    off(signal: Signal, listener: () => void): unknown;
  };
  /** Whether the terminal that the command was started in is closed: what SIGHUP says there. */
  hungUp(): boolean;
  /**
   * Ends the process at once, by force: the answer to a third signal, during the start to a second. Where a thread is
   * inside native code, an orderly exit would wait for that.
   */
  kill(): void;
  /** Tells who has started the command how far it has come. */
  notify?(state: ServiceState): void;
}

/**
 * The command `quaich`: does what the arguments say and fulfils with the exit code. Never rejects: whatever fails is
 * told on standard error, in one line where its cause is known.
 */
export async function run(argv: readonly string[], io: Surroundings): Promise<number> {
  try {
    const args = parseArguments(argv, io.env.PORT);
    if (args.command === 'help') {
      io.stdout(args.apps.includes('all') ? helpText() : shortHelp());
      return STOPPED;
    }
    if (args.command === 'version') {
      io.stdout(`${version()}\n`);
      return STOPPED;
    }
    const configuration = await configure(args, io.env, io.directory);
    for (const warning of configuration.warnings) io.stderr(`quaich: warning: ${warning}\n`);
    if (args.command === 'printConfig') {
      io.stdout(printConfiguration(configuration));
      return STOPPED;
    }
    if (!configuration.origins.has('apps')) {
      throw new ConfigurationError(
        `no application: give [PREFIX=]MODULE[:EXPORT], for example ./site.js; looked for in ${PLACES}; see --help`,
      );
    }
    return await (args.command === 'check'
      ? check(configuration, io)
      : serveUntilStopped(configuration, io, (time) => configure(args, io.env, io.directory, time)));
  } catch (error) {
    return tell(error, io);
  }
}

async function check({ options }: Configuration, io: Surroundings): Promise<number> {
  const resolved = resolveOptions(options);
  const found = await io.probe(resolved);
  for (const [index, app] of resolved.apps.entries()) {
    const { kind, foreign, notes } = found[index];
    if (app.inline && kind === 'sync') {
      throw new ConfigurationError(`${app.module} is a sync application: it cannot run inline`);
    }
    io.stdout(`ok: ${app.prefix || '/'} = ${app.module}${app.export ? `:${app.export}` : ''} (${foreign ?? kind})\n`);
    for (const note of notes) io.stderr(`quaich: ${note}\n`);
  }
  return STOPPED;
}

/** @param configureAgain reads the configuration once more; `time` counts */
async function serveUntilStopped(
  { options }: Configuration,
  io: Surroundings,
  configureAgain: (time: number) => Promise<Configuration>,
): Promise<number> {
  let server: RunningServer | undefined;
  let signals = 0;
  let closing = () => {};
  // Ends: with `close`, which has limits of its own, and by `failed` in the race below.
  const closed = new Promise<void>((resolve, reject) => {
    closing = () => {
      io.notify?.('stopping');
      server?.close().then(resolve, reject);
    };
  });
  const stop = () => {
    signals++;
    // A startup that hangs can be cut short by an end only: what it waits for is not known.
    if (signals > (server ? 2 : 1)) io.kill();
    else if (!server) io.stderr('quaich: stopping once the start is over; a second signal ends at once\n');
    else if (signals === 1) closing();
    else server.abort();
  };
  const reopen = () => server?.reopenLogs?.();
  let reloads = 0;
  let reloading = false;
  /** A reload was asked for while none could begin. */
  let due = false;
  const reload = async () => {
    due = true;
    if (server === undefined || reloading) return;
    reloading = true;
    while (due && signals === 0) {
      due = false;
      io.notify?.('reloading');
      try {
        await loadAgain(server, await configureAgain(++reloads), io);
      } catch (error) {
        if (signals === 0) io.stderr(`quaich: reload failed, the server goes on as it was: ${wordsOf(error)}\n`);
      }
      if (signals === 0) io.notify?.('ready');
    }
    reloading = false;
  };
  const hangUp = () => (io.hungUp() ? stop() : void reload());
  const heard = [
    ['SIGINT', stop],
    ['SIGTERM', stop],
    // Without a listener it ends the process, with all requests.
    ['SIGHUP', hangUp],
    // Without a listener SIGUSR1 opens Node's debugger; to nginx and gunicorn it is what SIGUSR2 is here.
    ...(process.platform === 'win32'
      ? []
      : ([
          ['SIGUSR1', reopen],
          ['SIGUSR2', reopen],
        ] as const)),
  ] as const;
  for (const [signal, listener] of heard) io.signals.on(signal, listener);
  try {
    server = await io.serve(options);
    io.stderr(startLines(server, options, io.directory));
    if (server.statusUrl) io.stderr(`status on ${server.statusUrl}\n`);
    io.notify?.('ready');
    if (signals > 0) closing();
    else if (due) void reload();
    await Promise.race([closed, server.failed]);
    return signals > 1 ? FAILED : STOPPED;
  } finally {
    for (const [signal, listener] of heard) io.signals.off(signal, listener);
  }
}

async function loadAgain(server: RunningServer, { options, warnings }: Configuration, io: Surroundings): Promise<void> {
  for (const warning of warnings) io.stderr(`quaich: warning: ${warning}\n`);
  const kept = (await server.reload?.(options)) ?? [];
  if (kept.length > 0) io.stderr(`quaich: warning: needs a new start to take effect: ${kept.join(', ')}\n`);
  io.stderr('reloaded\n');
}

function tell(error: unknown, io: Surroundings): number {
  io.stderr(`quaich: ${wordsOf(error)}\n`);
  if (error instanceof QuaichError && error.code === 'QUAICH_STUCK') io.kill();
  return error instanceof ConfigurationError ? MISCONFIGURED : FAILED;
}

/** A cause that is not known has a stack worth reading: an application's startup hook, or a defect of ours. */
function wordsOf(error: unknown): string {
  if (error instanceof QuaichError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
