/**
 * `wsgi.file_wrapper` (G-160 to G-166, U-08) makes a body of a file. The call reads and sends nothing. The gateway
 * sends the file itself if it can, and if it gets the very wrapper back.
 */
import { closeSync, fstatSync, openSync, readSync, read as readWithCallback, type Stats } from 'node:fs';
import type { AsyncFileLike, Body, FileHandleLike, FileLike } from '../interface/types.ts';
import { hasMethod } from '../rules/body.ts';
import { nothing } from '../rules/promises.ts';

/** Bytes of a block of `wsgi.file_wrapper`, where the application names no size. */
const DEFAULT_BLOCK_SIZE = 65536;

/** Bytes of a block of the classes, where no size is given: that of Python (U-08). */
const CLASS_BLOCK_SIZE = 8192;

/** A file that the transport may send itself. */
interface FileRange {
  descriptor: number;
  /** Bytes from the current position to the end of the file, -1 where the position is not known (G-165). */
  length: number;
}

/**
 * A file of which a wrapper can be made: a file-like, a descriptor (which the wrapper owns and closes), a FileHandle.
 */
export type SyncFile = FileLike | number | FileHandleLike;
export type AsyncFile = FileLike | AsyncFileLike | number | FileHandleLike;

function blockSizeArgument(size: unknown): number {
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 1) {
    throw new TypeError(`the block size of wsgi.file_wrapper must be a positive integer, got ${String(size)} (G-160)`);
  }
  return size;
}

/** FileHandle is not exported as a class; these three together are not found elsewhere. */
function isFileHandle(file: object): file is FileHandleLike {
  return hasMethod(file, 'stat') && hasMethod(file, 'datasync') && 'fd' in file && typeof file.fd === 'number';
}

function checkFile(file: unknown): void {
  if (typeof file === 'number') {
    if (Number.isInteger(file) && file >= 0) return;
  } else if (typeof file === 'object' && file !== null) {
    if (hasMethod(file, 'read')) return;
  }
  throw new TypeError('wsgi.file_wrapper takes an object with a read method, a FileHandle or a descriptor (G-160)');
}

/**
 * A file, opened for reading, that knows its position: the gateway can derive a Content-Length (G-165).
 */
