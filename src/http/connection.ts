import {
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_EXPECT_CONTINUE,
  FLAG_HEAD_METHOD,
  FLAG_KEEP_ALIVE,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_RECORD,
  READ_AREA,
  READ_SIZE,
} from '../../assembly/layout.ts';
import type { ResponseHead } from '../interface/transport.ts';
import './latin1.ts';
import { Exchange } from './exchange.ts';
import { chunkSizeLine, errorHead, frameHead, LAST_CHUNK } from './framing.ts';
import { type Parser, rule, type SuspendedBody, type SuspendedHead } from './parser.ts';
import {
  nextReading,
  nextResponse,
  nextSocket,
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
  RESPONSE_AWAITED,
  RESPONSE_BREAK,
  RESPONSE_BROKEN,
  RESPONSE_DONE,
  RESPONSE_END,
  RESPONSE_HEAD,
  RESPONSE_OVER,
  RESPONSE_STARTED,
  SOCKET_CLOSED,
  SOCKET_FINISH,
  SOCKET_LINGER,
  SOCKET_LINGERING,
  SOCKET_OPEN,
  StateError,
} from './states.ts';
import { METHODS } from './wasm/tables.ts';

/** The world around a connection: a socket with its timers, or a test. */
export interface ConnectionHost {
  /**
   * Takes a request whose head record and bytes lie in the parser's memory, and sets `exchange.owner`, or answers it at
   * once. Returns false when there is no room now: the connection keeps the bytes and waits for `Connection.retry`.
   */
  request(exchange: Exchange): boolean;
  /** The exchange is over: status and counters are final. */
  finished(exchange: Exchange): void;
  /** Sends text (one byte a unit) or bytes; false when the transport is over its high-water mark. */
  write(data: string | Uint8Array): boolean;
  /** Output waits, or work: call `Connection.flush` at the end of this turn. */
  schedule(connection: Connection): void;
  pause(): void;
  resume(): void;
  /** No more output: send FIN after what was written. */
  end(): void;
  /** Drops the socket; with `reset`, so that the client sees an error even where the end of the stream ends the response. */
  destroy(reset: boolean): void;
  /** The present `Date` field line with its CR LF. */
  date(): string;
}

export interface ConnectionOptions {
  /** `Server` field line with CR LF, or ''. */
  serverLine: string;
  /** Largest request body in bytes; above it 413. */
  limitBody: number;
  /** Unread body bytes that are read and dropped to keep the connection (G-64). */
  limitDiscard: number;
  /** Requests of one connection in progress at a time; more wait unread. */
  pipelined: number;
  /** False: every connection ends with its first response. */
  keepAlive: boolean;
}

// What a connection waits for; the host puts a deadline to each.
export const WAIT_REQUEST = 0;
export const WAIT_HEAD = 1;
export const WAIT_BODY = 2;
export const WAIT_CLIENT = 3;
export const WAIT_APPLICATION = 4;
export const WAIT_HALF_CLOSED = 5;
export const WAIT_LINGERING = 6;

/** Values of HEAD_METHOD whose requests change nothing (RFC 9110 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'].map((name) => METHODS.indexOf(name)));
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
/** Chunks up to this size (bytes) travel as text with what stands before them: measured faster than a buffer of its own. */
const TEXT_CHUNK = 2048;
/** Output (bytes) that is not kept for the end of the turn any longer. */
const FLUSH_AT = 65536;
/** Bytes read after the last response before the socket is dropped. */
const LINGER_BYTES = 1 << 20;

/**
 * An HTTP/1.x server connection (RFC 9112) without I/O: bytes and events in, bytes and events out; no socket, no timer,
 * no clock. The tables of its states are in states.ts.
 *
 * Many connections share one parser: the host reads fresh bytes to READ_AREA of the parser's memory and calls `receive`.
 */
export class Connection {
  readonly host: ConnectionHost;
  /** Counts steps forward of the client; a deadline starts anew with each. */
  progress = 0;

