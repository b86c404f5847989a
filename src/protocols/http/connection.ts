import { FLAG_EXPECT_CONTINUE, FLAG_HTTP_1_0, FLAG_KEEP_ALIVE, READ_AREA } from '../../../assembly/layout.ts';
import type { ResponseHead } from '../../interface/transport.ts';
import { latin1Slice } from '../../rules/latin1.ts';
import { Exchange } from '../exchange.ts';
import {
  type ConnectionHost,
  type HostedConnection,
  type RefusedLine,
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../host.ts';
import { BUSY, chunkSizeLine, frameHead, LAST_CHUNK, sendPage } from './framing.ts';
import type { Parser } from './parser.ts';
import { type ReaderLimits, RequestReader, type Responder } from './request-reader.ts';
import {
  nextResponse,
  nextSocket,
  READ_ENDED,
  READ_HEAD,
  RESPONSE_AWAITED,
  RESPONSE_BREAK,
  RESPONSE_BROKEN,
  RESPONSE_DONE,
  RESPONSE_END,
  RESPONSE_HEAD,
  RESPONSE_OVER,
  RESPONSE_STARTED,
  SOCKET_CLOSED,
  SOCKET_ENDING,
  SOCKET_FIN,
  SOCKET_FLUSHED,
  SOCKET_GONE,
  SOCKET_LINGERING,
  SOCKET_OPEN,
} from './states.ts';

export interface ConnectionOptions extends ReaderLimits {
  /** `Server` field line with CR LF, or ''. */
  serverLine: string;
  /** Requests of one connection in progress at a time; more wait unread. */
  pipelined: number;
  /** False: every connection ends with its first response. */
  keepAlive: boolean;
}

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
/** Chunks up to this size (bytes) travel as text with what stands before them: measured faster than a buffer of its own. */
const TEXT_CHUNK = 2048;
/** Output (bytes) that is not kept for the end of the turn any longer. */
const FLUSH_AT = 65536;

/**
 * An HTTP/1.x server connection (RFC 9112) without I/O: bytes and events in, bytes and events out; no socket, no timer,
 * no clock. The tables of its states are in states.ts. This class keeps the exchanges in order and writes; a RequestReader
 * reads.
 *
 * Many connections share one parser: the host reads fresh bytes to READ_AREA of the parser's memory and calls `receive`.
 */
export class Connection implements HostedConnection, Responder {
  readonly host: ConnectionHost;
  readonly takesErrors = false;
  private readonly options: ConnectionOptions;
  private readonly reader: RequestReader;
  private socket: number = SOCKET_OPEN;
  /** Exchanges in the order of their requests; the front one owns the output. */
  private front: Exchange | null = null;
  private back: Exchange | null = null;
  private depth = 0;
  private out = '';
  private scheduled = false;
  /** The reader waits for the end of the turn. */
  private readerDeferred = false;
  /** The transport is over its high-water mark. */
  private blocked = false;
  private closing = false;
  /** The next request has waited for room too long. */
  private late = false;
  /** Whatever is in progress ends by us, not by the client. */
  private aborting = false;
  /** The exchange whose client ended its side when the response had begun; null: none. */
  private leaving: Exchange | null = null;
  /** Steps forward of the client, beside those of the reader. */
  private steps = 0;

  constructor(host: ConnectionHost, parser: Parser, options: ConnectionOptions) {
    this.host = host;
    this.options = options;
    this.reader = new RequestReader(this, parser, options);
  }

  // ---- Events from the host

  /** `length` fresh bytes (at most READ_SIZE) lie at READ_AREA. */
  receive(length: number): void {
    if (this.socket !== SOCKET_CLOSED) this.reader.run(READ_AREA, READ_AREA + length);
  }

  /**
   * The client has sent its last byte (FIN). What it asked for so far is still answered, however long that takes: a client
   * may end its side behind its request (G-184). One that ends it when the response has begun is more likely to have left:
   * the response has a moment to go on.
   */
  ended(): void {
    if (this.reader.state === READ_ENDED || this.socket === SOCKET_CLOSED) return;
    const cut = this.reader.ended();
    if (this.socket === SOCKET_LINGERING) {
      this.drop(false);
    } else if (this.front === null) {
      this.finish();
    } else {
      if (cut !== null) {
        cut.unanswered = 400;
        cut.owner?.bodyFailed(0, 'the client ended the connection within the request body');
      }
      // Of those in front of a request that was cut nothing is known.
      if (this.front === null || this.front === cut) return;
      if (this.front.state !== RESPONSE_AWAITED) this.leaving = this.front;
      this.host.halfClosed();
    }
  }

  /** Everything written, and the FIN behind it, is out. */
  flushed(): void {
    if (this.socket === SOCKET_ENDING) this.socket = nextSocket(this.socket, SOCKET_FLUSHED);
  }

  /** The socket is gone: closed, or failed. */
  closed(): void {
    this.socket = nextSocket(this.socket, SOCKET_GONE);
    this.out = '';
    this.reader.stop();
    for (let exchange = this.front; exchange !== null; exchange = exchange.next) this.breakOff(exchange, this.aborting);
  }

  /** The transport has fallen below its high-water mark. */
  drained(): void {
    this.steps++;
    this.blocked = false;
    const front = this.front;
    if (front?.stalled) {
      front.stalled = false;
      front.owner?.drained();
    }
  }

  /** There may be room for requests again, after `request` returned false. */
  retry(): void {
    if (this.socket !== SOCKET_CLOSED) this.reader.proceed();
  }

  /** Counts steps forward of the client; a deadline starts anew with each. */
  get progress(): number {
    return this.reader.progress + this.steps;
  }

  /** What the connection waits for: a WAIT_* value. */
  get waitingFor(): number {
    const { reader } = this;
    if (this.socket === SOCKET_LINGERING) return WAIT_LINGERING;
    if (this.blocked || this.socket === SOCKET_ENDING) return WAIT_CLIENT;
    if (this.front === null) {
      if (reader.inHead) return WAIT_HEAD;
      if (reader.state === READ_HEAD) return reader.hasBacklog ? WAIT_ROOM : WAIT_REQUEST;
      return WAIT_LINGERING; // within a body that nobody reads any more
    }
    if (reader.receiver !== null && !reader.paused && !reader.receiver.expectsContinue) return WAIT_BODY;
    return this.leaving === this.front ? WAIT_HALF_CLOSED : WAIT_APPLICATION;
  }

  /** The deadline of `waitingFor` has passed. */
  expired(): void {
    switch (this.waitingFor) {
      case WAIT_REQUEST:
        this.finish();
        break;
      case WAIT_HEAD:
        this.refuse(408, 'the request head did not arrive in time', 0, this.reader.partialLine);
        this.flush();
        break;
      case WAIT_BODY:
        this.reader.failBody(408, 'the request body did not arrive in time');
        break;
      case WAIT_CLIENT:
      case WAIT_HALF_CLOSED:
        this.drop(true);
        break;
      case WAIT_LINGERING:
        this.drop(false);
        break;
      case WAIT_ROOM:
        this.late = true;
        this.retry();
        this.late = false;
        this.flush();
    }
  }

  /** The server stops: idle connections end at once, the others with the response in progress (L-12). */
  shutdown(): void {
    this.closing = true;
    if (this.socket !== SOCKET_OPEN) return;
    if (this.front !== null) this.reader.finishRequest();
    else if (!this.reader.inHead) this.finish();
  }

  /** Ends the connection now, whatever is in progress. */
  abort(): void {
    if (this.socket === SOCKET_CLOSED) return;
    this.aborting = true;
    this.drop(true);
  }

  /** Sends what has gathered since the last flush, and goes on with what had to wait for the end of the turn. */
  flush(): void {
    this.scheduled = false;
    if (this.readerDeferred) {
      this.readerDeferred = false;
      this.retry();
    }
    if (!this.writeOut()) this.blocked = true;
    if (this.front?.stalled && !this.blocked) this.drained();
  }

  // ---- Calls from owners of exchanges

  /**
   * Starts the response. Ignored when the client has gone. What is known by now of the end of the connection stands in the
   * head (G-183): `complete` says that nobody will read any more of the request body.
   */
  respond(exchange: Exchange, head: ResponseHead, complete = false): void {
    if (exchange.isCut) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_HEAD);
    exchange.status = head.status;
    const { reader } = this;
    const last = exchange.next === null && (this.closing || reader.state === READ_ENDED);
    const persist = exchange.persist && !last && !reader.endsWith(exchange, complete);
    const text = frameHead(exchange, head, persist, this.host.date(), this.options.serverLine);
    if (!exchange.persist) {
      if (exchange.next !== null) this.cancelAfter(exchange);
      else reader.finishRequest();
    }
    this.emit(exchange, text);
  }

  /**
   * Sends body bytes `source[start..end)`, which are copied before this returns (G-115). False when the client should
   * catch up first: `drained` of the owner tells when.
   */
  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean {
    if (exchange.isCut) return true;
    const length = end - start;
    exchange.count(length);
    if (exchange === this.leaving) this.steps++;
    if (length > 0) {
      const before = exchange.chunked ? chunkSizeLine(length) : '';
      const after = exchange.chunked ? '\r\n' : '';
      if (length <= TEXT_CHUNK) {
        this.emit(exchange, before + latin1Slice.call(source, start, end) + after);
      } else {
        const isFront = exchange === this.front;
        const lead = isFront ? this.out + before : before;
        if (isFront) this.out = '';
        const block = Buffer.allocUnsafe(lead.length + length + after.length);
        block.latin1Write(lead, 0, lead.length);
        block.set(source.subarray(start, end), lead.length);
        block.latin1Write(after, lead.length + length, after.length);
        this.emit(exchange, block);
      }
    }
    const wanted = exchange === this.front ? !this.blocked && this.out.length < FLUSH_AT : exchange.heldSize < FLUSH_AT;
    exchange.stalled = !wanted;
    return wanted;
  }

  /**
   * Sends a 103 with these field lines ahead of the response (RFC 8297). Ignored once the head was sent, for HTTP/1.0, and
   * where the client is behind: hints are not worth keeping.
   */
  hint(exchange: Exchange, lines: string): void {
    if (exchange.state !== RESPONSE_AWAITED || (exchange.flags & FLAG_HTTP_1_0) !== 0) return;
    const kept = exchange === this.front ? this.out.length : exchange.heldSize;
    if (this.blocked || kept + lines.length > FLUSH_AT) return;
    this.emit(exchange, `HTTP/1.1 103 Early Hints\r\n${lines}\r\n`);
  }

  /** The response is complete. A response shorter than announced breaks the connection instead (G-122). */
  end(exchange: Exchange): void {
    if (exchange.isCut) return;
    if (exchange.left > 0) {
      this.breakResponse(exchange);
      return;
    }
    if (exchange.chunked) this.emit(exchange, LAST_CHUNK);
    exchange.state = nextResponse(exchange.state, RESPONSE_END);
  }

  /** Breaks the response off so that the client cannot take it for complete (G-141). */
  breakResponse(exchange: Exchange): void {
    if (exchange.isCut) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_BREAK);
    if (exchange === this.front) this.cut(exchange);
  }

  /**
   * The request is over and nothing of it will be sent any more. An owner that gave up before it answered leaves the
   * answer to us; one that gave up within it breaks the connection.
   */
  done(exchange: Exchange): void {
    if (exchange.state === RESPONSE_AWAITED) sendPage(exchange, exchange.unanswered, '');
    else if (exchange.state === RESPONSE_STARTED) this.breakResponse(exchange);
    exchange.state = nextResponse(exchange.state, RESPONSE_DONE);
    exchange.owner = null;
    this.host.finished(exchange);
    this.reader.abandonBody(exchange);
    if (exchange === this.front) this.advance();
  }

  /** The application reads, or there is room for body bytes again: sends 100 Continue where the client waits for it. */
  wantBody(exchange: Exchange): void {
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // A final status has been sent, or body bytes came unasked: no 100 (RFC 9110 10.1.1).
      const { reader } = this;
      if (exchange.state === RESPONSE_AWAITED && reader.receiver === exchange && reader.bodyUntouched) {
        this.emit(exchange, CONTINUE);
      }
    }
    this.reader.offer(exchange);
  }

  /** Answers an exchange that has no application: 404, 503. */
  answer(exchange: Exchange, status: number, message = '', retryAfter?: number): void {
    sendPage(exchange, status, message, retryAfter);
    this.done(exchange);
  }

  /** HTTP has no place for them. */
  errors(): boolean {
    return false;
  }

  // ---- Responder: calls from the reader

  get idle(): boolean {
    return this.front === null;
  }

  get open(): boolean {
    return this.depth < this.options.pipelined && (this.back === null || this.back.safe);
  }

  begin(flags: number, safe: boolean, hasBody: boolean): Exchange {
    const persist = (flags & FLAG_KEEP_ALIVE) !== 0 && this.options.keepAlive && !this.closing;
    const expectsContinue = (flags & FLAG_EXPECT_CONTINUE) !== 0 && hasBody;
    const exchange = new Exchange(this, flags, persist, safe && !hasBody, expectsContinue);
    this.append(exchange);
    return exchange;
  }

  submit(exchange: Exchange): boolean {
    if (this.late) {
      this.late = false;
      this.answer(exchange, 503, BUSY);
      return true;
    }
    if (this.host.request(exchange)) return true;
    this.unappend(exchange);
    return false;
  }

  refuse(status: number, message: string, flags: number, line: RefusedLine | null): void {
    this.reader.stop();
    const exchange = new Exchange(this, flags, false, true, false);
    if (line !== null) this.host.refused(exchange, line);
    this.append(exchange);
    this.answer(exchange, status, message);
  }

  exhausted(): void {
    this.finish();
  }

  pause(): void {
    this.host.pause();
  }

  resume(): void {
    this.host.resume();
  }

  deferred(): void {
    this.readerDeferred = true;
    this.schedule();
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
    if (this.front === null && this.reader.state === READ_ENDED) this.finish();
    else if (this.reader.paused) this.reader.proceed();
  }

  /** Exchanges behind one that turned out to be the last are never answered. */
  private cancelAfter(exchange: Exchange): void {
    let next = exchange.next;
    exchange.next = null;
    this.back = exchange;
    this.reader.stop();
    while (next !== null) {
      this.depth--;
      const cancelled = next;
      next = next.next;
      cancelled.next = null;
      this.breakOff(cancelled, true);
    }
  }

  /** Tells an owner that its client has gone, or that the server gives up. */
  private breakOff(exchange: Exchange, givenUp: boolean): void {
    exchange.breakOff(givenUp);
    exchange.held = null;
    exchange.owner?.disconnected(givenUp);
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
      this.writeOut();
      if (!this.host.write(data)) this.blocked = true;
    }
  }

  /** Writes the text that has gathered. False when the transport is over its high-water mark. */
  private writeOut(): boolean {
    const { out } = this;
    if (out === '') return true;
    this.out = '';
    return this.host.write(out);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.host.schedule(this);
  }

  // ---- Ending

  /**
   * The last response is out: FIN, then read and drop until the client ends too, however much that is (RFC 9112 9.6): with
   * bytes unread the system would send a reset, which takes the response from a client that writes before it reads. The
   * host limits the time.
   */
  private finish(): void {
    if (this.socket !== SOCKET_OPEN) return;
    this.writeOut();
    this.reader.stop();
    this.socket = nextSocket(this.socket, SOCKET_FIN);
    this.steps++;
    this.host.end();
    this.reader.unpause();
  }

  /** Breaks the connection within the response of the front exchange. */
  private cut(exchange: Exchange): void {
    this.aborting = true;
    if (this.socket === SOCKET_OPEN) this.writeOut();
    this.drop(exchange.left < 0 && !exchange.chunked);
  }

  private drop(reset: boolean): void {
    this.host.destroy(reset);
    this.closed();
  }
}
