/** Applications written for fetch: Hono, h3, or any function from a Request to a Response (B-69). */

import { ApplicationError, ConfigurationError } from '../interface/errors.ts';
import { markOriginal } from '../interface/original.ts';
import type { AsyncApplication, AsyncEnviron, HeaderField, Lifespan } from '../interface/types.ts';
import { isApplicationField, isAuthority } from '../rules/grammar.ts';
import { nothing } from '../rules/promises.ts';
import { typeName } from '../rules/show.ts';
import { trimmed } from '../rules/trimmed.ts';
import { bodyLength, eachField } from './request-fields.ts';
import { requestTarget } from './request-target.ts';
import { statusOf, usualReason } from './response-fields.ts';

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
}

/** What is read ahead of a body at most. A form of two fields is five chunks. */
const MOST_AHEAD_BYTES = 65_536;
const MOST_AHEAD_CHUNKS = 8;
const NOTHING = new Uint8Array(0);
const TEXT: HeaderField[] = [['Content-Type', 'text/plain; charset=utf-8']];
/** Methods that a Request cannot have (Fetch Standard, 2.2.1), in any case of letters. */
const FORBIDDEN_METHOD = /^(?:CONNECT|TRACE|TRACK)$/i;

/**
 * The URL of a request: scheme, Host, raw target. A server-wide `OPTIONS *` has an empty path (RFC 9112, 3.3).
 *
 * Null where Host is no authority: what is trusted as part of a URL is checked.
 */
function urlOf(environ: AsyncEnviron): URL | null {
  const { 'wsgi.url_scheme': scheme, SERVER_NAME: name, SERVER_PORT: port } = environ;
  const authority = environ.HTTP_HOST || `${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`;
  if (!isAuthority(authority)) return null;
  const { script, path, query } = requestTarget(environ);
  const url = `${scheme}://${authority}${script}${path === '*' ? '/' : path}${query}`;
  return URL.canParse(url) ? new URL(url) : null;
}

/**
 * The signal of a request for fetch. Its reason is an AbortError, as handlers know it (DOM Standard, 3.1), whose cause
 * is the reason of `quaich.signal`.
 */
function abortSignal(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => {
    const error = new DOMException('the request was aborted', 'AbortError');
    controller.abort(Object.assign(error, { cause: signal.reason }));
  };
  signal.addEventListener('abort', abort, { once: true });
  return controller.signal;
}

function requestOf(environ: AsyncEnviron, url: URL, signal: AbortSignal | undefined): Request {
  const { REQUEST_METHOD: method } = environ;
  const headers: [string, string][] = [];
  eachField(environ, (name, value) => {
    headers.push([name, value]);
  });
  if (environ.CONTENT_LENGTH) headers.push(['Content-Length', environ.CONTENT_LENGTH]);
  // A Request for GET or HEAD cannot have a body.
  const hasBody = !/^(?:GET|HEAD)$/i.test(method) && bodyLength(environ) !== 0;
  const body = hasBody ? { body: environ['wsgi.input'].stream(), duplex: 'half' as const } : {};
  return new Request(url, { method, headers, ...body, ...(signal !== undefined && { signal }) });
}

/** A Response, also that of another implementation. */
function checkResponse(value: unknown): asserts value is Response {
  if (typeof value === 'object' && value !== null) {
    // Looked at below, property by property.
    const { status, headers, body } = value as Partial<Response>;
    const hasHeaders = typeof headers?.forEach === 'function' && typeof headers.getSetCookie === 'function';
    if (typeof status === 'number' && hasHeaders && (body === null || typeof body?.getReader === 'function')) {
      if (status !== 0) return;
      throw new ApplicationError('the fetch handler returned Response.error() (B-69)');
    }
  }
  throw new ApplicationError(`the fetch handler returned ${typeName(value)}, expected a Response (B-69)`);
}

