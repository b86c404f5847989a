/** The body of a request, pulled block by block as the listener reads. */
import { RequestBodyError } from '../interface/errors.ts';
import type { AsyncInputStream } from '../interface/types.ts';
import { disregard } from '../rules/promises.ts';

/** Where the body goes. */
export interface BodySink {
  /** The next bytes of it. */
  deliver(bytes: Uint8Array): void;
  /** All of it has been delivered. */
  complete(): void;
  /** It will never be complete (G-63). */
  broken(error: unknown): void;
}

/** One request body. At most one read of the input is outstanding. */
export class PulledBody {
  readonly #input: AsyncInputStream;
  readonly #sink: BodySink;
  /** Bytes still to come; -1: only the end of the input will tell. */
  #left: number;
  #iterator: AsyncIterator<Uint8Array> | null = null;
  #reading = false;
  #done = false;

  /** @param length as CONTENT_LENGTH announced it, -1 for a body of unknown length; not 0 */
  constructor(input: AsyncInputStream, length: number, sink: BodySink) {
    this.#input = input;
    this.#left = length;
    this.#sink = sink;
  }

  /** The listener wants more. Reads one block, unless one is on its way. */
  pull(): void {
    if (this.#reading || this.#done) return;
    this.#reading = true;
    this.#iterator ??= this.#input.chunks()[Symbol.asyncIterator]();
    this.#iterator.next().then(
      (step) => {
        this.#reading = false;
        if (this.#done) return;
        if (step.done) this.#end();
        else this.#block(step.value);
      },
      (error) => {
        this.#reading = false;
        if (this.#done) return;
        this.#done = true;
        this.#sink.broken(error);
      },
    );
  }

  /** The request is over: nothing more is read. What is left of the body is the gateway's concern (G-64). */
  stop(): void {
    this.#done = true;
    const returned = this.#iterator?.return?.();
    this.#iterator = null;
    disregard(returned); // it broke off: there is nobody left to tell
  }

  #block(block: Uint8Array): void {
    if (block.byteLength === 0) {
      this.pull();
      return;
    }
    if (this.#left < 0) {
      this.#sink.deliver(block);
      return;
    }
    // Middleware may have put a longer body in place of the announced one. A parser would take the rest for a request.
    const bytes = block.byteLength > this.#left ? block.subarray(0, this.#left) : block;
    this.#left -= bytes.byteLength;
    if (this.#left > 0) {
      this.#sink.deliver(bytes);
      return;
    }
    this.stop();
    this.#sink.deliver(bytes);
    this.#sink.complete();
  }

  #end(): void {
    this.stop();
    if (this.#left < 0) this.#sink.complete();
    else
      this.#sink.broken(
        new RequestBodyError(`the request body is ${this.#left} bytes shorter than its CONTENT_LENGTH`),
      );
  }
}
