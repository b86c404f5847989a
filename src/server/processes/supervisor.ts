/**
 * Several processes serve the same addresses (`--processes`), or one does as another user (`--user`). This one, the
 * supervisor, serves nothing: it listens, by means of `node:cluster`, and gives the connections out in turn; starts the
 * processes and replaces those that die; and passes on what its owner wants of the server. A ServingProcess has the
 * orders for one of them, process.ts carries them out over there.
 */
import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../../interface/errors.ts';
import { HEALTHY_AFTER } from '../../pool/delays.ts';
import { addToPast, type MetricData, mergeMetrics } from '../../pool/metric-data.ts';
import { StartDelay } from '../../pool/start-delay.ts';
import { nothing } from '../../rules/promises.ts';
import { prepareBind, settleBind } from '../bind.ts';
import { Changes } from '../changes.ts';
import { type ErrorLog, openErrorLog } from '../log/error-log.ts';
import { type ResolvedOptions, resolveOptions, type ServeOptions } from '../options.ts';
import { afterReload, type ServedApplication } from '../plan.ts';
import type { Report } from '../report.ts';
import type { Server } from '../server.ts';
import { mergeSnapshots } from '../status/merge.ts';
import type { ServerStage } from '../status/readiness.ts';
import type { Snapshot } from '../status/snapshot.ts';
import { noStatus, type StatusAddress, StatusServer } from '../status/status-server.ts';
import type { Identity } from './identity.ts';
import type { Started } from './orders.ts';
import type { PidFile } from './pid-file.ts';
import { ServingProcess } from './serving-process.ts';

/**
 * Milliseconds for a start beside the limits of its parts: one for a first look at the applications, one for workers.
 */
const START_MARGIN = 10_000;
/** Milliseconds for a stop beside its limits, and after it was cut short; those for each mount, with its hooks. */
const STOP_MARGIN = 10_000;
const STOP_MARGIN_OF_MOUNT = 3000;
/** Looks at a process within the time in which its main thread has to turn. */
const LOOKS = 4;

/** What a supervisor is to whoever looks at the machine. */
interface Standing {
  /** Those whom its processes serve as; null: its own. */
  readonly identity: Identity | null;
  readonly pidFile: PidFile;
}

/** @throws as `serve`, by the process whose start fails first */
export async function serveByProcesses(
  options: ServeOptions,
  resolved: ResolvedOptions,
  standing: Standing,
): Promise<Server> {
  if (!cluster.isPrimary) throw new ConfigurationError('processes: this process is one of several itself');
  for (const name of ['accessLogStream', 'errorLog'] as const) {
    if (options[name] !== undefined)
      throw new ConfigurationError(
        `${name} is of this process, and cannot be had by others: leave out processes, user and group`,
      );
  }
  const errorLog = await openErrorLog(resolved, standing.identity?.openLog);
  const supervisor = new Supervisor(options, resolved, errorLog, standing);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.end();
    throw error;
  }
  return supervisor;
}

class Supervisor implements Server {
  urls: readonly string[] = [];
  applications: readonly ServedApplication[] = [];
  /** Processes that cannot go on are replaced. Ends: never. */
  readonly failed = new Promise<never>(nothing);
  private stage: ServerStage = 'starting';
  /** What a process is started with. */
  private options: ServeOptions;
  private readonly resolved: ResolvedOptions;
  private readonly errorLog: ErrorLog;
  private readonly identity: Identity | null;
  private readonly pidFile: PidFile;
  /** By place. */
  private readonly processes: ServingProcess[] = [];
  private readonly status: StatusAddress;
  /** The counters of those that have ended. */
  private past: Snapshot | null = null;
  private pastMetrics: readonly MetricData[] = [];
  private replaced = 0;
  private looks: NodeJS.Timeout | undefined;
  private readonly stopping = new AbortController();
  private closed: Promise<void> | null = null;
  private readonly changes = new Changes();

