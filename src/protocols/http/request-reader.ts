import {
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_HEAD_METHOD,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_RECORD,
  READ_AREA,
  READ_SIZE,
} from '../../../assembly/layout.ts';
import type { Exchange } from '../exchange.ts';
import type { RefusedLine } from '../host.ts';
import { type Parser, rule, type SuspendedBody, type SuspendedHead } from './parser.ts';
import { refusedLine } from './refused-line.ts';
import {
  nextReading,
  READ_BODY,
  READ_BODY_END,
  READ_END,
  READ_ENDED,
  READ_HEAD,
  READ_LAST_BODY,
  READ_LAST_REQUEST,
  READ_LAST_REQUEST_WITH_BODY,
  READ_NOTHING,
  READ_REFUSED,
  READ_REQUEST,
  READ_REQUEST_WITH_BODY,
  READ_STOP,
  StateError,
} from './states.ts';
import { METHODS } from './wasm/tables.ts';

/** The side of a connection that answers, as its reader sees it. */
export interface Responder {
  /** No request is in progress. */
  readonly idle: boolean;
  /** Another request may be begun. */
  readonly open: boolean;
  /** Puts a new exchange at the end of the queue. `safe` is about the method, `hasBody` about the request. */
  begin(flags: number, safe: boolean, hasBody: boolean): Exchange;
  /** Hands the exchange just begun to the host. False when there is no room, and the exchange is taken back. */
  submit(exchange: Exchange): boolean;
  /** Answers a request that cannot be read, after those before it, and closes. `line`: where it can be read so far. */
  refuse(status: number, message: string, flags: number, line: RefusedLine | null): void;
  /** Nothing more will be read, and nobody is there to be told: the connection may end. */
  exhausted(): void;
  pause(): void;
  resume(): void;
  /** `proceed` is to be called at the end of the turn. */
  deferred(): void;
}

export interface ReaderLimits {
  /** Largest request body in bytes; above it 413. */
  limitBody: number;
  /** Unread body bytes that are read and dropped to keep the connection, where the response can still say so (G-64). */
  limitDiscard: number;
}

/** Values of HEAD_METHOD whose requests change nothing (RFC 9110 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'].map((name) => METHODS.indexOf(name)));
const TOO_LARGE = 'the request body is larger than this server accepts';

/**
 * The half of a connection that reads: heads and bodies out of the client's bytes, in order, as fast as they are wanted.
 * What cannot be used yet is put aside, and the host asked to pause.
 */
export class RequestReader {
  /** READ_* state. */
  state: number = READ_HEAD;
  /** Counts steps forward of the client. */
  progress = 0;
  /** The exchange whose body is being read; null when there is none, or the body is dropped. */
  receiver: Exchange | null = null;
  /** Reading is paused. */
  paused = false;

  private readonly responder: Responder;
  private readonly parser: Parser;
  private readonly limits: ReaderLimits;
  /** An incomplete head. */
  private partialHead: SuspendedHead | null = null;
  private bodyChunked = false;
  /** Bytes of a body with a length that are still to come. */
  private bodyLeft = 0;
  /** Bytes of the body so far. */
  private bodySize = 0;
  private suspendedBody: SuspendedBody | null = null;
  /** Decoded body bytes that the owner had no room for. */
  private refusedBody: Buffer | null = null;
  /** The refused bytes are the last of their body. */
  private bodyComplete = false;
  /** Raw bytes behind that point. */
  private backlog: Buffer | null = null;
  private running = false;

  constructor(responder: Responder, parser: Parser, limits: ReaderLimits) {
    this.responder = responder;
    this.parser = parser;
    this.limits = limits;
  }

  /** Part of a head has come: more than empty lines, which a client may send behind a body (RFC 9112, 2.2). */
  get inHead(): boolean {
    return this.partialHead?.begun === true;
  }

  /** The first line of the head that has come in part. */
  get partialLine(): RefusedLine | null {
    const bytes = this.partialHead?.bytes;
    return bytes === undefined ? null : refusedLine(bytes, 0, bytes.length);
  }

  /** Whole requests may lie here that nobody had room for. */
  get hasBacklog(): boolean {
    return this.backlog !== null;
  }

  /** Nothing of the present body has come yet. */
  get bodyUntouched(): boolean {
    return this.bodySize === 0;
  }