class OpenFile implements FileLike {
  readonly fd: number;
  position = 0;
  #open = true;

  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }

  read(size: number): Uint8Array {
    const block = readBlock(this.fd, size);
    this.position += block.byteLength;
    return block;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

/** Opens a file for `wsgi.file_wrapper`. Throws as `fs.openSync` does. */
export function openFile(path: string): FileLike {
  return new OpenFile(path);
}

function readBlock(descriptor: number, size: number): Uint8Array {
  const block = new Uint8Array(size);
  const count = readSync(descriptor, block, 0, size, null);
  return count === size ? block : block.slice(0, count);
}

function readBlockAsync(descriptor: number, size: number): Promise<Uint8Array> {
  // Ends: when the system has read, or failed to.
  return new Promise((resolve, reject) => {
    const block = new Uint8Array(size);
    readWithCallback(descriptor, block, 0, size, null, (error, count) => {
      if (error) reject(error);
      else resolve(count === size ? block : block.slice(0, count));
    });
  });
}

/**
 * A file as a body, without the waiting. The private brand is what the engine recognises (G-161). An application makes
 * it, by `wsgi.file_wrapper` or one of the classes, and returns it; the engine sends the file, or takes step after
 * step.
 */
abstract class Wrapper<F extends SyncFile | AsyncFile> {
  protected readonly file: F;
  protected readonly blockSize: number;
  /** Only there when the file has one (G-163). */
  declare close?: () => void | Promise<void>;
  /** No step reads any more. */
  protected complete = false;
  /** A read in progress; never rejects. */
  protected reading: Promise<unknown> | null = null;
  #closed = false;

  constructor(file: F, blockSize: unknown) {
    checkFile(file);
    this.file = file;
    this.blockSize = blockSizeArgument(blockSize);
    const owned: SyncFile | AsyncFile = file;
    if (typeof owned !== 'number' && typeof owned.close !== 'function') return;
    const closeOnce = (): void | Promise<void> => {
      this.complete = true;
      if (this.#closed) return undefined;
      this.#closed = true;
      const close = (): void | Promise<void> => (typeof owned === 'number' ? closeSync(owned) : owned.close?.());
      // A descriptor must not be closed, and given to someone else, while a thread of libuv still reads from it.
      return this.reading === null ? close() : this.reading.then(close);
    };
    this.close = closeOnce;
  }

  /** The descriptor to read from; -1 where the file has a `read` of its own. */
  protected descriptor(): number {
    if (typeof this.file === 'number') return this.file;
    return isFileHandle(this.file) ? this.file.fd : -1;
  }

  /** The step that a block makes; an empty one, or none, ends the body. */
  protected step(block: Uint8Array | null | undefined): IteratorResult<Uint8Array> {
    if (block && block.byteLength !== 0) return { done: false, value: block };
    this.complete = true;
    return { done: true, value: undefined };
  }

  /** Whether the gateway recognises the body as a wrapper (G-161). */
  static made(body: unknown): body is Wrapper<SyncFile | AsyncFile> {
    return typeof body === 'object' && body !== null && #closed in body;
  }

  /**
   * The file behind a body, if that is a wrapper of a regular file from which nothing was read. Null for other bodies,
   * and if the descriptor is of no use: the file is read then (G-162).
   */
  static range(body: unknown): FileRange | null {
    if (!Wrapper.made(body) || body.complete || body.#closed) return null;
    const { file } = body;
    let descriptor: unknown;
    let stat: Stats;
    try {
      descriptor = typeof file === 'number' ? file : file.fd;
      if (typeof descriptor !== 'number' || descriptor < 0) return null;
      stat = fstatSync(descriptor);
    } catch {
      return null;
    }
    if (!stat.isFile()) return null;
    return { descriptor, length: file instanceof OpenFile ? Math.max(0, stat.size - file.position) : -1 };
  }
}

/**
 * A file as the body of a response: an iterator over `read(blockSize)` until an empty result, with a `close` only if
 * the file has one (U-08). A descriptor is owned by the wrapper and closed with it. `wsgi.file_wrapper` of the sync
 * convention makes one of these, so a gateway sends the file itself where it can.
 */
export class FileWrapper extends Wrapper<SyncFile> implements IterableIterator<Uint8Array> {
  /**
   * @param blockSize bytes
   * @throws TypeError for what is no file, or no positive integer
   */
  constructor(file: FileLike | number, blockSize?: number);
  constructor(file: SyncFile, blockSize?: number);
  constructor(file: SyncFile, blockSize: number = CLASS_BLOCK_SIZE) {
    super(file, blockSize);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array> {
    return this.step(this.complete ? null : this.#read());
  }

  #read(): Uint8Array {
    const descriptor = this.descriptor();
    // What has no descriptor has a `read` (`checkFile`), which in this convention gives bytes (G-160).
    return descriptor >= 0 ? readBlock(descriptor, this.blockSize) : (this.file as FileLike).read(this.blockSize);
  }

  return(): IteratorResult<Uint8Array> {
    this.complete = true;
    this.close?.();
    return { done: true, value: undefined };
  }
}

/** As `FileWrapper`, for the async convention: also over a `read` that returns promises, and over a FileHandle. */
export class AsyncFileWrapper extends Wrapper<AsyncFile> implements AsyncIterableIterator<Uint8Array> {
  /**
   * @param blockSize bytes
   * @throws TypeError for what is no file, or no positive integer
   */
  constructor(file: AsyncFileLike | number, blockSize?: number);
  constructor(file: AsyncFile, blockSize?: number);
  constructor(file: AsyncFile, blockSize: number = CLASS_BLOCK_SIZE) {
    super(file, blockSize);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.complete) return this.step(null);
    const read = this.#read();
    this.reading = read.then(nothing, nothing);
    const block = await read;
    this.reading = null;
    return this.step(block);
  }

  async #read(): Promise<Uint8Array> {
    const file = this.file;
    if (file instanceof OpenFile) {
      const block = await readBlockAsync(file.fd, this.blockSize);
      file.position += block.byteLength;
      return block;
    }
    const descriptor = this.descriptor();
    // As in `FileWrapper`, or a promise of bytes.
    return descriptor >= 0 ? readBlockAsync(descriptor, this.blockSize) : (file as AsyncFileLike).read(this.blockSize);
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.complete = true;
    await this.close?.();
    return { done: true, value: undefined };
  }
}

/** `wsgi.file_wrapper` of the sync convention; blocks of 64 KiB by default. */
export function fileWrapper(file: SyncFile, blockSize?: number): Body {
  return new FileWrapper(file, blockSize ?? DEFAULT_BLOCK_SIZE);
}

/** `wsgi.file_wrapper` of the async convention. */
export function asyncFileWrapper(
  file: AsyncFile,
  blockSize?: number,
): AsyncIterable<Uint8Array> & { close?(): void | Promise<void> } {
  return new AsyncFileWrapper(file, blockSize ?? DEFAULT_BLOCK_SIZE);
}

/** The file that a body consists of, if it is an untouched wrapper of a regular file (G-161); else null. */
export function fileOf(body: unknown): FileRange | null {
  return Wrapper.range(body);
}

/** Whether a body is a file wrapper of this project: it is handed on as the very object (M-16). */
export function isFileWrapper(body: unknown): boolean {
  return Wrapper.made(body);
}
