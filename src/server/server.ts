import { createServer, type Server as NetServer } from 'node:net';
import { isUnixSocket } from '../environ/peer.ts';
import { QuaichError } from '../interface/errors.ts';
import { stuckThreads } from '../pool/stuck-threads.ts';
import { serveByEventLoop } from '../pool/this-thread.ts';
import { disregard, nothing } from '../rules/promises.ts';
import { describeError } from '../rules/show.ts';
import { type Bind, BindError, formatBind, isEncrypted, listen } from './bind.ts';
import { build, HOOK_LIMIT, type Parts, type StatusOf } from './build.ts';
import { Changes } from './changes.ts';
import type { Gateway } from './gateway.ts';
import type { AccessLog } from './log/access-log.ts';
import { type ErrorLog, openErrorLog } from './log/error-log.ts';
import { type ResolvedOptions, resolveOptions, type ServeOptions } from './options.ts';
import {
  makeNextPlan,
  makePlan,
  needsNewStart,
  type Plan,
  type ServedApplication,
  servedApplications,
  workerMount,
} from './plan.ts';
import { noPidFile, type PidFile } from './processes/pid-file.ts';
import type { Report } from './report.ts';
import type { Reloaded, Service, Succession } from './service.ts';
import type { Readiness } from './status/readiness.ts';
import type { StatusAddress } from './status/status-server.ts';
import type { Encryption } from './tls/encryption.ts';

/** A server that answers requests. */
export interface Server {
  /** Where it listens: the first of `urls`. */
  readonly url: string;
  /** One for each bind: `http://127.0.0.1:8000`, `https://127.0.0.1:8443`, `unix:/run/site.sock`. */
  readonly urls: readonly string[];
  /** Where it tells of itself (`status`); null: nowhere. */
  readonly statusUrl: string | null;
  /** What it serves, and how, in words. */
  readonly applications: readonly ServedApplication[];
  /**
   * Rejects when the server cannot go on: a listening socket has failed, or workers die again and again
   * (QUAICH_CRASH_LOOP, with `maxDeaths`). `close` is due then.
   */
  readonly failed: Promise<never>;
  /**
   * Goes on for `timeoutDrain`, but tells health checks that it is to stop, and ends connections with their next
   * response (L-41). Then it stops: no new connections; running requests may end within `timeoutGraceful`; then the
   * shutdown hooks run (L-08). Fulfils when threads, sockets, files and timers are gone; rejects when a shutdown hook
   * threw or did not end (L-10), and with QUAICH_STUCK where a thread cannot be ended, because it is inside native
   * code.
   */
  close(): Promise<void>;
  /** Cuts the waiting of `close` short (L-11). */
  abort(): void;
  /** Opens the files of the logs anew, after they were renamed. */
  reopenLogs(): void;
  /** Adds a message of the owner's to those of the server. */
  readonly report: Report;
  /**
   * Loads the applications again, by these options: new workers take the requests from then on, and the old ones end
   * those that they have (L-27). Fulfils, when all workers are new, with the names of what differs and needs a new
   * start to take effect; reloads that overlap go one after the other.
   *
   * @throws ConfigurationError for wrong options, a module that does not load, mounts that are not those of the start;
   *   QuaichError when an application does not start up. The old ones go on then.
   */
  reload(options: ServeOptions): Promise<readonly string[]>;
  /**
   * Has more sync workers by `count`, or fewer where it is negative: at least 1, at most 8 or twice as many as at the
   * start. Holds until the next reload (L-33), and waits for one that is going on. Those that are too many end the
   * requests that they have.
   *
   * @throws QuaichError when the server stops, or when an application does not start up: a single worker is replaced
   *   where others come to it, and goes on then
   */
  addSyncWorkers(count: number): Promise<void>;
  /**
   * Reads the certificates again, for new connections, as the server does by itself soon after their files have
   * changed.
   *
   * @throws ConfigurationError for those that cannot be used: those before stay
   */
  renewCertificates(): void;
}

/** What is different for the process of several, and for the only one. */
interface Role {
  /** Makes what tells of the server, in place of its own address. */
  readonly statusOf?: StatusOf;
  /** It tells what its owner should hear of the applications. */
  readonly isFirst?: boolean;
  /** The supervisor settles what it listens on for it (`settleBind`). */
  readonly isSettled?: boolean;
  readonly pidFile?: PidFile;
}

