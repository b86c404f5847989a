import type { CheckedExchange } from './exchange.ts';
import { checkHead } from './head.ts';
import { type Callable, isCallable, shown } from './values.ts';
import { checkedWrite } from './write.ts';

/** The `startResponse` that the application gets. */
export function checkedStartResponse(exchange: CheckedExchange, outer: Callable): Callable {
  let write: Callable | null = null;
  let checked: Callable | null = null;

  return (...args) => {
    checkArguments(exchange, args);
    if (exchange.ended) throw tooLate(exchange);
    // Before anything is checked: a call counts also when it throws.
    const again = exchange.called;
    exchange.called = true;
    const { head, error } = checkHead(exchange, args[0], args[1], args[2]);
    //: @in start-response
    //: G-82, A-04, V-120: A second call without an error MUST throw, also when the first one threw because of its arguments. An
    //: application calls `startResponse` again only to replace the head because of an error, which it passes on.
    if (again && error === null) {
      throw exchange.inside(
        'V-120',
        'startResponse was called a second time without an error',
        'call it once; to answer with an error page pass the Error as third argument',
      );
    }
    let result: unknown;
    try {
      result = exchange.link.start(() => outer(...args));
    } catch (thrown) {
      if (error !== null && thrown === error) exchange.rethrown = error;
      else if (!exchange.headSent) exchange.head = null;
      throw thrown;
    }
    //: G-84, V-121: With an error, and the head sent, `startResponse` MUST throw that very error object, whether or not an exception is being
    //: handled at the moment. Middleware MAY act on it itself (M-06). For this purpose the head is sent once a
    //: chunk that is not empty was taken and the next step asked for, or `write` was called.
    if (error !== null && exchange.headSent && exchange.link.parent === null && !exchange.settings.behindMiddleware) {
      throw exchange.outside(
        'V-121',
        'startResponse returned although it was given an error and the head had been sent',
        'throw the error that was given',
      );
    }
    exchange.head = head;
    //: V-06: What `startResponse` returns is a function; the application gets a checked `write` for it.
    if (!isCallable(result)) {
      throw exchange.outside('V-06', `startResponse returned ${shown(result)}`, 'return a write function');
    }
    if (checked === null || write !== result) {
      write = result;
      checked = checkedWrite(exchange, write);
    }
    return checked;
  };
}

//: @in start-response
//: G-80: `startResponse(status, headers, error?)` MUST store the head and return a `write` function. It transmits nothing.
//:
//: G-81: The head MUST be sent at the earliest of these, never before: the first chunk of the body that is not empty; the first call of
//: `write`, also with an empty chunk; the end of the body. Until then it can be replaced. The one exception: with `Content-Length: 0` it MAY
//: be sent at once.
//:
//: G-83: With an error, and the head not sent, the stored status and headers MUST be replaced as a whole. Nothing of the earlier head stays, neither a
//: header nor a computed length.
//:
//: G-86: A server SHOULD keep no reference to the error after the call.
//:
//: G-87: The server MUST check status and headers during the call, so that the error is thrown into the application, and MUST do so always, not
//: in a development mode only.
//:
//: G-191: A head that is too large to be sent MUST be refused there too, by one limit for all ways to run an
//: application. (Here 262144 bytes: the status line and the lines of all fields, each with its line end.)
//:
//: A-06: An application SHOULD pass the error whenever it begins an error response.
//:
//: ```js
//: try {
//:   startResponse('200 OK', [['Content-Type', 'text/html']]);
//:   return [render(environ)];
//: } catch (error) {
//:   startResponse('500 Internal Server Error', [['Content-Type', 'text/plain']], error); // throws if it is too late
//:   return [Buffer.from('Sorry.\n')];
//: }
//: ```
//:
//: @in headers
//: G-95: The order of headers, their spelling, and repeated fields (`Set-Cookie`) MUST reach the wire as they were given: never go through an object that is
//: keyed by name.
//:
//: G-96: The array MUST be copied during the call. Later changes by the application have no effect, and the server does not change the array of
//: the application.
//:
//: G-97: `Date` MUST be added where it is missing, `Server` MAY be. Neither replaces one that the application gave.

function checkArguments(exchange: CheckedExchange, args: readonly unknown[]): void {
  //: @in start-response
  //: V-03, V-04: `startResponse` gets two or three positional arguments, never an object of options.
  const first = args[0];
  if (typeof first === 'object' && first !== null && !(first instanceof String)) {
    throw exchange.inside(
      'V-04',
      `the first argument of startResponse is ${shown(first)}`,
      'give positional arguments: startResponse(status, headers)',
    );
  }
  if (args.length < 2 || args.length > 3) {
    throw exchange.inside(
      'V-03',
      `startResponse was called with ${args.length} arguments`,
      'give status and headers, and the error where there is one',
    );
  }
}

function tooLate(exchange: CheckedExchange): Error {
  //: G-98, V-136: A call of `startResponse` or `write` after the body has ended, or for a request that was given up, MUST throw and change
  //: nothing of any other response.
  return exchange.inside(
    exchange.async ? 'V-136' : 'G-98',
    'startResponse was called after the body had ended',
    'call it in the application or in the first step of the body',
  );
}
