/** One request through a middleware in the async convention. */
import { isPromise } from 'node:util/types';
import type {
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  AsyncWrite,
} from '../../interface/types.ts';
import { isAwaitable } from '../../rules/body.ts';
import { nothing } from '../../rules/promises.ts';
import { awaitSteps } from '../../rules/steps.ts';
import { type BodyMapping, type Bytes, DROP } from '../types.ts';
import { type AnyIterator, MiddlewareExchange } from './exchange.ts';
import { innerChunkOf, isBody } from './inner-body.ts';
import { EMPTY, MappedBody, NO_MORE } from './mapped-body.ts';

function isAsyncIterable(body: AsyncBody): body is AsyncIterable<Uint8Array> {
  return isBody(body, Symbol.asyncIterator);
}

function isAsyncBody(body: unknown): boolean {
  return isBody(body, Symbol.asyncIterator) || isBody(body, Symbol.iterator);
}

/** An array that is taken as one: with an async iterator of its own it is not (B-04). */
function isArrayBody(body: AsyncBody): body is Uint8Array[] & { close?(): void | Promise<void> } {
  return Array.isArray(body) && !isAsyncIterable(body);
}

export class AsyncExchange extends MiddlewareExchange<
  AsyncWrite,
  AsyncBody,
  Promise<void>,
  AsyncBody | Promise<AsyncBody>
