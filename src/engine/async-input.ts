import { isPromise } from 'node:util/types';
import type { BodySource } from '../interface/transport.ts';
import type { AsyncInputStream } from '../interface/types.ts';
import { nothing } from '../rules/promises.ts';
import { hintArgument, InputBuffer, sizeArgument } from './input-buffer.ts';

/** Bytes asked of the source for a block of `chunks()`. */
const BLOCK = 65536;

/** A promise that rejects, and does not end the process if the application ignores it (G-146). */
function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(nothing);
  return promise;
}

/**
 * An async iterator over what `take` gives, until it gives null. When it is left early, the rest stays in the stream.
 */
class InputIterator implements AsyncIterableIterator<Uint8Array> {
  readonly #take: () => Promise<Uint8Array | null>;
  #ended = false;

  constructor(take: () => Promise<Uint8Array | null>) {
    this.#take = take;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const step = this.#take().then((value): IteratorResult<Uint8Array> => {
      if (value !== null) return { done: false, value };
      this.#ended = true;
      return { done: true, value: undefined };
    });
    step.catch(nothing); // G-146
    return step;
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#ended = true;
    return Promise.resolve({ done: true, value: undefined });
  }
}

/**
 * `wsgi.input` for async applications. Overlapping reads are served in call order (B-10). A read that nobody awaits may
 * reject without harm (G-146).
 */
export class AsyncInput implements AsyncInputStream {
  readonly #source: BodySource<true> | null;
  #buffer: InputBuffer | null = null;
  /** Fulfils when the last read that was begun has settled; null when no read is in progress. */
  #last: Promise<void> | null = null;

  /** @param source null for a request without a body: every read is empty at once (G-55) */
  constructor(source: BodySource<true> | null) {
    this.#source = source;
  }

  /**
   * Whether the request of an input has a body, which its variables do not tell if it is chunked; undefined for an
   * input of another class.
   */
  static hasBody(input: object): boolean | undefined {
    return #source in input ? input.#source !== null : undefined;
  }

  /**
   * Rejects with ClientDisconnected or RequestBodyError when the body will never be complete (G-63), with a TypeError
   * for a size that is no integer.
   */
  read(size?: number | null): Promise<Uint8Array> {
    return this.#bytes(size, false);
  }

  readline(size?: number | null): Promise<Uint8Array> {
    return this.#bytes(size, true);
  }

  readlines(hint?: number | null): Promise<Uint8Array[]> {
    let most: number;
    try {
      most = hintArgument(hint);
    } catch (error) {
      return rejected(error);
    }
    return this.#queue(async () => {
      const lines: Uint8Array[] = [];
      for (let total = 0; total < most; ) {
        const line = await this.#take(Number.MAX_SAFE_INTEGER, true);
        if (line.byteLength === 0) break;
        lines.push(line);
        total += line.byteLength;
      }
      return lines;
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return new InputIterator(async () => {
      const line = await this.readline();
      return line.byteLength === 0 ? null : line;
    });
  }

  /** The body in blocks of at most 64 KiB as they arrive (B-11). */
  chunks(): AsyncIterableIterator<Uint8Array> {
    return new InputIterator(() => this.#nextBlock());
  }

  /** The body as a web stream that reads nothing ahead (B-11). Cancelling it leaves the rest unread. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const block = await this.#nextBlock();
          if (block === null) controller.close();
          else controller.enqueue(block);
        },
      },
      { highWaterMark: 0 },
    );
  }

  #bytes(size: number | null | undefined, line: boolean): Promise<Uint8Array> {
    let limit: number;
    try {
      limit = sizeArgument(size);
    } catch (error) {
      return rejected(error);
    }
    return this.#queue(() => this.#take(limit, line));
  }

  #nextBlock(): Promise<Uint8Array | null> {
    return this.#queue(() => {
      this.#buffer ??= new InputBuffer(this.#source === null);
      const buffer = this.#buffer;
      const rest = buffer.rest(BLOCK);
      if (rest !== null || buffer.ended) return rest;
      const took = (block: Uint8Array | null): Uint8Array | null => {
        if (block === null) buffer.ended = true;
        return block;
      };
      const read = this.#source!.read(BLOCK, false);
      return isPromise(read) ? read.then(took) : took(read);
    });
  }

  /** Runs an operation when all that were begun before it have settled. */
  #queue<T>(operation: () => T | Promise<T>): Promise<T> {
    let run: Promise<T>;
    if (this.#last === null) {
      try {
        const result = operation();
        if (!isPromise(result)) return Promise.resolve(result);
        run = result;
      } catch (error) {
        return rejected(error);
      }
    } else {
      run = this.#last.then(operation);
    }
    // With both handlers a rejection counts as handled, also if the application ignores it (G-146).
    const settled: Promise<void> = run.then(nothing, nothing).then(() => {
      if (this.#last === settled) this.#last = null;
    });
    this.#last = settled;
    return run;
  }

  /** What is there need not be waited for, and costs no promise. */
  #take(limit: number, line: boolean): Uint8Array | Promise<Uint8Array> {
    this.#buffer ??= new InputBuffer(this.#source === null);
    const buffer = this.#buffer;
    buffer.begin(limit, line);
    for (;;) {
      const result = buffer.take();
      if (result !== null) return result;
      const read = this.#source!.read(buffer.wanted, buffer.line);
      if (isPromise(read)) return this.#wait(buffer, read);
      buffer.feed(read);
    }
  }

  async #wait(buffer: InputBuffer, first: Promise<Uint8Array | null>): Promise<Uint8Array> {
    buffer.feed(await first);
    for (;;) {
      const result = buffer.take();
      if (result !== null) return result;
      buffer.feed(await this.#source!.read(buffer.wanted, buffer.line));
    }
  }
}
