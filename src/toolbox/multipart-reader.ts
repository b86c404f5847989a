/** Reads a form part by part, in either convention: what has to be waited for is yielded (`src/rules/steps.ts`). */
import { ApplicationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, InputStream } from '../interface/types.ts';
import { type Steps, wait } from '../rules/steps.ts';
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
import { BLOCK, checkLength, contentType, joined, readable } from './request-body.ts';
import { unsupported } from './request-data-error.ts';

export const MULTIPART = 'multipart/form-data';

function sizeArgument(size: number | null | undefined): number {
  if (size === undefined || size === null || size < 0) return Number.POSITIVE_INFINITY;
  if (!Number.isInteger(size)) throw new TypeError(`a number of bytes must be an integer, got ${size}`);
  return size;
}

export class FormReader {
  readonly #input: InputStream | AsyncInputStream;
  readonly #splitter: MultipartSplitter;
  #left: number;
  /** The part that can be read: the last one, until the next is asked for. */
  current: PartData | null = null;

  /** @throws RequestDataError */
  constructor(environ: Environ | AsyncEnviron, options: MultipartLimits) {
    const limits = multipartLimits(options);
    const type = contentType(environ);
    if (type?.value !== MULTIPART) throw unsupported(`the request body must be ${MULTIPART}`);
    const boundary = checkBoundary(type.parameters.get('boundary'));
    checkLength(environ, limits.maxTotalSize);
    this.#splitter = new MultipartSplitter(boundary, limits);
    this.#input = environ['wsgi.input'];
    this.#left = readable(environ);
  }

  /** What the form goes on with, where that was read already; else null, and `read` has it. */
  ready(): MultipartEvent | null {
    return this.#splitter.next();
  }

  /** Reads until it is known what the form goes on with. */
  *read(): Steps<MultipartEvent> {
    for (;;) {
      const block = yield* wait(this.#input.read(Math.min(BLOCK, this.#left)));
      this.#left -= block.byteLength;
      this.#splitter.feed(block);
      const event = this.#splitter.next();
      if (event !== null) return event;
    }
  }

  /** The next part; null at the end of the form. */
  *nextPart(): Steps<PartData | null> {
    this.current = null;
    for (;;) {
      const event = this.ready() ?? (yield* this.read());
      if (event === BODY_END) return null;
      // The end, or unread data, of the part before.
      if (event === PART_END || event instanceof Uint8Array) continue;
      this.current = new PartData(event, this);
      return this.current;
    }
  }
}

/** The data of one part. */
export class PartData {
  readonly head: PartHead;
  readonly #reader: FormReader;
  /** The unread bytes of the block that was taken from the form last. */
  #rest: Uint8Array | null = null;
  #complete = false;

  constructor(head: PartHead, reader: FormReader) {
    this.head = head;
    this.#reader = reader;
  }

  /** At most `size` bytes of the current block; null at the end of the part. */
  *block(size: number): Steps<Uint8Array | null> {
    if (this.#reader.current !== this) {
      throw new ApplicationError('a part of a form can be read only until the next one is asked for');
    }
    if (this.#rest === null && !this.#complete) {
      const event = this.#reader.ready() ?? (yield* this.#reader.read());
      if (event instanceof Uint8Array) this.#rest = event;
      else this.#complete = true;
    }
    const rest = this.#rest;
    if (rest === null || rest.byteLength <= size) {
      this.#rest = null;
      return rest;
    }
    this.#rest = rest.subarray(size);
    return rest.subarray(0, size);
  }

  /** `size` bytes, fewer only at the end, and none after it; without a size, or with -1, the rest. */
  *read(size?: number | null): Steps<Uint8Array> {
    const wanted = sizeArgument(size);
    const blocks: Uint8Array[] = [];
    let got = 0;
    while (got < wanted) {
      const block = yield* this.block(wanted - got);
      if (block === null) break;
      blocks.push(block);
      got += block.byteLength;
    }
    return joined(blocks, got);
  }
}