  private readonly parser: Parser;
  private readonly options: ConnectionOptions;
  private reading: number = READ_HEAD;
  private socket: number = SOCKET_OPEN;
  /** Exchanges in the order of their requests; the front one owns the output. */
  private front: Exchange | null = null;
  private back: Exchange | null = null;
  private depth = 0;

  /** An incomplete head. */
  private partialHead: SuspendedHead | null = null;
  /** The exchange whose body is being read; null when the body is dropped. */
  private receiver: Exchange | null = null;
  private bodyLeft = 0;
  private bodySize = 0;
  private bodyChunked = false;
  private suspendedBody: SuspendedBody | null = null;
  private discarded = 0;
  /** Decoded body bytes that the owner had no room for. */
  private refusedBody: Buffer | null = null;
  /** The refused bytes are the last of their body. */
  private bodyComplete = false;
  /** Raw bytes behind that point: read when there is room again. */
  private backlog: Buffer | null = null;
  private paused = false;
  private running = false;
  private resumable = false;

  private out = '';
  private scheduled = false;
  private blocked = false;
  private closing = false;

  constructor(host: ConnectionHost, parser: Parser, options: ConnectionOptions) {
    this.host = host;
    this.parser = parser;
    this.options = options;
  }

  // ---- Events from the host

  /** `length` fresh bytes (at most READ_SIZE) lie at READ_AREA. */
  receive(length: number): void {
    this.run(READ_AREA, READ_AREA + length);
  }

  /** The client has sent its last byte (FIN). What it asked for so far is still answered. */
  ended(): void {
    if (this.reading === READ_ENDED || this.socket === SOCKET_CLOSED) return;
    const receiver = this.receiver;
    this.reading = nextReading(this.reading, READ_END);
    this.receiver = null;
    if (this.socket === SOCKET_LINGERING) {
      this.drop(false);
    } else if (this.front === null) {
      this.finish();
    } else {
      if (receiver !== null) {
        receiver.unanswered = 400;
        receiver.owner?.bodyFailed(0, 'the client ended the connection within the request body');
      }
    }
  }

  /** The socket is gone: closed, or failed. */
  closed(): void {
    if (this.socket !== SOCKET_CLOSED) this.socket = nextSocket(this.socket, SOCKET_FINISH);
    this.out = '';
    this.backlog = null;
    this.partialHead = null;
    this.receiver = null;
    for (let exchange = this.front; exchange !== null; exchange = exchange.next) this.breakOff(exchange);
  }

  /** The transport has fallen below its high-water mark. */
  drained(): void {
    this.progress++;
    this.blocked = false;
    const front = this.front;
    if (front?.stalled) {
      front.stalled = false;
      front.owner?.drained();
    }
  }

  /** There may be room for requests again, after `request` returned false. */
  retry(): void {
    this.proceed();
  }

  /** What the connection waits for: a WAIT_* value. */
  get waitingFor(): number {
    if (this.socket === SOCKET_LINGERING) return WAIT_LINGERING;
    if (this.blocked) return WAIT_CLIENT;
    if (this.front === null) {
      if (this.partialHead !== null) return WAIT_HEAD;
      if (this.reading === READ_HEAD) return this.backlog === null ? WAIT_REQUEST : WAIT_APPLICATION;
      return WAIT_BODY;
    }
    if (this.receiver !== null && !this.paused && !this.receiver.expectsContinue) return WAIT_BODY;
    return this.reading === READ_ENDED ? WAIT_HALF_CLOSED : WAIT_APPLICATION;
  }

  /** The deadline of `waitingFor` has passed. */
  expired(): void {
    switch (this.waitingFor) {
      case WAIT_REQUEST:
        this.finish();
        break;
      case WAIT_HEAD:
        this.partialHead = null;
        this.refuse(408, 'the request head did not arrive in time');
        this.flush();
        break;
      case WAIT_BODY:
        this.failBody(408, 'the request body did not arrive in time');
        break;
      case WAIT_CLIENT:
      case WAIT_HALF_CLOSED:
        this.drop(true);
        break;
      case WAIT_LINGERING:
        this.drop(false);
    }
  }

