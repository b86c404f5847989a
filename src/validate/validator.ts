/**
 * The conformance validator: middleware that checks both sides of one call and changes nothing for a correct pair.
 */
import { isPromise } from 'node:util/types';
import { kindOf, markAsync, markSync } from '../interface/kind.ts';
import type { Application, ApplicationOf, AsyncApplication, InPlaceApplication, Lifespan } from '../interface/types.ts';
import {
  closeLate,
  closeOf,
  hasMethod,
  isAwaitable,
  isPlainArray,
  noBodyFault,
  notIterableFault,
  notSyncFault,
} from '../rules/body.ts';
import { disregard, nothing } from '../rules/promises.ts';
import { shown } from '../rules/show.ts';
import { checkedArray } from './array-body.ts';
import { CheckedAsyncBody } from './async-body.ts';
import { CheckedBody } from './body.ts';
import { checkEnviron } from './environ.ts';
import { checkedErrorStream } from './error-stream.ts';
import { CheckedExchange } from './exchange.ts';
import { checkedFileWrapper, isCheckedWrapper, watchFileWrapper } from './file-wrapper.ts';
import { checkedInput } from './input.ts';
import { LINK, Link, requestTargetOf } from './link.ts';
import { Settings, type ValidatorOptions } from './settings.ts';
import { checkedStartResponse } from './start-response.ts';
import { strictBody } from './strict-properties.ts';
import { track, type UnclosedBody, unclosed } from './unclosed.ts';
import { type Callable, entryText, isCallable } from './values.ts';

/** Wraps an application in the checks; keeps its kind (B-03) and its lifespan hooks (L-14). */
export interface Validator {
  /** @throws TypeError when it is no function */
  <A extends InPlaceApplication>(app: A, options?: ValidatorOptions): ApplicationOf<A>;
  /** The bodies handed out by any validator of this thread that have to be closed and are not (V-89). */
  unclosed(): UnclosedBody[];
}

function validate(app: Application | AsyncApplication, options: ValidatorOptions = {}): Application | AsyncApplication {
  if (typeof app !== 'function') throw new TypeError(`validator: the application is ${shown(app)}, not a function`);
  const settings = new Settings(options.kind ?? kindOf(app), options);
  //: @in kinds
  //: B-03: Wrappers (validators, middleware, bridges) MUST carry the mark of what they are, which need not be that of
  //: what they wrap.
  const checked: Callable = (...args) => call(app, args, settings);
  // What the function gives is checked in each call; no type can tell its kind.
  const marked =
    settings.kind === 'async' ? markAsync(checked as AsyncApplication) : markSync(checked as unknown as Application);
  for (const name of ['startup', 'shutdown'] as const) {
    const hook = app[name];
    if (hook !== undefined && hook !== null) Object.assign(marked, { [name]: boundHook(hook, app) });
  }
  return marked;
}

// What it gives is of the kind of what it is given.
export const validator = Object.assign(validate, { unclosed }) as Validator;

type Hook = NonNullable<Lifespan['startup']>;

// One function for each hook, so that applications which share one still do (L-14).
const boundHooks = new WeakMap<Hook, Hook>();

/** A hook that sees the application itself as `this`. */
function boundHook(hook: Hook, app: Lifespan): Hook {
  let bound = boundHooks.get(hook);
  if (bound === undefined) {
    bound = typeof hook === 'function' ? (state) => Reflect.apply(hook, app, [state]) : hook;
    boundHooks.set(hook, bound);
  }
  return bound;
}

function call(app: Application | AsyncApplication, args: unknown[], settings: Settings): unknown {
  const exchange = exchangeOf(args, settings);
  const [environ, startResponse] = begin(exchange, args);
  const { link } = exchange;
  link.enter();
  let result: unknown;
  try {
    result = Reflect.apply(app, undefined, [environ, startResponse]);
  } catch (error) {
    link.leave();
    throw error;
  }
  if (settings.kind === 'async' && isAwaitable(result)) {
    return Promise.resolve(result).then(
      (body) => {
        link.leave();
        return taken(exchange, body);
      },
      (error) => {
        link.leave();
        throw error;
      },
    );
  }
  link.leave();
  return taken(exchange, result);
}

function exchangeOf([environ]: readonly unknown[], settings: Settings): CheckedExchange {
  const found: unknown = typeof environ === 'object' && environ !== null ? Reflect.get(environ, LINK) : undefined;
  const link = new Link(Link.nearest(found), requestTargetOf(environ));
  const method = entryText(environ, 'REQUEST_METHOD');
  return new CheckedExchange(
    settings,
    link,
    `${method || '-'} ${shown(entryText(environ, 'SCRIPT_NAME') + entryText(environ, 'PATH_INFO')).slice(1, -1)}`,
    method === 'HEAD',
  );
}

/**
 * Checks the call and puts the checked streams in the places of the server's; gives the arguments for the application.
 */
