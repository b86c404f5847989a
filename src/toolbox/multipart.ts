/** Forms with files: multipart/form-data (RFC 7578), part by part as it arrives, in both conventions. */
import { ApplicationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, InputStream } from '../interface/types.ts';
import type { Headers } from './headers.ts';
import type { PartHead } from './multipart-head.ts';
import {
  BODY_END,
  checkBoundary,
  type MultipartEvent,
  type MultipartLimits,
  MultipartSplitter,
  multipartLimits,
  PART_END,
} from './multipart-splitter.ts';
import { BLOCK, checkLength, contentType, isAsync, joined, readable } from './request-body.ts';
import { unsupported } from './request-data-error.ts';

export const MULTIPART = 'multipart/form-data';

/** One part of a form, whose data are read as they arrive. Iterating it gives its blocks. */
export interface Part extends PartHead, Iterable<Uint8Array> {
  /** `size` bytes, fewer only at the end, and none after it; without a size, or with -1, the rest. */
  read(size?: number | null): Uint8Array;
  /** The rest as text in UTF-8; malformed sequences become U+FFFD. */
  text(): string;
}

/** As `Part`, for the async convention. Reads must not overlap. */
export interface AsyncPart extends PartHead, AsyncIterable<Uint8Array> {
  read(size?: number | null): Promise<Uint8Array>;
  text(): Promise<string>;
}

function splitterOf(environ: Environ | AsyncEnviron, options: MultipartLimits): MultipartSplitter {
  const limits = multipartLimits(options);
  const type = contentType(environ);
  if (type?.value !== MULTIPART) throw unsupported(`the request body must be ${MULTIPART}`);
  const boundary = checkBoundary(type.parameters.get('boundary'));
  checkLength(environ, limits.maxTotalSize);
  return new MultipartSplitter(boundary, limits);
}

function sizeArgument(size: number | null | undefined): number {
  if (size === undefined || size === null || size < 0) return Number.POSITIVE_INFINITY;
  if (!Number.isInteger(size)) throw new TypeError(`a number of bytes must be an integer, got ${size}`);
  return size;
}

function decoded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** What both kinds of parts have in common: the head, and the block that is being read. */
abstract class AnyPart implements PartHead {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string;
  readonly headers: Headers;
  protected ended = false;
  private rest: Uint8Array | null = null;

  constructor({ name, filename, type, headers }: PartHead) {
    this.name = name;
    this.filename = filename;
    this.type = type;
    this.headers = headers;
  }

  /** Whether the next event has to be fetched for `piece`. */
  protected get dry(): boolean {
    return this.rest === null && !this.ended;
  }

  protected take(event: MultipartEvent): void {
    if (event instanceof Uint8Array) this.rest = event;
    else this.ended = true;
  }

  /** At most `size` bytes of the current block; null at the end of the part. */
  protected piece(size: number): Uint8Array | null {
    const { rest } = this;
    if (rest === null || rest.byteLength <= size) {
      this.rest = null;
      return rest;
    }
    this.rest = rest.subarray(size);
    return rest.subarray(0, size);
  }
}

function refuseOld(): never {
  throw new ApplicationError('a part of a form can be read only until the next one is asked for');
}

class SyncReader {
  private readonly input: InputStream;
  private readonly splitter: MultipartSplitter;
  private left: number;
  current: SyncPart | null = null;

  constructor(environ: Environ, options: MultipartLimits) {
    this.splitter = splitterOf(environ, options);
    this.input = environ['wsgi.input'];
    this.left = readable(environ);
  }

  next(): MultipartEvent {
    for (;;) {
      const event = this.splitter.next();
      if (event !== null) return event;
      const block = this.input.read(Math.min(BLOCK, this.left));
      this.left -= block.byteLength;
      this.splitter.feed(block);
    }
  }

  *parts(): Generator<Part, void, undefined> {
    for (let event = this.next(); event !== BODY_END; event = this.next()) {
      // The end, or data that nobody has read, of the part before.
      if (event === PART_END || event instanceof Uint8Array) continue;
      this.current = new SyncPart(event, this);
      yield this.current;
      this.current = null;
    }
  }
}

class SyncPart extends AnyPart implements Part {
  private readonly reader: SyncReader;

