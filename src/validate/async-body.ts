/**
 * The body of an async application that is an async iterable.
 */
import { types } from 'node:util';
import { hasMethod } from '../rules/body.ts';
import { awaitSteps } from '../rules/steps.ts';
import { AnyCheckedBody, AnyCheckedIterator } from './body.ts';
import type { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';
import type { CheckedStep } from './step-order.ts';
import { callMethod } from './values.ts';
import { expectAwaited } from './watched-promise.ts';

export class CheckedAsyncBody extends AnyCheckedBody {
  [Symbol.asyncIterator](): CheckedAsyncIterator {
    return new CheckedAsyncIterator(this.exchange, this.closing, this.take(Symbol.asyncIterator));
  }
}

class CheckedAsyncIterator extends AnyCheckedIterator {
  readonly #exchange: CheckedExchange;
  readonly #closing: Closing;
  #outstanding = false;

  constructor(exchange: CheckedExchange, closing: Closing, inner: object) {
    super(exchange, closing, inner);
    this.#exchange = exchange;
    this.#closing = closing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(...args: unknown[]): Promise<CheckedStep> {
    //: @in body
    //: G-105, V-135: The server MUST NOT have more than one step of the body outstanding. The next one is not asked for
    //: while the transport is over its high-water mark, nor, in the async convention, before the promise of the
    //: previous `next` has settled.
    if (this.#outstanding) {
      throw this.#exchange.outside(
        'V-135',
        'next() was called before the promise of the previous one had settled',
        'await each step',
      );
    }
    return awaitSteps(this.steps(args));
  }

  protected override stepping(running: boolean): void {
    this.#outstanding = running;
    this.#closing.unfinished = running; // while it runs, return() is due
  }

  return(...args: unknown[]): unknown {
    try {
      this.order.return();
    } catch (violation) {
      return Promise.reject(violation);
    }
    if (!hasMethod(this.inner, 'return')) return Promise.resolve({ done: true, value: args[0] });
    let result = callMethod(this.inner, 'return', args);
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
}