function begin(exchange: CheckedExchange, args: readonly unknown[]): [environ: object, startResponse: Callable] {
  const [environ, startResponse] = args;
  //: @in calling
  //: G-01, A-01, V-01, V-02: The server MUST call the application once for each request with exactly two positional
  //: arguments, `environ` and `startResponse`, which is a function. An application accepts them and can be called any
  //: number of times. A class needs `new` and is no application; wrap it: `(environ, startResponse) => new App(environ,
  //: startResponse)`.
  if (args.length !== 2) {
    throw exchange.outside('V-01', `the application was called with ${args.length} arguments`, 'give two');
  }
  if (!isCallable(startResponse)) {
    throw exchange.outside('V-02', `the second argument is ${shown(startResponse)}`, 'give startResponse, a function');
  }
  checkEnviron(exchange, environ);
  environ['wsgi.input'] = checkedInput(exchange, environ['wsgi.input'], environ);
  environ['wsgi.errors'] = checkedErrorStream(exchange, environ['wsgi.errors']);
  const wrapper = environ['wsgi.file_wrapper'];
  if (isCallable(wrapper)) environ['wsgi.file_wrapper'] = checkedFileWrapper(exchange, wrapper);
  Reflect.set(environ, LINK, exchange.link);
  return [environ, checkedStartResponse(exchange, startResponse)];
}

/** What the application has returned, on its way to the server. */
function taken(exchange: CheckedExchange, body: unknown): unknown {
  try {
    exchange.cameBack();
    checkResult(exchange, body);
    exchange.link.returned = true;
    return checkedBody(exchange, body);
  } catch (violation) {
    // The server will never see this body, so that closing it falls to us.
    exchange.ended = true;
    dispose(body);
    throw violation;
  }
}

function checkedBody(exchange: CheckedExchange, body: object): object {
  const { link, settings } = exchange;
  //: @in file-wrapper
  //: M-16, V-138: Middleware that does not change the body MUST hand a file wrapper on untouched. A validator hands on
  //: the very object: where the server iterates and closes it, that is checked as for any body; what the server sends
  //: by itself, it does not see.
  if (isCheckedWrapper(body)) {
    const closing = watchFileWrapper(exchange, body);
    if (closing !== null) {
      link.open = true;
      closing.untrack = track(body, exchange.request, settings);
    } else if (!hasMethod(body, 'close')) {
      link.checkClosed();
    }
    return body;
  }
  const finish = (checked: object) => (settings.strictProperties ? strictBody(exchange, checked) : checked);
  if (exchange.async && hasMethod(body, Symbol.asyncIterator)) {
    const checked = new CheckedAsyncBody(exchange, body);
    link.open = true;
    checked.closing.untrack = track(checked, exchange.request, settings);
    return finish(checked);
  }
  //: @in length
  //: V-138: A validator is transparent. Status, headers, a Content-Length that the server computes, the borders of
  //: chunks, the number of `close` calls and the way of a file wrapper are the same with and without it. For a body
  //: that is an array it returns an array.
  if (isPlainArray(body)) {
    const { array, closing } = checkedArray(exchange, body);
    if (closing === null) {
      // Nobody will ever close it, hence nothing that it may stand for.
      link.checkClosed();
      return finish(array);
    }
    link.open = true;
    closing.untrack = track(array, exchange.request, settings);
    return finish(array);
  }
  const checked = new CheckedBody(exchange, body);
  link.open = true;
  checked.closing.untrack = track(checked, exchange.request, settings);
  return finish(checked);
}

/** The row of what is no body by its type. */
const NO_BODY = { nothing: 'V-05', 'bytes or text': 'V-63', other: 'A-02' } as const;

function checkResult(exchange: CheckedExchange, body: unknown): asserts body is object {
  //: @in body
  //: A-02, V-05: The application MUST return an iterable of chunks on every call, also when it used `write` for
  //: everything: `[]` for an empty body; never `null`, `undefined` or `false`.
  //:
  //: G-100, V-63: The result MUST be iterable in the convention in force. A string, a `Uint8Array` or other view, and
  //: an `ArrayBuffer` are refused by type before anything is iterated, although JavaScript can iterate some of them.
  //: The request fails with 500 and an error that names the type.
  const fault = noBodyFault(body, exchange.async ? 'an async application' : 'a sync application');
  if (fault !== null) throw exchange.refused(NO_BODY[fault.what], fault);
  if (!exchange.async) refuseAsync(exchange, body);
  if (hasMethod(body, Symbol.iterator) || (exchange.async && hasMethod(body, Symbol.asyncIterator))) return;
  throw exchange.refused('A-02', notIterableFault(body));
}

function refuseAsync(exchange: CheckedExchange, body: unknown): void {
  //: B-02, V-134: The result MUST be checked against the kind of the application. A promise, or an iterable that is
  //: async only, from a sync application is an error whose message tells how to declare the application async. It is
  //: never iterated as if it were sync, and a promise that rejects is handled so that it does not end the process.
  // A body is asked for nothing else, if it has an iterator (G-109).
  if (hasMethod(body, Symbol.iterator)) return;
  const promise = isPromise(body) || hasMethod(body, 'then');
  if (!promise && !hasMethod(body, Symbol.asyncIterator)) return;
  throw exchange.refused('V-134', notSyncFault(promise ? 'a promise' : 'an async iterable'));
}

/** Closes what a refused result holds; the violation is the news, not what `close` throws. */
function dispose(body: unknown): void {
  if (isPromise(body)) {
    closeLate(body, nothing);
    return;
  }
  try {
    disregard(closeOf(body)?.());
  } catch {
    // The violation is the news.
  }
}
