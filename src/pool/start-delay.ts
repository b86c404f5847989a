import { FIRST_DELAY, LONGEST_DELAY } from './delays.ts';

/**
 * When threads, or processes, may be started again: at once, but for those whose start failed. So a request that kills
 * its thread costs the others one start, and a module that cannot be loaded not a processor.
 */
export class StartDelay {
  /** What the last start failed of. */
  failure: Error | null = null;
  #delay = 0;
  #until = 0;

  failed(error: Error): void {
    this.failure = error;
    this.#delay = Math.min(Math.max(FIRST_DELAY, 2 * this.#delay), LONGEST_DELAY);
    this.#until = performance.now() + this.#delay;
  }

  reset(): void {
    this.failure = null;
    this.#delay = 0;
    this.#until = 0;
  }

  /** Milliseconds until the next start. */
  get left(): number {
    return Math.max(0, this.#until - performance.now());
  }
}