  /** The server stops: idle connections end at once, the others with the response in progress (L-12). */
  shutdown(): void {
    this.closing = true;
    if (this.socket !== SOCKET_OPEN) return;
    if (this.front === null) {
      if (this.partialHead === null) this.finish();
      return;
    }
    this.backlog = null;
    this.partialHead = null;
    this.reading = nextReading(this.reading, READ_STOP);
  }

  /** Ends the connection now, whatever is in progress. */
  abort(): void {
    if (this.socket !== SOCKET_CLOSED) this.drop(true);
  }

  /** Sends what has gathered since the last flush, and goes on with what had to wait for the end of the turn. */
  flush(): void {
    this.scheduled = false;
    if (this.resumable) {
      this.resumable = false;
      this.proceed();
    }
    const out = this.out;
    if (out !== '') {
      this.out = '';
      if (!this.host.write(out)) this.blocked = true;
    }
    const front = this.front;
    if (front?.stalled && !this.blocked) this.drained();
  }

  // ---- Calls from owners of exchanges

  /** Starts the response. Ignored when the client has gone. */
  respond(exchange: Exchange, head: ResponseHead): void {
    if (this.isCut(exchange)) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_HEAD);
    exchange.status = head.status;
    const persist = exchange.persist && !(this.closing && exchange.next === null);
    const text = frameHead(exchange, head, persist, this.host.date(), this.options.serverLine);
    if (!exchange.persist && exchange.next !== null) this.cancelAfter(exchange);
    this.emit(exchange, text);
  }

  /**
   * Sends body bytes `source[start..end)`, which are copied before this returns (G-115). False when the client should
   * catch up first: `drained` of the owner tells when.
   */
  data(exchange: Exchange, source: Buffer, start: number, end: number): boolean {
    if (this.isCut(exchange)) return true;
    const length = end - start;
    if (exchange.state !== RESPONSE_STARTED) throw new StateError('body bytes outside of a response');
    if (exchange.left >= 0) {
      exchange.left -= length;
      if (exchange.left < 0) throw new StateError('more body bytes than announced');
    }
    exchange.sent += length;
    if (length > 0) {
      const before = exchange.chunked ? chunkSizeLine(length) : '';
      const after = exchange.chunked ? '\r\n' : '';
      if (length <= TEXT_CHUNK) {
        this.emit(exchange, before + source.latin1Slice(start, end) + after);
      } else {
        const isFront = exchange === this.front;
        const lead = isFront ? this.out + before : before;
        if (isFront) this.out = '';
        const block = Buffer.allocUnsafe(lead.length + length + after.length);
        block.latin1Write(lead, 0, lead.length);
        source.copy(block, lead.length, start, end);
        block.latin1Write(after, lead.length + length, after.length);
        this.emit(exchange, block);
      }
    }
    const wanted = exchange === this.front ? !this.blocked && this.out.length < FLUSH_AT : exchange.heldSize < FLUSH_AT;
    exchange.stalled = !wanted;
    return wanted;
  }

  /** The response is complete. A response shorter than announced breaks the connection instead (G-122). */
  end(exchange: Exchange): void {
    if (this.isCut(exchange)) return;
    if (exchange.left > 0) {
      this.breakResponse(exchange);
      return;
    }
    if (exchange.chunked) this.emit(exchange, LAST_CHUNK);
    exchange.state = nextResponse(exchange.state, RESPONSE_END);
  }

  /** Breaks the response off so that the client cannot take it for complete (G-141). */
  breakResponse(exchange: Exchange): void {
    if (this.isCut(exchange)) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_BREAK);
    if (exchange === this.front) this.cut(exchange);
  }

  /**
   * The request is over and nothing of it will be sent any more. An owner that gave up before it answered leaves the
   * answer to us; one that gave up within it breaks the connection.
   */
  done(exchange: Exchange): void {
    if (exchange.state === RESPONSE_AWAITED) this.answerPage(exchange, exchange.unanswered, '');
    else if (exchange.state === RESPONSE_STARTED) this.breakResponse(exchange);
    exchange.state = nextResponse(exchange.state, RESPONSE_DONE);
    exchange.owner = null;
    this.host.finished(exchange);
    if (this.receiver === exchange) this.abandonBody(exchange);
    if (exchange === this.front) this.advance();
  }

  /** The application reads, or there is room for body bytes again: sends 100 Continue where the client waits for it. */
  wantBody(exchange: Exchange): void {
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // A final status has been sent, or body bytes came unasked: no 100 (RFC 9110 10.1.1).
      if (exchange.state === RESPONSE_AWAITED && this.receiver === exchange && this.bodySize === 0) {
        this.emit(exchange, CONTINUE);
      }
    }
    if (this.receiver === exchange && this.refusedBody !== null) this.proceed();
  }

  /** Answers an exchange that has no application: 404, 503. */
  answer(exchange: Exchange, status: number, message = ''): void {
    this.answerPage(exchange, status, message);
    this.done(exchange);
  }

  private answerPage(exchange: Exchange, status: number, message: string): void {
    const [head, body] = errorHead(status, message, (exchange.flags & FLAG_HEAD_METHOD) !== 0);
    this.respond(exchange, head);
    if (body.length > 0) this.data(exchange, body, 0, body.length);
    this.end(exchange);
  }

  // ---- Reading

  private run(from: number, to: number): void {
    if (this.socket === SOCKET_CLOSED) return;
    if (this.running) throw new StateError('received while receiving');
    if (this.backlog !== null || this.refusedBody !== null) {
      // A transport may hand over what it had read before the pause took hold.
      this.keep(from, to);
      return;
    }
    this.running = true;
    this.parser.busy = true;
    if (this.partialHead !== null) {
      from = this.parser.resumeHead(this.partialHead);
      this.partialHead = null;
    }
    while (from < to) {
      if (this.reading === READ_HEAD) from = this.readHead(from, to);
      else if (this.reading === READ_BODY || this.reading === READ_LAST_BODY) from = this.readBody(from, to);
      else {
        this.discarded += to - from;
        if (this.discarded > LINGER_BYTES && this.socket === SOCKET_LINGERING) this.drop(false);
        break;
      }
    }
    this.parser.busy = false;
    this.running = false;
  }

  /** Reads one head. Returns where to go on; `to` when nothing more can be done now. */
  private readHead(from: number, to: number): number {
    if (this.depth >= this.options.pipelined || (this.back !== null && !this.back.safe)) return this.keep(from, to);
    const parser = this.parser;
    const end = parser.head(from, to);
    if (end === 0) {
      this.partialHead = parser.suspendHead();
      return to;
    }
    if (end < 0) {
      const { status, text } = rule(end);
      const { bytes, headStart } = parser;
      this.refuse(status, text, bytes.latin1Slice(headStart, headStart + 5) === 'HEAD ' ? FLAG_HEAD_METHOD : 0);
      return to;
    }
    const words = parser.words;
    const flags = words[(HEAD_RECORD >> 2) + HEAD_FLAGS];
    const safe = SAFE_METHODS.has(words[(HEAD_RECORD >> 2) + HEAD_METHOD]);
    // RFC 9112 9.3.2: only safe methods may overtake an answer.
    if (!safe && this.front !== null) return this.keep(parser.headStart, to);

    const chunked = (flags & FLAG_CHUNKED) !== 0;
    const length = (flags & FLAG_CONTENT_LENGTH) !== 0 ? parser.contentLength() : 0;
    if (length > this.options.limitBody) {
      this.refuse(413, 'the request body is larger than this server accepts', flags);
      return to;
    }
    const hasBody = chunked || length > 0;
    const persist = (flags & FLAG_KEEP_ALIVE) !== 0 && this.options.keepAlive && !this.closing;
    const exchange = new Exchange(
      this,
      flags,
      persist,
      safe && !hasBody,
      (flags & FLAG_EXPECT_CONTINUE) !== 0 && hasBody,
    );
    this.append(exchange);
    // What the body needs must stand before the host is asked: it may answer at once.
    const reading = this.reading;
    if (hasBody) {
      this.reading = nextReading(reading, persist ? READ_REQUEST_WITH_BODY : READ_LAST_REQUEST_WITH_BODY);
      this.receiver = exchange;
      this.bodyChunked = chunked;
      this.bodyLeft = length;
      this.bodySize = 0;
      this.discarded = 0;
      this.suspendedBody = null;
    } else {
      this.reading = nextReading(reading, persist ? READ_REQUEST : READ_LAST_REQUEST);
    }
    this.progress++;
    if (!this.host.request(exchange)) {
      this.unappend(exchange);
      this.reading = reading;
      this.receiver = null;
      return this.keep(parser.headStart, to);
    }
    return end;
  }

  /** Reads body bytes; the same contract as readHead. */
  private readBody(from: number, to: number): number {
    let length: number;
    let end: number;
    let complete: boolean;
    if (this.bodyChunked) {
      const parser = this.parser;
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
    if (this.bodySize > this.options.limitBody) {
      this.failBody(413, 'the request body is larger than this server accepts');
      return to;
    }
    return this.deliver(from, length, end, to, complete);
  }

  private deliver(from: number, length: number, end: number, to: number, complete: boolean): number {
    const receiver = this.receiver;
    if (receiver === null) {
      this.discarded += length;
      if (this.discarded > this.options.limitDiscard) {
        this.stopReading();
        this.finish();
        return to;
      }
    } else {
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
    const receiver = this.receiver;
    this.receiver = null;
    this.reading = nextReading(this.reading, READ_BODY_END);
    receiver?.owner?.bodyEnd();
    if (receiver === null && this.reading === READ_NOTHING && this.front === null) this.finish();
  }

  private failBody(status: number, message: string): void {
    const receiver = this.receiver;
    this.stopReading();
    if (receiver === null) {
      this.finish();
    } else {
      receiver.persist = false;
      receiver.owner?.bodyFailed(status, message);
    }
  }

  /** Nothing more of this client's bytes is looked at; responses in progress are the last. */
  private stopReading(): void {
    if (this.reading !== READ_ENDED && this.reading !== READ_NOTHING) {
      this.reading = nextReading(this.reading, READ_REFUSED);
    }
    this.receiver = null;
    this.refusedBody = null;
    this.backlog = null;
  }

  /** Answers a request that cannot be read, after those before it, and closes. */
  private refuse(status: number, message: string, flags = 0): void {
    this.stopReading();
    const exchange = new Exchange(this, flags, false, true, false);
    this.append(exchange);
    this.answer(exchange, status, message);
  }

  /** The response is over and the request body is not: drop the rest if it is little, else close (G-64). */
  private abandonBody(exchange: Exchange): void {
    this.receiver = null;
    this.discarded = this.refusedBody?.length ?? 0;
    const tooMuch = !this.bodyChunked && this.bodyLeft > this.options.limitDiscard;
    const refused = this.refusedBody !== null;
    this.refusedBody = null;
    if (!exchange.persist || exchange.expectsContinue || tooMuch) {
      exchange.persist = false;
      this.stopReading();
    } else if (refused && this.bodyComplete) {
      this.endBody();
    }
  }

  /** Puts raw bytes aside and stops reading until there is room. */
  private keep(from: number, to: number): number {
    if (from < to) {
      const fresh = this.parser.copy(from, to);
      this.backlog = this.backlog === null ? fresh : Buffer.concat([this.backlog, fresh]);
    }
    if (!this.paused) {
      this.paused = true;
      this.host.pause();
    }
    return to;
  }

  /** Goes on with what was put aside. */
  private proceed(): void {
    if (this.running || this.socket === SOCKET_CLOSED) return;
    if (this.parser.busy) {
      // Another connection's bytes lie in the parser's memory.
      this.resumable = true;
      this.schedule();
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
    if (this.paused && this.backlog === null && this.refusedBody === null) {
      this.paused = false;
      this.host.resume();
    }
  }

  // ---- The queue of exchanges

  private append(exchange: Exchange): void {
    if (this.back === null) this.front = exchange;
    else this.back.next = exchange;
    this.back = exchange;
    this.depth++;
  }

  private unappend(exchange: Exchange): void {
    let before = this.front === exchange ? null : this.front;
    while (before !== null && before.next !== exchange) before = before.next;
    if (before === null) this.front = null;
    else before.next = null;
    this.back = before;
    this.depth--;
  }

  /** The front exchange is over: the next one takes the output. */
  private advance(): void {
    for (;;) {
      const over = this.front as Exchange;
      const next = over.next;
      this.front = next;
      this.depth--;
      if (next === null) this.back = null;
      if (this.socket === SOCKET_CLOSED) {
        if (next === null || next.state !== RESPONSE_OVER) return;
        continue;
      }
      if (!over.persist || (this.closing && next === null)) {
        this.finish();
        return;
      }
      if (next === null) break;
      const held = next.held;
      next.held = null;
      if (held !== null) for (const data of held) this.emit(next, data);
      if (next.state === RESPONSE_BROKEN) {
        this.cut(next);
        return;
      }
      if (next.state !== RESPONSE_OVER) {
        if (next.stalled) this.schedule();
        break;
      }
    }
    if (this.front === null && this.reading === READ_ENDED) this.finish();
    else if (this.paused) this.proceed();
  }

  /** Exchanges behind one that turned out to be the last are never answered. */
  private cancelAfter(exchange: Exchange): void {
    let next = exchange.next;
    exchange.next = null;
    this.back = exchange;
    this.stopReading();
    while (next !== null) {
      this.depth--;
      const cancelled = next;
      next = next.next;
      cancelled.next = null;
      this.breakOff(cancelled);
    }
  }

  /** Tells an owner that its client has gone. */
  private breakOff(exchange: Exchange): void {
    if (exchange.state !== RESPONSE_OVER) exchange.state = nextResponse(exchange.state, RESPONSE_BREAK);
    exchange.held = null;
    exchange.owner?.disconnected();
  }

  private isCut(exchange: Exchange): boolean {
    return exchange.state === RESPONSE_BROKEN || exchange.state === RESPONSE_OVER;
  }

  // ---- Writing

  private emit(exchange: Exchange, data: string | Uint8Array): void {
    if (exchange !== this.front) {
      exchange.held ??= [];
      exchange.held.push(data);
      exchange.heldSize += data.length;
    } else if (typeof data === 'string') {
      this.out += data;
      this.schedule();
    } else {
      if (this.out !== '') {
        const out = this.out;
        this.out = '';
        this.host.write(out);
      }
      if (!this.host.write(data)) this.blocked = true;
    }
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.host.schedule(this);
  }

  // ---- Ending

  /** The last response is out: FIN, then read and drop until the client ends too (RFC 9112 9.6). */
  private finish(): void {
    if (this.socket !== SOCKET_OPEN) return;
    if (this.out !== '') {
      const out = this.out;
      this.out = '';
      this.host.write(out);
    }
    this.blocked = false;
    this.stopReading();
    if (this.reading === READ_ENDED) {
      this.socket = nextSocket(this.socket, SOCKET_FINISH);
      this.host.end();
      return;
    }
    this.socket = nextSocket(this.socket, SOCKET_LINGER);
    this.discarded = 0;
    this.progress++;
    this.host.end();
    if (this.paused) {
      this.paused = false;
      this.host.resume();
    }
  }

  /** Breaks the connection within the response of the front exchange. */
  private cut(exchange: Exchange): void {
    if (this.out !== '' && this.socket === SOCKET_OPEN) {
      const out = this.out;
      this.out = '';
      this.host.write(out);
    }
    this.drop(exchange.left < 0 && !exchange.chunked);
  }

  private drop(reset: boolean): void {
    this.host.destroy(reset);
    this.closed();
  }
}
