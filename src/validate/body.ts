/**
 * The body of a sync application, and a body of an async application that is a plain iterable.
 */

import { ChunkComparison, checkChunk } from './chunk.ts';
import { Closing } from './closing.ts';
import type { Exchange } from './exchange.ts';
import { callMethod, disregard, hasMethod, shown } from './values.ts';

/** What has an iterator method and `close`, and nothing else. */
export class CheckedBody {
  readonly closing: Closing;
  readonly #exchange: Exchange;
  readonly #body: object;
  #taken = false;

  constructor(exchange: Exchange, body: object) {
    this.closing = new Closing(exchange, body);
    this.#exchange = exchange;
    this.#body = body;
  }

  [Symbol.iterator](): CheckedIterator {
    checkTaking(this.#exchange, this.#taken, this.closing.closed);
    this.#taken = true;
    const iterator = callMethod(this.#body, Symbol.iterator);
    checkIterator(this.#exchange, iterator);
    const length = Array.isArray(this.#body) ? this.#body.length : -1;
    return new CheckedIterator(this.#exchange, this.closing, iterator, length);
  }

  close(): unknown {
    return this.closing.close();
  }
}

/** The server takes the iterator. */
export function checkTaking(exchange: Exchange, taken: boolean, closed: boolean): void {
  //: @in body
  //: V-85: The server MUST NOT iterate after `close`.
  if (closed) {
    throw exchange.outside('V-85', 'the body was iterated after it had been closed', 'close it last');
  }
  //: G-108, V-128: The server MUST take the iterator of the body once. It calls `next` without argument (or with `undefined`), never
  //: after the iterator was done or threw, and ignores the return value of a finished iterator.
  if (taken) {
    throw exchange.outside('V-128', 'a second iterator was asked of the body', 'iterate the body once');
  }
}

export function checkIterator(exchange: Exchange, iterator: unknown): asserts iterator is object {
  //: A-02: The iterator of a body MUST have a `next` method that gives `{ done, value }` objects.
  if (!hasMethod(iterator, 'next')) {
    throw exchange.inside('A-02', `the iterator of the body is ${shown(iterator)}`, 'give an object with next()');
  }
}

/** The order of calls on an iterator, in both conventions. */
export class IteratorOrder {
  /** The iterator is done or has thrown. */
  finished = false;
  returned = false;
  readonly #exchange: Exchange;
  readonly #closing: Closing;

  constructor(exchange: Exchange, closing: Closing) {
    this.#exchange = exchange;
    this.#closing = closing;
  }

  next(args: readonly unknown[]): void {
    const exchange = this.#exchange;
    if (this.#closing.closed) {
      throw exchange.outside('V-85', 'next() was called after close()', 'close the body last');
    }
    if (this.finished || this.returned) {
      throw exchange.outside(
        'V-128',
        `next() was called after ${this.returned ? 'return()' : 'the iterator was done or had thrown'}`,
        'stop there',
      );
    }
    if (args.length > 0 && args[0] !== undefined) {
      throw exchange.outside('V-128', `next() got the argument ${shown(args[0])}`, 'call it without an argument');
    }
  }

  return(): void {
    if (this.returned) {
      throw this.#exchange.outside('V-130', 'return() was called a second time', 'call it once');
    }
    this.returned = true;
    this.#closing.unfinished = false;
    // A step that is still running (async) may call `startResponse`; the server knows what to make of it.
    if (!this.#exchange.stepping) this.#exchange.ended = true;
  }

  /** A violation leaves `next()`: to the server it looks as if the iterator had thrown. */
  refuse(): void {
    this.finished = true;
    this.#closing.unfinished = false;
    this.#exchange.ended = true;
  }

  /** The application runs: until `resume`, an error counts as its own. */
  begin(): void {
    this.finished = true;
    this.#closing.unfinished = false;
    this.#exchange.beginStep();
  }

  /** The step has yielded. */
  resume(): void {
    this.finished = false;
    this.#closing.unfinished = true;
  }
}

/** What `next()` gave, or a violation. */
export function checkStep(exchange: Exchange, step: unknown): { done: boolean; value: unknown } {
  exchange.cameBack();
  if (typeof step !== 'object' || step === null) {
    disregard(step);
    throw exchange.inside('A-02', `next() of the body gave ${shown(step)}`, 'give { done, value }');
  }
  const { done, value }: { done?: unknown; value?: unknown } = step;
  return { done: Boolean(done), value };
}

class CheckedIterator {
  readonly #exchange: Exchange;
  readonly #inner: object;
  readonly #order: IteratorOrder;
  readonly #comparison: ChunkComparison | null;
  /** Chunks that an array still has to yield; negative for other bodies. */
  #left: number;

  constructor(exchange: Exchange, closing: Closing, inner: object, length: number) {
    this.#exchange = exchange;
    this.#inner = inner;
    this.#order = new IteratorOrder(exchange, closing);
    this.#comparison = exchange.settings.compareChunks ? new ChunkComparison(exchange) : null;
    this.#left = length;
    if (this.#comparison !== null) closing.before = () => this.#comparison?.check();
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(...args: unknown[]): { done: boolean; value: unknown } {
    const exchange = this.#exchange;
    const { finished } = this.#order;
    try {
      this.#order.next(args);
      this.#comparison?.check();
      this.#order.begin();
    } catch (violation) {
      if (!finished) this.#refuse();
      throw violation;
    }
    exchange.link.enter();
    let step: unknown;
    try {
      step = callMethod(this.#inner, 'next');
    } catch (error) {
      exchange.ended = true;
      throw error;
    } finally {
      exchange.stepping = false;
      exchange.link.leave();
    }
    let done = false;
    try {
      const checked = checkStep(exchange, step);
      done = checked.done;
      if (done) {
        this.#checkLength(0);
        exchange.end();
        exchange.link.ended();
        return { done, value: undefined };
      }
      const chunk = checkChunk(exchange, checked.value, `chunk ${exchange.steps - 1} of the body`);
      this.#checkLength(1);
      exchange.pass(chunk.byteLength);
      exchange.link.yielded();
      this.#comparison?.remember(chunk);
      this.#order.resume();
      return { done, value: chunk };
    } catch (violation) {
      if (done) exchange.ended = true;
      else this.#refuse();
      throw violation;
    }
  }

  return(...args: unknown[]): unknown {
    this.#comparison?.check();
    this.#order.return();
    if (!hasMethod(this.#inner, 'return')) return { done: true, value: args[0] };
    return callMethod(this.#inner, 'return', args);
  }

  #checkLength(yielded: 0 | 1): void {
    if (this.#left < 0) return;
    //: @in body
    //: A-09, G-124, V-125: The `length` of a body that is an array is the true number of its chunks, which the server trusts. It MUST
    //: yield exactly so many, and MUST NOT be changed after it was returned. (Chunks are checked all the same.)
    if (yielded === 0 ? this.#left > 0 : this.#left === 0) {
      throw this.#exchange.inside(
        'V-125',
        `an array body yielded ${yielded === 0 ? 'fewer' : 'more'} chunks than its length`,
        'return an array of its true length',
      );
    }
    this.#left -= yielded;
  }

  /** Nobody else will return the iterator inside now. */
  #refuse(): void {
    this.#order.refuse();
    try {
      disregard(callMethod(this.#inner, 'return'));
    } catch {
      // The violation is the news.
    }
  }
}
