/**
 * A request body collected before a sync application runs on an event loop, where it cannot wait for the client: in
 * memory up to a threshold, then in a temporary file (B-21).
 */
import { randomUUID } from 'node:crypto';
import { readSync, unlinkSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RequestBodyError, requestOver } from '../interface/errors.ts';
import type { BodySource } from '../interface/transport.ts';
import type { AsyncEnviron } from '../interface/types.ts';
import { blocksOf, declaredLength, readableBytes } from './near/input.ts';

const BLOCK = 65536;

/** The body is larger than the limit: to be answered with 413. */
export class BodyTooLarge extends Error {}

/** A collected body, read from its beginning. */
export class Spool implements BodySource<false> {
  #blocks: Uint8Array[] = [];
  /** Bytes of the block at the front that are read already. */
  #at = 0;
  #file: FileHandle | null = null;
  #path: string | null = null;
  #position = 0;
  /** What broke the body off; thrown where it broke off (G-63). */
  #failure: unknown = null;
  #closed = false;
  size = 0;

  /** Whether there is no body at all. */
  get empty(): boolean {
    return this.size === 0 && this.#failure === null;
  }

  /** Whether there is a file that `close` has to remove. */
  get onDisk(): boolean {
    return this.#file !== null;
  }

  async append(block: Uint8Array, memory: number): Promise<void> {
    this.size += block.byteLength;
    if (this.#file === null) {
      this.#blocks.push(block);
      if (this.size <= memory) return;
      await this.#open();
      for (const kept of this.#blocks.splice(0)) await this.#write(kept);
    } else {
      await this.#write(block);
    }
  }

  /** Ends the body with an error in place of its end. */
  fail(error: unknown): void {
    this.#failure = error;
  }

  async #open(): Promise<void> {
    const path = join(tmpdir(), `quaich-${randomUUID()}`);
    this.#file = await open(path, 'wx+', 0o600);
    try {
      unlinkSync(path); // nothing is left behind if the process dies
    } catch {
      this.#path = path; // not possible for an open file on Windows
    }
  }

  async #write(block: Uint8Array): Promise<void> {
    for (let at = 0; at < block.byteLength; ) {
      const { bytesWritten } = await this.#file!.write(block, at, block.byteLength - at);
      at += bytesWritten;
    }
  }

  read(max: number): Uint8Array | null {
    if (this.#closed) throw requestOver();
    if (this.#file !== null) {
      const block = new Uint8Array(Math.min(max, this.size - this.#position));
      const count = block.byteLength === 0 ? 0 : readSync(this.#file.fd, block, 0, block.byteLength, this.#position);
      this.#position += count;
      if (count > 0) return count === block.byteLength ? block : block.slice(0, count);
    } else if (this.#blocks.length > 0) {
      const first = this.#blocks[0];
      const count = Math.min(max, first.byteLength - this.#at);
      const block = Uint8Array.prototype.slice.call(first, this.#at, this.#at + count);
      this.#at += count;
      if (this.#at === first.byteLength) {
        this.#blocks.shift();
        this.#at = 0;
      }
      return block;
    }
    if (this.#failure !== null) throw this.#failure;
    return null;
  }

  /**
   * Frees memory and file. Reads throw from now on: what was not read must not look as if it had never been there
   * (G-63).
   */
  close(): void {
    this.#closed = true;
    const file = this.#file;
    const path = this.#path;
    this.#blocks = [];
    this.#file = null;
    this.#path = null;
    if (file === null) return;
    const closed = file.close();
    void (path === null ? closed : closed.then(() => unlink(path))).catch(() => {});
  }
}

/**
 * Collects a request body.
 *
 * @param memory bytes kept in memory before a file takes them
 * @param limit the largest body, bytes
 * @throws BodyTooLarge; whatever reading throws but RequestBodyError, which is kept for the application's own read
 */
export async function collect(environ: AsyncEnviron, memory: number, limit: number): Promise<Spool> {
  const spool = new Spool();
  let left = readableBytes(environ);
  if (left === 0) return spool;
  if ((declaredLength(environ) ?? 0) > limit) throw new BodyTooLarge();
  const input = environ['wsgi.input'];
  const next = blocksOf(input, left);
  try {
    for (;;) {
      const block = await next(Math.min(BLOCK, left), false);
      if (block === null) break;
      if (spool.size + block.byteLength > limit) throw new BodyTooLarge();
      left -= block.byteLength;
      await spool.append(block, memory);
      if (left === 0) break;
    }
  } catch (error) {
    if (!(error instanceof RequestBodyError)) {
      spool.close();
      throw error;
    }
    spool.fail(error);
  }
  return spool;
}
