/**
 * The state of one response: what the sync and the async engine share. It decides, the engines call, wait and send.
 */
import { ApplicationError } from '../interface/errors.ts';
import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import type { ErrorStream, HeaderField } from '../interface/types.ts';
import { chunkOf } from '../rules/body.ts';
import { isDisconnect } from '../rules/failures.ts';
import { argumentError, givenError } from '../rules/head.ts';
import { describeError } from '../rules/show.ts';
import { report } from './report.ts';
import { checkHead, writeLength } from './response-head.ts';

/** What happened in a worker, for its statistics. */
export interface EngineCounters {
  /** Requests that ended with a reported error of the application. */
  failures: number;
  /** Requests whose client went away, or that the server gave up, before the response was complete (G-143). */
  disconnects: number;
}

/** The same for all requests of a worker or a mount. */
export interface EngineOptions {
  /** Polled before each step of a sync body (B-35). */
  disconnected?: () => boolean;
  /** The longest wait for `return()` and `close()` of an async body, in milliseconds (B-13, B-36); 5000 by default. */
  closeTimeout?: number;
  counters?: EngineCounters;
}

export const DEFAULT_CLOSE_TIMEOUT = 5000;

// What to do about a chunk: `accept`.
/** Ask for the next one. */
export const SKIP = 0;
/** Send `piece`, then ask for the next one. */
export const SEND = 1;
/** Send `piece`, which completes the response; the body may still run to its end. */
export const SEND_LAST = 2;
/** Send `piece`, which completes the response, and abandon the body. */
export const SEND_LAST_AND_STOP = 3;
/** Abandon the body: the response is complete already. */
export const STOP = 4;
export type Action = typeof SKIP | typeof SEND | typeof SEND_LAST | typeof SEND_LAST_AND_STOP | typeof STOP;

/** Array bodies of several chunks up to this size in bytes are joined and sent in one go (G-117). */
const MOST_JOINED = 16384;

const NOTHING = new Uint8Array(0);

/** One response. */
export class ResponseState {
  /** The head as last stored by `startResponse`. */
  head: ResponseHead | null = null;
  headSent = false;
  /** `startResponse` was called, perhaps in vain (G-82). */
  called = false;
  /** The end was sent, or the connection broken. */
  complete = false;
  /** The client went away or the server gave up: what comes is discarded without an error (B-38). */
  gone = false;
  /** Body bytes handed to the transport. */
  sent = 0;
  /** What `accept` wants sent. */
  piece: Uint8Array | null = null;
  failed = false;
  readonly #forHead: boolean;
  readonly #counters: EngineCounters | undefined;
  readonly #errors: ErrorStream;
  readonly #method: unknown;
  readonly #script: unknown;
  readonly #path: unknown;
  #warned = false;
  /** The last `write` went beyond the Content-Length. */
  #overrun = false;

  constructor(environ: Record<string, unknown>, counters: EngineCounters | undefined) {
    // Taken before the application can change them, or make them throw.
    this.#errors = environ['wsgi.errors'] as ErrorStream;
    this.#method = environ.REQUEST_METHOD;
    this.#script = environ.SCRIPT_NAME;
    this.#path = environ.PATH_INFO;
    this.#forHead = this.#method === 'HEAD';
    this.#counters = counters;
  }

  get forHead(): boolean {
    return this.#forHead;
  }

  /**
   * `startResponse`: stores a head, sends nothing (G-80).
   *
   * @param read see `checkHead`
   */
  start(status: unknown, headers: unknown, errorArgument: unknown, read?: HeaderField[]): void {
    const again = this.called;
    this.called = true; // before anything is checked (G-82)
    const error = givenError(errorArgument, argumentError);
    if (this.headSent && error !== null) throw error; // G-84
    if (this.complete || (this.gone && this.headSent)) {
      throw new ApplicationError('startResponse was called after the response was complete (G-98)');
    }
    if (again && error === null) {
      throw new ApplicationError('startResponse was called a second time without an error as third argument (G-82)');
    }
    this.head = null; // nothing of an earlier head remains, also when this one is refused (G-83)
    this.head = checkHead(status, headers, this.#forHead, read);
  }

  /** The head, if it is still to be sent; it counts as sent from now on. */
  takeHead(): ResponseHead | null {
    if (this.headSent) return null;
    this.headSent = true;
    return this.head;
  }

  /** @throws ApplicationError where the application has not given one (G-102) */
  requireHead(): ResponseHead {
    if (this.head !== null) return this.head;
    throw new ApplicationError(
      this.called
        ? 'the body began although startResponse had refused the head (G-102)'
        : 'startResponse was not called before the first non-empty chunk or the end of the body (G-102)',
    );
  }

  /** Whether the response has no body whatever the application says (G-128, G-129). */
  #bodyless(head: ResponseHead): boolean {
    return (head.flags & HEAD_NO_BODY) !== 0 || head.status === 205;
  }

  #dropped(head: ResponseHead): void {
    if (!this.#forHead) this.warn(`the body of a ${head.status} response was dropped (G-129)`);
  }

