import { bodyBeyond, ConfigurationError } from '../interface/errors.ts';
import { isAsyncEnviron } from '../interface/kind.ts';
import { READ_BLOCK, readsBlocks } from '../interface/read-block.ts';
import type { AsyncInputStream, InputStream } from '../interface/types.ts';
import { DIGITS } from '../rules/grammar.ts';
import { nothing } from '../rules/promises.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import { plainAnswer } from './answers.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface LimitBodyOptions {
  /** The largest request body, in bytes. */
  maximum: number;
}

/** The bytes that the limit still allows. One byte more than that is asked for, to see whether there is one. */
class Allowance {
  readonly #maximum: number;
  #left: number;

  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#left = maximum;
  }

  /**
   * The size to ask for in place of the given one. What is no size goes on, for the stream inside to complain about.
   */
  size<S extends number | null | undefined>(size: S): S | number {
    if (size === 0 || !isSize(size)) return size;
    const most = Math.max(0, this.#left) + 1;
    return size === undefined || size === null || size < 0 ? most : Math.min(size, most);
  }

  /**
   * @param size as it was given: where nothing was asked for, nothing is refused
   * @throws RequestBodyError (413), then always
   */
  take(block: Uint8Array, size?: number | null): Uint8Array {
    if (size === 0) return block;
    this.#left -= block.byteLength;
    if (this.#left < 0) throw bodyBeyond(this.#maximum);
    return block;
  }
}

function isSize(size: unknown): boolean {
  return size === undefined || size === null || Number.isInteger(size);
}

/** All lines, or as many as make up the hint (G-59). */
function* collected(
  readline: () => Uint8Array | Promise<Uint8Array>,
  hint: number | null | undefined,
): Steps<Uint8Array[]> {
  const lines: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const line = yield* wait(readline());
    if (line.byteLength === 0) return lines;
    lines.push(line);
    total += line.byteLength;
    if (hint !== undefined && hint !== null && hint > 0 && total >= hint) return lines;
  }
}

class LimitedInput implements InputStream {
  readonly #inner: InputStream;
  readonly #allowance: Allowance;

  constructor(inner: InputStream, maximum: number) {
    const allowance = new Allowance(maximum);
    this.#inner = inner;
    this.#allowance = allowance;
    if (!readsBlocks(inner)) return;
    const readBlock = (max: number): Uint8Array | null => {
      const block = inner[READ_BLOCK](allowance.size(max));
      return block === null ? null : allowance.take(block);
    };
    this[READ_BLOCK] = readBlock;
  }

  read(size?: number | null): Uint8Array {
    return this.#allowance.take(this.#inner.read(this.#allowance.size(size)), size);
  }

  readline(size?: number | null): Uint8Array {
    return this.#allowance.take(this.#inner.readline(this.#allowance.size(size)), size);
  }

  /** Only where the input inside has it (see the constructor). */
  [READ_BLOCK]?(max: number): Uint8Array | null;

  readlines(hint?: number | null): Uint8Array[] {
    return runSteps(collected(() => this.readline(), hint));
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (let line = this.readline(); line.byteLength !== 0; line = this.readline()) yield line;
  }
}

/** Overlapping reads are kept in call order (B-10), since each depends on what the one before has left. */
class LimitedAsyncInput implements AsyncInputStream {
  readonly #inner: AsyncInputStream;
  readonly #allowance: Allowance;
  #last: Promise<unknown> = Promise.resolve();

  constructor(inner: AsyncInputStream, maximum: number) {
    this.#inner = inner;
    this.#allowance = new Allowance(maximum);
  }

  #queue<T>(operation: () => Promise<T>): Promise<T> {
    const run = this.#last.then(operation, operation);
    this.#last = run.catch(nothing);
    return run;
  }

  read(size?: number | null): Promise<Uint8Array> {
    return this.#queue(async () => this.#allowance.take(await this.#inner.read(this.#allowance.size(size)), size));
  }

  readline(size?: number | null): Promise<Uint8Array> {
    return this.#queue(() => this.#line(size));
  }

  async #line(size?: number | null): Promise<Uint8Array> {
    return this.#allowance.take(await this.#inner.readline(this.#allowance.size(size)), size);
  }

  readlines(hint?: number | null): Promise<Uint8Array[]> {
    return this.#queue(() => awaitSteps(collected(() => this.#line(), hint)));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let line = await this.readline(); line.byteLength !== 0; line = await this.readline()) yield line;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of this.#inner.chunks()) yield this.#allowance.take(chunk);
  }

  stream(): ReadableStream<Uint8Array> {
    const chunks = this.chunks();
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await chunks.return();
        },
      },
      { highWaterMark: 0 },
    );
  }
}

function limitInput(environ: AnyEnviron, maximum: number): void {
  if (isAsyncEnviron(environ)) environ['wsgi.input'] = new LimitedAsyncInput(environ['wsgi.input'], maximum);
  else environ['wsgi.input'] = new LimitedInput(environ['wsgi.input'], maximum);
}

/**
 * Refuses request bodies above a size with 413: by their Content-Length before the application is called, and those
 * without one (chunked) as they are read, by a `RequestBodyError`, which becomes a 413 where the application lets it
 * out. Unread bytes are the gateway's (G-64), which has a limit of its own (G-65): this one is for an application, or a
 * mount, that wants less.
 *
 * @throws ConfigurationError
 */
export function limitBody(options: LimitBodyOptions): Middleware {
  const { maximum } = options;
  if (!Number.isSafeInteger(maximum) || maximum < 0) {
    throw new ConfigurationError(`limitBody: maximum is a number of bytes, got ${String(maximum)}`);
  }
  return middleware({
    name: 'limitBody',
    request(environ) {
      const length = environ.CONTENT_LENGTH;
      if (length === undefined || length === '') {
        limitInput(environ, maximum);
        return undefined;
      }
      if (!DIGITS.test(length)) return plainAnswer(400); // G-27
      return Number(length) > maximum ? plainAnswer(413) : undefined;
    },
  });
}
