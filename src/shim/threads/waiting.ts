interface Waiting<T> {
  /** Undefined: it has waited too long. */
  take(thread: T | undefined): void;
  refuse(error: unknown): void;
}

/** Requests that wait for a thread of a `syncToAsync` bridge, in the order in which they came (B-22). */
export class WaitingRequests<T> {
  readonly #waiting: Waiting<T>[] = [];
  readonly #limit: number;
  readonly #timeout: number;

  /**
   * @param limit how many may wait
   * @param timeout milliseconds for each; 0: no limit
   */
  constructor(limit: number, timeout: number) {
    this.#limit = limit;
    this.#timeout = timeout;
  }

  get any(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Waits for a free thread; undefined when too many wait already, or when that takes too long.
   *
   * Ends: with a thread, with the limit, when the client goes, and with `refuseAll`: when the bridge is shut down, or
   * no thread can be started.
   */
  wait(signal: AbortSignal | undefined): Promise<T | undefined> {
    if (this.#waiting.length >= this.#limit) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const index = this.#waiting.indexOf(waiting);
        if (index >= 0) this.#waiting.splice(index, 1);
      };
      const waiting: Waiting<T> = {
        take(thread) {
          leave();
          resolve(thread);
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const abort = (): void => waiting.refuse(signal?.reason);
      this.#waiting.push(waiting);
      signal?.addEventListener('abort', abort, { once: true });
      if (this.#timeout > 0) timer = setTimeout(() => waiting.take(undefined), this.#timeout);
    });
  }

  /** Gives a thread to the request that waits longest, if one waits. */
  give(thread: T): void {
    this.#waiting.shift()?.take(thread);
  }

  refuseAll(error: unknown): void {
    for (const waiting of this.#waiting.splice(0)) waiting.refuse(error);
  }
}
