import { types } from 'node:util';
import { hasMethod } from '../rules/body.ts';
import { shown } from '../rules/show.ts';
import { CheckedAsyncBody } from './async-body.ts';
import { CheckedBody } from './body.ts';
import type { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';
import { type Callable, callMethod, isCallable } from './values.ts';

/**
 * What a checked `wsgi.file_wrapper` has returned, with the file: such a body reaches the server as the very object it
 * is.
 */
const wrappers = new WeakMap<object, unknown>();

export function isCheckedWrapper(body: object): boolean {
  return wrappers.has(body);
}

export function checkFileWrapper(exchange: CheckedExchange, wrapper: unknown): asserts wrapper is Callable {
  //: @in file-wrapper
  //: G-160, V-111: A server MAY offer `wsgi.file_wrapper(filelike, blockSize?)`. If it is there, it MUST be a function
  //: that returns an iterable of the convention in force. The default block size is documented.
  if (typeof wrapper !== 'function') {
    throw exchange.outside('V-111', `wsgi.file_wrapper is ${shown(wrapper)}`, 'give a function, or leave it out');
  }
}

/** What the application gets in the place of `wsgi.file_wrapper`. Its results are handed on untouched. */
export function checkedFileWrapper(exchange: CheckedExchange, wrapper: Callable): Callable {
  return (...args) => {
    const file = args[0];
    const { result, read } = spyingOnRead(file, () => wrapper(...args));
    //: G-161, V-111: When it is called, it MUST NOT read or send anything. Only when the very object it returned comes
    //: back as the result of the application may the server send the file in its own way; it is recognised by a private
    //: brand, not by its shape.
    if (read) {
      throw exchange.outside('V-111', 'wsgi.file_wrapper has read from the file', 'read when it is iterated');
    }
    const iterable = hasMethod(result, Symbol.iterator) || (exchange.async && hasMethod(result, Symbol.asyncIterator));
    if (typeof result !== 'object' || result === null || !iterable) {
      throw exchange.outside('V-111', `wsgi.file_wrapper returned ${shown(result)}`, 'return an iterable');
    }
    //: G-163, V-111: If `filelike.close` exists, the wrapper MUST have a `close` that calls it once. If not, it has
    //: none.
    if (typeof file === 'object' && hasMethod(file, 'close') && !hasMethod(result, 'close')) {
      throw exchange.outside('V-111', 'the file has a close, its wrapper has none', 'give it one that closes the file');
    }
    wrappers.set(result, file);
    return result;
  };
}

/** Runs `call` and tells whether it called `read` of the file, which is as before afterwards. */
function spyingOnRead(file: unknown, call: () => unknown): { result: unknown; read: boolean } {
  if (typeof file !== 'object' || file === null || !Object.isExtensible(file)) return { result: call(), read: false };
  const original: unknown = Reflect.get(file, 'read');
  const own = Object.getOwnPropertyDescriptor(file, 'read');
  if (typeof original !== 'function' || own?.configurable === false) return { result: call(), read: false };
  let read = false;
  let calling = true;
  const spy = function (this: unknown, ...args: unknown[]): unknown {
    if (calling) read = true;
    return Reflect.apply(original, this, args);
  };
  Object.defineProperty(file, 'read', { value: spy, configurable: true, writable: true });
  try {
    const result = call();
    return { result, read };
  } finally {
    calling = false;
    if (own === undefined) Reflect.deleteProperty(file, 'read');
    else Object.defineProperty(file, 'read', own);
  }
}

/**
 * Watches a wrapper on its way to the server. The object stays the one that the server made, by which it is recognised;
 * only its iterator method and `close`, where it has them, go through the checks.
 *
 * @returns null where the wrapper has nothing to close, or cannot be watched
 * @throws ValidationError
 */
export function watchFileWrapper(exchange: CheckedExchange, body: object): Closing | null {
  //: @in file-wrapper
  //: V-123: A file wrapper of a descriptor has no step in which the application could still run. `startResponse` MUST
  //: have been called when it is returned.
  if (exchange.head === null && typeof wrappers.get(body) === 'number') {
    throw exchange.inside('V-123', 'a file was returned before startResponse was called', 'call startResponse first');
  }
  const symbol = exchange.async && hasMethod(body, Symbol.asyncIterator) ? Symbol.asyncIterator : Symbol.iterator;
  const iterate = replaceable(body, symbol);
  const close = replaceable(body, 'close');
  if (iterate === null || Array.isArray(body)) return null;

  // `return()` of a wrapper may close it by itself (U-08), which is no call of the server's.
  let returning = 0;
  const original = {
    [symbol]: () =>
      withReturn(Reflect.apply(iterate, body, []), (call) => {
        returning++;
        const leave = once(() => {
          returning--;
        });
        return settled(call, leave);
      }),
    ...(close === null ? {} : { close: () => Reflect.apply(close, body, []) }),
  };
  const checked =
    symbol === Symbol.asyncIterator ? new CheckedAsyncBody(exchange, original) : new CheckedBody(exchange, original);
  replace(body, symbol, () => callMethod(checked, symbol));
  if (close === null) return null;
  replace(body, 'close', () => {
    if (returning > 0) return Reflect.apply(close, body, []);
    exchange.closeFile();
    return checked.close();
  });
  return checked.closing;
}

/** A method that another one can be put in front of; null where there is none, or it is fixed. */
function replaceable(object: object, key: string | symbol): Callable | null {
  const method: unknown = Reflect.get(object, key);
  const own = Object.getOwnPropertyDescriptor(object, key);
  const free = own === undefined ? Object.isExtensible(object) : own.configurable === true;
  return isCallable(method) && free ? method : null;
}

function replace(object: object, key: string | symbol, value: Callable): void {
  const enumerable = Object.getOwnPropertyDescriptor(object, key)?.enumerable ?? false;
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true });
}

/** The iterator, whose `return()`, if it has one, is called by `around`. */
function withReturn(iterator: unknown, around: (call: () => unknown) => unknown): unknown {
  if (!hasMethod(iterator, 'next')) return iterator;
  const next = (...args: unknown[]) => callMethod(iterator, 'next', args);
  if (!hasMethod(iterator, 'return')) return { next };
  return { next, return: (...args: unknown[]) => around(() => callMethod(iterator, 'return', args)) };
}

function once(action: () => void): () => void {
  let due = true;
  return () => {
    if (due) action();
    due = false;
  };
}

/**
 * Makes a call and says when it is over: at the latest in the next turn, since a server need not wait longer (B-36).
 */
function settled(call: () => unknown, over: () => void): unknown {
  let result: unknown;
  try {
    result = call();
    return result;
  } finally {
    if (types.isPromise(result)) {
      result.then(over, over);
      setImmediate(over);
    } else {
      over();
    }
  }
}
