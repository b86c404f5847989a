import type { WorkerData } from '../pool/worker-data.ts';
import type { Destination } from './gateway.ts';
import type { ServiceStatus } from './status/workers.ts';

/** What workers can be given anew; all mounts of the server, of which each takes those that it serves. */
export type Reloaded = Pick<WorkerData, 'mounts' | 'validate' | 'environ' | 'earlyHints'>;

/** A destination with its applications, as the server starts and stops it. */
export interface Service extends Destination {
  /** Loads the applications and starts them up (L-03). @throws ConfigurationError, QuaichError */
  start(): Promise<void>;
  /**
   * Serves other applications on the same mounts: those who run on threads of their own are loaded by new ones. Where
   * these do not start, the old ones go on. @throws StartupError
   */
  reload(applications: Reloaded): Promise<void>;
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
