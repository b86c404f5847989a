/** One request through a middleware in the sync convention. */
import { isUint8Array } from 'node:util/types';
import { ApplicationError } from '../../interface/errors.ts';
import type { Application, Body, Environ, StartResponse, Write } from '../../interface/types.ts';
import { refusePromise } from '../decision.ts';
import { type Bytes, DROP } from '../types.ts';
import { Exchange } from './exchange.ts';
import { chunkOf, chunksOf, isBody } from './inner-body.ts';

const OVER: IteratorResult<Uint8Array> = { done: true, value: undefined };
const EMPTY = new Uint8Array(0);

function isArrayBody(body: Body): body is Uint8Array[] & { close?(): void } {
  return Array.isArray(body);
}

/** A mapping's result, which on this side may not be a promise. */
function bytes(result: Bytes): Uint8Array {
  if (isUint8Array(result)) return result;
  throw new ApplicationError('a body mapping gave no bytes: in a sync application it cannot give a promise (B-02)');
}

export class SyncExchange extends Exchange<Environ, Write, Body> {
  #innerClosed = false;
  #over = false;

  run(app: Application, environ: Environ, outer: StartResponse): Body {
    const start = this.startFor(outer, (chunk) => this.#write(chunk));
    this.watchFiles(environ);
    let body: Body;
    try {
      body = this.around(() => app(environ, start));
    } catch (error) {
      return this.#threw(error);
    }
    return this.#returned(body);
  }

  #write(chunk: Uint8Array): void {
    this.stage.settle(null);
    this.wrote = true;
    const decision = this.stage.decision;
    if (decision === DROP) return;
    const given = decision === null ? null : chunkOf(chunk);
    this.stage.requireWrite()(decision === null || given === null ? chunk : bytes(decision.chunk(given)));
  }

  /** The application failed before it returned a body: there is nothing to close (G-114). */
  #threw(error: unknown): Body {
    try {
      return this.closing([this.stage.answer(error)], null);
    } catch (failure) {
      this.end();
      throw failure;
    }
  }

  #returned(body: Body): Body {
    if (!isBody(body, Symbol.iterator)) {
      this.end();
      return body; // for the gateway to refuse (G-100)
    }
    try {
      return this.#respond(body);
    } catch (failure) {
      this.closeAll(body); // returned to us, and to nobody else
      throw failure;
    }
  }

  #respond(body: Body): Body {
    const { stage } = this;
    const array = isArrayBody(body);
    let chunks: readonly Uint8Array[] | null = null;
    if (stage.deferring) {
      if (array) chunks = chunksOf(body);
      stage.settle(chunks);
    }
    const decision = stage.decision;
    if (decision === DROP) {
      this.dropNow(body, null);
      return this.closing([], null);
    }
    if (decision !== null && decision.whole !== undefined && array && !this.wrote) {
      chunks ??= chunksOf(body);
      if (chunks !== null) return this.closing([bytes(decision.whole(chunks))], body);
    }
    if (decision === null && (stage.started || this.handling.mapBody === undefined)) {
      return this.unchanged(body, array ? body : null, chunks);
    }
    return this.mapped(body, chunks);
  }

  protected mapped(body: Body, chunks: readonly Uint8Array[] | null): Body {
    return new SyncBody(this, body, chunks ?? body);
  }

  protected watchClose(file: Body): void {
    const close = file.close;
    file.close = () => {
      try {
        if (close !== undefined) this.around(() => close.call(file));
      } finally {
        this.end();
      }
    };
  }

  protected closing(chunks: readonly Uint8Array[], body: Body | null): Body {
    let due = true;
    return Object.assign([...chunks], {
      close: () => {
        if (!due) return;
        due = false;
        if (body === null) this.end();
        else this.closeAll(body);
      },
    });
  }

  /** Closes the inner body, then ends the exchange, also if closing fails (M-08). */
  closeAll(body: Body): void {
    try {
      this.#closeInner(body);
    } finally {
      this.end();
    }
  }

  /** Ends a body of which nothing is sent, at once (M-11). A failure does not alter the response. */
  dropNow(body: Body, iterator: Iterator<Uint8Array> | null): void {
    try {
      if (iterator !== null) this.around(() => iterator.return?.());
    } catch (error) {
      this.early.push(error);
    }
    try {
      this.#closeInner(body);
    } catch (error) {
      this.early.push(error);
    }
  }

  #closeInner(body: Body): void {
    if (this.#innerClosed) return;
    this.#innerClosed = true;
    this.around(() => {
      const close = body.close;
      if (typeof close === 'function') close.call(body);
    });
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.stage.close();
    } finally {
      refusePromise('onClose', this.handling.onClose?.());
    }
    if (this.early.length > 0) throw this.early[0];
  }
}

/** A body in place of another: one step for each of its steps (M-03), never ahead of it (M-02). */
class SyncBody implements IterableIterator<Uint8Array> {
  readonly #exchange: SyncExchange;
  #body: Body | null;
  /** The body, or the chunks that were taken from it. */
  #chunks: Iterable<Uint8Array> | null;
  #iterator: Iterator<Uint8Array> | null = null;
  /** No further step will be asked of the inner body. */
  #over = false;
  /** The inner iterator is done or threw, and gets no `return()` (G-110). */
  #finished = false;
  readonly #step = (): IteratorResult<Uint8Array> => {
    this.#iterator ??= this.#chunks![Symbol.iterator](); // once (G-108)
    return this.#iterator.next();
  };

  constructor(exchange: SyncExchange, body: Body, chunks: Iterable<Uint8Array>) {
    this.#exchange = exchange;
    this.#body = body;
    this.#chunks = chunks;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array> {
    if (this.#over) return OVER;
    try {
      this.#finished = true;
      const step = this.#exchange.around(this.#step);
      if (typeof step !== 'object' || step === null) return step; // for the gateway to refuse
      this.#finished = step.done === true;
      return this.#map(step);
    } catch (error) {
      this.#over = true;
      try {
        this.#return();
      } catch {
        // The first failure is the one to report.
      }
      return { done: false, value: this.#exchange.stage.answer(error) };
    }
  }

  #map(step: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> {
    const decision = this.#exchange.stage.decision;
    if (decision === DROP) {
      this.#over = true;
      const iterator = this.#finished ? null : this.#iterator;
      this.#finished = true;
      if (this.#body !== null) this.#exchange.dropNow(this.#body, iterator);
      return step.done === true ? OVER : { done: false, value: EMPTY }; // a step for a step (M-03)
    }
    if (step.done === true) {
      this.#over = true;
      if (decision === null || decision.end === undefined) return OVER;
      const rest = bytes(decision.end());
      return rest.byteLength === 0 ? OVER : { done: false, value: rest };
    }
    // What is no chunk goes on as it is, for the gateway to refuse (G-103).
    const chunk = decision === null ? null : chunkOf(step.value);
    return decision === null || chunk === null ? step : { done: false, value: bytes(decision.chunk(chunk)) };
  }

  #return(): void {
    if (this.#finished || this.#iterator === null) return;
    this.#finished = true;
    const iterator = this.#iterator;
    this.#exchange.around(() => iterator.return?.());
  }

  return(): IteratorResult<Uint8Array> {
    this.#over = true;
    this.#return();
    return OVER;
  }

  close(): void {
    const body = this.#body;
    if (body === null) return;
    this.#body = null;
    this.#over = true;
    this.#exchange.closeAll(body);
    this.#chunks = null; // M-22
    this.#iterator = null;
  }
}