  /** Reads the bytes from address `from` to `to` of the parser's memory. */
  run(from: number, to: number): void {
    if (this.running) throw new StateError('received while receiving');
    if (this.backlog !== null || this.refusedBody !== null) {
      // A transport may hand over what it had read before the pause took hold.
      this.keep(from, to);
      return;
    }
    this.running = true;
    this.parser.busy = true;
    try {
      let at = from;
      while (at < to) {
        if (this.state === READ_HEAD) at = this.readHead(at, to);
        else if (this.state === READ_BODY || this.state === READ_LAST_BODY) at = this.readBody(at, to);
        else {
          this.progress++; // bytes that nobody looks at
          return;
        }
      }
    } finally {
      this.parser.busy = false;
      this.running = false;
    }
  }

  /** Goes on with what was put aside. */
  proceed(): void {
    if (this.running) return;
    if (this.parser.busy) {
      // Another connection's bytes lie in the parser's memory.
      this.responder.deferred();
      return;
    }
    if (this.refusedBody !== null) {
      const body = this.refusedBody;
      body.copy(this.parser.bytes, READ_AREA);
      const taken = this.receiver?.owner?.body(READ_AREA, body.length) ?? body.length;
      if (taken < body.length) {
        this.refusedBody = body.subarray(taken);
        return;
      }
      this.refusedBody = null;
      if (this.bodyComplete) this.endBody();
    }
    const backlog = this.backlog;
    if (backlog !== null) {
      this.backlog = null;
      for (let at = 0; at < backlog.length; at += READ_SIZE) {
        this.run(READ_AREA, READ_AREA + backlog.copy(this.parser.bytes, READ_AREA, at, at + READ_SIZE));
      }
    }
    if (this.paused && this.backlog === null && this.refusedBody === null) this.unpause();
  }

  /** More of the body is wanted: offers again what was refused. */
  offer(exchange: Exchange): void {
    if (this.receiver === exchange && this.refusedBody !== null) this.proceed();
  }

  /** The client has sent its last byte. Returns the exchange whose body is thereby cut short. */
  ended(): Exchange | null {
    const cut = this.receiver;
    this.state = nextReading(this.state, READ_END);
    this.receiver = null;
    return cut;
  }

  /** Reads no further request; a body that has begun is read to its end. */
  finishRequest(): void {
    this.partialHead = null;
    this.state = nextReading(this.state, READ_STOP);
    if (this.state === READ_NOTHING) this.backlog = null; // else it is of the body
  }

  /** Looks at nothing more of this client's bytes. */
  stop(): void {
    if (this.state !== READ_ENDED && this.state !== READ_NOTHING) this.state = nextReading(this.state, READ_REFUSED);
    this.partialHead = null;
    this.receiver = null;
    this.refusedBody = null;
    this.backlog = null;
  }

  /** Reads on, whatever was put aside; for a connection whose bytes are only dropped from now on. */
  unpause(): void {
    if (!this.paused) return;
    this.paused = false;
    this.responder.resume();
  }

  /** The body will never be complete; its connection ends with the response. */
  failBody(status: number, message: string): void {
    const receiver = this.receiver;
    this.stop();
    if (receiver === null) {
      this.responder.exhausted();
    } else {
      receiver.persist = false;
      receiver.owner?.bodyFailed(status, message);
    }
  }

  /**
   * Whether the connection is to end with the response that begins now, because of its request body: its client waits to be
   * told to send it (RFC 9110, 10.1.1), or nobody will read it (`unread`) and more is to come than is worth dropping (G-64).
   */
  endsWith(exchange: Exchange, unread: boolean): boolean {
    if (this.receiver !== exchange) return false;
    if (exchange.expectsContinue && this.bodyUntouched) return true;
    return unread && !this.bodyChunked && this.bodyLeft > this.limits.limitDiscard;
  }

  /**
   * The response is over and the request body is not: the rest is dropped (G-64), whatever its size, unless the response
   * said that the connection ends. The host limits the time.
   */
  abandonBody(exchange: Exchange): void {
    if (this.receiver !== exchange) return;
    this.receiver = null;
    const refused = this.refusedBody !== null;
    this.refusedBody = null;
    if (!exchange.persist) this.stop();
    else if (refused && this.bodyComplete) this.endBody();
  }