  constructor(options: ServeOptions, resolved: ResolvedOptions, errorLog: ErrorLog, { identity, pidFile }: Standing) {
    this.options = options;
    this.resolved = resolved;
    this.errorLog = errorLog;
    this.identity = identity;
    this.pidFile = pidFile;
    const { status: bind, socketMode } = resolved;
    const take = () => this.snapshot();
    const source = { start: nothing, take, metrics: () => this.metrics(), close: nothing };
    this.status =
      bind === undefined
        ? noStatus
        : new StatusServer(source, { bind, socketMode, objection: () => this.objection(), report: this.report });
  }

  get report(): Report {
    return this.errorLog.report;
  }

  get url(): string {
    return this.urls[0];
  }

  get statusUrl(): string | null {
    return this.status.url;
  }

  async start(): Promise<void> {
    const { bind, processes, timeoutLoop } = this.resolved;
    await this.status.start();
    for (const place of bind) await prepareBind(place);
    const starts = Array.from({ length: processes }, (_, place) => this.launch(place, place === 0));
    const [{ urls, applications }] = await Promise.all(starts);
    this.urls = urls;
    this.applications = applications;
    this.pidFile.write();
    this.stage = 'ready';
    for (const [place] of this.processes.entries()) void this.keep(place);
    if (timeoutLoop > 0) this.looks = setInterval(() => this.look(), timeoutLoop / LOOKS).unref();
  }

  /** Starts a process, and ends it where that fails. @throws what it says */
  private async launch(place: number, isFirst = false): Promise<Started> {
    const child = new ServingProcess(this.options);
    this.processes[place] = child;
    const { bind: binds, socketMode, timeoutStartup } = this.resolved;
    const limit = 2 * timeoutStartup + START_MARGIN;
    const timer = setTimeout(() => child.kill(), limit);
    try {
      const started = await child.order('serve', child.options, isFirst);
      // Made by this process, and anew where none was left.
      for (const bind of binds) settleBind(bind, { socketMode, owner: this.identity });
      // Where a reload has come meanwhile.
      while (child.options !== this.options) {
        child.options = this.options;
        await child.order('reload', child.options);
      }
      child.isReady = true;
      return started;
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Keeps a process in a place, one after the other. Ends: with the stop. */
  private async keep(place: number): Promise<void> {
    const delay = new StartDelay();
    for (let begun = performance.now(); ; begun = performance.now()) {
      const child = this.processes[place];
      const how = await child.ended;
      if (this.stopping.signal.aborted) return;
      this.remember(child);
      this.report('error', `process ${place} (${child.pid}) ended: ${how}`);
      if (performance.now() - begun >= HEALTHY_AFTER) delay.reset();
      else delay.failed(new Error(how));
      while (!(await this.relaunch(place, delay))) if (this.stopping.signal.aborted) return;
      this.replaced++;
    }
  }

  /** Waits as long as it is due, and starts a process; false where that has failed, or the server stops. */
  private async relaunch(place: number, delay: StartDelay): Promise<boolean> {
    const { signal } = this.stopping;
    try {
      await sleep(delay.left, undefined, { signal });
      await this.launch(place);
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof Error)) return false;
      delay.failed(error);
      this.report('error', `process ${place} did not start: ${error.message}`);
      return false;
    }
  }

  /** Ends processes whose main thread, with all connections, has not turned for too long. */
  private look(): void {
    for (const [place, child] of this.processes.entries()) {
      // Counted by looks: a machine that was suspended takes no time from anybody.
      if (!child.isReady || child.ping() <= LOOKS) continue;
      const why = `its main thread did not turn for ${this.resolved.timeoutLoop} ms`;
      this.report('error', `process ${place} (${child.pid}) is ended: ${why}`);
      child.kill();
    }
  }

  close(): Promise<void> {
    this.closed ??= this.stop();
    return this.closed;
  }

