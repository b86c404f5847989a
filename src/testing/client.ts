/** What the clients of both kinds have in common: requests, their bodies, lifespan. */
import { inOwnContext } from '../engine/context.ts';
import type { EnvironTemplate } from '../environ/builder.ts';
import { SOFTWARE } from '../environ/variables.ts';
import { ConfigurationError } from '../interface/errors.ts';
import type { Application, AsyncApplication, Kind, Lifespan } from '../interface/types.ts';
import { noApplication } from '../rules/no-application.ts';
import { type Steps, wait } from '../rules/steps.ts';
import type { Headers } from '../toolbox/headers.ts';
import { MemoryErrorStream } from '../toolbox/memory-error-stream.ts';
import { CookieJar } from './cookie-jar.ts';
import { redirected, requestUrl } from './redirect.ts';
import { type HeadersInit, pairsOf, type RequestHead, requestHeaders, toBytes, type WholeBody } from './request.ts';
import type { TestResponse } from './response.ts';

export interface ClientOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /** Where the application is mounted: `''` or `/app`. Paths of requests begin with it (G-11). */
  prefix?: string;
  /** Of every request, unless it has its own of that name. */
  headers?: HeadersInit;
  /** Keeps the cookies of responses, and sends them with the requests that follow. False by default. */
  cookies?: boolean;
  /** Pairs of the deployer (G-50). */
  environ?: Readonly<Record<string, string>>;
  /** Hooks of the module, where the application itself has none (L-01). */
  lifespan?: Lifespan;
  /** What `startup` fills, and every request gets a copy of; an empty object by default (L-06). */
  state?: Record<string, unknown>;
  /** Most bytes of a request body, above which reads fail with 413 (G-65); no limit by default. */
  limitBody?: number;
  /** The longest wait for `return()` and `close()` of an async body, in milliseconds (B-13); 5000 by default. */
  closeTimeout?: number;
}

/** What a request has besides its body. */
export interface RequestOptions extends RequestHead {
  /** Sent as JSON, in place of a body. */
  json?: unknown;
  /** The most redirects to follow, to places of the same host; none by default. */
  redirects?: number;
  /**
   * The client leaves after so many chunks of the response (B-35), 0: before the first. Reads and writes throw or
   * reject with ClientDisconnected from then on.
   */
  disconnectAfter?: number;
}

/** A body with what its head says of it. */
interface PreparedBody<S> {
  headers: Headers;
  /** Null: there is none. */
  source: S | null;
  /** Announced bytes; -1 for a chunked body. */
  length: number;
}

function announced(headers: Headers): number {
  const length = headers.get('Content-Length');
  return length === null ? -1 : Number(length);
}

/**
 * Completes the head by what the body needs: a whole body gets a Content-Length, one in pieces goes chunked, unless the
 * test says otherwise.
 */
export function prepareBody<S extends object>(
  request: RequestOptions & { body?: WholeBody | S },
  defaults: HeadersInit,
): PreparedBody<S | Iterable<Uint8Array>> {
  const headers = requestHeaders(request, defaults);
  let { body } = request;
  if (request.json !== undefined) {
    if (body !== undefined) throw new ConfigurationError('a request has a body or json, not both');
    body = JSON.stringify(request.json);
    headers.setdefault('Content-Type', 'application/json');
  } else if (body instanceof URLSearchParams) {
    body = body.toString();
    headers.setdefault('Content-Type', 'application/x-www-form-urlencoded');
  }
  if (body === undefined) {
    // A body that was announced and never comes.
    const promised = headers.has('Transfer-Encoding') || announced(headers) > 0;
    return { headers, source: promised ? [] : null, length: promised ? announced(headers) : 0 };
  }
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = toBytes(body);
    if (!headers.has('Transfer-Encoding')) headers.setdefault('Content-Length', String(bytes.byteLength));
    const length = announced(headers);
    return { headers, source: length === 0 ? null : [bytes], length };
  }
  if (!headers.has('Content-Length')) headers.setdefault('Transfer-Encoding', 'chunked');
  const pieces = body as S; // every kind of whole body has been dealt with
  return { headers, source: pieces, length: announced(headers) };
}

