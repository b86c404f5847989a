/**
 * The body of an async application that is an async iterable.
 */
import { types } from 'node:util';
import { hasMethod } from '../rules/body.ts';
import { AnyCheckedBody } from './body.ts';
import type { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';
import { type Step, Steps } from './steps.ts';
import { callMethod } from './values.ts';
import { expectAwaited } from './watched-promise.ts';

export class CheckedAsyncBody extends AnyCheckedBody {
  [Symbol.asyncIterator](): CheckedAsyncIterator {
    return new CheckedAsyncIterator(this.exchange, this.closing, this.take(Symbol.asyncIterator));
  }
}

class CheckedAsyncIterator {
  readonly #exchange: CheckedExchange;
  readonly #closing: Closing;
  readonly #inner: object;
  readonly #steps: Steps;
  #outstanding = false;

  constructor(exchange: CheckedExchange, closing: Closing, inner: object) {
    this.#exchange = exchange;
    this.#closing = closing;
    this.#inner = inner;
    this.#steps = new Steps(exchange, closing);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(...args: unknown[]): Promise<Step> {
    //: @in body
    //: G-105, V-135: The server MUST NOT have more than one step of the body outstanding. The next one is not asked for while the transport is over
    //: its high-water mark, nor, in the async convention, before the promise of the previous `next` has settled.
    if (this.#outstanding) {
      throw this.#exchange.outside(
        'V-135',
        'next() was called before the promise of the previous one had settled',
        'await each step',
      );
    }
    try {
      this.#steps.begin(args);
      return this.#steps.take(await this.#step());
    } catch (error) {
      await this.#refused();
      throw error;
    }
  }

  async #step(): Promise<unknown> {
    this.#outstanding = true;
    this.#closing.unfinished = true; // while it runs, return() is due
    try {
      return await callMethod(this.#inner, 'next');
    } catch (error) {
      this.#steps.threw();
      throw error;
    } finally {
      this.#closing.unfinished = false;
      this.#outstanding = false;
      this.#steps.left();
    }
  }

  return(...args: unknown[]): unknown {
    try {
      this.#steps.return();
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
      this.#exchange.warn(
        'V-135',
        this.#exchange.link.outside,
        'the promise of return() was ignored',
        'await it before close()',
      );
    });
  }

  async #refused(): Promise<void> {
    if (!this.#steps.due) return;
    this.#steps.due = false;
    try {
      await callMethod(this.#inner, 'return');
    } catch {
      // The violation is the news.
    }
  }
}
