import type { LoadedThread } from '../pool/loaded-thread.ts';
import type { MetricLists } from '../pool/metric-data.ts';
import type { WorkerData } from '../pool/worker-data.ts';
import type { Destination } from './gateway.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServiceStatus } from './status/workers.ts';

/** What workers can be given anew; all mounts of the server, of which each takes those that it serves. */
export interface Reloaded
  extends Pick<WorkerData, 'directory' | 'imports' | 'mounts' | 'validate' | 'wrapper' | 'environ' | 'earlyHints'>,
    Pick<ResolvedOptions, 'syncWorkers'> {
  /** Goes on as the first of the new workers; null: there is no such thread. */
  first: LoadedThread | null;
}

/** New workers that have started up beside the old ones, and take no requests yet (L-34). One method ends that. */
export interface Succession {
  /** @throws QuaichError where one of them has ended meanwhile */
  assertReady(): void;
  /** Puts them in service, and has all others leave. */
  commit(): void;
  /** Ends them. */
  cancel(): void;
}

/** A destination with its applications, as the server starts and stops it. */
export interface Service extends Destination {
  /** Loads the applications and starts them up (L-03). @throws ConfigurationError, QuaichError */
  start(): Promise<void>;
  /**
   * Prepares to serve other applications on the same mounts: those who run on threads of their own are loaded by new
   * ones. @throws QuaichError where one of these does not start; nothing has changed then
   */
  prepare(applications: Reloaded): Promise<Succession>;
  /** Has more sync workers by `count`, or fewer, as far as there may be (L-33). @throws QuaichError */
  addSyncWorkers(count: number): Promise<void>;
  /**
   * Runs the shutdown hooks, for `timeout` milliseconds at most. Fulfils with the number of those that threw or did not
   * end (L-10).
   */
  stop(timeout: number): Promise<number>;
  /** Cuts the waiting of `stop` short (L-11). */
  abort(): void;
  /** Threads that `stop` could not end. */
  readonly stuck: number;
  /** No worker of one of its kinds is ready, or its end is being made good for (L-20). */
  readonly isDown: boolean;
  /** What it has to do, and who does it. */
  status(): ServiceStatus;
  /** What its applications measure, in a list for each thread (L-73). */
  metrics(): Promise<MetricLists>;
}
