/**
 * A wait that another side ends: of a response for a client that wants more of it, of a reader for bytes that have not
 * come. One waits at a time; who does not wait is told nothing.
 */
export class Gate {
  #resolve: (() => void) | null = null;
  #reject: ((reason: unknown) => void) | null = null;

  get isAwaited(): boolean {
    return this.#resolve !== null;
  }

  /** Ends: with `release`, and with `refuse`, which rejects. */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  release(): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.#reject = null;
    resolve?.();
  }

  refuse(reason: unknown): void {
    const reject = this.#reject;
    this.#resolve = null;
    this.#reject = null;
    reject?.(reason);
  }
}
