/** Descriptors in non-blocking mode, used by a thread that blocks: pipes of the error stream, of a CGI program. */

/** Milliseconds between two tries. */
const PAUSE = 5;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Whether an error only says that a descriptor cannot be read or written just now. */
export function isNotReady(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'EAGAIN';
}

/**
 * Repeats an operation until its descriptor is ready for it; the thread blocks.
 *
 * @param patience milliseconds, after which the error is thrown that the descriptor is not ready
 * @throws any other error of the operation at once
 */
export function whenReady<T>(operation: () => T, patience = Number.POSITIVE_INFINITY): T {
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return operation();
    } catch (error) {
      if (!isNotReady(error) || waited >= patience) throw error;
    }
    // Ends: by time; the loop, when the descriptor is ready, with another error, such as EPIPE, and with the patience.
    Atomics.wait(pause, 0, 0, PAUSE);
  }
}

/** As `whenReady`, without blocking the event loop. Ends: with the operation, or with an error. */
export function untilReady(operation: (done: (error: Error | null, count: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = (): void =>
      operation((error, count) => {
        if (error === null) resolve(count);
        else if (isNotReady(error)) setTimeout(attempt, PAUSE);
        else reject(error);
      });
    attempt();
  });
}
