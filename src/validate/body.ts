/**
 * The body of a sync application, and a body of an async application that is a plain iterable.
 */
import { hasMethod } from '../rules/body.ts';
import { disregard } from '../rules/promises.ts';
import { shown } from '../rules/show.ts';
import { runSteps, type Steps } from '../rules/steps.ts';
import { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';
import { type CheckedStep, StepOrder } from './step-order.ts';
import { callMethod } from './values.ts';

/** What has an iterator method and `close`, and nothing else, in either convention. */
export abstract class AnyCheckedBody {
  readonly closing: Closing;
  protected readonly exchange: CheckedExchange;
  protected readonly body: object;
  #taken = false;

  constructor(exchange: CheckedExchange, body: object) {
    this.closing = new Closing(exchange, body);
    this.exchange = exchange;
    this.body = body;
  }

  close(): unknown {
    return this.closing.close();
  }

  /** The server takes the iterator; gives the one inside. */
  protected take(symbol: symbol): object {
    const { exchange } = this;
    //: @in body
    //: V-85: The server MUST NOT iterate after `close`.
    if (this.closing.closed) {
      throw exchange.outside('V-85', 'the body was iterated after it had been closed', 'close it last');
    }
    //: G-108, V-128: The server MUST take the iterator of the body once. It calls `next` without argument (or with
    //: `undefined`), never after the iterator was done or threw, and ignores the return value of a finished iterator.
    if (this.#taken) {
      throw exchange.outside('V-128', 'a second iterator was asked of the body', 'iterate the body once');
    }
    this.#taken = true;
    const iterator = callMethod(this.body, symbol);
    checkIterator(exchange, iterator);
    return iterator;
  }
}

function checkIterator(exchange: CheckedExchange, iterator: unknown): asserts iterator is object {
  //: A-02: The iterator of a body MUST have a `next` method that gives `{ done, value }` objects.
  if (!hasMethod(iterator, 'next')) {
    throw exchange.inside('A-02', `the iterator of the body is ${shown(iterator)}`, 'give an object with next()');
  }
}

export class CheckedBody extends AnyCheckedBody {
  [Symbol.iterator](): CheckedIterator {
    const iterator = this.take(Symbol.iterator);
    return new CheckedIterator(this.exchange, this.closing, iterator, Array.isArray(this.body) ? this.body.length : -1);
  }
}

/** The iterator of a checked body: what the two conventions have in common. */
export abstract class AnyCheckedIterator {
  protected readonly inner: object;
  protected readonly order: StepOrder;

  constructor(exchange: CheckedExchange, closing: Closing, inner: object, length?: number) {
    this.inner = inner;
    this.order = new StepOrder(exchange, closing, length);
  }

  /** A step begins or is over. */
  protected stepping(_running: boolean): void {}

  protected *steps(args: readonly unknown[]): Steps<CheckedStep> {
    try {
      this.order.begin(args);
      return this.order.take(yield* this.#step());
    } catch (error) {
      yield* this.#refused();
      throw error;
    }
  }

  *#step(): Steps<unknown> {
    this.stepping(true);
    try {
      return yield callMethod(this.inner, 'next');
    } catch (error) {
      this.order.threw();
      throw error;
    } finally {
      this.stepping(false);
      this.order.left();
    }
  }

  *#refused(): Steps<void> {
    if (!this.order.due) return;
    this.order.due = false;
    try {
      disregard(yield callMethod(this.inner, 'return'));
    } catch {
      // The violation is the news.
    }
  }
}

class CheckedIterator extends AnyCheckedIterator {
  [Symbol.iterator](): this {
    return this;
  }

  next(...args: unknown[]): CheckedStep {
    return runSteps(this.steps(args));
  }

  return(...args: unknown[]): unknown {
    this.order.return();
    if (!hasMethod(this.inner, 'return')) return { done: true, value: args[0] };
    return callMethod(this.inner, 'return', args);
  }
}
