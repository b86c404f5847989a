import type { CheckedExchange } from './exchange.ts';

const INDEX = /^(?:0|[1-9][0-9]*)$/;

/** A body that refuses every property but those which a server uses (V-129). */
export function strictBody(exchange: CheckedExchange, body: object): object {
  const array = Array.isArray(body);
  const iterator = exchange.async && !array && Symbol.asyncIterator in body ? Symbol.asyncIterator : Symbol.iterator;

  function allowed(key: string | symbol): boolean {
    if (key === iterator || key === 'close') return true;
    // A server of the async convention asks for both iterators, and a promise asks its value for `then`.
    if (exchange.async && (key === Symbol.iterator || key === Symbol.asyncIterator || key === 'then')) return true;
    return array && typeof key === 'string' && (key === 'length' || INDEX.test(key));
  }

  function check(key: string | symbol, what: string): void {
    //: @in body
    //: G-109, V-129: The server MUST NOT use any other property of the body than its iterator method, `close`, and, for an array, `length` and the
    //: elements; unless it is the server's own file wrapper. (The validator watches this in its mode `strictProperties`. A promise
    //: that is fulfilled with the body asks it for `then`; that is the language, not the server.)
    if (allowed(key)) return;
    throw exchange.outside(
      'V-129',
      `the property ${String(key)} of the body was ${what}`,
      "use the iterator method, close, and an array's length and elements only",
    );
  }

  return new Proxy(body, {
    get(target, key) {
      check(key, 'read');
      const value: unknown = Reflect.get(target, key, target);
      // Methods of our own bodies need their own object; those of arrays are compared by identity.
      return typeof value === 'function' && !array ? value.bind(target) : value;
    },
    has(target, key) {
      check(key, 'looked for');
      return Reflect.has(target, key);
    },
    set(_target, key): never {
      throw exchange.outside('V-129', `the property ${String(key)} of the body was set`, 'wrap the body instead');
    },
    defineProperty(_target, key): never {
      throw exchange.outside('V-129', `the property ${String(key)} of the body was defined`, 'wrap the body instead');
    },
    deleteProperty(_target, key): never {
      throw exchange.outside('V-129', `the property ${String(key)} of the body was deleted`, 'wrap the body instead');
    },
  });
}
