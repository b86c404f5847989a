/** Milliseconds before a start that failed is tried again; doubles with each failure in a row (G-147). */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;

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
