/** Applications written for fetch: Hono, h3, or any function from a Request to a Response (B-69). */

import { textBody } from '../engine/pooled-text.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { markAsync } from '../interface/kind.ts';
import { markOriginal } from '../interface/original.ts';
import type {
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  AsyncWrite,
  HeaderField,
  Lifespan,
} from '../interface/types.ts';
import { isAwaitable } from '../rules/body.ts';
import { nothing } from '../rules/promises.ts';
import { typeName } from '../rules/show.ts';
import { usualReason } from '../rules/status-line.ts';
import { replaceGlobals } from './fetch-globals.ts';
import { applicationFields, partsOf } from './fetch-response.ts';
import { requestMaker } from './lazy-request.ts';
import { ReadAheadBody } from './read-ahead-body.ts';
import { urlOf } from './request-url.ts';
import { statusOf } from './response-fields.ts';

/** From a Request to a Response. What else it takes, the option `arguments` gives. */
export type FetchHandler = (request: Request, ...more: never[]) => Response | Promise<Response>;

/** What a module for workers, Bun or Deno exports, and what Hono and h3 call an application. */
export interface FetchObject {
  fetch: FetchHandler;
}

/** Hooks of the application (L-01), and what its handler is called with. */
export interface FetchHandlerOptions extends Pick<Lifespan, 'startup' | 'shutdown'> {
  /**
   * Further arguments of the handler, made anew for each request: the bindings of Hono, for example. None by default.
   */
  arguments?: (environ: AsyncEnviron) => readonly unknown[];
  /**
   * Replaces the globals `Response`, and `Request` and `fetch` where that is needed, in this thread and for good, by
   * proxies of what was there: native objects are then made as late as can be. False by default.
   */
  replaceGlobals?: boolean;
}

const NOTHING = new Uint8Array(0);
const TEXT: HeaderField[] = [['Content-Type', 'text/plain; charset=utf-8']];
/** Methods that a Request cannot have (Fetch Standard, 2.2.1), in any case of letters. */
const FORBIDDEN_METHOD = /^(?:CONNECT|TRACE|TRACK)$/i;

/** Answers in place of the handler. */
function refuse(startResponse: AsyncStartResponse, status: '400 Bad Request' | '501 Not Implemented'): AsyncBody {
  startResponse(status, TEXT);
  return [Buffer.from(`${status}\n`)];
}

/** Answers with a body that has to be read, or to be cancelled. */
async function sendStream(
  body: ReadAheadBody,
  start: () => AsyncWrite,
  forHead: boolean,
  gone: AbortSignal | undefined,
): Promise<AsyncBody> {
  try {
    gone?.throwIfAborted();
    const write = start();
    // The body of a response to HEAD is never read (M-11).
    if (forHead) return Object.assign([], { close: () => body.close() });
    const whole = await body.whole();
    if (whole !== null) return whole;
    // The head goes ahead of a body that has to be waited for (G-81).
    if (!body.ready) await write(NOTHING);
    return body;
  } catch (error) {
    body.close().catch(nothing);
    throw error;
  }
}

/**
 * An async application of a handler for fetch: a function from a Request to a Response, or an object with such a
 * `fetch`, as Hono and h3 make it (B-69).
 *
 * The URL is made of scheme, Host and the target as it came; it names the mount too. A Host that is none is answered
 * with 400; CONNECT, TRACE and TRACK, which a Request cannot have, with 501. The body is read as the handler reads it,
 * `request.signal` aborts when the client leaves, and the body of the Response is cancelled then. Whatever is no
 * Response, and `Response.error()`, fails with 500.
 *
 * @throws ConfigurationError for anything else than a handler or an object with one
 */
export function fromFetchHandler(
  handler: FetchHandler | FetchObject,
  options: FetchHandlerOptions = {},
): AsyncApplication {
  const call = handlerOf(handler);
  if (options.replaceGlobals) replaceGlobals();
  const makeRequest = requestMaker(options.replaceGlobals === true);

  const app: AsyncApplication = markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) => {
    const { REQUEST_METHOD: method, 'quaich.signal': gone } = environ;
    if (FORBIDDEN_METHOD.test(method)) return refuse(startResponse, '501 Not Implemented');
    const url = urlOf(environ);
    if (url === null) return refuse(startResponse, '400 Bad Request');
    const request = makeRequest(environ, url);
    const answer = (response: unknown): AsyncBody | Promise<AsyncBody> => {
      const { status, statusText, fields, body } = partsOf(response);
      const start = (): AsyncWrite =>
        startResponse(statusOf(status, statusText || usualReason(status)), applicationFields(fields));
      if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
        start();
        if (body === null || method === 'HEAD') return [];
        return typeof body === 'string' ? textBody(body) : [body];
      }
      const reason = (): unknown => (gone?.aborted ? request.signal.reason : undefined);
      return sendStream(new ReadAheadBody(body, reason), start, method === 'HEAD', gone);
    };
    const response = call(request, options.arguments?.(environ) ?? []);
    return isAwaitable(response) ? Promise.resolve(response).then(answer) : answer(response);
  });
  // Further arguments are made of an environ, which other servers have not.
  if (options.arguments === undefined) markOriginal(app, { interface: 'fetch', target: handler });
  if (options.startup !== undefined) app.startup = options.startup;
  if (options.shutdown !== undefined) app.shutdown = options.shutdown;
  return app;
}

type Call = (request: Request, more: readonly unknown[]) => unknown;

function handlerOf(handler: unknown): Call {
  // A function with a `fetch`, such as a handler of h3, takes something else itself.
  if ((typeof handler === 'object' && handler !== null) || typeof handler === 'function') {
    const method: unknown = Reflect.get(handler, 'fetch');
    if (typeof method === 'function') return (request, more) => Reflect.apply(method, handler, [request, ...more]);
    if (typeof handler === 'function') return (request, more) => Reflect.apply(handler, undefined, [request, ...more]);
  }
  throw new ConfigurationError(
    `fromFetchHandler: expected a function (request) => response, or an object with such a fetch, got ${typeName(handler)}`,
  );
}
