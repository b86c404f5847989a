import type { CheckedExchange } from './exchange.ts';
import { callMethod, hasMethod, isIterable, shown } from './values.ts';

/** Methods, and the rows by which they are there. */
const METHODS = { flush: 'V-30', write: 'V-31', writelines: 'V-32' } as const;

/** `wsgi.errors` as the server made it. */
export function checkErrorStream(exchange: CheckedExchange, errors: unknown): void {
  //: @in errors-stream
  //: G-70, V-30, V-31, V-32: `wsgi.errors` MUST have `write(string)`, `writelines(iterable of strings)`, which adds no newlines,
  //: and `flush()`.
  //:
  //: ```js
  //: environ['wsgi.errors'].write('the cache is gone\n');
  //: environ['wsgi.errors'].flush();
  //: ```
  for (const [name, row] of Object.entries(METHODS)) {
    if (!hasMethod(errors, name)) {
      throw exchange.outside(row, `wsgi.errors has no method ${name}`, 'give the three methods of G-70');
    }
  }
}

//: G-71: It MUST accept any text, lone surrogates too, and never throw because of a character: UTF-8 with replacement.
//:
//: G-72, A-13: After `flush()` has returned the text MUST be out of the worker, even if the thread then blocks for ever or is ended.
//: The application MUST call `flush` where it needs that. (`console` and `process.stderr` of a worker thread go through the main thread, and come late or never.)
//:
//: G-73: Control characters other than newline and tab SHOULD be made visible where the stream ends in a log.
//:
//: G-74: The documentation SHOULD say where the text goes, and how to redirect it.

/** What the application gets in its place. */
export function checkedErrorStream(exchange: CheckedExchange, errors: unknown): object {
  function checkText(text: unknown): void {
    //: V-80, V-81: The application gives `write` one string, and `writelines` strings only, each of which is checked as if it had been given to `write`.
    if (typeof text !== 'string') {
      throw exchange.inside('V-80', `wsgi.errors got ${shown(text)}`, 'write strings');
    }
  }

  const stream = {
    write(...args: unknown[]): unknown {
      if (args.length !== 1) {
        throw exchange.inside('V-80', `errors.write got ${args.length} arguments`, 'give one string');
      }
      checkText(args[0]);
      return callMethod(errors, 'write', args);
    },
    writelines(...args: unknown[]): unknown {
      const lines = args[0];
      if (args.length !== 1 || typeof lines === 'string' || !isIterable(lines)) {
        throw exchange.inside('V-81', `errors.writelines got ${shown(lines)}`, 'give one iterable of strings');
      }
      const all = Array.from(lines);
      for (const line of all) {
        if (typeof line !== 'string') {
          throw exchange.inside('V-81', `errors.writelines got ${shown(line)} among its lines`, 'give strings');
        }
      }
      // In one go, as it came: the lines of several workers would mix otherwise.
      return callMethod(errors, 'writelines', [all]);
    },
    flush(): unknown {
      return callMethod(errors, 'flush');
    },
  };
  //: A-11, V-82: An application MUST NOT close the error stream, nor use any other member of it.
  return onlyMembers(exchange, stream, Object.keys(METHODS), 'V-82', 'V-82', 'wsgi.errors');
}

/** Keys that the language and its tools ask any object for. */
const HARMLESS = new Set(['then', 'constructor', 'toJSON', 'toString', 'valueOf', 'inspect', 'hasOwnProperty']);

/** A stream that names whoever reaches for more than it has. */
export function onlyMembers(
  exchange: CheckedExchange,
  stream: object,
  members: readonly string[],
  row: string,
  closeRow: string,
  name: string,
): object {
  for (const key of Object.keys(stream)) Object.defineProperty(stream, key, { enumerable: false });
  return new Proxy(stream, {
    get(target, key) {
      if (typeof key === 'symbol' || HARMLESS.has(key) || members.includes(key)) return Reflect.get(target, key);
      if (key !== 'close') {
        throw exchange.inside(row, `${name}.${key} was used`, `use ${members.join(', ')} only`);
      }
      return () => {
        throw exchange.inside(closeRow, `${name}.close() was called`, 'leave closing to the server');
      };
    },
  });
}
