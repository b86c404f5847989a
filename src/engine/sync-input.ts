import type { BlockInput } from '../interface/read-block.ts';
import { READ_BLOCK } from '../interface/read-block.ts';
import type { BodySource } from '../interface/transport.ts';
import type { InputStream } from '../interface/types.ts';
import { hintArgument, InputBuffer, sizeArgument } from './input-buffer.ts';

/** `wsgi.input` for sync applications: every method blocks in the source until it can answer (G-51 to G-66). */
export class SyncInput implements InputStream, BlockInput {
  readonly #source: BodySource<false> | null;
  #buffer: InputBuffer | null = null;

  /** @param source null for a request without a body: every read is empty at once (G-55) */
  constructor(source: BodySource<false> | null) {
    this.#source = source;
  }

  /**
   * @throws ClientDisconnected, RequestBodyError when the body will never be complete (G-63); TypeError for a size that
   *   is no integer
   */
  read(size?: number | null): Uint8Array {
    return this.#take(sizeArgument(size), false);
  }

  readline(size?: number | null): Uint8Array {
    return this.#take(sizeArgument(size), true);
  }

  readlines(hint?: number | null): Uint8Array[] {
    const most = hintArgument(hint);
    const lines: Uint8Array[] = [];
    for (let total = 0; total < most; ) {
      const line = this.readline();
      if (line.byteLength === 0) break;
      lines.push(line);
      total += line.byteLength;
    }
    return lines;
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let line = this.readline(); line.byteLength !== 0; line = this.readline()) yield line;
  }

  /** For bridges: what has arrived, at most `max` bytes of it; blocks until there is something. Null at the end. */
  [READ_BLOCK](max: number, target?: Uint8Array): Uint8Array | null {
    this.#buffer ??= new InputBuffer(this.#source === null);
    const buffer = this.#buffer;
    const rest = buffer.rest(max);
    if (rest !== null || buffer.ended) return rest;
    // Of a block of at most `max` bytes nothing is left over.
    buffer.feed(this.#source!.read(max, false, target));
    return buffer.rest(max);
  }

  #take(limit: number, line: boolean): Uint8Array {
    this.#buffer ??= new InputBuffer(this.#source === null);
    const buffer = this.#buffer;
    buffer.begin(limit, line);
    let result = buffer.take();
    while (result === null) {
      buffer.feed(this.#source!.read(buffer.wanted, buffer.line));
      result = buffer.take();
    }
    return result;
  }
}