/**
 * Serves applications in this process.
 *
 * @throws as `serve`
 */
export async function serveHere(options: ResolvedOptions, role: Role): Promise<Server> {
  const plan = await makePlan(options, 'serve').catch((error: unknown) => {
    throw stuckThreads.size === 0 ? error : withStuck(error, stuckError(stuckThreads.size));
  });
  try {
    return await servePlan(plan, role);
  } finally {
    await plan.first?.end(); // where no worker has become of it
  }
}

async function servePlan(plan: Plan, role: Role): Promise<Server> {
  const { statusOf, isFirst = true } = role;
  const errorLog = await openErrorLog(plan.options);
  if (isFirst) for (const { known } of plan.apps) for (const note of known.notes) errorLog.report('info', note);
  const fail = (error: Error): void => server.fail(error);
  const parts = await build(plan, errorLog, fail, statusOf).catch(async (error: unknown) => {
    await errorLog.close();
    throw error;
  });
  const server: RunningServer = new RunningServer(plan, parts, role);
  try {
    await server.start();
  } catch (error) {
    server.abort();
    await server.close().catch((failure: unknown) => {
      if (failure instanceof QuaichError && failure.code === 'QUAICH_STUCK') throw withStuck(error, failure);
    });
    throw error;
  }
  return server;
}

function stuckError(threads: number): QuaichError {
  return new QuaichError('QUAICH_STUCK', `${threads} threads are inside native code and cannot be ended`);
}

/** A failed start that has left threads behind: only the owner can end the process, and has to be told. */
function withStuck(error: unknown, stuck: QuaichError): QuaichError {
  const message = error instanceof QuaichError ? error.message : describeError(error);
  return new QuaichError(stuck.code, `${message}; ${stuck.message}`, { cause: error });
}

class RunningServer implements Server {
  readonly urls: string[] = [];
  readonly applications: readonly ServedApplication[];
  readonly failed: Promise<never>;
  private readonly options: ResolvedOptions;
  private readonly plan: Plan;
  private readonly gateway: Gateway;
  private readonly services: readonly Service[];
  private readonly accessLog: AccessLog;
  private readonly errorLog: ErrorLog;
  private readonly readiness: Readiness;
  private readonly status: StatusAddress;
  private readonly encryption: Encryption;
  private readonly pidFile: PidFile;
  private readonly socketMode: number | undefined;
  private readonly listeners: NetServer[] = [];
  private closed: Promise<void> | null = null;
  private grace: number;
  private aborted = false;
  private endDrain: () => void = nothing;
  private readonly changes = new Changes();
  /** Fulfils when no thread of a reload loads applications any more. */
  private loaded: Promise<unknown> = Promise.resolve();
  /** Sync workers that were asked for and are still to be added. */
  private added = 0;
  fail: (error: Error) => void = nothing;
  private leaveEventLoop: () => void = nothing;

  constructor(plan: Plan, parts: Parts, { pidFile = noPidFile, isSettled = false }: Role) {
    const { gateway, services, accessLog, errorLog, encryption, readiness, status } = parts;
    const { options } = plan;
    this.options = options;
    this.plan = plan;
    this.applications = servedApplications(plan);
    this.gateway = gateway;
    this.services = services;
    this.accessLog = accessLog;
    this.errorLog = errorLog;
    this.readiness = readiness;
    this.status = status;
    this.encryption = encryption;
    this.pidFile = pidFile;
    this.socketMode = isSettled ? undefined : options.socketMode;
    this.grace = options.timeoutGraceful;
    // Ends: when a listening socket fails; else with the process.
    this.failed = new Promise<never>((_, reject) => {
      this.fail = reject;
    });
    // An owner who does not look at it is not to be ended by it.
    disregard(this.failed);
  }

  get url(): string {
    return this.urls[0];
  }

  get statusUrl(): string | null {
    return this.status.url;
  }

  async start(): Promise<void> {
    await this.status.start();
    for (const service of this.services) await service.start();
    this.leaveEventLoop = serveByEventLoop("the server's own thread");
    for (const bind of this.options.bind) this.urls.push(await this.listen(bind));
    this.pidFile.write();
    this.readiness.stage = 'ready';
  }

  close(): Promise<void> {
    this.closed ??= this.stop();
    return this.closed;
  }

