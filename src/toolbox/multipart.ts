/** Forms with files: multipart/form-data (RFC 7578), part by part as it arrives, in both conventions. */
import { isAsyncEnviron } from '../interface/kind.ts';
import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { awaitSteps, runSteps } from '../rules/steps.ts';
import type { Headers } from './headers.ts';
import type { PartHead } from './multipart-head.ts';
import { FormReader, type PartData } from './multipart-reader.ts';
import type { MultipartLimits } from './multipart-splitter.ts';
import { BLOCK, decoded } from './request-body.ts';

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

/** What both kinds of parts show of the head. */
abstract class AnyPart implements PartHead {
  readonly name: string;
  readonly filename: string | undefined;
  readonly type: string;
  readonly headers: Headers;
  protected readonly data: PartData;

  constructor(data: PartData) {
    const { name, filename, type, headers } = data.head;
    this.name = name;
    this.filename = filename;
    this.type = type;
    this.headers = headers;
    this.data = data;
  }
}

class SyncPart extends AnyPart implements Part {
  read(size?: number | null): Uint8Array {
    return runSteps(this.data.read(size));
  }

  text(): string {
    return decoded(this.read());
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    const { data } = this;
    for (let block = runSteps(data.block(BLOCK)); block !== null; block = runSteps(data.block(BLOCK))) yield block;
  }
}

class AwaitedPart extends AnyPart implements AsyncPart {
  read(size?: number | null): Promise<Uint8Array> {
    return awaitSteps(this.data.read(size));
  }

  async text(): Promise<string> {
    return decoded(await this.read());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const next = (): Promise<Uint8Array | null> => awaitSteps(this.data.block(BLOCK));
    for (let block = await next(); block !== null; block = await next()) yield block;
  }
}

function* syncParts(environ: Environ, limits: MultipartLimits): Generator<Part> {
  const form = new FormReader(environ, limits);
  for (let data = runSteps(form.nextPart()); data !== null; data = runSteps(form.nextPart())) yield new SyncPart(data);
}

async function* asyncParts(environ: AsyncEnviron, limits: MultipartLimits): AsyncGenerator<AsyncPart> {
  const form = new FormReader(environ, limits);
  const next = (): Promise<PartData | null> => awaitSteps(form.nextPart());
  for (let data = await next(); data !== null; data = await next()) yield new AwaitedPart(data);
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
 * Content-Type, 413 above a limit, 400 for a body that is malformed or ends too early; and what `wsgi.input` throws
 * when the body breaks off (G-63). Leaving the loop leaves the rest of the body unread.
 */
export function multipart(environ: Environ, limits?: MultipartLimits): Iterable<Part>;
export function multipart(environ: AsyncEnviron, limits?: MultipartLimits): AsyncIterable<AsyncPart>;
export function multipart(
  environ: Environ | AsyncEnviron,
  limits: MultipartLimits = {},
): Iterable<Part> | AsyncIterable<AsyncPart> {
  return isAsyncEnviron(environ) ? asyncParts(environ, limits) : syncParts(environ, limits);
}
