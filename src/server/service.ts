import { nothing } from '../rules/promises.ts';
import type { Destination } from './gateway.ts';

/** A destination with its applications, as the server starts and stops it. */
export interface Service extends Destination {
  /** Loads the applications and starts them up (L-03). @throws ConfigurationError, QuaichError */
  start(): Promise<void>;
  /**
   * Runs the shutdown hooks, for `timeout` milliseconds at most. Fulfils with the number of those that threw or did not
   * end (L-10).
   */
  stop(timeout: number): Promise<number>;
  /** Cuts the waiting of `stop` short (L-11). */
  abort(): void;
  /** Threads that `stop` could not end. */
  readonly stuck: number;
}

/** In place of the workers where all applications run inline. */
export const noService: Service = {
  start: async () => {},
  stop: async () => 0,
  abort: nothing,
  stuck: 0,
  accept() {
    throw new Error('a request for workers that there are none of');
  },
  flush: nothing,
  tick: nothing,
};
