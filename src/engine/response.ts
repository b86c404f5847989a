/**
 * The state of one response, and all decisions about it, which are the same for the sync and the async convention.
 *
 * Theory of operation. `runSync` and `runAsync` call the application, take the steps of its body, wait, and carry out
 * what is decided here. They ask (`takeArray`, `takeFile`, `accept`, `end`, `fail`) and get a number that says what to
 * do; `takeHead()`, `piece` and `final` then hold what is to be sent. No object is made for an answer.
 *
 * A response goes through these states:
 *
 *     | state    | called | head       | headSent | complete |                                                       |
 *     | -------- | ------ | ---------- | -------- | -------- | ----------------------------------------------------- |
 *     | new      | no     | null       | no       | no       | nothing may be sent (G-102)                           |
 *     | refused  | yes    | null       | no       | no       | as new, but the next call needs an error (G-82, G-83) |
 *     | stored   | yes    | set        | no       | no       | an error replaces the head (G-84)                     |
 *     | sent     | yes    | set        | yes      | no       | an error is thrown back (G-84)                        |
 *     | complete | yes    | set        | yes      | yes      | `startResponse` and `write` throw (G-98)              |
 *     | page     | either | the page's | yes      | yes      | an error page went out in place of it (G-140)         |
 *     | dropped  | either | either     | no       | yes      | nothing went out, and nothing will                    |
 *
 * `startResponse` leads from the first three to stored or refused. What is sent first leads from stored to sent, what
 * is sent last to complete, or both at once. A failure leads from the first three to page, or to dropped where the
 * client has gone; and from sent to complete, by breaking the connection. `complete` and `headSent` are set when it is
 * decided to send, just before the transport is called. Where that fails they are taken back (`sendFailed`), and then
 * the failure leads to page or complete; no other way leads out of the last three.
 *
 * Two marks go with any of these states, and are never taken back:
 * - `gone`: the client left, or the server gave up. It is set after `complete` only where the end did not arrive.
 * - failed: the request is counted as failed. `complete` follows, or is there already.
 *
 * `done`: the transport knows that the request is over. It follows `complete`, with one exception: an application that
 * did not return in time after its client had gone (B-36). It is taken back where a DONE did not arrive.
 *
 * `close` of the body is looked up once (G-109): when END has to be told from DONE, or when it is due to be called.
 *
 * A bridge passes on what the application gave, and leaves the framing to the gateway on its other side (B-25, B-57).
 * It extends this class, overrides what frames and what answers errors, and hands its object in by
 * `EngineOptions.response`.
 */
import { ApplicationError } from '../interface/errors.ts';
import {
  DONE,
  END,
  type Final,
  HEAD_HAS_LENGTH,
  HEAD_NO_BODY,
  MORE,
  type ResponseHead,
  type Transport,
} from '../interface/transport.ts';
import type { ErrorStream, HeaderField } from '../interface/types.ts';
import { checkBytes, checkChunks, chunkOf, givenChunk, keptChunks } from '../rules/body.ts';
import { sizeOf } from '../rules/bytes.ts';
import { isAbortError, isClientFault, isDisconnect, isInstance } from '../rules/failures.ts';
import { argumentError, givenError, noHead } from '../rules/head.ts';
import { describeError, shownRequest } from '../rules/show.ts';
import { withOwnFrames } from '../rules/stack-frame.ts';
import { plainPage, statusFor } from './error-page.ts';
import { fileOf } from './file-wrapper.ts';
import { report } from './report.ts';
import { checkHead, writeLength } from './response-head.ts';
import type { RequestTrace } from './trace.ts';

/** What happened in a worker, for its statistics. */
export interface EngineCounters {
  /** Requests that ended with a reported error of the application. */
  failures: number;
  /** Requests whose client went away, or that the server gave up, before the response was complete (G-143). */
  disconnects: number;
}

// What a run has to do. It sends `takeHead()`, `piece` and `final`.
/** Send nothing, ask for the next chunk. */
export const SKIP = 0;
/** Send, then ask for the next chunk. */
export const SEND = 1;
/** Send: this completes the response. The body may still run to its end. */
export const SEND_LAST = 2;
/** Send: this completes the response. Abandon the body. */
export const SEND_LAST_AND_STOP = 3;
/** Send nothing: the response is complete already. Abandon the body. */
export const STOP = 4;
/** Send the head, unless it was sent, then break the connection (G-122). */
const BREAK_AFTER_HEAD = 5;
/** Break the connection (G-141). */
export const BREAK = 6;
export type Action =
  | typeof SKIP
  | typeof SEND
  | typeof SEND_LAST
  | typeof SEND_LAST_AND_STOP
  | typeof STOP
  | typeof BREAK_AFTER_HEAD
  | typeof BREAK;