function headersOf({ headers }: Response): HeaderField[] {
  const fields: HeaderField[] = [];
  headers.forEach((value, name) => {
    const lower = name.toLowerCase();
    if (lower !== 'set-cookie' && isApplicationField(lower)) fields.push([name, trimmed(value)]);
  });
  // Never joined: a cookie may contain a comma (RFC 9110, 5.3).
  for (const cookie of headers.getSetCookie()) fields.push(['set-cookie', trimmed(cookie)]);
  return fields;
}

/**
 * The body of a Response: one read is outstanding at most, and only when the gateway wants a chunk. But its beginning
 * is read ahead as long as it is there at once: nothing else tells a text, whose length is known, from a stream.
 */
class ReadAheadBody implements AsyncIterableIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #over = false;
  /** Read ahead, in order. */
  readonly #ahead: Uint8Array[] = [];
  #outstanding: ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']> | null = null;

  constructor(stream: ReadableStream<Uint8Array>, signal: AbortSignal | undefined) {
    this.#reader = stream.getReader();
    this.#signal = signal;
  }

  /** Whether there is a chunk that need not be waited for. */
  get ready(): boolean {
    return this.#ahead.length > 0;
  }

  /** Reads ahead. Returns all chunks where the stream has ended with them, else null. */
  async whole(): Promise<Uint8Array[] | null> {
    const ahead = this.#ahead;
    // Ends: when nothing else is left to run, one turn of the event loop later: a Blob takes that turn to tell its end.
    const later = new Promise<null>((resolve) => {
      process.nextTick(() => {
        if (!this.#over) setImmediate(resolve, null);
      });
    });
    // A text is one chunk, however large.
    for (let size = 0; ahead.length < 2 || (size < MOST_AHEAD_BYTES && ahead.length < MOST_AHEAD_CHUNKS); ) {
      const read = this.#reader.read();
      const result = await Promise.race([read, later]);
      if (result === null) {
        this.#outstanding = read;
        return null;
      }
      if (result.done) {
        this.#over = true;
        return ahead;
      }
      ahead.push(result.value);
      size += result.value.byteLength;
    }
    return null;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const first = this.#ahead.shift();
    if (first !== undefined) return { done: false, value: first };
    const read = this.#outstanding ?? this.#reader.read();
    this.#outstanding = null;
    const { done, value } = await read;
    if (!done) return { done: false, value };
    this.#over = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Cancels what was not read; rejects when the source does. A read that is outstanding ends with it. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#reader.cancel(this.#signal?.reason);
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

  const app: AsyncApplication = async (environ, startResponse) => {
    const { REQUEST_METHOD: method, 'quaich.signal': gone } = environ;
    if (FORBIDDEN_METHOD.test(method)) {
      startResponse('501 Not Implemented', TEXT);
      return [Buffer.from('501 Not Implemented\n')];
    }
    const url = urlOf(environ);
    if (url === null) {
      startResponse('400 Bad Request', TEXT);
      return [Buffer.from('400 Bad Request\n')];
    }
    const signal = gone === undefined ? undefined : abortSignal(gone);
    const response = await call(requestOf(environ, url, signal), options.arguments?.(environ) ?? []);
    checkResponse(response);
    const status = statusOf(response.status, response.statusText || usualReason(response.status));
    if (response.body === null) {
      startResponse(status, headersOf(response));
      return [];
    }
    const body = new ReadAheadBody(response.body, signal);
    try {
      gone?.throwIfAborted();
      const write = startResponse(status, headersOf(response));
      // The body of a response to HEAD is never read (M-11).
      if (method === 'HEAD') return Object.assign([], { close: () => body.close() });
      const whole = await body.whole();
      if (whole !== null) return whole;
      // The head goes ahead of a body that has to be waited for (G-81).
      if (!body.ready) await write(NOTHING);
      return body;
    } catch (error) {
      body.close().catch(nothing);
      throw error;
    }
  };
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
