/** The body of a request, framed for Node's parser, and pulled block by block as the listener reads. */
import { RequestBodyError } from '../interface/errors.ts';
import type { AsyncInputStream } from '../interface/types.ts';
import { disregard } from '../rules/promises.ts';

const END_OF_CHUNKS = Buffer.from('\r\n0\r\n\r\n', 'latin1');
const EMPTY_BODY = Buffer.from('0\r\n\r\n', 'latin1');

/** Where the bytes go. */
export interface BodySink {
  /** Framed bytes for the parser. */
  deliver(bytes: Uint8Array): void;
  /** The body will never be complete (G-63). */
  broken(error: unknown): void;
}

/** One request body. At most one read of the input is outstanding. */
export class FramedBody {
  readonly #input: AsyncInputStream;
  readonly #sink: BodySink;
  /** Bytes still to come; -1: it goes chunked. */
  #left: number;
  #iterator: AsyncIterator<Uint8Array> | null = null;
  #reading = false;
  #done = false;
  #any = false;

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
      this.#sink.deliver(Buffer.from(`${this.#any ? '\r\n' : ''}${block.byteLength.toString(16)}\r\n`, 'latin1'));
      this.#any = true;
      this.#sink.deliver(block);
      return;
    }
    // Middleware may have put a longer body in place of the announced one. The parser would take the rest for a
    // request.
    const bytes = block.byteLength > this.#left ? block.subarray(0, this.#left) : block;
    this.#left -= bytes.byteLength;
    if (this.#left === 0) this.stop();
    this.#sink.deliver(bytes);
  }

  #end(): void {
    this.stop();
    if (this.#left < 0) this.#sink.deliver(this.#any ? END_OF_CHUNKS : EMPTY_BODY);
    else
      this.#sink.broken(
        new RequestBodyError(`the request body is ${this.#left} bytes shorter than its CONTENT_LENGTH`),
      );
  }
}
