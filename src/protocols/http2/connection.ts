import {
  CARRY_SIZE,
  FLAG_CONTENT_LENGTH,
  FLAG_EXPECT_CONTINUE,
  FLAG_HEAD_METHOD,
  FLAG_HTTP_2,
  HEAD_FLAGS,
  INPUT_AREA,
  READ_AREA,
} from '../../../assembly/layout.ts';
import { PARSED_HEAD } from '../../environ/head-record.ts';
import { HEAD_NO_BODY, type ResponseHead } from '../../interface/transport.ts';
import { checkBytes } from '../../rules/body.ts';
import { latin1Slice } from '../../rules/latin1.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { TOO_LARGE } from '../answer.ts';
import type { ConnectionOptions } from '../connection.ts';
import { Exchange } from '../exchange.ts';
import { type ConnectionHost, WAIT_APPLICATION, WAIT_BODY, WAIT_ROOM } from '../host.ts';
import { type Parser, rule } from '../http/parser.ts';
import { HIGH_WATER, TEXT_PIECE } from '../output.ts';
import { SerialConnection } from '../serial-connection.ts';
import { RESPONSE_AWAITED, RESPONSE_COMPLETE, SOCKET_LINGERING } from '../states.ts';
import { type Http2Fields, http2Line, http2RequestHead, http2ResponseFields, withServerLines } from './head.ts';

/** What a stream is told, beyond what all connections are. */
export interface StreamOptions extends ConnectionOptions {
  /** `Server` field line with CR LF, or ''. */
  serverLine: string;
}

/** Where the heads of a response go: a stream of Node's http2. Nothing may be given to it once it is `closed`. */
interface HeadSink {
  readonly closed: boolean;
  respond(fields: Http2Fields, options: { endStream: boolean; sendDate: boolean }): void;
  /** Sends an interim response. */
  additionalHeaders(fields: Http2Fields): void;
}

/**
 * Response bytes that are given to the stream at a time: their client is seen to move when it has taken so many. About
 * a frame of HTTP/2.
 */
const PIECE = 16_384;

/**
 * A stream of HTTP/2 (RFC 9113): a connection with one request. Node's http2 reads and writes the frames, and gives the
 * head of the request; bytes of bodies go to and from the host, heads of responses to a HeadSink.
 */
export class Http2Connection extends SerialConnection {
  readonly takesErrors = false;
  protected readonly inHead = false;
  private readonly options: StreamOptions;
  private readonly heads: HeadSink;
  /** Bytes of interim responses. */
  private hinted = 0;

  constructor(host: ConnectionHost, parser: Parser, options: StreamOptions, heads: HeadSink) {
    super(host, parser);
    this.options = options;
    this.heads = heads;
  }

  /**
   * The request has come; to be called once, and not while the parser is at work.
   *
   * @param fields of its head, names and values in turn
   * @param hasBody the stream does not end with it
   */
  begin(fields: readonly string[], hasBody: boolean): void {
    const { limitBody } = this.options;
    this.inputEnded = !hasBody;
    let text: string;
    try {
      text = http2RequestHead(fields, hasBody);
      this.parseHead(text);
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.refuse(error.status, error.message, fields);
      return;
    }
    const { parser } = this;
    const flags = parser.words[PARSED_HEAD + HEAD_FLAGS];
    const announced = (flags & FLAG_CONTENT_LENGTH) !== 0 ? parser.contentLength() : -1;
    if (announced > limitBody) {
      this.refuse(413, TOO_LARGE, fields);
      return;
    }
    const length = hasBody ? announced : 0;
    const expectsContinue = (flags & FLAG_EXPECT_CONTINUE) !== 0 && length !== 0;
    const exchange = new Exchange(this, flags, false, false, expectsContinue);
    this.offer(exchange, length, limitBody, () => this.parseHead(text));
    if (this.waiting !== null) this.input.park(READ_AREA, READ_AREA);
  }

  /** @throws RefusedRequest */
  private parseHead(text: string): void {
    const { parser } = this;
    if (text.length > CARRY_SIZE) throw new RefusedRequest('the request head is too large', 431);
    parser.bytes.latin1Write(text, INPUT_AREA, text.length);
    const end = parser.head(INPUT_AREA, INPUT_AREA + text.length);
    if (end < 0) {
      const { status, text: reason } = rule(end);
      throw new RefusedRequest(reason, status);
    }
    if (end !== INPUT_AREA + text.length) throw new RefusedRequest('the request is more than one head');
    parser.words[PARSED_HEAD + HEAD_FLAGS] |= FLAG_HTTP_2;
  }

