import { FIRST_DELAY, LONGEST_DELAY } from './delays.ts';

/** Milliseconds without a failure, after which the next one is the first in a row. */
const FORGIVEN_AFTER = 10_000;

/**
 * When threads, or processes, may be started again: at once, but for those whose start failed. So a request that kills
 * its thread costs the others one start, and a module that cannot be loaded not a processor.
 */
export class StartDelay {
  /** What the last start failed of, where it was told. */
  failure: Error | null = null;
  /** Starts that failed in a row. */
  #failures = 0;
  /** `performance.now()` before which nothing is started. */
  #notBefore = 0;

  /** Milliseconds until the next start; 0: it may be now. */
  get left(): number {
    return Math.max(0, this.#notBefore - performance.now());
  }

  /** A start has failed. Several that were made together count once. */
  failed(error: Error | null = null): void {
    this.failure = error;
    const now = performance.now();
    if (now < this.#notBefore) return;
    if (now - this.#notBefore > FORGIVEN_AFTER) this.#failures = 0;
    this.#notBefore = now + Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
  }

  /** What is started now is something else, or has lasted. */
  reset(): void {
    this.failure = null;
    this.#failures = 0;
    this.#notBefore = 0;
  }
}