// What failed, for `fail` and `closingFailed`.
export const APPLICATION_THREW = 'the application threw';
export const BODY_FAILED = 'the body failed';
export const RETURN_FAILED = 'return() of the body failed';
export const CLOSE_FAILED = 'close() of the body failed';

/** `close` of the body, not looked up yet. */
const UNKNOWN = Symbol('unknown');
const NONE = Symbol('none');

/** Array bodies of several chunks up to this size in bytes are joined and sent in one go (G-117). */
const MOST_JOINED = 16384;

const NOTHING = new Uint8Array(0);

/**
 * One response. Here and in the runs, what is private is so by type, and what is rare has methods of its own: V8
 * inlines by the size of the bytecode, and small methods make a sync request 0.04 µs of 0.22 cheaper, no async one.
 */
export class ResponseState {
  /** The head as last stored by `startResponse`, or that of the error page. */
  head: ResponseHead | null = null;
  headSent = false;
  /** `startResponse` was called, perhaps in vain (G-82). */
  called = false;
  /** The end was sent, or the connection broken, or it is about to be. */
  complete = false;
  /** The client went away or the server gave up: what comes is discarded without an error (B-38). */
  gone = false;
  /** The transport knows that the request is over, or learns it from what is to be sent. */
  done = false;
  /** Body bytes handed to the transport. */
  sent = 0;
  /** What is to be sent, of which nothing is to be believed; null: no bytes. */
  piece: Uint8Array | null = null;
  /** How many of its bytes, from the first. */
  size = 0;
  /** What is to be sent with it. */
  final: Final = MORE;
  /** Who is told of failures; null while nobody traces. */
  trace: RequestTrace | null = null;
  private readonly forHead: boolean;
  private readonly counters: EngineCounters | undefined;
  protected readonly errors: ErrorStream;
  private readonly method: unknown;
  private readonly script: unknown;
  private readonly path: unknown;
  private readonly signalled: boolean;
  private readonly application: string;
  /** `close` of the body, as it was looked up. */
  private closeMethod: unknown = UNKNOWN;
  /** What it was counted as failed for. */
  private counted: unknown = NONE;
  private warned = false;
  /** The last `write` went beyond the Content-Length. */
  private overrun = false;

  /**
   * @param signalled whether the application has `quaich.signal`, which makes its calls fail when the client has gone
   * @param application what reports call it
   */
  constructor(
    environ: Record<string, unknown>,
    counters: EngineCounters | undefined,
    signalled = false,
    application = '',
  ) {
    // Taken before the application can change them, or make them throw. The gateway made `wsgi.errors`.
    this.errors = environ['wsgi.errors'] as ErrorStream;
    this.method = environ.REQUEST_METHOD;
    this.script = environ.SCRIPT_NAME;
    this.path = environ.PATH_INFO;
    this.forHead = this.method === 'HEAD';
    this.counters = counters;
    this.signalled = signalled;
    this.application = application;
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
    this.head = checkHead(status, headers, this.forHead, read);
  }

  /** The head, if it is still to be sent; it counts as sent from now on. */
  takeHead(): ResponseHead | null {
    if (this.headSent) return null;
    this.headSent = true;
    return this.head;
  }

  /**
   * The transport has not taken what it was given: `fail` decides anew, unless the client has gone.
   *
   * @param head as it was taken, where that threw; null where it was sent, or may have been
   */
  sendFailed(error: unknown, head: ResponseHead | null): void {
    if (isDisconnect(error)) return;
    if (head !== null) this.headSent = false;
    this.complete = false;
  }

  /** @throws ApplicationError where the application has not given one (G-102) */
  requireHead(): ResponseHead {
    if (this.head !== null) return this.head;
    if (!this.called) throw noHead();
    throw new ApplicationError('the body began although startResponse had refused the head (G-102)');
  }

  /** Whether the response has no body whatever the application says (G-128, G-129). */
  private bodyless(head: ResponseHead): boolean {
    return (head.flags & HEAD_NO_BODY) !== 0 || head.status === 205;
  }

