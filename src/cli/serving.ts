/** The command while it serves: what signals have it do, and how it ends. */
import type { ServedApplication } from '../server/index.ts';
import type { ServeOptions } from '../server/options.ts';
import { assertApplication, type Configuration } from './configuration.ts';
import { FAILED, STOPPED } from './exit-codes.ts';
import { startLines } from './start-lines.ts';
import { errorText, tellError } from './tell-error.ts';

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
  /** Opens the log files anew. */
  reopenLogs?(): void;
  /** Loads the applications again (L-27), and tells which settings need a new start. */
  reload?(options: ServeOptions): Promise<readonly string[]>;
  /** Has more sync workers, or fewer (L-33). */
  addSyncWorkers?(count: number): Promise<void>;
}

export type Serve = (options: ServeOptions) => Promise<RunningServer>;

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGTTIN' | 'SIGTTOU';

/** The world around a command that serves. */
export interface ServingSurroundings {
  readonly directory: string;
  stderr(text: string): void;
  readonly serve: Serve;
  /** Where signals are heard: the process. */
  readonly signals: { on(signal: Signal, listener: () => void): unknown };
  /** Whether the terminal that the command was started in is closed: what SIGHUP says there. */
  hungUp(): boolean;
  /**
   * Ends the process at once, by force: the answer to a third signal, during the start to a second. Where a thread is
   * inside native code, an orderly exit would wait for that.
   */
  kill(): void;
}

/**
 * Serves until a signal stops it, and fulfils with the exit code. Signals are heard from the beginning, and on: what
 * they ask for before the server is there is done when it is, and what comes during the stop ends nothing but that
 * (L-35).
 *
 * @param configure reads the configuration; `time` counts
 * @throws what keeps the server from starting
 */
export function serveUntilStopped(
  configure: (time: number) => Promise<Configuration>,
  io: ServingSurroundings,
): Promise<number> {
  return new Serving(configure, io).run();
}

class Serving {
  private readonly configure: (time: number) => Promise<Configuration>;
  private readonly io: ServingSurroundings;
  private server: RunningServer | undefined;
  /** What signals have asked for before the server was there. */
  private readonly asked: ((server: RunningServer) => void)[] = [];
  /** Signals to stop. */
  private stops = 0;
  /** The first of them was one to stop at once. */
  private quits = false;
  private readonly closed: Promise<void>;
  private close: () => void = () => {};
  /** How often the configuration was read. */
  private reads = 0;
  private reloading = false;
  /** A reload was asked for while none could begin. */
  private reloadIsDue = false;

  constructor(configure: (time: number) => Promise<Configuration>, io: ServingSurroundings) {
    this.configure = configure;
    this.io = io;
    // Ends: with `close` of the server, which has limits of its own, after a signal or when the server has failed.
    this.closed = new Promise<void>((resolve, reject) => {
      this.close = () => this.server?.close().then(resolve, reject);
    });
  }

  async run(): Promise<number> {
    const { io } = this;
    this.listen();
    const configuration = await this.read();
    assertApplication(configuration);
    if (this.stops > 0) return STOPPED;
    const { options } = configuration;
    const server = await io.serve(options);
    this.server = server;
    io.stderr(startLines(server, options, io.directory));
    if (server.statusUrl) io.stderr(`status on ${server.statusUrl}\n`);
    let code = STOPPED;
    server.failed.catch((error: unknown) => {
      code = tellError(error, io);
      if (this.stops === 0) this.stop();
    });
    if (this.stops > 0) this.close();
    else for (const action of this.asked) action(server);
    await this.closed.catch((error: unknown) => {
      code = Math.max(code, tellError(error, io));
    });
    return code === STOPPED && this.stops > 1 && !this.quits ? FAILED : code;
  }

  /** For good: until the process has ended, a signal without a listener would do something else to it. */
  private listen(): void {
    const { signals } = this.io;
    const reopen = () => this.act((server) => server.reopenLogs?.());
    signals.on('SIGINT', () => this.stop());
    signals.on('SIGTERM', () => this.stop());
    // Without a listener it ends the process, with all requests.
    signals.on('SIGHUP', () => (this.io.hungUp() ? this.stop() : this.act(() => void this.reload())));
    if (process.platform === 'win32') return;
    signals.on('SIGQUIT', () => this.quit());
    // Without a listener SIGUSR1 opens Node's debugger; to nginx and gunicorn it is what SIGUSR2 is here.
    signals.on('SIGUSR1', reopen);
    signals.on('SIGUSR2', reopen);
    // Without a listener they stop the process, as job control does.
    signals.on('SIGTTIN', () => this.act((server) => void this.resize(server, 1)));
    signals.on('SIGTTOU', () => this.act((server) => void this.resize(server, -1)));
  }

  /** Does something with the server: at once, or when it is there; nothing when that is to stop. */
  private act(action: (server: RunningServer) => void): void {
    if (this.server === undefined) this.asked.push(action);
    else if (this.stops === 0) action(this.server);
  }

  private stop(): void {
    const { server, io } = this;
    this.stops++;
    // A startup that hangs can be cut short by an end only: what it waits for is not known.
    if (this.stops > (server ? 2 : 1)) io.kill();
    else if (!server) io.stderr('quaich: stopping once the start is over; a second signal ends at once\n');
    else if (this.stops === 1) this.close();
    else server.abort();
  }

  /** Stops without waiting for requests; as a second signal to stop where one has come already. */
  private quit(): void {
    if (this.server === undefined) {
      this.io.kill();
      return;
    }
    if (this.stops === 0) {
      this.quits = true;
      this.stop();
    }
    this.stop();
  }

  private async reload(): Promise<void> {
    this.reloadIsDue = true;
    if (this.reloading) return;
    this.reloading = true;
    while (this.reloadIsDue && this.stops === 0) {
      this.reloadIsDue = false;
      try {
        const { options } = await this.read();
        const kept = (await this.server?.reload?.(options)) ?? [];
        if (kept.length > 0) {
          this.io.stderr(`quaich: warning: needs a new start to take effect: ${kept.join(', ')}\n`);
        }
        this.io.stderr('reloaded\n');
      } catch (error) {
        this.complain('reload failed, the server goes on as it was', error);
      }
    }
    this.reloading = false;
  }

  private async read(): Promise<Configuration> {
    const configuration = await this.configure(this.reads++);
    for (const warning of configuration.warnings) this.io.stderr(`quaich: warning: ${warning}\n`);
    return configuration;
  }

  private async resize(server: RunningServer, count: number): Promise<void> {
    try {
      await server.addSyncWorkers?.(count);
    } catch (error) {
      this.complain('the number of sync workers stays as it was', error);
    }
  }

  private complain(what: string, error: unknown): void {
    if (this.stops === 0) this.io.stderr(`quaich: ${what}: ${errorText(error)}\n`);
  }
}
