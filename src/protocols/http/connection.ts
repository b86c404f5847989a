import { FLAG_EXPECT_CONTINUE, FLAG_HEAD_METHOD, FLAG_HTTP_1_0, FLAG_KEEP_ALIVE } from '../../../assembly/layout.ts';
import type { ResponseHead } from '../../interface/transport.ts';
import { checkBytes } from '../../rules/body.ts';
import { partOf } from '../../rules/bytes.ts';
import { latin1Slice } from '../../rules/latin1.ts';
import { BUSY, TOO_LARGE } from '../answer.ts';
import { Connection, type ConnectionOptions } from '../connection.ts';
import { Exchange } from '../exchange.ts';
import {
  type ConnectionHost,
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../host.ts';
import { block, COPIES, HIGH_WATER, LENT_PIECE, TEXT_PIECE } from '../output.ts';
import { IncomingBody } from '../request-body.ts';
import {
  READ_BODY,
  READ_HEAD,
  READ_NOTHING,
  RESPONSE_AWAITED,
  RESPONSE_BROKEN,
  RESPONSE_OVER,
  RESPONSE_STARTED,
  SOCKET_CLOSED,
  SOCKET_OPEN,
} from '../states.ts';
import { chunkSizeLine, frameHead, LAST_CHUNK, type ServerLines } from './framing.ts';
import { type Parser, rule } from './parser.ts';
import { refusedLine } from './refused-line.ts';
import { BODY_TOO_LARGE, RequestReader } from './request-reader.ts';

export interface HttpConnectionOptions extends ConnectionOptions, ServerLines {
  /** Unread body bytes that are read and dropped to keep the connection, where the response can still say so (G-64). */
  limitDiscard: number;
  /** Requests of one connection in progress at a time; more wait unread. */
  pipelined: number;
}

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/**
 * An HTTP/1.x connection (RFC 9112). A RequestReader finds heads and bodies; this class keeps the exchanges in the
 * order of their requests and frames the responses.
 */
export class HttpConnection extends Connection {
  readonly takesErrors = false;
  private readonly options: HttpConnectionOptions;
  private readonly reader: RequestReader;
  /** The next request has waited for room too long. */
  private late = false;
  /** The client, which has ended its side, was asked whether it is still there. */
  private asked = false;
  /** The exchange whose client ended its side when the response had begun, and cannot be asked; null: none. */
  private leaving: Exchange | null = null;

  constructor(host: ConnectionHost, parser: Parser, options: HttpConnectionOptions) {
    super(host, parser);
    this.options = options;
    this.reader = new RequestReader(parser);
  }

  read(at: number, to: number): number {
    const { state, body } = this.reader;
    if (state === READ_HEAD) return this.readHead(at, to);
    this.progress++;
    return body === null ? to : this.readBody(body, at, to);
  }

  private readHead(from: number, to: number): number {
    const { parser, reader } = this;
    const { front, back, size } = this.queue;
    if (size >= this.options.pipelined || (back !== null && !back.safe)) return this.input.park(from, to);
    const end = reader.head(from, to);
    if (end === 0) return to;
    const start = parser.headStart;
    if (end < 0) {
      const { status, text } = rule(end);
      this.refuse(status, text, parser.bytes.latin1Slice(start, to));
      return to;
    }
    const { flags, isSafe, bodyLength } = reader;
    // RFC 9112 9.3.2: only safe methods may overtake an answer.
    if (!isSafe && front !== null) return this.input.park(start, to);
    if (bodyLength > this.options.limitBody) {
      this.refuse(413, TOO_LARGE, parser.bytes.latin1Slice(start, to));
      return to;
    }
    const exchange = this.begin(flags, isSafe, bodyLength);
    this.progress++;
    if (this.late) {
      this.late = false;
      this.answer(exchange, 503, BUSY);
      return end;
    }
    if (this.host.request(exchange)) return end;
    reader.takeBack();
    this.queue.pop();
    this.requests--;
    return this.input.park(start, to);
  }

  private readBody(body: IncomingBody, from: number, to: number): number {
    const { reader } = this;
    const end = reader.readBody(body, from, to);
    if (end < 0) {
      const { status, text } = rule(end);
      this.failBody(status, text);
    } else if (end === BODY_TOO_LARGE) {
      this.failBody(413, TOO_LARGE);
    } else {
      if (body.held) return this.input.park(end, to);
      if (reader.state === READ_NOTHING && this.queue.front === null) this.finish();
      return end;
    }
    return to;
  }

  protected failBody(status: number, message: string): void {
    const { receiver } = this.reader;
    this.stopReading();
    if (receiver === null) this.finish();
    else receiver.failBody(status, message);
  }

  unpark(): boolean {
    return this.reader.offer();
  }

  protected stopReading(): void {
    this.reader.stop();
    this.input.forget();
  }

  protected endedWithin(): void {
    const cut = this.reader.receiver;
    this.reader.ended();
    if (cut !== null) {
      cut.unanswered = 400;
      cut.failBody(0, 'the client ended the connection within the request body');
    }
    const { front } = this.queue;
    // Of those in front of a request that was cut nothing is known.
    if (front === null || front === cut) return;
    // A client that ends its side when the response has begun is more likely to have left. One that cannot be asked has
    // a moment to go on. Before that most answers come at once: the host has it asked if this one does not.
    if (front.state !== RESPONSE_AWAITED) {
      this.ask();
      if (!this.asked) this.leaving = front;
    }
    this.host.halfClosed();
  }

  /**
   * Bytes that change nothing for a client that reads; the system of one that has closed its socket answers them with a
   * reset.
   */
  override ask(): void {
    const { front } = this.queue;
    if (this.asked || front === null) return;
    const isOld = (front.flags & FLAG_HTTP_1_0) !== 0;
    // RFC 9110, 15.2.1: who has not asked for a 100 passes it over.
    if (front.state === RESPONSE_AWAITED && !isOld) this.output.add(CONTINUE);
    // RFC 9112, 7.1: the first digit of the next size.
    else if (front.state === RESPONSE_STARTED && front.chunked) this.output.add('0');
    else return;
    this.asked = true;
  }

  get incoming(): IncomingBody | null {
    return this.reader.body;
  }

  protected get inHead(): boolean {
    return this.reader.inHead;
  }

  protected get openWait(): number {
    const { reader, input } = this;
    const { front } = this.queue;
    if (front === null) {
      if (reader.inHead) return WAIT_HEAD;
      if (reader.state === READ_HEAD) return input.parked ? WAIT_ROOM : WAIT_REQUEST;
      return WAIT_LINGERING; // within a body that nobody reads any more
    }
    const { receiver } = reader;
    if (receiver !== null && !input.parked && !receiver.expectsContinue) return WAIT_BODY;
    return this.leaving === front ? WAIT_HALF_CLOSED : WAIT_APPLICATION;
  }

  protected headExpired(): void {
    this.refuse(408, 'the request head did not arrive in time', this.reader.partialText);
  }

  protected roomExpired(): void {
    this.late = true;
    this.retry();
    this.late = false;
  }

  override shutdown(): void {
    super.shutdown();
    if (this.socket === SOCKET_OPEN && this.queue.front !== null) this.reader.finishRequest();
  }

  /** What is known by now of the end of the connection stands in the head (G-183). */
  respond(exchange: Exchange, head: ResponseHead, complete = false): void {
    if (exchange.isCut) return;
    exchange.begin(head);
    const last = exchange.next === null && (this.draining || this.inputEnded);
    const persist = exchange.persist && !last && !this.endsWith(exchange, complete);
    const text = frameHead(exchange, head, persist, this.host.date(), this.options);
    if (this.options.keepHeads) exchange.head = text;
    if (!exchange.persist) {
      if (exchange.next === null) {
        this.reader.finishRequest();
      } else {
        this.stopReading();
        this.queue.cutBehind(exchange);
      }
    }
    this.emit(exchange, text);
  }

  /**
   * Whether the connection is to end with the response that begins now, because of its request body: its client waits
   * to be told to send it (RFC 9110, 10.1.1), or nobody will read it (`unread`) and more is to come than is worth
   * dropping (G-64).
   */
  private endsWith(exchange: Exchange, unread: boolean): boolean {
    const { body } = this.reader;
    if (body === null || body.receiver !== exchange) return false;
    if (exchange.expectsContinue && body.untouched) return true;
    return unread && body.left > this.options.limitDiscard;
  }

  override lend(exchange: Exchange, source: Uint8Array, start: number, end: number, free: () => void): boolean {
    const length = end - start;
    if (length < LENT_PIECE || exchange !== this.queue.front || exchange.isCut) {
      return super.lend(exchange, source, start, end, free);
    }
    const { output } = this;
    this.count(exchange, length);
    const before = exchange.chunked ? chunkSizeLine(length) : '';
    output.lendBlock(before, partOf(source, start, end), exchange.chunked ? '\r\n' : '', free);
    exchange.stalled = !output.wantsMore;
    return !exchange.stalled;
  }

  private count(exchange: Exchange, length: number): void {
    exchange.count(length);
    if (exchange === this.leaving) this.progress++;
  }

  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean {
    if (exchange.isCut) return true;
    const { output } = this;
    const isFront = exchange === this.queue.front;
    const length = end - start;
    checkBytes(source, end);
    this.count(exchange, length);
    if (length > 0) {
      const before = exchange.chunked ? chunkSizeLine(length) : '';
      const after = exchange.chunked ? '\r\n' : '';
      if (length <= TEXT_PIECE) this.emit(exchange, before + latin1Slice.call(source, start, end) + after);
      else if (isFront && length >= LENT_PIECE && length <= COPIES.size)
        output.addCopy(before, source, start, end, after);
      else if (isFront) output.addBlock(before, source, start, end, after);
      else exchange.hold(block(before, source, start, end, after));
    }
    const wanted = isFront ? output.wantsMore : exchange.heldSize < HIGH_WATER;
    exchange.stalled = !wanted;
    return wanted;
  }

  /**
   * Sends a 103 with these field lines ahead of the response (RFC 8297). Ignored once the head was sent, for HTTP/1.0,
   * and where the client is behind: hints are not worth keeping.
   */
  hint(exchange: Exchange, lines: string): void {
    if (exchange.state !== RESPONSE_AWAITED || (exchange.flags & FLAG_HTTP_1_0) !== 0) return;
    const kept = exchange === this.queue.front ? this.output.size : exchange.heldSize;
    if (this.output.blocked || kept + lines.length > HIGH_WATER) return;
    this.emit(exchange, `HTTP/1.1 103 Early Hints\r\n${lines}\r\n`);
  }

  protected completed(exchange: Exchange): void {
    if (exchange.chunked) this.emit(exchange, LAST_CHUNK);
  }

  protected cut(front: Exchange): void {
    this.breakConnection(front.left < 0 && !front.chunked);
  }

  protected doneWith(exchange: Exchange): void {
    const { body } = this.reader;
    if (body !== null && body.receiver === exchange) {
      // The rest is dropped, whatever its size, unless the response said that the connection ends.
      if (exchange.persist) this.reader.abandon(body);
      else this.stopReading();
    }
    if (exchange === this.queue.front) this.advance(exchange);
  }

  /** Sends 100 Continue where the client waits for it. */
  wantBody(exchange: Exchange): void {
    const { body } = this.reader;
    const isReceiver = body !== null && body.receiver === exchange;
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      // A final status has been sent, or body bytes came unasked: no 100 (RFC 9110 10.1.1).
      if (isReceiver && body.untouched && exchange.state === RESPONSE_AWAITED) this.emit(exchange, CONTINUE);
    }
    if (isReceiver && body.held) this.retry();
  }

  /** HTTP has no place for them. */
  errors(): boolean {
    return false;
  }

  private emit(exchange: Exchange, text: string): void {
    if (exchange === this.queue.front) this.output.add(text);
    else exchange.hold(text);
  }

  /** A new exchange, at the end of the queue. `bodyLength` in bytes; -1: chunked. */
  private begin(flags: number, isSafe: boolean, bodyLength: number): Exchange {
    const { limitBody, keepAlive, mostRequests = Number.POSITIVE_INFINITY } = this.options;
    const isLast = ++this.requests >= mostRequests;
    const hasBody = bodyLength !== 0;
    const persist = (flags & FLAG_KEEP_ALIVE) !== 0 && keepAlive && !isLast && !this.draining;
    const expectsContinue = (flags & FLAG_EXPECT_CONTINUE) !== 0 && hasBody;
    const exchange = new Exchange(this, flags, persist, isSafe && !hasBody, expectsContinue);
    exchange.bodyLength = bodyLength;
    this.queue.append(exchange);
    // What the body needs must stand before the host is asked: it may answer at once.
    this.reader.begin(hasBody ? new IncomingBody(exchange, bodyLength, this.parser, limitBody) : null, !persist);
    return exchange;
  }

  /** Answers a request that cannot be read, after those before it, and closes. `head`: what has come of it, or more. */
  private refuse(status: number, message: string, head: string): void {
    this.stopReading();
    // A method that was not read whole is none.
    const exchange = new Exchange(this, head.startsWith('HEAD ') ? FLAG_HEAD_METHOD : 0, false, true, false);
    const line = refusedLine(head);
    if (line !== null) this.host.refused(exchange, line);
    this.queue.append(exchange);
    this.answer(exchange, status, message);
  }

  /** The front exchange is done: the next one takes the output. */
  private advance(done: Exchange): void {
    this.queue.shift();
    if (this.socket === SOCKET_CLOSED) return;
    const next = this.queue.front;
    if (!done.persist || (next === null && (this.closing || this.inputEnded))) {
      this.finish();
    } else if (next === null) {
      this.retry();
    } else {
      this.output.addHeld(next);
      if (next.state === RESPONSE_BROKEN || next.wasBroken) this.cut(next);
      else if (next.state === RESPONSE_OVER) this.advance(next);
      else this.retry();
    }
  }

  override invariant(): void {
    super.invariant();
    const { body, receiver, state, isSound } = this.reader;
    const { front, back } = this.queue;
    const mayRead = state === READ_HEAD || state === READ_BODY;
    this.holds(isSound, 'has read what it should not have');
    this.holds(body === null || !body.held || this.input.parked, 'reads on behind bytes that were refused');
    this.holds(receiver === null || receiver === back, 'reads a body of an exchange that is not the last');
    this.holds(this.socket !== SOCKET_OPEN || front !== null || mayRead, 'waits for nothing');
    this.holds(this.leaving === null || this.inputEnded, 'takes a client that has not ended for one that leaves');
  }
}
