import type { AsyncInputStream } from '../interface/types.ts';
import { hintArgument, InputBuffer, sizeArgument } from './input-buffer.ts';
import type { BodySource } from './transport.ts';

/** Bytes asked of the source for a block of `chunks()`. */
const BLOCK = 65536;

function ignore(): void {}

/** `wsgi.input` for async applications. Overlapping reads are served in call order (B-10). */
export class AsyncInput implements AsyncInputStream {
  readonly #source: BodySource<true> | null;
  #buffer: InputBuffer | null = null;
  /** Settles, never rejects, when the last read that was begun is over; null when none is in progress. */
  #last: Promise<void> | null = null;

  /** @param source null for a request without a body: every read is empty at once (G-55) */
  constructor(source: BodySource<true> | null) {
    this.#source = source;
  }

  /**
   * Rejects with ClientDisconnected or RequestBodyError when the body will never be complete (G-63), with a TypeError
   * for a size that is no integer.
   */
  async read(size?: number | null): Promise<Uint8Array> {
    const limit = sizeArgument(size);
    return this.#queue(() => this.#take(limit, false));
  }

  async readline(size?: number | null): Promise<Uint8Array> {
    const limit = sizeArgument(size);
    return this.#queue(() => this.#take(limit, true));
  }

  async readlines(hint?: number | null): Promise<Uint8Array[]> {
    const most = hintArgument(hint);
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

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let line = await this.readline(); line.byteLength !== 0; line = await this.readline()) yield line;
  }

  /** The body in blocks of at most 64 KiB as they arrive (B-11). */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let block = await this.#nextBlock(); block !== null; block = await this.#nextBlock()) yield block;
  }

  /** The body as a web stream that reads ahead by nothing (B-11). Cancelling it leaves the rest unread. */
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

  #nextBlock(): Promise<Uint8Array | null> {
    return this.#queue(async () => {
      this.#buffer ??= new InputBuffer(this.#source === null);
      const rest = this.#buffer.rest();
      if (rest !== null || this.#buffer.ended) return rest;
      const block = await this.#source!.read(BLOCK);
      if (block === null) this.#buffer.ended = true;
      return block;
    });
  }

  /** Runs an operation after all that were begun before it, whether they succeeded or not. */
  #queue<T>(operation: () => T | Promise<T>): Promise<T> {
    const before = this.#last;
    const run = before === null ? Promise.resolve(operation()) : before.then(operation);
    const settled = run.then(ignore, ignore);
    this.#last = settled;
    settled.then(() => {
      if (this.#last === settled) this.#last = null;
    });
    return run;
  }

  #take(limit: number, line: boolean): Uint8Array | Promise<Uint8Array> {
    this.#buffer ??= new InputBuffer(this.#source === null);
    this.#buffer.begin(limit, line);
    return this.#buffer.take() ?? this.#wait(this.#buffer);
  }

  async #wait(buffer: InputBuffer): Promise<Uint8Array> {
    for (;;) {
      buffer.feed(await this.#source!.read(buffer.wanted));
      const result = buffer.take();
      if (result !== null) return result;
    }
  }
}