  private async stop(): Promise<void> {
    const { timeoutDrain, timeoutGraceful, apps } = this.resolved;
    this.stage = timeoutDrain > 0 ? 'draining' : 'stopping';
    this.stopping.abort();
    this.changes.stop();
    clearInterval(this.looks);
    const limit = timeoutDrain + timeoutGraceful + STOP_MARGIN + STOP_MARGIN_OF_MOUNT * apps.length;
    const running = this.processes.filter((child) => !child.hasEnded);
    const stops = await Promise.allSettled(running.map((child) => child.stop(limit)));
    await this.leave();
    const failure = stops.find((stop) => stop.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  abort(): void {
    const limit = STOP_MARGIN + STOP_MARGIN_OF_MOUNT * this.resolved.apps.length;
    for (const child of this.processes) {
      child.order('abort').catch(nothing);
      const timer = setTimeout(() => child.kill(), limit);
      void child.ended.then(() => clearTimeout(timer));
    }
  }

  /** Ends all processes by force. */
  async end(): Promise<void> {
    this.stopping.abort();
    for (const child of this.processes) child.kill();
    await Promise.all(this.processes.map(({ ended }) => ended));
    await this.leave();
  }

  /** Behind the end of all processes. */
  private async leave(): Promise<void> {
    await this.status.close();
    this.pidFile.remove();
    await this.errorLog.close();
  }

  reopenLogs(): void {
    this.errorLog.reopen();
    for (const child of this.processes) child.order('reopenLogs').catch(nothing);
  }

  renewCertificates(): void {
    const failed = (error: Error): void => this.report('error', error.message);
    for (const child of this.processes) child.order('renewCertificates').catch(failed);
  }

  reload(options: ServeOptions): Promise<readonly string[]> {
    return this.changes.make(() => this.loadAgain(options));
  }

  /** In each process; one that is started later has as many as the settings say. */
  addSyncWorkers(count: number): Promise<void> {
    return this.changes.make(async () => {
      for (const child of this.processes) {
        if (!child.isReady) continue;
        await child.order('addSyncWorkers', count).catch((error: unknown) => {
          if (!child.hasEnded) throw error;
        });
      }
    });
  }

  /** One process after the other: where the first cannot load the applications, all go on as before. */
  private async loadAgain(options: ServeOptions): Promise<readonly string[]> {
    resolveOptions(options);
    const next = afterReload(this.options, options);
    const names = new Set<string>();
    for (;;) {
      // Those that start meanwhile come in here, or get the next options with their start.
      const child = this.processes.find((one) => one.isReady && one.options !== next);
      if (child === undefined) break;
      try {
        for (const name of await child.order('reload', options)) names.add(name);
        child.options = next;
        this.options = next;
      } catch (error) {
        if (!child.hasEnded) throw error;
      }
    }
    this.options = next;
    return [...names];
  }

  private async objection(): Promise<string> {
    if (this.stage !== 'ready') return `the server is ${this.stage}`;
    const snapshots = await this.snapshots();
    return snapshots.some((snapshot) => snapshot?.ready) ? '' : 'no process is ready';
  }

  /** By place; null of those that have none. */
  private snapshots(): Promise<(Snapshot | null)[]> {
    return Promise.all(this.processes.map((child) => (child.isReady ? child.snapshot() : null)));
  }

  private async snapshot(): Promise<Snapshot> {
    const snapshots = await this.snapshots();
    const ready = this.stage === 'ready' && snapshots.some((snapshot) => snapshot?.ready);
    return mergeSnapshots(snapshots, this.past, { stage: this.stage, ready, replaced: this.replaced });
  }

  private async metrics(): Promise<readonly MetricData[]> {
    const ready = () => this.processes.filter(({ isReady }) => isReady);
    await Promise.all(ready().map((child) => child.askMetrics()));
    return mergeMetrics([this.pastMetrics, ...ready().map(({ lastMetrics }) => lastMetrics)]);
  }

  /** Counters go on where those of a process have ended: they never fall. */
  private remember({ lastSnapshot, lastMetrics }: ServingProcess): void {
    this.pastMetrics = addToPast(this.pastMetrics, lastMetrics);
    if (lastSnapshot === null) return;
    this.past = mergeSnapshots([lastSnapshot], this.past, { stage: 'stopping', ready: false, replaced: 0 });
  }
}
