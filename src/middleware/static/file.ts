/** The bytes of an open file, or of a part of it, for `wsgi.file_wrapper`. */
import { closeSync, read, readSync } from 'node:fs';
import type { AsyncBody, AsyncEnviron, AsyncFileLike, Body, Environ, FileLike } from '../../interface/types.ts';
import { closeAsync } from './file-system.ts';

/** Bytes of a block where there is no file wrapper. */
const BLOCK = 65536;

/** Bytes of a file. */
export interface FilePart {
  descriptor: number;
  start: number;
  length: number;
  /** All of the file: the gateway may send it by its descriptor (G-161). */
  whole: boolean;
}

abstract class OpenFilePart {
  protected readonly descriptor: number;
  #position: number;
  #left: number;
  protected open = true;
  /** Only there for a whole file: the gateway sends from the descriptor's position, which is the beginning. */
  declare readonly fd?: number;

  constructor(part: FilePart) {
    this.descriptor = part.descriptor;
    this.#position = part.start;
    this.#left = part.length;
    if (part.whole) this.fd = part.descriptor;
  }

  /** How much to read; 0 at the end of the part, also if the file grows. */
  protected want(size: number): number {
    return this.open ? Math.min(size, this.#left) : 0;
  }

  protected get position(): number {
    return this.#position;
  }

  protected took(block: Uint8Array, count: number): Uint8Array {
    this.#position += count;
    this.#left -= count;
    return count === block.byteLength ? block : block.slice(0, count);
  }
}

class SyncFilePart extends OpenFilePart implements FileLike {
  read(size: number): Uint8Array {
    const block = new Uint8Array(this.want(size));
    if (block.byteLength === 0) return block;
    return this.took(block, readSync(this.descriptor, block, 0, block.byteLength, this.position));
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    closeSync(this.descriptor);
  }
}

class AsyncFilePart extends OpenFilePart implements AsyncFileLike {
  #reading: Promise<unknown> | null = null;

  read(size: number): Promise<Uint8Array> {
    // Ends: when the system has read, or failed to.
    const reading = new Promise<Uint8Array>((resolve, reject) => {
      const block = new Uint8Array(this.want(size));
      if (block.byteLength === 0) {
        resolve(block);
        return;
      }
      read(this.descriptor, block, 0, block.byteLength, this.position, (error, count) => {
        if (error) reject(error);
        else resolve(this.took(block, count));
      });
    });
    this.#reading = reading;
    return reading;
  }

  /** Waits for a read under way: the number of a closed descriptor is given to the next file that is opened. */
  async close(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    try {
      await this.#reading;
    } catch {
      // The caller of `read` has the error.
    }
    await closeAsync(this.descriptor);
  }
}

class SyncBlocks implements IterableIterator<Uint8Array> {
  readonly #file: SyncFilePart;

  constructor(file: SyncFilePart) {
    this.#file = file;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array> {
    const block = this.#file.read(BLOCK);
    return block.byteLength === 0 ? { done: true, value: undefined } : { done: false, value: block };
  }

  close(): void {
    this.#file.close();
  }
}

class AsyncBlocks implements AsyncIterableIterator<Uint8Array> {
  readonly #file: AsyncFilePart;

  constructor(file: AsyncFilePart) {
    this.#file = file;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const block = await this.#file.read(BLOCK);
    return block.byteLength === 0 ? { done: true, value: undefined } : { done: false, value: block };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A body that owns the descriptor: through the gateway's file wrapper where there is one. */
export function syncFileBody(environ: Environ, part: FilePart): Body {
  const file = new SyncFilePart(part);
  return environ['wsgi.file_wrapper']?.(file) ?? new SyncBlocks(file);
}

/** As `syncFileBody`. */
export function asyncFileBody(environ: AsyncEnviron, part: FilePart): AsyncBody {
  const file = new AsyncFilePart(part);
  return environ['wsgi.file_wrapper']?.(file) ?? new AsyncBlocks(file);
}
