/**
 * The body of a sync application, and a body of an async application that is a plain iterable.
 */

import { hasMethod } from '../rules/body.ts';
import { disregard } from '../rules/promises.ts';
import { shown } from '../rules/show.ts';
import { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';
import { type Step, Steps } from './steps.ts';
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
    //: G-108, V-128: The server MUST take the iterator of the body once. It calls `next` without argument (or with `undefined`), never
    //: after the iterator was done or threw, and ignores the return value of a finished iterator.
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

class CheckedIterator {
  readonly #inner: object;
  readonly #steps: Steps;

  constructor(exchange: CheckedExchange, closing: Closing, inner: object, length: number) {
    this.#inner = inner;
    this.#steps = new Steps(exchange, closing, length);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(...args: unknown[]): Step {
    try {
      this.#steps.begin(args);
      return this.#steps.take(this.#step());
    } catch (error) {
      this.#refused();
      throw error;
    }
  }

  #step(): unknown {
    try {
      return callMethod(this.#inner, 'next');
    } catch (error) {
      this.#steps.threw();
      throw error;
    } finally {
      this.#steps.left();
    }
  }

  return(...args: unknown[]): unknown {
    this.#steps.return();
    if (!hasMethod(this.#inner, 'return')) return { done: true, value: args[0] };
    return callMethod(this.#inner, 'return', args);
  }

  #refused(): void {
    if (!this.#steps.due) return;
    this.#steps.due = false;
    try {
      disregard(callMethod(this.#inner, 'return'));
    } catch {
      // The violation is the news.
    }
  }
}