  constructor(head: PartHead, reader: SyncReader) {
    super(head);
    this.reader = reader;
  }

  read(size?: number | null): Uint8Array {
    const wanted = sizeArgument(size);
    const blocks: Uint8Array[] = [];
    let got = 0;
    while (got < wanted) {
      const block = this.block(wanted - got);
      if (block === null) break;
      blocks.push(block);
      got += block.byteLength;
    }
    return joined(blocks, got);
  }

  text(): string {
    return decoded(this.read());
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let block = this.block(BLOCK); block !== null; block = this.block(BLOCK)) yield block;
  }

  private block(size: number): Uint8Array | null {
    if (this.reader.current !== this) refuseOld();
    if (this.dry) this.take(this.reader.next());
    return this.piece(size);
  }
}

class AsyncReader {
  private readonly input: AsyncInputStream;
  private readonly splitter: MultipartSplitter;
  private left: number;
  current: AsyncPartReader | null = null;

  constructor(environ: AsyncEnviron, options: MultipartLimits) {
    this.splitter = splitterOf(environ, options);
    this.input = environ['wsgi.input'];
    this.left = readable(environ);
  }

  async next(): Promise<MultipartEvent> {
    for (;;) {
      const event = this.splitter.next();
      if (event !== null) return event;
      const block = await this.input.read(Math.min(BLOCK, this.left));
      this.left -= block.byteLength;
      this.splitter.feed(block);
    }
  }

  async *parts(): AsyncGenerator<AsyncPart, void, undefined> {
    for (let event = await this.next(); event !== BODY_END; event = await this.next()) {
      if (event === PART_END || event instanceof Uint8Array) continue;
      this.current = new AsyncPartReader(event, this);
      yield this.current;
      this.current = null;
    }
  }
}

class AsyncPartReader extends AnyPart implements AsyncPart {
  private readonly reader: AsyncReader;

  constructor(head: PartHead, reader: AsyncReader) {
    super(head);
    this.reader = reader;
  }

  async read(size?: number | null): Promise<Uint8Array> {
    const wanted = sizeArgument(size);
    const blocks: Uint8Array[] = [];
    let got = 0;
    while (got < wanted) {
      const block = await this.block(wanted - got);
      if (block === null) break;
      blocks.push(block);
      got += block.byteLength;
    }
    return joined(blocks, got);
  }

  async text(): Promise<string> {
    return decoded(await this.read());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let block = await this.block(BLOCK); block !== null; block = await this.block(BLOCK)) yield block;
  }

  private async block(size: number): Promise<Uint8Array | null> {
    if (this.reader.current !== this) refuseOld();
    if (this.dry) this.take(await this.reader.next());
    return this.piece(size);
  }
}

async function* asyncParts(environ: AsyncEnviron, options: MultipartLimits): AsyncGenerator<AsyncPart> {
  yield* new AsyncReader(environ, options).parts();
}

function* syncParts(environ: Environ, options: MultipartLimits): Generator<Part> {
  yield* new SyncReader(environ, options).parts();
}

/**
 * The parts of a form, in order, each as it arrives: nothing larger than a block is held in memory. A part can be read
 * until the next one is asked for; what was not read of it is skipped.
 *
 * ```ts
 * for (const part of multipart(environ)) {
 *   if (part.filename === undefined) fields.set(part.name, part.text());
 *   else for (const block of part) writeSync(file, block);
 * }
 * ```
 *
 * A file name is the client's word: never make a path of it. Iterating throws RequestDataError: 415 for another
 * Content-Type, 413 above a limit, 400 for a body that is malformed or ends too early; and what `wsgi.input` throws when the
 * body breaks off (G-63). Leaving the loop leaves the rest of the body unread.
 */
export function multipart(environ: Environ, limits?: MultipartLimits): Iterable<Part>;
export function multipart(environ: AsyncEnviron, limits?: MultipartLimits): AsyncIterable<AsyncPart>;
export function multipart(
  environ: Environ | AsyncEnviron,
  limits: MultipartLimits = {},
): Iterable<Part> | AsyncIterable<AsyncPart> {
  return isAsync(environ) ? asyncParts(environ, limits) : syncParts(environ, limits);
}