> {
  /** Settles, and never rejects, when the last `write` is through; null when none is under way. */
  #writing: Promise<void> | null = null;
  #writeFailure: { error: unknown } | null = null;

  run(app: AsyncApplication, environ: AsyncEnviron, outer: AsyncStartResponse): AsyncBody | Promise<AsyncBody> {
    const start = this.startFor(outer, (chunk) => {
      const written = (async () => this.#write(chunk))();
      written.catch(nothing); // the application may not look at it (G-146)
      return written;
    });
    this.watchFiles(environ);
    let result: AsyncBody | Promise<AsyncBody>;
    try {
      result = this.around(() => app(environ, start));
      if (isAwaitable(result)) {
        return Promise.resolve(result).then(
          (body) => this.#returned(body),
          (error: unknown) => awaitSteps(this.threw(error)),
        );
      }
    } catch (error) {
      return awaitSteps(this.threw(error));
    }
    return this.#returned(result);
  }

  /** Calls take effect in call order, awaited or not, and before the first chunk of the body (B-09). */
  #write(chunk: Uint8Array): Promise<void> {
    this.stage.settle(null);
    this.wrote = true;
    const decision = this.stage.decision;
    if (decision === DROP) return Promise.resolve();
    const outerWrite = this.stage.requireWrite();
    const given = innerChunkOf(chunk);
    if (given === null) return outerWrite(chunk); // refused there (G-103)
    const before = this.#writing;
    if (decision === null && before === null) return outerWrite(chunk);
    // The caller may reuse its buffer at once, while the mapping works on.
    const copy = Uint8Array.prototype.slice.call(given);
    if (decision === null) return this.#writes(Promise.resolve(before).then(() => outerWrite(copy)));
    if (before !== null) return this.#writes(before.then(() => this.#map(decision, copy)).then(outerWrite));
    const mapped = this.#map(decision, copy);
    if (!isPromise(mapped)) return outerWrite(mapped);
    mapped.catch(nothing);
    // The first write sends the head, at once (G-81): no other head may take its place while the mapping works.
    return this.#writes(
      outerWrite(EMPTY)
        .then(() => mapped)
        .then(outerWrite),
    );
  }

  #map(decision: BodyMapping, chunk: Uint8Array): Bytes {
    try {
      const mapped = decision.chunk(chunk);
      return isPromise(mapped) ? mapped.catch((error) => this.#mappingFailed(error)) : mapped;
    } catch (error) {
      return this.#mappingFailed(error);
    }
  }

  /** An application may ignore the promise of a write; a mapping that failed still fails the response. */
  #mappingFailed(error: unknown): never {
    this.#writeFailure ??= { error };
    throw error;
  }

  #writes(written: Promise<void>): Promise<void> {
    const settled: Promise<void> = written.then(nothing, nothing).then(() => {
      if (this.#writing === settled) this.#writing = null;
    });
    this.#writing = settled;
    return written;
  }

  /** Waits for the writes, which come before the body. Null: there are none to wait for. */
  get written(): Promise<void> | null {
    return this.#writing === null && this.#writeFailure === null ? null : this.#settleWrites();
  }

  async #settleWrites(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    if (this.#writeFailure !== null) throw this.#writeFailure.error;
  }

  #returned(body: AsyncBody): AsyncBody | Promise<AsyncBody> {
    const written = this.written;
    if (written !== null) {
      // No write may come after the gateway has begun to step the body.
      return written.then(
        () => this.#returned(body),
        (failure) => this.#failed(body, failure),
      );
    }
    if (!isAsyncBody(body)) return this.#refused(body);
    try {
      const response = this.respond(body, isArrayBody(body) ? body : null);
      return isPromise(response) ? response.catch((failure) => this.#failed(body, failure)) : response;
    } catch (failure) {
      return this.#failed(body, failure);
    }
  }

  /** For the gateway to refuse (G-100). */
  async #refused(body: AsyncBody): Promise<AsyncBody> {
    await this.end();
    return body;
  }

  /** Closes the body: it was returned to us, and the gateway will never see it. */
  async #failed(body: AsyncBody, failure: unknown): Promise<never> {
    if (isAsyncBody(body)) await this.closeAll(body);
    else await this.end();
    throw failure;
  }

  protected override mapped(body: AsyncBody, chunks: readonly Uint8Array[] | null): AsyncBody {
    return new AsyncMappedBody(this, body, chunks ?? body);
  }

  protected override async whole(mapped: Bytes, body: AsyncBody): Promise<AsyncBody> {
    return this.closing([await mapped], body);
  }

  protected override async dropped(body: AsyncBody): Promise<AsyncBody> {
    await awaitSteps(this.dropNow(body, null));
    return this.closing([], null);
  }

  protected override watchClose(file: AsyncBody): void {
    const { close } = file;
    const closeFile = (): Promise<void> => awaitSteps(this.closeFile(file, close));
    file.close = closeFile;
  }

  override async closeAll(body: AsyncBody): Promise<void> {
    try {
      await this.closeInner(body);
    } finally {
      await this.end();
    }
  }

  override async end(): Promise<void> {
    if (!this.isFirstEnd()) return;
    try {
      this.stage.close();
    } finally {
      await this.handling.onClose?.();
    }
    this.throwEarly();
  }
}

class AsyncMappedBody
  extends MappedBody<AsyncBody, AnyIterator, AsyncExchange>
  implements AsyncIterableIterator<Uint8Array>
{
  /** B-04: async where a body is both. */
  protected override iterate(chunks: AsyncBody): AnyIterator {
    return isAsyncIterable(chunks) ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.done) return NO_MORE;
    try {
      let step: IteratorResult<Uint8Array>;
      try {
        step = await this.exchange.around(this.step);
      } catch (error) {
        this.finished = true;
        throw error;
      }
      if (typeof step !== 'object' || step === null) {
        this.finished = true;
        return step; // for the gateway to refuse
      }
      if (step.done === true) this.finished = true;
      const { written } = this.exchange;
      if (written !== null) await written;
      if (this.done) return NO_MORE;
      const mapped = this.map(step);
      if (mapped === null) return this.unmapped(step);
      return mapped === DROP ? await awaitSteps(this.drop(step)) : this.result(await mapped);
    } catch (error) {
      return awaitSteps(this.failed(error));
    }
  }

  /** Does not wait for a step under way: an async generator inside queues the call by itself (B-36). */
  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.abandon();
    return NO_MORE;
  }

  async close(): Promise<void> {
    const body = this.takeBody();
    if (body === null) return;
    await this.exchange.closeAll(body);
    this.release();
  }
}
