import type { ResponseHead } from '../interface/transport.ts';
import { StateError } from '../rules/state-machine.ts';
import {
  nextResponse,
  RESPONSE_AWAITED,
  RESPONSE_BREAK,
  RESPONSE_BROKEN,
  RESPONSE_HEAD,
  RESPONSE_OVER,
  RESPONSE_STARTED,
} from './states.ts';

/** In place of a status where the client has left, as in nginx. */
const CLIENT_LEFT = 499;
const EVENT_STREAM = /\r\ncontent-type: text\/event-stream\b/i;

/** What stands behind an exchange: an application on this thread, or a slot of the rings. Called by the connection. */
export interface ExchangeOwner {
  /**
   * Offers `length` body bytes at `address` of the parser's memory. Returns how many were taken (copied); when fewer,
   * nothing more is read from the client until `ResponseConnection.wantBody`.
   */
  body(address: number, length: number): number;
  /** Looked at after a `body` that took everything: nothing more is to be read, as if it had taken less. */
  readonly isFull: boolean;
  /** The body is complete. */
  bodyEnd(): void;
  /** The body will never be complete; `status` is 400, 408 or 413, or 0 when the client has gone (G-63). */
  bodyFailed(status: number, message: string): void;
  /**
   * Nobody wants the response any more: `givenUp` by the server, else its client has gone. The owner still calls
   * `done`.
   */
  disconnected(givenUp: boolean): void;
  /** The client wants more of the response, after a `data` that returned false. */
  drained(): void;
}

/** A connection as the owners of its exchanges see it, whatever its protocol. */
export interface ResponseConnection {
  /** Whether `errors` leads anywhere. */
  readonly takesErrors: boolean;
  /**
   * Starts the response. Ignored when the client has gone. With `complete`, the rest of the response follows at once:
   * nobody will read any more of the request body.
   */
  respond(exchange: Exchange, head: ResponseHead, complete?: boolean): void;
  /**
   * Sends body bytes `source[start..end)`, which are copied before this returns (G-115); of the source nothing else is
   * believed (see `partOf`). False when the client should catch up first: `drained` of the owner tells when.
   */
  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean;
  /**
   * As `data`, for many bytes: they need not be copied, but are in use until `free` is called, once, whatever becomes
   * of the connection; before this returns where they were copied after all, or the system has taken them.
   */
  lend(exchange: Exchange, source: Uint8Array, start: number, end: number, free: () => void): boolean;
  /** Sends a 103 with these field lines (G-152), or ignores them; absent where the protocol has no such responses. */
  hint?(exchange: Exchange, lines: string): void;
  /** The response is complete. A response shorter than announced breaks the connection instead (G-122). */
  end(exchange: Exchange): void;
  /** Breaks the response off so that the client cannot take it for complete (G-141). */
  breakResponse(exchange: Exchange): void;
  /**
   * The request is over and nothing of it will be sent any more. An owner that gave up before it answered leaves the
   * answer to the connection; one that gave up within it breaks the response.
   */
  done(exchange: Exchange): void;
  /** The application reads, or there is room for body bytes again. */
  wantBody(exchange: Exchange): void;
  /** Answers an exchange that has no application: 404, 503 (`retryAfter` in seconds). */
  answer(exchange: Exchange, status: number, message?: string, retryAfter?: number): void;
  /** Text of `wsgi.errors` for the error stream of the protocol (G-174); false when it could not be taken. */
  errors(exchange: Exchange, text: Uint8Array): boolean;
}

/**
 * One request with its response. The connection makes it when a head has been read and puts it at the end of its queue;
 * the host gives it an owner (`ConnectionHost.request`), which takes the request body and answers by `connection`; it
 * leaves the queue when its owner says `done`.
 */
