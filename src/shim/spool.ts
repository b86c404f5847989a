/**
 * A request body collected before a sync application runs on an event loop, where it cannot wait for the client: in
 * memory up to a threshold, then in a temporary file (B-21).
 */
import { readSync } from 'node:fs';
import { RequestBodyError, requestOver } from '../interface/errors.ts';
import type { BodySource } from '../interface/transport.ts';
import type { AsyncEnviron } from '../interface/types.ts';
import { TemporaryFile } from '../rules/temporary-file.ts';
import { blocksOf, declaredLength, readableBytes } from './near/input.ts';

const BLOCK = 65536;

/** A collected body, read from its beginning. */
export class Spool implements BodySource<false> {
  #blocks: Uint8Array[] = [];
  #file: TemporaryFile | null = null;
  #position = 0;
  #closed = false;
  size = 0;
  /** What broke the body off; thrown where it broke off, in place of its end (G-63). */
  failure: unknown = null;

  /** Whether there is no body at all. */
  get empty(): boolean {
    return this.size === 0 && this.failure === null;
  }

  async append(block: Uint8Array, memory: number): Promise<void> {
    const start = this.size;
    this.size += block.byteLength;
    if (this.#file === null) {
      this.#blocks.push(block);
      if (this.size <= memory) return;
      this.#file = await TemporaryFile.open();
      await this.#file.write(Buffer.concat(this.#blocks.splice(0)), 0);
    } else {
      await this.#file.write(block, start);
    }
  }

  read(max: number): Uint8Array | null {
    if (this.#closed) throw requestOver();
    if (this.#file !== null) {
      const block = new Uint8Array(Math.min(max, this.size - this.#position));
      const count =
        block.byteLength === 0 ? 0 : readSync(this.#file.handle.fd, block, 0, block.byteLength, this.#position);
      this.#position += count;
      if (count > 0) return count === block.byteLength ? block : block.slice(0, count);
    } else if (this.#blocks.length > 0) {
      const first = this.#blocks[0];
      if (first.byteLength > max) this.#blocks[0] = first.subarray(max);
      else this.#blocks.shift();
      return first.slice(0, max);
    }
    if (this.failure !== null) throw this.failure;
    return null;
  }

  /**
   * Frees memory and file. Reads throw from now on: what was not read must not look as if it had never been there
   * (G-63).
   */
  close(): void {
    this.#closed = true;
    this.#blocks = [];
    void this.#file?.close();
    this.#file = null;
  }
}

/**
 * Collects a request body.
 *
 * @param memory bytes kept in memory before a file takes them
 * @param limit the largest body, bytes
 * @returns null where the body is larger
 * @throws whatever reading throws but RequestBodyError, which is kept for the application's own read
 */
export async function collect(environ: AsyncEnviron, memory: number, limit: number): Promise<Spool | null> {
  const spool = new Spool();
  let left = readableBytes(environ);
  if ((declaredLength(environ) ?? 0) > limit) return null;
  const next = blocksOf(environ['wsgi.input'], left);
  try {
    while (left > 0) {
      const block = await next(Math.min(BLOCK, left), false);
      if (block === null) break;
      if (spool.size + block.byteLength > limit) {
        spool.close();
        return null;
      }
      left -= block.byteLength;
      await spool.append(block, memory);
    }
  } catch (error) {
    if (!(error instanceof RequestBodyError)) {
      spool.close();
      throw error;
    }
    spool.failure = error;
  }
  return spool;
}
