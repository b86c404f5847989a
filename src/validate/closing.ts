import { types } from 'node:util';
import type { CheckedExchange } from './exchange.ts';
import { hasMethod, shown } from './values.ts';
import { expectAwaited } from './watched-promise.ts';

/** The end of a body, whatever its form: its one `close`. */
export class Closing {
  closed = false;
  /** Iteration was begun and is not over: `return()` is due. */
  unfinished = false;
  /** `return()` was called and its promise has not settled; cleared by the next turn of the event loop. */
  returning = false;
  /** Set while the body is being tracked. */
  untrack: (() => void) | null = null;
  /** Called before the body is closed, may throw. */
  before: (() => void) | null = null;
  readonly #exchange: CheckedExchange;
  readonly #body: object;

  constructor(exchange: CheckedExchange, body: object) {
    this.#exchange = exchange;
    this.#body = body;
  }

  /** Closes the original body. Throws, or rejects, what that throws, else a violation. */
  close(): unknown {
    const exchange = this.#exchange;
    //: @in closing
    //: G-111, V-88, V-130: `close` of the body MUST be called exactly once when the request is over, if the body has one: after the normal
    //: end, an error of the body, a disconnect, when Content-Length was reached early, for HEAD, 204 and 304, when
    //: the head was refused, and at an orderly shutdown. It is called on the object that the application returned, with that object as `this`, not
    //: on the iterator. A second call is a violation. (Behind a validator every body that is no array has a `close`.)
    if (this.closed) {
      throw exchange.outside('V-130', 'close was called a second time', 'call it exactly once');
    }
    this.closed = true;
    this.untrack?.();
    exchange.link.open = false;
    let late: unknown = this.returning
      ? exchange.outside('V-135', 'close() was called before return() had settled', 'await return()')
      : null;
    try {
      this.before?.();
    } catch (error) {
      late ??= error;
    }
    exchange.link.enter();
    let result: unknown;
    try {
      result = this.#call();
    } catch (error) {
      exchange.link.leave();
      throw error;
    } finally {
      if (!exchange.stepping) exchange.ended = true;
    }
    // What is no promise but has a `then` is awaited like one.
    if (exchange.async && !types.isPromise(result) && hasMethod(result, 'then')) result = Promise.resolve(result);
    if (!types.isPromise(result)) {
      exchange.link.leave();
      this.#check(late);
      return result;
    }
    const closed = result.then(
      (value) => {
        exchange.link.leave();
        this.#check(late);
        return value;
      },
      (error) => {
        exchange.link.leave();
        throw error;
      },
    );
    if (!exchange.async) {
      //: A-23: In the sync convention `close` MUST NOT return a promise: nobody would wait for it. (The validator warns.)
      exchange.warn(
        'A-23',
        exchange.link.inside,
        'close returned a promise',
        'close without waiting in a sync application',
      );
      return closed;
    }
    return expectAwaited(closed, () => {
      //: B-13, V-135: In the async convention `close()` MAY return a promise. It MUST be awaited, with a time limit. A promise
      //: that nobody looks at is a warning.
      exchange.warn('V-135', exchange.link.outside, 'the promise of close() was ignored', 'await it');
    });
  }

  #call(): unknown {
    const close: unknown = Reflect.get(this.#body, 'close');
    if (close === undefined || close === null) return undefined;
    if (typeof close !== 'function') {
      throw this.#exchange.inside('V-88', `close of the body is ${shown(close)}`, 'make it a method, or leave it out');
    }
    return Reflect.apply(close, this.#body, []);
  }

  #check(late: unknown): void {
    const exchange = this.#exchange;
    exchange.link.checkClosed();
    if (late !== null) throw late;
    //: G-110, G-112, V-130: When iteration is abandoned before the iterator is done and did not throw, the server MUST call `return()`
    //: of the iterator once, if it has one, and then `close()` of the body. After either, it calls `next` no more.
    //: `return()` is how a generator's `finally` runs.
    if (this.unfinished) {
      throw exchange.outside(
        'V-130',
        'the body was closed in the middle of iteration without return() of its iterator',
        'call return() of the iterator first, or leave iteration to for..of',
      );
    }
  }
}