  private dropped(head: ResponseHead): void {
    if (!this.forHead) this.warn(`the body of a ${head.status} response was dropped (G-129)`);
  }

  private surplus(head: ResponseHead): void {
    this.warn(`the body is longer than its Content-Length of ${head.length} bytes, the surplus was cut (G-120)`);
  }

  /**
   * What to do about the next chunk of the body.
   *
   * @throws ApplicationError when it is no chunk (G-103) or has no head (G-102)
   */
  accept(value: unknown): Action {
    return this.acceptChunk(givenChunk(value, -1));
  }

  protected acceptChunk(chunk: Uint8Array): Action {
    const size = sizeOf(chunk);
    if (size === 0) return SKIP; // G-107
    const head = this.requireHead();
    if (this.complete) {
      this.surplus(head);
      return STOP;
    }
    this.complete = true; // but for one case
    this.final = END;
    if (this.bodyless(head)) {
      this.dropped(head);
      this.hold(null, 0);
      return SEND_LAST_AND_STOP;
    }
    const room = head.length < 0 ? size + 1 : head.length - this.sent;
    this.hold(chunk, Math.min(size, room));
    if (size > room) {
      this.surplus(head);
      return SEND_LAST_AND_STOP;
    }
    if (size === room) return SEND_LAST;
    this.complete = false;
    this.final = MORE;
    return SEND;
  }

  /** What is to be sent next. */
  private hold(chunk: Uint8Array | null, size: number): void {
    this.piece = size === 0 ? null : chunk;
    this.size = size;
    this.sent += size;
  }

  /**
   * Takes a body that is an array as a whole: all of it is checked before anything is sent, and its size known (G-123).
   *
   * @returns null where all of the response is to be sent at once; else the chunks, as a body to be taken in steps
   * @throws ApplicationError as `accept`, and where a chunk was lost while others, or `close`, were looked at (G-118)
   */
  takeArray(body: readonly unknown[]): Iterable<Uint8Array> | null {
    const chunks = body.length === 1 ? this.takeOne(body) : this.takeMany(body);
    if (chunks !== null) return chunks;
    this.final = this.last(body);
    this.complete = true;
    return null;
  }