export class Exchange {
  readonly connection: ResponseConnection;
  /** FLAG_* bits of the head record. */
  readonly flags: number;
  /** Set by the host while it takes the request; null for answers of the server itself. */
  owner: ExchangeOwner | null = null;
  /** For the host's own use: what the access log needs. */
  record: unknown = null;
  /** Its method is GET; set by the host. */
  isGet = false;
  /** It answers a GET with events, without an end of their own: its client connects again by itself. */
  isEventStream = false;
  /** The number of the mount that it came to, set by the host; -1: none. */
  mount = -1;
  /** Milliseconds, set by the host where it times requests. */
  startTime = 0;
  /** When its application got it; likewise. */
  takenTime = 0;
  /** Who had it, in words; likewise. */
  worker = '';
  /** RESPONSE_* state. */
  state: number = RESPONSE_AWAITED;
  /** The status for the client, and for the access log, when the owner gives up without an answer. */
  unanswered = 503;
  /** Of the response; 0 before the head. */
  status = 0;
  /** The head of the response as it was sent, where the connection is to keep it (`keepHeads`). */
  head = '';
  /** Body bytes sent to the client. */
  sent = 0;
  /** The connection may serve another request after this one. */
  persist: boolean;
  /** The method is safe (RFC 9110 9.2.1), so that the next request may be started before this one is answered. */
  readonly safe: boolean;
  /** Bytes of the request body; -1: the head does not tell. Set by the connection before the host is asked. */
  bodyLength = 0;
  /** The client waits for 100 Continue before it sends the body (G-67). */
  expectsContinue: boolean;
  /** The response uses the chunked coding. */
  chunked = false;
  /** Body bytes still owed; -1 when the length was not announced. */
  left = -1;
  /** Output made before this exchange's turn on the connection (G-131). */
  held: (string | Uint8Array)[] | null = null;
  heldSize = 0;
  /** `data` returned false, and the owner has not been told to go on. */
  stalled = false;
  next: Exchange | null = null;
  /** It is over, and its response was broken off: the connection ends where that stands. */
  wasBroken = false;
  /** Its connection has ended the response ahead of its owner. */
  private isEnded = false;

  constructor(
    connection: ResponseConnection,
    flags: number,
    persist: boolean,
    safe: boolean,
    expectsContinue: boolean,
  ) {
    this.connection = connection;
    this.flags = flags;
    this.persist = persist;
    this.safe = safe;
    this.expectsContinue = expectsContinue;
  }

  /** For the access log and for metrics. */
  get finalStatus(): number {
    return this.status || this.unanswered;
  }

  /** The client left before the end of the response. */
  get wasLeft(): boolean {
    return this.unanswered === CLIENT_LEFT;
  }

  /** A body follows the head, be it of unknown length (G-55). */
  get hasBody(): boolean {
    return this.bodyLength !== 0;
  }

  /** Nothing more of the response goes anywhere. */
  get isCut(): boolean {
    return this.isEnded || this.state === RESPONSE_BROKEN || this.state === RESPONSE_OVER;
  }

  /** The head of its response goes out. */
  begin(head: ResponseHead): void {
    this.state = nextResponse(this.state, RESPONSE_HEAD);
    this.status = head.status;
    this.isEventStream = this.isGet && head.length < 0 && EVENT_STREAM.test(head.text);
  }

  /** Its connection has ended the response: its owner is told that it is given up. */
  endedEarly(): void {
    this.isEnded = true;
    this.owner?.disconnected(true);
  }

  /** Keeps output until it is this exchange's turn. */
  hold(data: string | Uint8Array): void {
    this.held ??= [];
    this.held.push(data);
    this.heldSize += data.length;
  }

  /**
   * Its body will never be complete; `status` as in `ExchangeOwner.bodyFailed`. The connection ends with the response.
   */
  failBody(status: number, message: string): void {
    this.persist = false;
    this.owner?.bodyFailed(status, message);
  }

  /**
   * Nobody wants the response any more, and the owner is told. A client that has gone without one is a 499 of the
   * access log; one that has got all of it has not left early.
   */
  breakOff(givenUp: boolean): void {
    if (this.state === RESPONSE_OVER) return;
    this.state = nextResponse(this.state, RESPONSE_BREAK);
    if (!givenUp && this.state === RESPONSE_BROKEN) this.unanswered = CLIENT_LEFT;
    this.held = null;
    this.owner?.disconnected(givenUp);
  }

  /** Counts body bytes on their way to the client. Throws StateError for those that do not belong to a response. */
  count(length: number): void {
    if (this.state !== RESPONSE_STARTED) throw new StateError('body bytes outside of a response');
    if (this.left >= 0) {
      this.left -= length;
      if (this.left < 0) throw new StateError('more body bytes than announced');
    }
    this.sent += length;
  }
}
