/** The connection on which a listener for node:http meets one request of ours. */
import { IncomingMessage, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { PooledText } from '../engine/pooled-text.ts';
import { ApplicationError } from '../interface/errors.ts';
import type { AsyncBody, AsyncEnviron } from '../interface/types.ts';
import { type BodySink, PulledBody } from './pulled-body.ts';
import { bodyLength } from './request-fields.ts';
import { type RequestTarget, requestTarget } from './request-target.ts';
import { ResponseParser } from './response-parser.ts';

type Callback = (error?: Error | null) => void;

/**
 * What the listener writes into this stream is its response. It shows as much of a `net.Socket` as listeners look at,
 * taken from the environ. Who makes the messages on it, `OwnSocket` or `ServedSocket`, gives the body of the request to
 * the listener.
 *
 * Backpressure is one to one: a write is acknowledged (`release`) only when the gateway asks for what comes after it,
 * and a block of the request body is read only when the listener asks for one.
 */
export abstract class ListenerSocket extends Duplex implements BodySink {
  readonly environ: AsyncEnviron;
  readonly response: ResponseParser;
  /** Set, with the reason beside it, when the response will never be complete. */
  failed = false;
  reason: unknown = undefined;
  /** Set where the listener itself has broken off: what it wrote before that still goes out, as from a real socket. */
  cut = false;
  /** As of a TLSSocket: what frameworks tell the scheme from. Not there without TLS, as of a plain socket. */
  declare encrypted?: boolean;
  bytesRead = 0;
  readonly connecting = false;
  readonly pending = false;
  timeout: number | undefined = undefined;
  /** Of the request body, in bytes; 0 without one, -1 where only its end will tell. */
  readonly bodyLength: number;
  readonly body: PulledBody | null;
  readonly #target: RequestTarget;
  /** Bytes of all writes so far but those that are still in the stream's own buffer. */
  #dispatched = 0;
  /** The write that the gateway has not taken yet, and its bytes. */
  #written: Callback | null = null;
  #writing = 0;
  #ended = false;
  /** Set when the gateway has taken the response, all of it. */
  #over = false;
  /** A large text that was written when nothing else was left to be taken: it is in the next piece. */
  #text: PooledText | null = null;
  #wake: (() => void) | null = null;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** What this stream ends with. */
  #signal: AbortSignal | undefined = undefined;

  /** @throws ApplicationError or RangeError for an environ that is no request */
  constructor(environ: AsyncEnviron) {
    super();
    this.environ = environ;
    if (environ['wsgi.url_scheme'] === 'https') this.encrypted = true;
    this.#target = requestTarget(environ);
    this.bodyLength = bodyLength(environ);
    this.body = this.bodyLength === 0 ? null : new PulledBody(environ['wsgi.input'], this.bodyLength, this);
    this.response = new ResponseParser(environ.REQUEST_METHOD === 'HEAD');
  }

  abstract complete(): void;

  get remoteAddress(): string | undefined {
    return this.environ.REMOTE_ADDR;
  }

  get remotePort(): number | undefined {
    const { REMOTE_PORT: port } = this.environ;
    return port === undefined || port === '' ? undefined : Number(port);
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return family(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    // A host name is no address.
    return /^[0-9.]+$|:/.test(this.environ.SERVER_NAME) ? this.environ.SERVER_NAME : undefined;
  }

  get localPort(): number {
    return Number(this.environ.SERVER_PORT);
  }

  get localFamily(): 'IPv4' | 'IPv6' | undefined {
    return family(this.localAddress);
  }

  get readyState(): string {
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** What was written, sent or not, as of a `net.Socket`. */
  get bytesWritten(): number {
    return this.#dispatched + this.writableLength - this.#writing;
  }

  address(): { address?: string; family?: string; port?: number } {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined ? {} : { address, family, port };
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeout = milliseconds;
    if (milliseconds > 0 && !this.destroyed) {
      this.#timer = setTimeout(() => this.emit('timeout'), milliseconds).unref();
      if (listener !== undefined) this.once('timeout', listener);
    } else if (listener !== undefined) {
      this.off('timeout', listener);
    }
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  /** Ends, and destroys when everything has been taken; Node's server asks for it. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /** The path and query of the request, as `request.url` has them. */
  get url(): string {
    const { path, query } = this.#target;
    // Below a mount a path may be empty; Express adds the slash there as well.
    return `${path === '' ? '/' : path}${query}`;
  }

  /** Prepares what was made for the request, before the listener sees it. */
  begin(request: IncomingMessage, _response: ServerResponse): void {
    const { script, path, query } = this.#target;
    if (script !== '') Object.assign(request, { baseUrl: script, originalUrl: script + path + query });
    const { body } = this;
    if (body === null) return;
    // Own properties stay when a framework exchanges the prototype, as Express does. The input is left alone until the
    // listener reads: the first read is what lets the gateway send `100 Continue` (G-67).
    const read = (size: number): void => {
      IncomingMessage.prototype._read.call(request, size);
      body.pull();
    };
    request._read = read;
  }

  /** Takes the head of a response that does not come as bytes; what is written from now on is its body, unframed. */
  beginResponse(head: string): void {
    this.#dispatched += head.length;
    this.response.begin(head);
    this.#notify();
  }

  /** Nothing more will be written: what is still in the stream's buffer is the end of the response. */
  endResponse(): void {
    this.#ended = true;
    if (this.writableLength === this.#writing && this.response.end()) this.#notify();
  }

  /**
   * Whether there is something for the gateway: body bytes, the end or a failure; or, before the first of them, a head.
   */
  get ready(): boolean {
    return this.response.hasPiece || this.response.complete || this.failed;
  }

  /**
   * Fulfils, for its only caller, when something has changed.
   *
   * Ends: when the listener writes, ends or breaks off, and when the signal of the request aborts, which destroys this
   * stream.
   */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Takes what has come of the body; null for nothing. */
  takePiece(): Uint8Array | null {
    const piece = this.response.takePiece();
    return piece === null ? null : this.#unpooled(piece);
  }

  /** Takes the body of a response that is complete. */
  takeBody(): AsyncBody {
    const piece = this.response.takePiece();
    if (piece === null) return [];
    const text = this.#text;
    if (text?.bytes !== piece) return [this.#unpooled(piece)];
    this.#text = null;
    return text;
  }

  #unpooled(piece: Uint8Array): Uint8Array {
    const text = this.#text;
    if (text === null) return piece;
    const own = piece.buffer === text.bytes.buffer ? new Uint8Array(piece) : piece;
    this.#text = null;
    text.close();
    return own;
  }

  /** The gateway has taken what was written: the listener may go on. */
  release(): void {
    const written = this.#written;
    this.#written = null;
    this.#writing = 0;
    this.#over = this.response.complete;
    written?.();
  }

  /** The response will never be complete. Has no effect on one that is. */
  fail(reason: unknown): void {
    if (!this.failed && !this.response.complete) {
      this.failed = true;
      this.reason = reason;
    }
    this.destroy();
  }

  /** Nobody takes the response any longer. */
  abandon(): void {
    if (this.response.complete) this.release();
    else this.destroy();
  }

  /**
   * Breaks off when the signal of the request aborts (G-48). It listens no longer than it lasts: on Node 20 requests of
   * Koa and Fastify, over or not, otherwise lived until the next collection of all garbage, at twice the CPU time.
   */
  endWith(signal: AbortSignal | undefined): void {
    if (signal?.aborted) {
      this.fail(signal.reason);
    } else if (!this.destroyed) {
      signal?.addEventListener('abort', this, { once: true });
      this.#signal = signal;
    }
  }

  handleEvent(): void {
    this.fail(this.#signal?.reason);
  }

  deliver(bytes: Uint8Array): void {
    this.bytesRead += bytes.byteLength;
    this.#timer?.refresh();
  }

  broken(error: unknown): void {
    this.fail(error);
  }

  override write(chunk: unknown, encoding?: BufferEncoding | Callback | null, callback?: Callback): boolean {
    let bytes = chunk;
    if (typeof chunk === 'string' && (!encoding || encoding === 'utf8') && this.#isEmpty()) {
      this.#text = PooledText.of(chunk);
      bytes = this.#text?.bytes ?? chunk;
    }
    return super.write(bytes, encoding as BufferEncoding, callback); // Node takes the callback in either place
  }

  #isEmpty(): boolean {
    return this.#text === null && this.writableLength === 0 && this.writable;
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    this.#take([{ chunk }], callback);
  }

  override _writev(chunks: readonly { chunk: Uint8Array }[], callback: Callback): void {
    this.#take(chunks, callback);
  }

  override _final(callback: Callback): void {
    if (this.response.end()) this.#notify();
    else this.destroy();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this);
    this.#signal = undefined;
    this.body?.stop();
    if (!this.failed && !this.response.complete) {
      this.failed = true;
      this.cut = true;
      this.reason = error ?? unfinished(this.response);
    }
    const written = this.#written;
    this.#written = null;
    this.#writing = 0;
    written?.(error ?? new Error('the connection was closed before this was sent'));
    this.#notify();
    callback(error);
  }

  #take(chunks: readonly { chunk: Uint8Array }[], callback: Callback): void {
    this.#timer?.refresh();
    const { response } = this;
    let size = 0;
    try {
      for (const { chunk } of chunks) {
        size += chunk.byteLength;
        response.feed(chunk);
      }
    } catch (error) {
      callback(error as Error);
      return;
    }
    this.#dispatched += size;
    if (this.#ended && this.writableLength === size) response.end();
    if (this.ready && !this.#over) {
      this.#written = callback;
      this.#writing = size;
    } else {
      callback(); // no bytes for the gateway in it
    }
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function family(address: string | undefined): 'IPv4' | 'IPv6' | undefined {
  if (address === undefined || address === '') return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** The error for a listener that broke off. */
function unfinished(response: ResponseParser): ApplicationError {
  const { head, interim } = response;
  if (head !== null) return new ApplicationError('the listener ended the connection before its response was complete');
  return new ApplicationError(
    interim === 0
      ? 'the listener ended the connection without a response'
      : `the listener answered with status ${interim} and nothing after it; a response has a status from 200 to 599 (G-89)`,
  );
}
