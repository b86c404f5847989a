/**
 * The request body for an async application whose gateway is sync and on another thread. Each block is asked of the
 * gateway's own input when the application wants it (B-55); answers come in the order of the questions.
 */
import type { BodySource } from '../../interface/transport.ts';

interface Question {
  resolve(answer: Uint8Array | null): void;
  reject(error: unknown): void;
}

export class RemoteSource implements BodySource<true> {
  readonly #ask: (max: number, line: boolean) => void;
  readonly #questions: Question[] = [];
  /** Makes what every read fails with from now on. */
  #failure: (() => unknown) | null = null;

  constructor(ask: (max: number, line: boolean) => void) {
    this.#ask = ask;
  }

  async read(max: number, line = false): Promise<Uint8Array | null> {
    if (this.#failure !== null) throw this.#failure();
    // Ends: with the answer, and with the request or its client (`fail`).
    return new Promise((resolve, reject) => {
      this.#questions.push({ resolve, reject });
      // The caller may block for the client when it is asked: first it gets what the application yields in this turn.
      setImmediate(() => {
        if (this.#failure === null) this.#ask(max, line);
      });
    });
  }

  answer(answer: Uint8Array | null): void {
    this.#questions.shift()?.resolve(answer);
  }

  /** What the gateway's input threw. */
  refuse(error: unknown): void {
    this.#questions.shift()?.reject(error);
  }

  /**
   * The client has gone, or the request is over. The first call counts.
   *
   * @param failure makes the error: most requests end without anybody who waits for it, and an error costs 5 µs
   */
  fail(failure: () => unknown): void {
    this.#failure ??= failure;
    for (const question of this.#questions.splice(0)) question.reject(failure());
  }
}