  /** Reads one head. Returns where to go on; `to` when nothing more can be done now. */
  private readHead(from: number, to: number): number {
    const { parser, responder } = this;
    if (!responder.open) return this.keep(from, to);
    const partial = this.partialHead;
    this.partialHead = null;
    const end = parser.head(partial === null ? from : parser.resumeHead(partial), to);
    if (end === 0) {
      this.partialHead = parser.suspendHead();
      return to;
    }
    const start = parser.headStart;
    if (end < 0) {
      const { status, text } = rule(end);
      const isHead = parser.bytes.latin1Slice(start, start + 5) === 'HEAD ';
      responder.refuse(status, text, isHead ? FLAG_HEAD_METHOD : 0, refusedLine(parser.bytes, start, to));
      return to;
    }
    const flags = parser.words[(HEAD_RECORD >> 2) + HEAD_FLAGS];
    const safe = SAFE_METHODS.has(parser.words[(HEAD_RECORD >> 2) + HEAD_METHOD]);
    // RFC 9112 9.3.2: only safe methods may overtake an answer.
    if (!safe && !responder.idle) return this.keep(start, to);

    const chunked = (flags & FLAG_CHUNKED) !== 0;
    const length = (flags & FLAG_CONTENT_LENGTH) !== 0 ? parser.contentLength() : 0;
    if (length > this.limits.limitBody) {
      responder.refuse(413, TOO_LARGE, flags, refusedLine(parser.bytes, start, to));
      return to;
    }
    const hasBody = chunked || length > 0;
    const exchange = responder.begin(flags, safe, hasBody);
    // What the body needs must stand before the host is asked: it may answer at once.
    if (hasBody) {
      this.state = nextReading(READ_HEAD, exchange.persist ? READ_REQUEST_WITH_BODY : READ_LAST_REQUEST_WITH_BODY);
      this.receiver = exchange;
      this.bodyChunked = chunked;
      this.bodyLeft = length;
      this.bodySize = 0;
      this.suspendedBody = null;
    } else {
      this.state = nextReading(READ_HEAD, exchange.persist ? READ_REQUEST : READ_LAST_REQUEST);
    }
    this.progress++;
    if (!responder.submit(exchange)) {
      this.state = READ_HEAD;
      this.receiver = null;
      return this.keep(start, to);
    }
    return end;
  }

  /** Reads body bytes; the same contract as readHead. */
  private readBody(from: number, to: number): number {
    const { parser } = this;
    let length: number;
    let end: number;
    let complete: boolean;
    if (this.bodyChunked) {
      if (this.suspendedBody !== null) parser.resumeBody(this.suspendedBody);
      else parser.beginBody();
      const result = parser.body(from, to);
      if (result < 0) {
        const { status, text } = rule(result);
        this.failBody(status, text);
        return to;
      }
      length = parser.dataLength;
      end = parser.bodyEnd;
      complete = result === 1;
      this.suspendedBody = complete ? null : parser.suspendBody();
    } else {
      length = Math.min(this.bodyLeft, to - from);
      this.bodyLeft -= length;
      end = from + length;
      complete = this.bodyLeft === 0;
    }
    this.progress++;
    this.bodySize += length;
    if (this.bodySize > this.limits.limitBody && this.receiver !== null) {
      this.failBody(413, TOO_LARGE);
      return to;
    }
    return this.deliver(from, length, end, to, complete);
  }

  private deliver(from: number, length: number, end: number, to: number, complete: boolean): number {
    const { receiver } = this;
    if (receiver !== null) {
      const taken = length === 0 ? 0 : (receiver.owner?.body(from, length) ?? length);
      if (taken < length && this.receiver === receiver) {
        this.refusedBody = this.parser.copy(from + taken, from + length);
        this.bodyComplete = complete;
        return this.keep(end, to);
      }
    }
    if (complete) this.endBody();
    return end;
  }

  private endBody(): void {
    const { receiver } = this;
    this.receiver = null;
    this.state = nextReading(this.state, READ_BODY_END);
    receiver?.owner?.bodyEnd();
    if (receiver === null && this.state === READ_NOTHING && this.responder.idle) this.responder.exhausted();
  }

  /** Puts raw bytes aside and stops reading until there is room. */
  private keep(from: number, to: number): number {
    if (from < to) {
      const fresh = this.parser.copy(from, to);
      this.backlog = this.backlog === null ? fresh : Buffer.concat([this.backlog, fresh]);
    }
    if (!this.paused) {
      this.paused = true;
      this.responder.pause();
    }
    return to;
  }
}
