import type { Exchange } from './exchange.ts';
import { type Callable, hasMethod, shown } from './values.ts';

/** What a checked `wsgi.file_wrapper` has returned: such a body reaches the server as the very object it is. */
const wrappers = new WeakSet<object>();

export function isFileWrapper(body: object): boolean {
  return wrappers.has(body);
}

export function checkFileWrapper(exchange: Exchange, wrapper: unknown): asserts wrapper is Callable {
  //: @in file-wrapper
  //: G-160, V-111: A server MAY offer `wsgi.file_wrapper(filelike, blockSize?)`. If it is there, it MUST be a function that returns an iterable of the
  //: convention in force. The default block size is documented.
  if (typeof wrapper !== 'function') {
    throw exchange.outside('V-111', `wsgi.file_wrapper is ${shown(wrapper)}`, 'give a function, or leave it out');
  }
}

/** What the application gets in the place of `wsgi.file_wrapper`. Its results are handed on untouched. */
export function checkedFileWrapper(exchange: Exchange, wrapper: Callable): Callable {
  return (...args) => {
    const file = args[0];
    const { result, read } = spyingOnRead(file, () => wrapper(...args));
    //: G-161, V-111: When it is called, it MUST NOT read or send anything. Only when the very object it returned comes back as the result of the
    //: application may the server send the file in its own way; it is recognised by a private brand, not by its shape.
    if (read) {
      throw exchange.outside('V-111', 'wsgi.file_wrapper has read from the file', 'read when it is iterated');
    }
    const iterable = hasMethod(result, Symbol.iterator) || (exchange.async && hasMethod(result, Symbol.asyncIterator));
    if (typeof result !== 'object' || result === null || !iterable) {
      throw exchange.outside('V-111', `wsgi.file_wrapper returned ${shown(result)}`, 'return an iterable');
    }
    //: G-163, V-111: If `filelike.close` exists, the wrapper MUST have a `close` that calls it once. If not, it has none.
    if (typeof file === 'object' && hasMethod(file, 'close') && !hasMethod(result, 'close')) {
      throw exchange.outside('V-111', 'the file has a close, its wrapper has none', 'give it one that closes the file');
    }
    wrappers.add(result);
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
