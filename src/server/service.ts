import type { WorkerData } from '../pool/worker-data.ts';
import { nothing } from '../rules/promises.ts';
import type { Destination } from './gateway.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServiceStatus } from './status/workers.ts';

/** What workers can be given anew. */
export type Reloaded = Pick<WorkerData, 'imports' | 'mounts' | 'validate' | 'wrapper' | 'environ' | 'earlyHints'> &
  Pick<ResolvedOptions, 'syncWorkers'>;

/** A destination with its applications, as the server starts and stops it. */
export interface Service extends Destination {
  /** Loads the applications and starts them up (L-03). @throws ConfigurationError, QuaichError */
  start(): Promise<void>;
  /**
   * Serves other applications on the same mounts: those who run on threads of their own are loaded by new ones. Where
   * one of these does not start, all the old ones go on. @throws QuaichError
   */
  reload(applications: Reloaded): Promise<void>;
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
}

/** In place of the workers where all applications run inline. */
export const noService: Service = {
  start: async () => {},
  reload: async () => {},
  addSyncWorkers: async () => {},
  stop: async () => 0,
  abort: nothing,
  stuck: 0,
  isDown: false,
  status: () => ({ inProgress: 0, queued: 0, workers: [], replaced: {} }),
  accept() {
    throw new Error('a request for workers that there are none of');
  },
  flush: nothing,
  tick: nothing,
};
