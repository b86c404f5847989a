/**
 * The Request of a handler for fetch. A native one takes 10 to 30 µs to make, above all for its signal and its body,
 * of which most handlers look at nothing. So the handler gets a stand-in (`standIn`) wherever that can be a Request to
 * Node itself, too, and else a native one that is made as cheaply as possible.
 */
import { type AbortSignalOf, abortFromOutside } from '../engine/signal.ts';
import type { AsyncEnviron } from '../interface/types.ts';
import { LazyHeaders } from './lazy-headers.ts';
import { bodyLength, headerFields } from './request-fields.ts';
import { requestSignal, whenGone } from './request-signal.ts';
import { standIn } from './stand-in.ts';

const NOTHING = new Uint8Array(0);
/** Methods that a Request has as they are; others it may write in another case, or refuse. */
const USUAL_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

const decoder = new TextDecoder();

/** A Request for GET or HEAD cannot have a body. */
function hasBody(environ: AsyncEnviron): boolean {
  return !/^(?:GET|HEAD)$/i.test(environ.REQUEST_METHOD) && bodyLength(environ) !== 0;
}

/** @param headers null: those of the environ */
function nativeRequest(environ: AsyncEnviron, url: string, headers: Headers | null, signal?: AbortSignal): Request {
  const body = hasBody(environ) ? { body: environ['wsgi.input'].stream(), duplex: 'half' as const } : {};
  const init = { method: environ.REQUEST_METHOD, headers: headers ?? headerFields(environ), ...body };
  return new Request(url, signal === undefined ? init : { ...init, signal });
}

/** Lets the clones of a Request follow its signal, as they do when Node knows who aborts that. */
function leadClones(request: Request, abort: AbortSignalOf): Request {
  const { clone } = request;
  const value = (): Request => {
    const copy: Request = Reflect.apply(clone, request, []);
    const { signal } = request;
    signal.addEventListener('abort', () => abort(copy.signal, signal.reason), { once: true });
    return leadClones(copy, abort);
  };
  return Object.defineProperty(request, 'clone', { value, writable: true, configurable: true });
}

/**
 * A Request of Node's own. To give it a signal is most of what a Request costs: Node makes another one that follows it.
 * So it gets none, and the one that Node makes anyway is aborted from outside, where that can be.
 */
export function eagerRequest(environ: AsyncEnviron, url: string): Request {
  const gone = environ['quaich.signal'];
  if (gone === undefined) return nativeRequest(environ, url, null);
  const abort = abortFromOutside;
  if (abort === null) return nativeRequest(environ, url, null, requestSignal(gone));
  const request = nativeRequest(environ, url, null);
  whenGone(gone, (reason) => abort(request.signal, reason));
  return leadClones(request, abort);
}

/** A stand-in for the Request of an environ. */
export class LazyRequest
  implements
    Pick<Request, 'method' | 'url' | 'headers' | 'signal' | 'body' | 'bodyUsed' | 'arrayBuffer' | 'json' | 'text'>
{
  readonly #environ: AsyncEnviron;
  readonly #url: string;
  #native: Request | null = null;
  #headers: LazyHeaders | null = null;
  #signal: AbortSignal | null = null;
  /** The body was read, or is being read, without its stream. */
  #read = false;

  constructor(environ: AsyncEnviron, url: string) {
    this.#environ = environ;
    this.#url = url;
  }

  static nativeOf(request: LazyRequest): Request {
    if (request.#native !== null) return request.#native;
    const gone = request.#environ['quaich.signal'];
    if (gone !== undefined) request.#signal ??= requestSignal(gone);
    const headers = LazyHeaders.made(request.#headers);
    const native = nativeRequest(request.#environ, request.#url, headers, request.#signal ?? undefined);
    request.#native = native;
    if (request.#headers !== null) LazyHeaders.become(request.#headers, native.headers);
    if (request.#read) native.body?.getReader().cancel(); // locked and disturbed, as by one of its own readers
    return native;
  }

  /** The native Request of a stand-in; anything else as it is. */
  static unwrap(value: unknown): unknown {
    return typeof value === 'object' && value !== null && #environ in value ? LazyRequest.nativeOf(value) : value;
  }

  get method(): string {
    const { REQUEST_METHOD: method } = this.#environ;
    return USUAL_METHODS.has(method) ? method : LazyRequest.nativeOf(this).method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= new LazyHeaders(this.#environ, this.#native?.headers ?? null);
    const headers: unknown = this.#headers;
    return headers as Headers; // `standIn` gives it what the class does not define
  }

  get signal(): AbortSignal {
    const gone = this.#environ['quaich.signal'];
    this.#signal ??= gone === undefined ? LazyRequest.nativeOf(this).signal : requestSignal(gone);
    return this.#signal;
  }

  get body(): Request['body'] {
    return hasBody(this.#environ) ? LazyRequest.nativeOf(this).body : null;
  }

  get bodyUsed(): boolean {
    return this.#read || (this.#native?.bodyUsed ?? false);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const whole = this.#whole();
    return whole === null ? LazyRequest.nativeOf(this).arrayBuffer() : new Uint8Array(await whole).buffer;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async text(): Promise<string> {
    const whole = this.#whole();
    return whole === null ? LazyRequest.nativeOf(this).text() : decoder.decode(await whole);
  }

  /** The whole body, past its stream; null where somebody may have that, and for a body that was read before. */
  #whole(): Promise<Uint8Array> | null {
    if (this.#native !== null || this.#read) return null;
    if (!hasBody(this.#environ)) return Promise.resolve(NOTHING);
    this.#read = true;
    return this.#environ['wsgi.input'].read();
  }
}

/** A request as the handler gets it. */
type RequestMaker = (environ: AsyncEnviron, url: string) => Request;

const lazyRequest: RequestMaker = (environ, url) => {
  const request: unknown = new LazyRequest(environ, url);
  return request as Request; // `standIn` gives it what the class does not define
};

/** Whether Node takes a stand-in for the Request that it stands for. */
function isTaken(): boolean {
  const gone = AbortSignal.abort();
  const sample: Record<string, unknown> = {
    REQUEST_METHOD: 'PUT',
    HTTP_A: 'b',
    CONTENT_LENGTH: '0',
    'quaich.signal': gone,
  };
  try {
    const { method, url, headers, signal } = new Request(lazyRequest(sample as AsyncEnviron, 'http://a/b')); // enough
    return method === 'PUT' && url === 'http://a/b' && headers.get('a') === 'b' && signal.aborted;
  } catch {
    return false;
  }
}

/** Found out once, and not when the module is loaded: Node loads all of fetch for it. */
let taken: boolean | undefined;

/** Whether stand-ins need no help. */
export function requestsAreTaken(): boolean {
  if (taken === undefined) {
    standIn(LazyHeaders.prototype, new Headers(), LazyHeaders.nativeOf);
    standIn(LazyRequest.prototype, new Request('http://a/'), LazyRequest.nativeOf);
    taken = isTaken();
  }
  return taken;
}

/** @param helped whether `Request` and `fetch` know stand-ins, whatever Node does */
export function requestMaker(helped: boolean): RequestMaker {
  return requestsAreTaken() || helped ? lazyRequest : eagerRequest;
}