  private refuse(status: number, message: string, fields: readonly string[]): void {
    const line = http2Line(fields);
    const exchange = new Exchange(this, line.method === 'HEAD' ? FLAG_HEAD_METHOD : 0, false, false, false);
    this.host.refused(exchange, line);
    this.queue.append(exchange);
    this.answer(exchange, status, message);
  }

  read(at: number, to: number): number {
    this.deliver(at, to - at);
    return this.held ? this.input.park(to, to) : to;
  }

  protected endedWithin(): void {
    this.bodyEnds();
  }

  protected get openWait(): number {
    if (this.waiting !== null) return WAIT_ROOM;
    const { body, input, queue } = this;
    const isOwed = body !== null && !input.parked && queue.front?.expectsContinue === false;
    return isOwed ? WAIT_BODY : WAIT_APPLICATION;
  }

  /** A head comes whole. */
  protected headExpired(): void {}

  respond(exchange: Exchange, head: ResponseHead): void {
    if (exchange.isCut) return;
    exchange.begin(head);
    exchange.left = (head.flags & HEAD_NO_BODY) !== 0 ? 0 : head.length;
    const whole = withServerLines(head, this.host.date(), this.options.serverLine);
    if (this.options.keepHeads) exchange.head = `HTTP/2.0 ${whole.text}\r\n`;
    if (this.heads.closed) return;
    this.heads.respond(http2ResponseFields(whole), { endStream: exchange.left === 0, sendDate: false });
  }

  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean {
    if (exchange.isCut) return true;
    const { output } = this;
    checkBytes(source, end);
    exchange.count(end - start);
    if (end - start <= TEXT_PIECE) {
      if (end > start) output.add(latin1Slice.call(source, start, end));
    } else {
      for (let at = start; at < end; at += PIECE) {
        output.addBlock('', source, at, Math.min(at + PIECE, end), '');
      }
    }
    exchange.stalled = !output.wantsMore;
    return !exchange.stalled;
  }

  /** As over HTTP/1.1: ignored once the head was sent, and where there are very many. */
  hint(exchange: Exchange, lines: string): void {
    this.hinted += lines.length;
    if (exchange.state !== RESPONSE_AWAITED || this.hinted > HIGH_WATER || this.heads.closed) return;
    const head = { status: 103, text: `103 Early Hints\r\n${lines}`, length: -1, flags: 0 };
    this.heads.additionalHeaders(http2ResponseFields(head));
  }

  /** Sends 100 Continue where the client waits for it. */
  override wantBody(exchange: Exchange): void {
    if (exchange.expectsContinue) {
      exchange.expectsContinue = false;
      const isDue = this.body?.untouched === true && exchange.state === RESPONSE_AWAITED;
      if (isDue && !this.heads.closed) this.heads.additionalHeaders({ ':status': 100 });
    }
    super.wantBody(exchange);
  }

  /** HTTP has no place for them. */
  errors(): boolean {
    return false;
  }

  /** The end of the stream's own side is the end of the response; the request may go on. */
  protected completed(): void {
    this.output.send();
    this.host.end();
  }

  protected cut(): void {
    this.breakConnection(true);
  }

  protected doneWith(exchange: Exchange): void {
    if (exchange === this.queue.front) this.queue.shift();
    this.abandonBody();
    this.finish();
  }

  /** All is sent. Of a body that nobody wants no more is to come (RFC 9113, 8.1). */
  override flushed(): void {
    super.flushed();
    if (this.socket === SOCKET_LINGERING && !this.inputEnded) this.drop(false);
  }

  override closed(): void {
    const { front } = this.queue;
    const abandoned = this.waiting === null ? null : front;
    // A client that has sent all of the request and got all of the response has not left.
    if (front?.state === RESPONSE_COMPLETE && this.body === null && !this.aborting) this.queue.shift();
    super.closed();
    // Nobody else has it.
    if (abandoned !== null) this.done(abandoned);
  }
}
