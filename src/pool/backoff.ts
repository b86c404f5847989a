import { FIRST_DELAY, LONGEST_DELAY } from './delays.ts';

/** Milliseconds without a failure, after which the next one is the first in a row. */
const FORGIVEN_AFTER = 10_000;

/** Says when a thread may be started, by the starts that have failed. */
export class Backoff {
  /** Starts that failed in a row. */
  #failures = 0;
  /** `performance.now()` before which no thread is started. */
  #notBefore = 0;

  /** Milliseconds until a thread may be started; 0 or less: it may. */
  get left(): number {
    return this.#notBefore - performance.now();
  }

  /** A start has failed. Several that were made together count once. */
  failed(): void {
    const now = performance.now();
    if (now < this.#notBefore) return;
    if (now - this.#notBefore > FORGIVEN_AFTER) this.#failures = 0;
    this.#notBefore = now + Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
  }

  /** What is started now is something else. */
  reset(): void {
    this.#failures = 0;
    this.#notBefore = 0;
  }
}
