/** One request through a middleware in the async convention. The twin of `sync.ts`, method by method. */
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
import { type BodyMapping, type Bytes, DROP } from '../types.ts';
import { Exchange } from './exchange.ts';
import { chunkOf, chunksOf, isBody } from './inner-body.ts';

const EMPTY = new Uint8Array(0);
const OVER: IteratorResult<Uint8Array> = { done: true, value: undefined };

type AnyIterator = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

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

export class AsyncExchange extends Exchange<AsyncEnviron, AsyncWrite, AsyncBody> {
  #innerClosed = false;
  #over = false;
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
          (error: unknown) => this.#threw(error),
        );
      }
    } catch (error) {
      return this.#threw(error);
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
    const given = chunkOf(chunk);
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

  /** Nobody has to look at a write; a mapping that failed has to fail the response all the same. */
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

  /** The application failed before it returned a body: there is nothing to close (G-114). */
  async #threw(error: unknown): Promise<AsyncBody> {
    try {
      return this.closing([this.stage.answer(error)], null);
    } catch (failure) {
      await this.end();
      throw failure;
    }
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
      const response = this.#respond(body);
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

  /** The body was returned to us, and to nobody else: it is ours to close. */
  async #failed(body: AsyncBody, failure: unknown): Promise<never> {
    if (isAsyncBody(body)) await this.closeAll(body);
    else await this.end();
    throw failure;
  }

  #respond(body: AsyncBody): AsyncBody | Promise<AsyncBody> {
    const { stage } = this;
    const array = isArrayBody(body);
    let chunks: readonly Uint8Array[] | null = null;
    if (stage.deferring) {
      if (array) chunks = chunksOf(body);
      stage.settle(chunks);
    }
    const decision = stage.decision;
    if (decision === DROP) return this.dropNow(body, null).then(() => this.closing([], null));
    if (decision !== null && decision.whole !== undefined && array && !this.wrote) {
      chunks ??= chunksOf(body);
      if (chunks !== null) return this.#whole(decision.whole(chunks), body);
    }
    if (decision === null && (stage.started || this.handling.mapBody === undefined)) {
      return this.unchanged(body, array ? body : null, chunks);
    }
    return this.mapped(body, chunks);
  }

  async #whole(mapped: Uint8Array | Promise<Uint8Array>, body: AsyncBody): Promise<AsyncBody> {
    return this.closing([await mapped], body);
  }

  protected mapped(body: AsyncBody, chunks: readonly Uint8Array[] | null): AsyncBody {
    return new MappedBody(this, body, chunks ?? body);
  }

  protected watchClose(file: AsyncBody): void {
    const close = file.close;
    file.close = async () => {
      try {
        if (close !== undefined) await this.around(() => close.call(file));
      } finally {
        await this.end();
      }
    };
  }

  protected closing(chunks: readonly Uint8Array[], body: AsyncBody | null): AsyncBody {
    let due = true;
    return Object.assign([...chunks], {
      close: async () => {
        if (!due) return;
        due = false;
        if (body === null) await this.end();
        else await this.closeAll(body);
      },
    });
  }

  /** Closes the inner body, then ends the exchange, also if closing fails (M-08). */
  async closeAll(body: AsyncBody): Promise<void> {
    try {
      await this.#closeInner(body);
    } finally {
      await this.end();
    }
  }

  /** Ends a body of which nothing is sent, at once (M-11). A failure does not alter the response. Never rejects. */
  async dropNow(body: AsyncBody, iterator: AnyIterator | null): Promise<void> {
    try {
      if (iterator !== null) await this.around(() => iterator.return?.());
    } catch (error) {
      this.early.push(error);
    }
    try {
      await this.#closeInner(body);
    } catch (error) {
      this.early.push(error);
    }
  }

  async #closeInner(body: AsyncBody): Promise<void> {
    if (this.#innerClosed) return;
    this.#innerClosed = true;
    await this.around(() => {
      const close = body.close;
      return typeof close === 'function' ? close.call(body) : undefined;
    });
  }

  async end(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      this.stage.close();
    } finally {
      await this.handling.onClose?.();
    }
    if (this.early.length > 0) throw this.early[0];
  }
}

/** A body in place of another: one step for each of its steps, never ahead of it (M-02, M-03, M-20). */
class MappedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #exchange: AsyncExchange;
  #body: AsyncBody | null;
  /** The body, or the chunks that were taken from it. */
  #chunks: AsyncBody | Iterable<Uint8Array> | null;
  #iterator: AnyIterator | null = null;
  /** No further step will be asked of the inner body. */
  #over = false;
  /** The inner iterator is done, threw or was told to return, and gets no (further) `return()` (G-110). */
  #finished = false;
  readonly #step = () => {
    this.#iterator ??= iteratorOf(this.#chunks!); // once (G-108)
    return this.#iterator.next();
  };

  constructor(exchange: AsyncExchange, body: AsyncBody, chunks: AsyncBody | Iterable<Uint8Array>) {
    this.#exchange = exchange;
    this.#body = body;
    this.#chunks = chunks;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#over) return OVER;
    try {
      let step: IteratorResult<Uint8Array>;
      try {
        step = await this.#exchange.around(this.#step);
      } catch (error) {
        this.#finished = true;
        throw error;
      }
      if (typeof step !== 'object' || step === null) {
        this.#finished = true;
        return step; // for the gateway to refuse
      }
      if (step.done === true) this.#finished = true;
      const written = this.#exchange.written;
      if (written !== null) await written;
      return this.#over ? OVER : await this.#map(step);
    } catch (error) {
      const gone = this.#over;
      this.#over = true;
      try {
        await this.#return();
      } catch {
        // The first failure is the one to report.
      }
      if (gone) throw error; // the gateway has turned away already
      return { done: false, value: this.#exchange.stage.answer(error) };
    }
  }

  async #map(step: IteratorResult<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    const decision = this.#exchange.stage.decision;
    if (decision === DROP) {
      this.#over = true;
      const iterator = this.#finished ? null : this.#iterator;
      this.#finished = true;
      if (this.#body !== null) await this.#exchange.dropNow(this.#body, iterator);
      return step.done === true ? OVER : { done: false, value: EMPTY }; // a step for a step (M-03)
    }
    if (step.done === true) {
      this.#over = true;
      if (decision === null || decision.end === undefined) return OVER;
      const rest = await decision.end();
      return rest.byteLength === 0 ? OVER : { done: false, value: rest };
    }
    // What is no chunk goes on as it is, for the gateway to refuse (G-103).
    const chunk = decision === null ? null : chunkOf(step.value);
    return decision === null || chunk === null ? step : { done: false, value: await decision.chunk(chunk) };
  }

  async #return(): Promise<void> {
    if (this.#finished || this.#iterator === null) return;
    this.#finished = true;
    const iterator = this.#iterator;
    await this.#exchange.around(() => iterator.return?.());
  }

  /** Does not wait for a step under way: an async generator inside queues the call by itself (B-36). */
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#over = true;
    await this.#return();
    return OVER;
  }

  async close(): Promise<void> {
    const body = this.#body;
    if (body === null) return;
    this.#body = null;
    this.#over = true;
    await this.#exchange.closeAll(body);
    this.#chunks = null; // M-22
    this.#iterator = null;
  }
}

/** B-04: async where a body is both. */
function iteratorOf(body: AsyncBody): AnyIterator {
  return isAsyncIterable(body) ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
}
