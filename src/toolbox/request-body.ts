/** Reading a request body as a whole, within a limit, in both conventions. */
import { isAsyncEnviron } from '../interface/kind.ts';
import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { type ParameterizedValue, parseParameterized } from './media-type.ts';
import { limit, tooLarge, unsupported } from './request-data-error.ts';

/** Bytes asked of the input at a time. */
export const BLOCK = 65536;

/** 1 MiB. */
export const DEFAULT_MAX_SIZE = 1048576;

export interface BodyOptions {
  /** Most bytes of the body; 1 MiB by default. */
  maxSize?: number;
}

/** Joins blocks that are `size` bytes together. */
export function joined(blocks: readonly Uint8Array[], size: number): Uint8Array {
  if (blocks.length === 1) return blocks[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.byteLength;
  }
  return bytes;
}

/** Text in UTF-8; malformed sequences become U+FFFD. */
export function decoded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/**
 * The media type of the request body; null without one.
 *
 * @throws RequestDataError 415 for a malformed one, and for a body with a content coding, which none of the readers
 *   undoes
 */
export function contentType(environ: Environ | AsyncEnviron): ParameterizedValue | null {
  const coding = (environ.HTTP_CONTENT_ENCODING ?? '').trim().toLowerCase();
  if (coding !== '' && coding !== 'identity') throw unsupported('the request body has a content coding');
  const text = environ.CONTENT_TYPE ?? '';
  if (text === '') return null;
  const type = parseParameterized(text);
  if (type === null) throw unsupported('the Content-Type of the request is malformed');
  return type;
}

/**
 * Refuses a body that says itself that it is too large: before the first read, so that a client may yet hold it back.
 */
export function checkLength(environ: Environ | AsyncEnviron, maxSize: number): void {
  if (Number(environ.CONTENT_LENGTH || 0) > maxSize) throw tooLong(maxSize);
}

/**
 * Bytes of the body that may be asked for: any number where the input ends by itself; else those that are announced,
 * since some servers would wait for more for ever.
 */
export function readable(environ: Environ | AsyncEnviron): number {
  return environ['wsgi.input_terminated'] === true ? Number.POSITIVE_INFINITY : Number(environ.CONTENT_LENGTH || 0);
}

function tooLong(maxSize: number): Error {
  return tooLarge(`the request body is larger than ${maxSize} bytes`);
}

/** Blocks up to a limit. */
class Collected {
  private readonly blocks: Uint8Array[] = [];
  private readonly maxSize: number;
  private readonly readable: number;
  private size = 0;

  constructor(environ: Environ | AsyncEnviron, maxSize: number) {
    this.maxSize = maxSize;
    this.readable = readable(environ);
  }

  /** What to ask for: no more than shows that the limit is passed, and nothing at the end. */
  get wanted(): number {
    return Math.min(BLOCK, this.maxSize - this.size + 1, this.readable - this.size);
  }

  add(block: Uint8Array): void {
    this.size += block.byteLength;
    if (this.size > this.maxSize) throw tooLong(this.maxSize);
    this.blocks.push(block);
  }

  get bytes(): Uint8Array {
    return joined(this.blocks, this.size);
  }
}

function collect(environ: Environ, maxSize: number): Uint8Array {
  checkLength(environ, maxSize);
  const input = environ['wsgi.input'];
  const collected = new Collected(environ, maxSize);
  for (;;) {
    const block = input.read(collected.wanted);
    if (block.byteLength === 0) return collected.bytes;
    collected.add(block);
  }
}

async function collectAsync(environ: AsyncEnviron, maxSize: number): Promise<Uint8Array> {
  checkLength(environ, maxSize);
  const input = environ['wsgi.input'];
  const collected = new Collected(environ, maxSize);
  for (;;) {
    const block = await input.read(collected.wanted);
    if (block.byteLength === 0) return collected.bytes;
    collected.add(block);
  }
}

/**
 * Reads the body and makes something of it, by the convention of the environ: errors are thrown, or reject.
 *
 * @param check runs before anything is read
 */
export function readWhole<T>(
  environ: Environ | AsyncEnviron,
  maxSize: number,
  check: () => void,
  use: (bytes: Uint8Array) => T,
): T | Promise<T> {
  if (!isAsyncEnviron(environ)) {
    check();
    return use(collect(environ, maxSize));
  }
  return (async () => {
    check();
    return use(await collectAsync(environ, maxSize));
  })();
}

/**
 * The whole body of the request. For large ones read `wsgi.input` block by block instead.
 *
 * @throws RequestDataError 413 above the limit; what `wsgi.input` throws when the body breaks off (G-63)
 */
export function body(environ: Environ, options?: BodyOptions): Uint8Array;
export function body(environ: AsyncEnviron, options?: BodyOptions): Promise<Uint8Array>;
export function body(environ: Environ | AsyncEnviron, options: BodyOptions = {}): Uint8Array | Promise<Uint8Array> {
  const maxSize = limit(options.maxSize, DEFAULT_MAX_SIZE, 'maxSize');
  return readWhole(
    environ,
    maxSize,
    () => {},
    (bytes) => bytes,
  );
}