/** A client of one application, without a network. */
export abstract class TestClient<Request extends RequestOptions & { body?: unknown }, Response> {
  protected readonly options: ClientOptions;
  /** Of the responses so far, where the client keeps them. */
  readonly cookies = new CookieJar();
  /** What `startup` left (L-06). */
  readonly state: Record<string, unknown>;
  private readonly lifespan: Lifespan;
  private readonly owner: unknown;
  private started = false;

  /** @throws ConfigurationError for what is no application, and for a prefix that is none */
  constructor(app: Application | AsyncApplication, options: ClientOptions) {
    const fault = noApplication(app);
    if (fault !== null) throw new ConfigurationError(`a test client takes an application, and got ${fault}`);
    this.options = options;
    this.state = options.state ?? {};
    this.owner = app;
    this.lifespan = {
      startup: app.startup ?? options.lifespan?.startup,
      shutdown: app.shutdown ?? options.lifespan?.shutdown,
    };
    const prefix = options.prefix ?? '';
    if (prefix !== '' && !/^\/.*[^/]$/.test(prefix)) {
      throw new ConfigurationError(`the prefix must be '' or begin, and not end, with a slash: ${prefix} (G-11)`);
    }
  }

  /** Runs the application against one request, and those that its redirects ask for. */
  abstract request(request: Request): Response;

  /** Runs the application once. */
  protected abstract once(request: Request): TestResponse | Promise<TestResponse>;

  /** One request and those that its redirects ask for, with the cookies of the client. */
  protected *exchanges(request: Request): Steps<TestResponse> {
    const { headers = {} } = this.options;
    let current = request;
    for (let left = request.redirects ?? 0; ; left--) {
      const response = yield* wait(this.once(this.withCookies(current)));
      if (this.options.cookies) this.cookies.take(response.headers, requestUrl(current, headers)?.pathname ?? '/');
      const next = left > 0 ? redirected(current, headers, response) : null;
      if (next === null) return response;
      current = next as Request; // of the same parts
    }
  }

  private withCookies(request: Request): Request {
    const url = this.options.cookies ? requestUrl(request, this.options.headers ?? {}) : null;
    const field = url === null ? null : this.cookies.field(url.pathname, url.protocol === 'https:');
    const own = pairsOf(request.headers ?? {});
    if (field === null || own.some(([name]) => name.toLowerCase() === 'cookie')) return request;
    return { ...request, headers: [...own, ['Cookie', field]] };
  }

  get(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('GET', path, request);
  }

  head(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('HEAD', path, request);
  }

  post(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('POST', path, request);
  }

  put(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('PUT', path, request);
  }

  patch(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('PATCH', path, request);
  }

  delete(path: string, request?: Omit<Request, 'path' | 'method'>): Response {
    return this.send('DELETE', path, request);
  }

  /** Runs the startup hook; requests before it are refused, where there is one (L-02). */
  async startup(): Promise<void> {
    await inOwnContext(() => this.lifespan.startup?.call(this.owner, this.state));
    this.started = true;
  }

  /** Runs the shutdown hook, if startup has completed (L-09). */
  async shutdown(): Promise<void> {
    if (!this.started) return;
    this.started = false;
    await inOwnContext(() => this.lifespan.shutdown?.call(this.owner, this.state));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  protected get prefix(): string {
    return this.options.prefix ?? '';
  }

  /** What the environs of all requests have in common, with an error stream of the request's own. */
  protected template(): Omit<EnvironTemplate, 'fieldNames' | 'methods' | 'async' | 'multithread' | 'errors'> & {
    errors: MemoryErrorStream;
  } {
    if (this.lifespan.startup !== undefined && !this.started) {
      throw new ConfigurationError('the application has a startup hook: await client.startup() first (L-02)');
    }
    return {
      multiprocess: false,
      serverSoftware: SOFTWARE,
      errors: new MemoryErrorStream(),
      ...(this.options.environ && { extra: this.options.environ }),
      ...(this.started || this.options.state ? { state: this.state } : {}),
    };
  }

  private send(method: string, path: string, request: Omit<Request, 'path' | 'method'> | undefined): Response {
    const whole = { ...request, method, path } as Request; // with what `Omit` left out
    return this.request(whole);
  }
}