  abort(): void {
    this.aborted = true;
    this.endDrain();
    this.grace = 0;
    this.gateway.abort();
    for (const service of this.services) service.abort();
  }

  get report(): Report {
    return this.errorLog.report;
  }

  reopenLogs(): void {
    this.accessLog.reopen();
    this.errorLog.reopen();
  }

  reload(options: ServeOptions): Promise<readonly string[]> {
    return this.changes.make(() => this.loadAgain(options));
  }

  addSyncWorkers(count: number): Promise<void> {
    this.added += count;
    return this.changes.make(async () => {
      const all = this.added;
      this.added = 0;
      if (all !== 0) for (const service of this.services) await service.addSyncWorkers(all);
    });
  }

  private async loadAgain(options: ServeOptions): Promise<readonly string[]> {
    const planned = makeNextPlan(this.plan, resolveOptions(options), this.changes.signal);
    this.loaded = planned.catch(nothing);
    const plan = await planned;
    const { first } = plan;
    try {
      this.encryption.renew();
      const { directory, validate, wrapper, env, earlyHints, import: imports, syncWorkers } = plan.options;
      const mounts = plan.apps.map(workerMount);
      const data = { directory, imports, mounts, validate, wrapper, environ: env, earlyHints };
      await this.succeed({ ...data, syncWorkers, first });
      return needsNewStart(this.plan, plan);
    } finally {
      await first?.end(); // where no worker has become of it
    }
  }

  /** Replaces all workers, or none. */
  private async succeed(applications: Reloaded): Promise<void> {
    const successions: Succession[] = [];
    try {
      for (const service of this.services) successions.push(await service.prepare(applications));
      for (const succession of successions) succession.assertReady();
    } catch (error) {
      for (const succession of successions) succession.cancel();
      throw error;
    }
    for (const succession of successions) succession.commit();
  }

  renewCertificates(): void {
    this.encryption.renew();
  }

  private async listen(bind: Bind): Promise<string> {
    const { gateway } = this;
    const { backlog } = this.options;
    let unixSocket = false;
    const listener = createServer(gateway.acceptor.serverOptions, (socket) =>
      gateway.accept(socket, bind.protocol, unixSocket, bind.proxied),
    );
    listener.on('listening', () => {
      unixSocket = isUnixSocket(listener);
    });
    this.listeners.push(listener);
    const url = await listen(listener, bind, { backlog, socketMode: this.socketMode });
    if (unixSocket && isEncrypted(bind))
      throw new BindError(`cannot listen on ${formatBind(bind)}: TLS is for TCP, this is a Unix socket`);
    listener.on('error', (error) => this.fail(error));
    return url;
  }

  /** Goes on, until front servers have learnt to send their requests elsewhere (L-41). */
  private async drain(): Promise<void> {
    const { timeoutDrain } = this.options;
    if (timeoutDrain === 0 || this.readiness.stage !== 'ready' || this.aborted) return;
    this.readiness.stage = 'draining';
    this.gateway.drain();
    // Ends: after that time, or by `abort`.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutDrain);
      this.endDrain = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async stop(): Promise<void> {
    this.changes.stop();
    await this.drain();
    this.readiness.stage = 'stopping';
    const started = performance.now();
    // Hooks get a moment even where the requests have used up all the grace.
    const left = () => Math.max(HOOK_LIMIT, this.grace - (performance.now() - started));
    // Ends: when all connections are closed, which the gateway sees to within the grace.
    const unbound = this.listeners.map(
      (listener) => new Promise<void>((resolve) => (listener.listening ? listener.close(() => resolve()) : resolve())),
    );
    await this.gateway.close(this.grace);
    await Promise.all(unbound);
    let failures = 0;
    for (const service of this.services.toReversed()) failures += await service.stop(left());
    this.gateway.tellRest();
    await this.accessLog.close();
    await this.status.close();
    this.pidFile.remove();
    await this.errorLog.close();
    this.leaveEventLoop();
    await this.loaded; // a moment at most, since it was not wanted any more
    const stuck = this.services.reduce((sum, service) => sum + service.stuck, stuckThreads.size);
    if (stuck > 0) throw stuckError(stuck);
    if (failures > 0) throw new Error(`${failures} shutdown hooks failed or did not end`);
  }
}
