/** The request body of a fetch `Request` (G-54, G-63, G-65). */
import { bodyBeyond, ClientDisconnected, RequestBodyError, requestOver } from '../../interface/errors.ts';
import { bytesOf } from '../../rules/bytes.ts';
import type { MountBody } from '../mount-transport.ts';

/** Reads from the stream when the application reads, one read at a time. */
export class FetchBody implements MountBody {
  readonly #stream: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** Announced bytes, -1 for none announced. */
  readonly #announced: number;
  readonly #limit: number;
  #came = 0;
  #rest: Uint8Array | null = null;
  #ended = false;
  #failure: Error | null = null;
  /** Ends the read that waits for the stream. */
  #refuse: ((reason: Error) => void) | null = null;

  /**
   * @param announced Content-Length, -1 where there is none
   * @param limit most bytes, above which reads fail with 413 (G-65)
   */
  constructor(stream: ReadableStream<Uint8Array>, announced: number, limit: number) {
    this.#stream = stream;
    this.#announced = announced;
    this.#limit = limit;
  }

  read(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    const rest = this.#rest;
    if (rest !== null) {
      this.#rest = rest.byteLength > max ? rest.subarray(max) : null;
      return new Uint8Array(rest.subarray(0, max)); // a copy: the chunk is the host's (G-66)
    }
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#ended || this.#came === this.#announced) return null;
    return this.#pull().then(() => this.read(max));
  }

  fail(reason: Error): void {
    if (!this.#ended && this.#came !== this.#announced) this.#failure ??= reason;
    const refuse = this.#refuse;
    this.#refuse = null;
    refuse?.(reason);
  }

  /**
   * What was not read stays with the host, who knows what the connection needs; to cancel the stream would make some
   * hosts break the connection, and the response with it.
   */
  abandon(): void {
    this.fail(requestOver());
    const reader = this.#reader;
    this.#reader = null;
    try {
      reader?.releaseLock();
    } catch {
      // Older streams do not let go of a reader with a read in progress: then it is in the host's hands altogether.
    }
  }

  /** Fulfils when the state has changed. */
  async #pull(): Promise<void> {
    try {
      this.#reader ??= this.#stream.getReader();
      const step = await this.#readOrFail(this.#reader);
      if (step.done) this.#end();
      else this.#add(step.value);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  /** The next chunk of the stream, unless the client is known to be gone before it comes. */
  #readOrFail(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<{ done: boolean; value?: unknown }> {
    // Ends: with a chunk, the end or an error of the stream, with `fail`, and with `abandon`.
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      reader.read().then(
        (step) => {
          this.#refuse = null;
          resolve(step);
        },
        (error: unknown) => {
          this.#refuse = null;
          reject(new RequestBodyError('the request body broke off', 400, { cause: error }));
        },
      );
    });
  }

  #end(): void {
    this.#ended = true;
    if (this.#came >= this.#announced) return;
    throw new ClientDisconnected('the request body ended before its Content-Length');
  }

  #add(chunk: unknown): void {
    const whole = bytesOf(chunk);
    if (whole === null) throw new TypeError('the body of the Request gives chunks that are no Uint8Array');
    // G-54: what exceeds the announced length does not belong to this request.
    const bytes = this.#announced < 0 ? whole : whole.subarray(0, this.#announced - this.#came);
    this.#came += bytes.byteLength;
    if (this.#came > this.#limit) {
      throw bodyBeyond(this.#limit);
    }
    if (bytes.byteLength > 0) this.#rest = bytes;
  }
}
