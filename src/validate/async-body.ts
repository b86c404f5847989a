/**
 * The body of an async application that is an async iterable.
 */
import { types } from 'node:util';
import { checkIterator, checkStep, checkTaking, IteratorOrder } from './body.ts';
import { ChunkComparison, checkChunk } from './chunk.ts';
import { Closing } from './closing.ts';
import type { Exchange } from './exchange.ts';
import { callMethod, hasMethod } from './values.ts';
import { expectAwaited } from './watched-promise.ts';

type Step = { done: boolean; value: unknown };

export class CheckedAsyncBody {
  readonly closing: Closing;
  readonly #exchange: Exchange;
  readonly #body: object;
  #taken = false;

  constructor(exchange: Exchange, body: object) {
    this.closing = new Closing(exchange, body);
    this.#exchange = exchange;
    this.#body = body;
  }

  [Symbol.asyncIterator](): CheckedAsyncIterator {
    checkTaking(this.#exchange, this.#taken, this.closing.closed);
    this.#taken = true;
    const iterator = callMethod(this.#body, Symbol.asyncIterator);
    checkIterator(this.#exchange, iterator);
    return new CheckedAsyncIterator(this.#exchange, this.closing, iterator);
  }

  close(): unknown {
    return this.closing.close();
  }
}

class CheckedAsyncIterator {
  readonly #exchange: Exchange;
  readonly #closing: Closing;
  readonly #inner: object;
  readonly #order: IteratorOrder;
  readonly #comparison: ChunkComparison | null;
  #outstanding = false;

  constructor(exchange: Exchange, closing: Closing, inner: object) {
    this.#exchange = exchange;
    this.#closing = closing;
    this.#inner = inner;
    this.#order = new IteratorOrder(exchange, closing);
    this.#comparison = exchange.settings.compareChunks ? new ChunkComparison(exchange) : null;
    if (this.#comparison !== null) closing.before = () => this.#comparison?.check();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(...args: unknown[]): Promise<Step> {
    const exchange = this.#exchange;
    //: @in body
    //: G-105, V-135: The server MUST NOT have more than one step of the body outstanding. The next one is not asked for while the transport is over
    //: its high-water mark, nor, in the async convention, before the promise of the previous `next` has settled.
    if (this.#outstanding) {
      throw exchange.outside(
        'V-135',
        'next() was called before the promise of the previous one had settled',
        'await each step',
      );
    }
    const { finished } = this.#order;
    try {
      this.#order.next(args);
      this.#comparison?.check();
      this.#order.begin();
    } catch (violation) {
      if (!finished) await this.#refuse();
      throw violation;
    }
    this.#closing.unfinished = true;
    exchange.link.enter();
    this.#outstanding = true;
    let step: unknown;
    try {
      step = await callMethod(this.#inner, 'next');
    } catch (error) {
      exchange.ended = true;
      this.#closing.unfinished = false;
      throw error;
    } finally {
      this.#outstanding = false;
      exchange.stepping = false;
      exchange.link.leave();
    }
    this.#closing.unfinished = false;
    return this.#checked(step);
  }

  async #checked(step: unknown): Promise<Step> {
    const exchange = this.#exchange;
    let done = false;
    try {
      const checked = checkStep(exchange, step);
      done = checked.done;
      // Given up while this step was running: what it brought is nobody's concern.
      if (this.#order.returned) {
        exchange.ended = true;
        return checked;
      }
      if (done) {
        exchange.end();
        exchange.link.ended();
        return { done, value: undefined };
      }
      const chunk = checkChunk(exchange, checked.value, `chunk ${exchange.steps - 1} of the body`);
      exchange.pass(chunk.byteLength);
      exchange.link.yielded();
      this.#comparison?.remember(chunk);
      this.#order.resume();
      return { done, value: chunk };
    } catch (violation) {
      if (done) exchange.ended = true;
      else await this.#refuse();
      throw violation;
    }
  }

  return(...args: unknown[]): unknown {
    const exchange = this.#exchange;
    try {
      this.#comparison?.check();
      this.#order.return();
    } catch (violation) {
      return Promise.reject(violation);
    }
    if (!hasMethod(this.#inner, 'return')) return Promise.resolve({ done: true, value: args[0] });
    let result = callMethod(this.#inner, 'return', args);
    // What is no promise but has a `then` is awaited like one.
    if (!types.isPromise(result) && hasMethod(result, 'then')) result = Promise.resolve(result);
    if (!types.isPromise(result)) return result;
    const closing = this.#closing;
    closing.returning = true;
    const settled = () => {
      closing.returning = false;
    };
    result.then(settled, settled);
    // A server may stop waiting at its time limit (B-36), which is never before the next turn of the event loop.
    setImmediate(settled);
    return expectAwaited(result, () => {
      exchange.warn('V-135', exchange.link.outside, 'the promise of return() was ignored', 'await it before close()');
    });
  }

  /** Nobody else will return the iterator inside now. */
  async #refuse(): Promise<void> {
    this.#order.refuse();
    try {
      await callMethod(this.#inner, 'return');
    } catch {
      // The violation is the news.
    }
  }
}
