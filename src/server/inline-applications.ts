import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import type { TrustedProxies } from '../environ/trusted-proxies.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { ErrorStream } from '../interface/types.ts';
import { Applications, describeFailure } from '../pool/applications.ts';
import type { MetricLists } from '../pool/metric-data.ts';
import { tellMetrics } from '../pool/own-metrics.ts';
import { GatheredMetrics, ThreadMetrics } from '../pool/thread-metrics.ts';
import { onUncaught } from '../pool/uncaught.ts';
import { type Runnable, runnables } from '../pool/worker.ts';
import type { WorkerMount } from '../pool/worker-data.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { isClusterWorker } from '../rules/cluster.ts';
import { nothing } from '../rules/promises.ts';
import { describeError } from '../rules/show.ts';
import { within } from '../rules/within.ts';
import type { InlineRequest } from './inline.ts';
import { InlineRunner } from './inline-runner.ts';
import type { ResolvedOptions } from './options.ts';
import type { Report } from './report.ts';
import type { Service, Succession } from './service.ts';
import type { SocketHost } from './socket-host.ts';
import type { Traffic } from './status/traffic.ts';
import type { ServiceStatus } from './status/workers.ts';
import type { Turn } from './turn.ts';

type InlineSettings = Pick<
  ResolvedOptions,
  | 'asyncRequests'
  | 'directory'
  | 'earlyHints'
  | 'env'
  | 'import'
  | 'queueTime'
  | 'timeoutAsyncResponse'
  | 'timeoutStartup'
  | 'validate'
  | 'wrapper'
>;

interface InlineOptions extends InlineSettings {
  /** Null where an application runs elsewhere. */
  mounts: readonly (WorkerMount | null)[];
  /** Who is believed about clients; null: nobody. */
  proxies: TrustedProxies | null;
  traffic: Traffic;
  /** The steps of requests are timed, and it is noted who has them. */
  timed: boolean;
  report: Report;
  errors: ErrorStream;
}

/** The async applications that run on the gateway's own thread, at their owner's wish: no hop, and no protection. */
export class InlineApplications implements Service {
  /** None of this thread's making. */
  readonly stuck = 0;
  /** This thread is there as long as the server is. */
  readonly isDown = false;
  private readonly options: InlineOptions;
  private readonly turn: Turn;
  private readonly runner: InlineRunner;
  private readonly applications = new Applications();
  private readonly measured: GatheredMetrics;
  /** Of this thread. */
  private readonly threadMetrics = new ThreadMetrics(() => void this.measure());
  private mounts: readonly (Runnable<true> | null)[] = [];
  /** In progress at a time (G-09). */
  private readonly mostRequests: number;
  private inProgress = 0;
  /** Requests that were not answered at once, where there is a limit for that. */
  private readonly awaited = new Set<InlineRequest>();
  private forgetUncaught: () => void = nothing;

  constructor(options: InlineOptions, parser: Parser, turn: Turn) {
    this.options = options;
    this.turn = turn;
    const { traffic, report } = options;
    this.measured = new GatheredMetrics((fault) => report('warn', `metrics of inline applications: ${fault}`));
    this.runner = new InlineRunner(
      parser,
      options,
      (exchange) => traffic.answered(exchange),
      () => this.done(),
    );
    this.mostRequests = options.asyncRequests || Number.POSITIVE_INFINITY;
  }

  async start(): Promise<void> {
    const { mounts, import: imports, env, errors, proxies, timeoutStartup, report } = this.options;
    const isUsed = mounts.some((mount) => mount !== null);
    if (isUsed) {
      // This thread cannot be replaced, so it goes on.
      this.forgetUncaught = onUncaught((error) =>
        report('error', `an error outside of any request (G-146): ${describeError(error)}`),
      );
    }
    try {
      const started = this.applications.start({ ...this.options, imports: isUsed ? imports : [] });
      await within(started, timeoutStartup, 'the startup of an inline application');
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      throw new QuaichError('QUAICH_STARTUP', describeFailure(error).message, { cause: error });
    }
    this.threadMetrics.isUsed = this.applications.registries.size > 0;
    this.mounts = runnables<true>(
      this.applications,
      {
        async: true,
        multithread: this.mostRequests > 1,
        multiprocess: isClusterWorker(),
        fileWrapper: asyncFileWrapper,
        proxies,
      },
      env,
      errors,
    );
  }

  /** What this thread has loaded it has for good. */
  async prepare(): Promise<Succession> {
    return { assertReady: nothing, commit: nothing, cancel: nothing };
  }

  async addSyncWorkers(): Promise<void> {}

  async stop(timeout: number): Promise<number> {
    let failures = 0;
    const failed = (error: unknown): void => {
      failures++;
      this.options.report('error', `the shutdown failed: ${describeFailure(error).message}`);
    };
    await within(this.applications.stop(failed), timeout, 'the shutdown of an inline application').catch(failed);
    this.forgetUncaught();
    return failures;
  }

  status(): ServiceStatus {
    return { inProgress: this.inProgress, queued: 0, workers: [], replaced: [] };
  }

  metrics(): Promise<MetricLists> {
    return this.measured.gather(() => [{ metrics: this.threadMetrics }]);
  }

  private async measure(): Promise<void> {
    this.threadMetrics.told(await tellMetrics(this.applications.registries));
  }

  /** The hooks on this thread have their limit; nothing else can cut them short. */
  abort(): void {}

  accept(mount: number, exchange: Exchange, host: SocketHost): boolean {
    const runnable = this.mounts[mount];
    if (runnable === null) throw new Error(`mount ${mount} does not run inline`);
    if (this.inProgress >= this.mostRequests) return false;
    this.inProgress++;
    if (this.options.timed) {
      exchange.takenTime = performance.now();
      exchange.worker = 'inline';
    }
    const request = this.runner.run(runnable, exchange, host);
    if (this.options.timeoutAsyncResponse > 0 && request.isAwaited) this.awaited.add(request);
    return true;
  }

  private done(): void {
    if (this.inProgress-- === this.mostRequests) this.turn.retry();
  }

  flush(): void {}

  tick(now: number): void {
    for (const request of this.awaited) {
      if (!request.isAwaited) this.awaited.delete(request);
      else if (request.isExcused()) request.since = 0;
      else {
        request.since ||= now;
        if (now - request.since >= this.options.timeoutAsyncResponse) request.expire();
      }
    }
  }
}
