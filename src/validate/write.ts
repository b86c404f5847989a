import { types } from 'node:util';
import { sizeOf } from '../rules/bytes.ts';
import type { CheckedExchange } from './exchange.ts';
import { type Callable, disregard, isBytes, nothing, shown } from './values.ts';
import { watched } from './watched-promise.ts';

/** The `write` that the application gets. */
export function checkedWrite(exchange: CheckedExchange, outer: Callable): Callable {
  const call: Callable = (...args) => {
    const chunk = args[0];
    checkMoment(exchange);
    //: @in write
    //: V-83: `write` takes one argument, the bytes.
    if (args.length !== 1 || !isBytes(chunk)) {
      throw exchange.inside(
        'V-83',
        args.length === 1 ? `write got ${shown(chunk)}` : `write got ${args.length} arguments`,
        typeof chunk === 'string' ? 'encode text: new TextEncoder().encode(text)' : 'give one Uint8Array',
      );
    }
    exchange.link.checkWrite();
    if (sizeOf(chunk) > 0) exchange.pass(sizeOf(chunk));
    const before = exchange.settings.compareChunks ? Buffer.from(chunk) : null;
    exchange.link.writing++;
    let result: unknown;
    let waits = false;
    try {
      result = outer(chunk);
      waits = types.isPromise(result);
    } finally {
      if (!waits) exchange.link.writing--;
      exchange.headSent = true;
    }
    if (before !== null && !before.equals(chunk)) {
      throw exchange.outside('V-137', 'a chunk was changed while it was written', 'copy what you want to change');
    }
    return exchange.async ? written(exchange, result) : undefined;
  };

  //: V-84: `write` is called, and nothing else: it has no members of its own.
  return new Proxy(call, {
    get(target, key, receiver) {
      if (typeof key === 'symbol' || key in Function.prototype || key === 'prototype' || key === 'then') {
        return Reflect.get(target, key, receiver);
      }
      throw exchange.inside('V-84', `write.${key} was used`, 'call write(chunk), and nothing else');
    },
  });
}

//: @in write
//: A-15: New applications SHOULD NOT use `write`.

function checkMoment(exchange: CheckedExchange): void {
  //: @in write
  //: A-14, V-127, V-136: `write` MUST NOT be called from within the iteration of the body: not while a step is running, not after
  //: the first one, not after the end. All that is written comes before the first chunk of the body.
  if (exchange.ended) {
    throw exchange.inside(
      exchange.async ? 'V-136' : 'V-127',
      'write was called after the body had ended',
      'write before you return the body',
    );
  }
  if (exchange.steps > 0) {
    throw exchange.inside(
      'V-127',
      `write was called ${exchange.stepping ? 'from within a step of the body' : 'after the first step of the body'}`,
      'yield the chunk instead',
    );
  }
}

function written(exchange: CheckedExchange, result: unknown): Promise<unknown> {
  //: B-09: In the async convention `write` MUST return a promise. It fulfils when the transport wants more, and rejects
  //: when the client has gone. Calls take effect in the order in which they were made, even if they are not awaited. A chunk that
  //: cannot be handed over during the call is copied, since the caller may refill it.
  if (!types.isPromise(result)) {
    throw exchange.outside('B-09', `write returned ${shown(result)}`, 'return a promise in the async convention');
  }
  const leave = () => {
    exchange.link.writing--;
  };
  result.then(leave, leave);
  exchange.unawaitedWrites++;
  const promise = watched(result, () => {
    exchange.unawaitedWrites--;
  });
  // The application may not look at it: its rejection ends no process (G-146).
  Promise.prototype.then.call(promise, nothing, nothing);
  disregard(result);
  return promise;
}