  #surplus(head: ResponseHead): void {
    this.warn(`the body is longer than its Content-Length of ${head.length} bytes, the surplus was cut (G-120)`);
  }

  /**
   * What to do about the next chunk of the body.
   *
   * @throws ApplicationError when it is no chunk (G-103) or has no head (G-102)
   */
  accept(value: unknown): Action {
    const chunk = chunkOf(value, -1);
    const size = chunk.byteLength;
    if (size === 0) return SKIP; // G-107
    const head = this.requireHead();
    if (this.complete) {
      this.#surplus(head);
      return STOP;
    }
    if (this.#bodyless(head)) {
      this.#dropped(head);
      this.piece = null;
      return SEND_LAST_AND_STOP;
    }
    const room = head.length < 0 ? size + 1 : head.length - this.sent;
    if (size > room) {
      this.#surplus(head);
      this.piece = room === 0 ? null : chunk.subarray(0, room);
      this.sent += room;
      return SEND_LAST_AND_STOP;
    }
    this.piece = chunk;
    this.sent += size;
    return size === room ? SEND_LAST : SEND;
  }

  /**
   * Takes a body that is an array as a whole: all of it is checked before anything is sent, and its size known (G-123).
   *
   * @returns the bytes to send, at once or one after another
   */
  acceptArray(body: readonly unknown[]): Uint8Array | Uint8Array[] {
    const count = body.length;
    if (count === 1) {
      const chunk = chunkOf(body[0], 0);
      return this.#whole(chunk, chunk.byteLength, 1);
    }
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const chunk = chunkOf(body[i], i);
      total += chunk.byteLength;
      if (chunk.byteLength !== 0) chunks.push(chunk);
    }
    if (chunks.length < 2) return this.#whole(chunks[0] ?? NOTHING, total, count);
    const head = this.requireHead();
    if (total > MOST_JOINED && !this.#bodyless(head)) {
      if (head.length < 0 && !this.headSent) head.length = total;
      return chunks;
    }
    const joined = new Uint8Array(total);
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.byteLength;
    }
    return this.#whole(joined, total, count);
  }

  #whole(chunk: Uint8Array, size: number, count: number): Uint8Array {
    const head = this.requireHead();
    if (this.#bodyless(head)) {
      if (size > 0) this.#dropped(head);
      // G-123 for HEAD; an empty array may just mean that the application knows HEAD (G-128).
      if (this.#forHead && count > 0 && !this.headSent && head.length < 0 && head.status !== 304) {
        writeLength(head, size);
      }
      return NOTHING;
    }
    if (head.length < 0) {
      if (!this.headSent) head.length = size;
      this.sent += size;
      return chunk;
    }
    const room = head.length - this.sent;
    if (size <= room) {
      this.sent += size;
      return chunk;
    }
    this.#surplus(head);
    this.sent += room;
    return chunk.subarray(0, room);
  }

  /**
   * The body has ended: settles the length.
   *
   * @returns whether the response is whole; false when it is shorter than its Content-Length, and the connection has to
   *   be broken after the head (G-122)
   */
  end(): boolean {
    const head = this.requireHead();
    if (this.#bodyless(head)) return true;
    if (head.length < 0) {
      if (!this.headSent) head.length = 0; // G-127
      return true;
    }
    if (this.sent === head.length) return true;
    this.warn(`the body ended after ${this.sent} of ${head.length} bytes, the connection is closed (G-122)`);
    this.fail();
    return false;
  }

  /**
   * What a call of `write` sends, in `piece`, which may be null: the first call sends the head in any case (G-81).
   *
   * @returns whether there is anything to send
   * @throws ApplicationError: no chunk, late (G-98)
   */
  write(value: unknown): boolean {
    if (this.gone) return false; // B-38
    if (this.complete) throw new ApplicationError('write was called after the response was complete (G-98)');
    const chunk = chunkOf(value, -1);
    const head = this.requireHead();
    const size = chunk.byteLength;
    this.piece = null;
    this.#overrun = false;
    if (this.#bodyless(head)) {
      if (size > 0) this.#dropped(head);
      return !this.headSent;
    }
    if (size > 0) {
      const room = head.length < 0 ? size : head.length - this.sent;
      this.#overrun = size > room;
      if (room > 0) this.piece = size > room ? chunk.subarray(0, room) : chunk;
      this.sent += Math.min(size, room);
    }
    return this.piece !== null || !this.headSent;
  }

  /** The error for what the last `write` left over (G-121); to be thrown after the rest was sent. */
  writeSurplus(): ApplicationError | null {
    if (this.gone || !this.#overrun) return null;
    return new ApplicationError(`write went beyond the Content-Length of ${this.head?.length} bytes (G-121)`);
  }

  /** Content-Length of a file that is sent as a whole (G-165), where the application gave none. */
  setLength(length: number): void {
    const head = this.requireHead();
    if (head.length >= 0 || this.headSent) return;
    if ((head.flags & (HEAD_NO_BODY | HEAD_HAS_LENGTH)) === 0) head.length = length;
    else if (this.#forHead && head.status !== 304) writeLength(head, length);
  }

  /** Whether chunks are sent at all; needs a head. */
  hasBody(): boolean {
    return !this.#bodyless(this.requireHead());
  }

  /** Counts the request as failed, once. */
  fail(): void {
    if (this.failed) return;
    this.failed = true;
    if (this.#counters !== undefined) this.#counters.failures++;
  }

  /** Counts a disconnect, once; from now on what the application sends is discarded. */
  disconnect(): void {
    if (this.gone) return;
    this.gone = true;
    if (this.#counters !== undefined) this.#counters.disconnects++;
  }

  get #request(): string {
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    return `${text(this.#method) || '-'} ${JSON.stringify(text(this.#script) + text(this.#path))}`;
  }

  /** Reports an error of the application, unless it only says that the client has gone (G-143). */
  logError(what: string, error: unknown): void {
    if (isDisconnect(error)) return;
    report(this.#errors, this.#request, what, describeError(error));
  }

  /** Reports a breach that does not fail the request; once for each response. */
  warn(what: string): void {
    if (this.#warned) return;
    this.#warned = true;
    report(this.#errors, this.#request, what);
  }
}