  /** The chunks of a body that is an array, as they are now, but for empty ones; throws as `takeArray`. */
  readArray(body: readonly unknown[]): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    for (let i = 0, count = body.length; i < count; i++) {
      const chunk = chunkOf(body[i], i);
      if (chunk.byteLength !== 0) chunks.push(chunk);
    }
    this.lookUpClose(body); // the last of what may be code of the application
    checkChunks(chunks);
    return chunks;
  }

  private takeOne(body: readonly unknown[]): Iterable<Uint8Array> | null {
    const chunk = givenChunk(body[0], 0);
    const size = sizeOf(chunk);
    this.lookUpClose(body);
    checkBytes(chunk, size);
    return this.takeWhole(chunk, size, 1);
  }

  private takeMany(body: readonly unknown[]): Iterable<Uint8Array> | null {
    const count = body.length;
    const chunks = this.readArray(body);
    if (chunks.length === 0) return this.takeWhole(NOTHING, 0, count);
    if (chunks.length === 1) return this.takeWhole(chunks[0], chunks[0].length, count);
    let total = 0;
    for (const chunk of chunks) total += chunk.length;
    const head = this.requireHead();
    if (total > MOST_JOINED && !this.bodyless(head)) {
      if (head.length < 0 && !this.headSent) head.length = total;
      return keptChunks(chunks);
    }
    const joined = new Uint8Array(total);
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return this.takeWhole(joined, total, count);
  }

  /** @param count how many chunks the body had */
  private takeWhole(chunk: Uint8Array, size: number, count: number): Iterable<Uint8Array> | null {
    const head = this.requireHead();
    if (this.bodyless(head)) {
      this.wholeDropped(head, size, count);
      return null;
    }
    if (head.length < 0 && !this.headSent) head.length = size;
    const room = head.length < 0 ? size : head.length - this.sent;
    if (size < room) return [chunk]; // too short, as `end` finds when it is sent
    if (size > room) this.surplus(head);
    this.hold(chunk, room);
    return null;
  }

  private wholeDropped(head: ResponseHead, size: number, count: number): void {
    this.hold(null, 0);
    if (size > 0) this.dropped(head);
    // G-123 for HEAD; an empty array may just mean that the application knows HEAD (G-128).
    if (this.forHead && count > 0 && !this.headSent && head.length < 0 && head.status !== 304) {
      writeLength(head, size);
    }
  }

  /**
   * The body has ended: settles the length. One that is shorter than its Content-Length breaks the connection (G-122).
   *
   * @param body of which `close` is looked up
   * @throws ApplicationError where there is no head (G-102)
   */
  end(body: unknown): Action {
    if (this.complete) return STOP;
    const head = this.requireHead();
    if (!this.bodyless(head)) {
      if (head.length < 0) {
        if (!this.headSent) head.length = 0; // G-127
      } else if (this.sent !== head.length) {
        const what = `the body ended after ${this.sent} of ${head.length} bytes, the connection is closed (G-122)`;
        this.warn(what);
        this.countFailure(new ApplicationError(what));
        this.hold(null, 0);
        this.final = MORE;
        return BREAK_AFTER_HEAD;
      }
    }
    this.hold(null, 0);
    this.final = this.last(body);
    this.complete = true;
    return SEND_LAST;
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
    const chunk = givenChunk(value, -1);
    const head = this.requireHead();
    const size = sizeOf(chunk);
    this.overrun = false;
    if (this.bodyless(head)) {
      this.hold(null, 0);
      if (size > 0) this.dropped(head);
      return !this.headSent;
    }
    const room = head.length < 0 ? size : head.length - this.sent;
    this.overrun = size > room;
    this.hold(chunk, Math.min(size, room));
    return this.piece !== null || !this.headSent;
  }

  /** Whether a `write` that had to wait behind others is not sent any more, since the response has ended meanwhile. */
  get discards(): boolean {
    return this.gone || this.complete;
  }

  /** The error for what the last `write` left over (G-121); to be thrown after the rest was sent. */
  writeSurplus(): ApplicationError | null {
    if (this.gone || !this.overrun) return null;
    return new ApplicationError(`write went beyond the Content-Length of ${this.head?.length} bytes (G-121)`);
  }

  /**
   * The transport did not take what `write` accepted, which fails the response: whatever comes is discarded from now
   * on. Gives what is to be done about it, as `fail`.
   *
   * @param head see `sendFailed`
   */
  writeFailed(error: unknown, head: ResponseHead | null): Action {
    if (this.gone) return STOP;
    if (isDisconnect(error)) {
      if (!this.complete) this.disconnect();
      return STOP;
    }
    this.sendFailed(error, head);
    const action = this.fail('the response could not be sent', error);
    this.gone = true;
    return action;
  }

  /**
   * The descriptor of a body that the transport is to send itself, with the head and the length that stands there: an
   * untouched file wrapper (G-161). -1 for any other body, which is taken in steps.
   */
  takeFile(body: unknown, transport: Transport<boolean>): number {
    const file = this.headSent ? null : fileOf(body);
    if (file === null) return -1;
    const { descriptor, length } = file;
    if (length >= 0) this.setLength(length);
    if (transport.sendFile === undefined || transport.takesFile?.(descriptor) === false) return -1;
    if (this.bodyless(this.requireHead())) return -1;
    this.complete = true;
    return descriptor;
  }

  /** The Content-Length of a file, where the application gave none (G-165). */
  private setLength(length: number): void {
    const head = this.requireHead();
    if (head.length >= 0 || this.headSent) return;
    if ((head.flags & (HEAD_NO_BODY | HEAD_HAS_LENGTH)) === 0) head.length = length;
    else if (this.forHead && head.status !== 304) writeLength(head, length);
  }

  /** Counts the request as failed, once. */
  private countFailure(error: unknown): void {
    if (this.counted !== NONE) return;
    this.counted = error;
    if (this.counters !== undefined) this.counters.failures++;
    this.trace?.fail(error);
  }

  /** Whether an error is a failure of the application, and does not just tell that the client has gone (B-38). */
  private isFailure(error: unknown): boolean {
    return !isDisconnect(error) && !(this.gone && this.signalled && isAbortError(error));
  }

  /**
   * The request failed: reports and counts it. The answer is an error page if nothing was sent (G-140), else a broken
   * connection (G-141), and nothing if the response is complete.
   */
  fail(what: string, error: unknown): Action {
    if (this.final === DONE) this.done = false; // it did not arrive
    if (isDisconnect(error)) {
      this.disconnect();
    } else if (!isClientFault(error) && this.isFailure(error)) {
      if (error !== this.counted) this.logError(what, error); // that of a `write` may be thrown on
      this.countFailure(error);
    }
    if (this.complete || this.done) return STOP;
    this.complete = true;
    if (this.headSent || this.gone) return BREAK;
    const page = plainPage(statusFor(error), this.forHead);
    this.head = page.head;
    this.hold(page.body, page.body?.length ?? 0);
    this.done = this.closeMethod === undefined;
    this.final = this.done ? DONE : END;
    return SEND_LAST;
  }

  /** The transport did not do what `fail` asked for. */
  failedAgain(error: unknown): void {
    this.done = false;
    if (isDisconnect(error)) this.disconnect();
    else this.logError('the error page could not be sent', error);
  }

  /** `return()` or `close()` failed: reports and counts it, changes nothing else (G-113). */
  closingFailed(what: string, error: unknown): void {
    if (!this.isFailure(error)) return;
    this.countFailure(error);
    this.logError(what, error);
  }

  /**
   * Looks `close` of the body up, once (G-109). If that throws, `close` has failed as if it had been called (G-113).
   */
  private lookUpClose(body: unknown): void {
    if (this.closeMethod !== UNKNOWN) return;
    this.closeMethod = undefined;
    try {
      // Whatever it is, it is only asked for a property.
      if (body !== undefined && body !== null) this.closeMethod = (body as { close?: unknown }).close;
    } catch (error) {
      this.closingFailed(CLOSE_FAILED, error);
    }
  }

  /** What to send with the last bytes: DONE, or END where `close` has to be called before the request is over. */
  last(body: unknown): Final {
    this.lookUpClose(body);
    if (typeof this.closeMethod === 'function') return END;
    this.done = true;
    return DONE;
  }

  /** The application returned no body: there is nothing to close (G-114). */
  noBody(): void {
    this.closeMethod = undefined;
  }

  /** Whether nothing is left to do: a DONE was sent, so there is nothing to close either. */
  get closed(): boolean {
    return this.done && this.closeMethod !== UNKNOWN;
  }

  /** Whether the body has a `close`, which is due now. From now on the response takes nothing. */
  closes(body: unknown): boolean {
    this.complete = true;
    this.lookUpClose(body);
    return typeof this.closeMethod === 'function';
  }

  /** Calls `close` of the body, once (G-111, G-112), and gives what it returned. Does not throw. */
  close(body: unknown): unknown {
    const close = this.closeMethod;
    this.closeMethod = undefined;
    if (typeof close !== 'function') return undefined;
    try {
      return Reflect.apply(close, body, []);
    } catch (error) {
      this.closingFailed(CLOSE_FAILED, error);
      return undefined;
    }
  }

  /** Tells the transport that the request is over, unless it knows. */
  tellDone(transport: Transport<boolean>): void {
    if (this.done) return;
    this.done = true;
    try {
      transport.done();
    } catch (error) {
      this.logError('the transport failed', error);
    }
  }

  /** Counts a disconnect, once; from now on what the application sends is discarded. */
  disconnect(): void {
    if (this.gone) return;
    this.gone = true;
    if (this.counters !== undefined) this.counters.disconnects++;
  }

  private get request(): string {
    const request = shownRequest(this.method, this.script, this.path);
    return this.application === '' ? request : `${request} of ${this.application}`;
  }

  /**
   * Reports an error of the application, unless it only says that the client has gone (G-143). Where a rule was broken,
   * the frames of this package say nothing to who has to mend it.
   */
  logError(what: string, error: unknown): void {
    if (isDisconnect(error)) return;
    const text = describeError(error);
    report(this.errors, this.request, what, isInstance(error, ApplicationError) ? withOwnFrames(text) : text);
  }

  /** Reports a breach that does not fail the request; once for each response. */
  warn(what: string): void {
    if (this.warned) return;
    this.warned = true;
    report(this.errors, this.request, what);
  }

  /** Reports that the request ends although `return()` or `close()` of its body goes on. */
  late(what: string, limit: number): void {
    this.warn(`${what}: still not over after ${limit} ms, the request ends without it (B-13, B-36)`);
  }
}
