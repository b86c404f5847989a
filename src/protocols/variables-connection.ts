import { FLAG_CONTENT_LENGTH, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { repairVariables, type Variables } from '../environ/cgi-variables.ts';
import { HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import { cgiHead } from '../rules/head-parts.ts';
import { latin1Slice } from '../rules/latin1.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import { Exchange } from './exchange.ts';
import {
  type ConnectionHost,
  type HostedConnection,
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from './host.ts';
import { BUSY, sendPage } from './http/framing.ts';
import type { Parser } from './http/parser.ts';
import {
  nextResponse,
  nextSocket,
  RESPONSE_AWAITED,
  RESPONSE_BREAK,
  RESPONSE_COMPLETE,
  RESPONSE_DONE,
  RESPONSE_END,
  RESPONSE_HEAD,
  RESPONSE_STARTED,
  SOCKET_CLOSED,
  SOCKET_ENDING,
  SOCKET_FIN,
  SOCKET_FLUSHED,
  SOCKET_GONE,
  SOCKET_LINGERING,
  SOCKET_OPEN,
  StateError,
} from './http/states.ts';
import { RequestBody, TOO_LARGE } from './request-body.ts';
import { type VariableLimits, writeVariables } from './variables-record.ts';

export interface VariablesConnectionOptions {
  /** Largest request body in bytes; above it 413. */
  limitBody: number;
  variables: VariableLimits;
  /** False: every connection ends with its first response. */
  keepAlive: boolean;
}

/** Chunks up to this size (bytes) travel as text with what stands before them. */
const TEXT_CHUNK = 2048;
/** Output (bytes) after which an application is asked to wait for the end of the turn. */
const FLUSH_AT = 65536;

/**
 * A connection to a front server that sends requests as CGI variables and takes responses in the form of CGI (RFC 3875, 6).
 * Like the connection for HTTP it has no I/O of its own. One request is in progress at a time; what comes meanwhile
 * waits unread.
 */
export abstract class VariablesConnection implements HostedConnection {
  abstract readonly takesErrors: boolean;
  progress = 0;
  protected readonly host: ConnectionHost;
  protected readonly parser: Parser;
  protected readonly options: VariablesConnectionOptions;
  protected readonly body: RequestBody;
  /** The request in progress, until its body is closed. */
  protected exchange: Exchange | null = null;
  protected socket: number = SOCKET_OPEN;
  /** The server stops. */
  protected closing = false;
  /** Whatever is in progress ends by us, not by the client. */
  private aborting = false;
  /** The transport is over its high-water mark. */
  protected blocked = false;

  /** Variables of a request that nobody had room for. */
  private waiting: Variables | null = null;
  /** Raw bytes behind the point where reading had to stop. */
  private backlog: Buffer | null = null;
  private paused = false;
  private running = false;
  /** `proceed` is due at the end of the turn. */
  private deferred = false;
  /** The client has sent its last byte. */
  private finished = false;
  private out = '';
  private scheduled = false;

  constructor(host: ConnectionHost, parser: Parser, options: VariablesConnectionOptions) {
    this.host = host;
    this.parser = parser;
    this.options = options;
    this.body = new RequestBody(parser, options.limitBody);
  }

  // ---- The protocol

  /** Takes bytes from address `at`, before `to`; returns the address of the first one not taken (past `at`). */
  protected abstract read(at: number, to: number): number;
  /** Reading has to stop until something else has happened. */
  protected get held(): boolean {
    return this.waiting !== null || this.body.held;
  }
  /** Part of a request has come. */
  protected abstract readonly inHead: boolean;
  /** What stands before `length` bytes of a response. */
  protected abstract before(length: number): string;
  /** What no front server takes for the end of a response, where the end of the connection might be; or ''. */
  protected abstract readonly breach: string;
  /** The most bytes of a response that may follow on one `before`. */
  protected abstract readonly largest: number;
  /** The response is complete. */
  protected abstract completed(exchange: Exchange): void;
  /** The request is over, its body closed. */
  protected abstract over(exchange: Exchange): void;

  // ---- Events from the host

  receive(length: number): void {
    this.run(READ_AREA, READ_AREA + length);
  }

  ended(): void {
    if (this.finished || this.socket === SOCKET_CLOSED) return;
    this.finished = true;
    const { exchange } = this;
    if (this.socket === SOCKET_LINGERING) {
      this.drop(false);
    } else if (exchange === null) {
      this.finish();
    } else if (this.body.receiving) {
      exchange.unanswered = 400;
      this.body.fail(0, 'the front server ended the connection within the request body');
    } else if (this.waiting !== null) {
      this.drop(false); // nobody has begun with the request
    }
  }

  flushed(): void {
    if (this.socket === SOCKET_ENDING) this.socket = nextSocket(this.socket, SOCKET_FLUSHED);
  }

  closed(): void {
    this.socket = nextSocket(this.socket, SOCKET_GONE);
    this.out = '';
    this.backlog = null;
    const { exchange } = this;
    if (this.waiting !== null) {
      this.waiting = null;
      this.exchange = null;
    } else if (exchange !== null) {
      this.breakOff(exchange, this.aborting);
    }
  }

  drained(): void {
    this.progress++;
    this.blocked = false;
    const { exchange } = this;
    if (exchange?.stalled) {
      exchange.stalled = false;
      exchange.owner?.drained();
    }
  }

  retry(): void {
    if (this.socket !== SOCKET_CLOSED) this.proceed();
  }

  get waitingFor(): number {
    if (this.socket === SOCKET_LINGERING) return WAIT_LINGERING;
    if (this.blocked || this.socket === SOCKET_ENDING) return WAIT_CLIENT;
    if (this.exchange === null) return this.inHead ? WAIT_HEAD : WAIT_REQUEST;
    if (this.waiting !== null) return WAIT_ROOM;
    if (this.body.receiving && !this.paused) return WAIT_BODY;
    return this.finished ? WAIT_HALF_CLOSED : WAIT_APPLICATION;
  }

  expired(): void {
    switch (this.waitingFor) {
      case WAIT_REQUEST:
        this.finish();
        break;
      case WAIT_BODY:
        this.body.fail(408, 'the request body did not arrive in time');
        break;
      case WAIT_HEAD:
      case WAIT_LINGERING:
        this.drop(false);
        break;
      case WAIT_CLIENT:
      case WAIT_HALF_CLOSED:
        this.drop(true);
        break;
      case WAIT_ROOM:
        this.waiting = null;
        if (this.exchange !== null) this.answer(this.exchange, 503, BUSY);
        this.flush();
    }
  }

  shutdown(): void {
    this.closing = true;
    if (this.exchange === null && !this.inHead) this.finish();
  }

  abort(): void {
    this.aborting = true;
    this.drop(true);
  }

  flush(): void {
    this.scheduled = false;
    if (this.deferred) {
      this.deferred = false;
      this.retry();
    }
    if (!this.writeOut()) this.blocked = true;
    if (this.exchange?.stalled && !this.blocked) this.drained();
  }

  // ---- Calls from the owner of the exchange

  respond(exchange: Exchange, head: ResponseHead): void {
    if (exchange.isCut) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_HEAD);
    exchange.status = head.status;
    exchange.left = (head.flags & HEAD_NO_BODY) !== 0 ? 0 : head.length;
    this.send(cgiHead(head));
  }

  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean {
    if (exchange.isCut) return true;
    const length = end - start;
    exchange.count(length);
    if (length <= TEXT_CHUNK) {
      this.send(latin1Slice.call(source, start, end));
    } else {
      for (let at = start; at < end; at += this.largest) {
        const part = Math.min(this.largest, end - at);
        const lead = this.out + this.before(part);
        this.out = '';
        const block = Buffer.allocUnsafe(lead.length + part);
        block.latin1Write(lead, 0, lead.length);
        block.set(source.subarray(at, at + part), lead.length);
        if (!this.host.write(block)) this.blocked = true;
      }
    }
    const wanted = !this.blocked && this.out.length < FLUSH_AT;
    exchange.stalled = !wanted;
    return wanted;
  }

  end(exchange: Exchange): void {
    if (exchange.isCut) return;
    if (exchange.left > 0) {
      this.breakResponse(exchange);
      return;
    }
    exchange.state = nextResponse(exchange.state, RESPONSE_END);
    this.completed(exchange);
  }

  /** Ends the connection within the response, which front servers pass on as an error. */
  breakResponse(exchange: Exchange): void {
    if (exchange.isCut) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_BREAK);
    this.out += this.breach;
    this.writeOut();
    this.aborting = true;
    this.drop(true);
  }

  done(exchange: Exchange): void {
    if (exchange.state === RESPONSE_AWAITED) sendPage(exchange, exchange.unanswered, '');
    else if (exchange.state === RESPONSE_STARTED) this.breakResponse(exchange);
    exchange.state = nextResponse(exchange.state, RESPONSE_DONE);
    exchange.owner = null;
    this.host.finished(exchange);
    this.exchange = null;
    this.body.stop();
    if (this.socket !== SOCKET_OPEN) return;
    this.over(exchange);
    if (this.closing || this.finished || !exchange.persist) this.finish();
    else this.proceed();
  }

  wantBody(exchange: Exchange): void {
    if (exchange === this.exchange && this.body.held) this.proceed();
  }

  answer(exchange: Exchange, status: number, message = '', retryAfter?: number): void {
    sendPage(exchange, status, message, retryAfter);
    this.done(exchange);
  }

  abstract errors(exchange: Exchange, text: Uint8Array): boolean;

  // ---- Reading, for the protocol

  /** All variables of a request are there. */
  protected begin(variables: Variables, persist: boolean): void {
    this.progress++;
    let flags: number;
    try {
      repairVariables(variables);
      flags = writeVariables(this.parser, variables, this.options.variables);
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.refuse(error.status, error.message, variables);
      return;
    }
    if (Number(variables.CONTENT_LENGTH ?? 0) > this.options.limitBody) {
      this.refuse(413, TOO_LARGE, variables);
      return;
    }
    const exchange = new Exchange(this, flags, persist && this.options.keepAlive && !this.closing, false, false);
    this.exchange = exchange;
    // What the body needs must stand before the host is asked: it may answer at once.
    this.body.begin(exchange, (flags & FLAG_CONTENT_LENGTH) !== 0 ? Number(variables.CONTENT_LENGTH) : -1);
    if (!this.host.request(exchange)) this.waiting = variables;
  }

  /** Answers a request that cannot be taken, and closes. */
  protected refuse(status: number, message: string, variables: Variables = {}): void {
    const exchange = new Exchange(this, 0, false, false, false);
    const { REQUEST_METHOD: method = '-', REQUEST_URI: target = '-', REMOTE_ADDR: remoteAddress } = variables;
    const protocol = variables.SERVER_PROTOCOL ?? 'HTTP/1.1';
    this.host.refused(exchange, { method, target, protocol, ...(remoteAddress !== undefined && { remoteAddress }) });
    this.exchange = exchange;
    this.answer(exchange, status, message);
  }

  /** Body bytes from address `at`. */
  protected deliver(at: number, length: number): void {
    this.progress++;
    this.body.deliver(at, length);
  }

  /** Tells the owner that its request was given up, by the client or by the server; what it still sends goes nowhere. */
  protected breakOff(exchange: Exchange, givenUp: boolean): void {
    exchange.breakOff(givenUp);
    this.body.stop();
    exchange.owner?.disconnected(givenUp);
  }

  private run(from: number, to: number): void {
    if (this.socket !== SOCKET_OPEN) {
      this.progress++; // bytes that nobody looks at; the host limits the time
      return;
    }
    if (this.running) throw new StateError('received while receiving');
    this.running = true;
    this.parser.busy = true;
    try {
      let at = from;
      while (at < to && this.socket === SOCKET_OPEN) {
        if (this.backlog !== null || this.held) {
          this.keep(at, to);
          return;
        }
        at = this.read(at, to);
      }
    } finally {
      this.parser.busy = false;
      this.running = false;
    }
  }

  /** Goes on with what was put aside. */
  protected proceed(): void {
    if (this.running || this.socket !== SOCKET_OPEN) return;
    if (this.parser.busy) {
      // Another connection's bytes lie in the parser's memory.
      this.deferred = true;
      this.schedule();
      return;
    }
    const { waiting, exchange } = this;
    if (waiting !== null && exchange !== null) {
      this.waiting = null;
      writeVariables(this.parser, waiting, this.options.variables);
      if (!this.host.request(exchange)) this.waiting = waiting;
    } else {
      this.body.offer();
    }
    if (this.held) return;
    const { backlog } = this;
    this.backlog = null;
    if (backlog !== null) {
      for (let at = 0; at < backlog.length; at += READ_SIZE) {
        this.run(READ_AREA, READ_AREA + backlog.copy(this.parser.bytes, READ_AREA, at, at + READ_SIZE));
      }
    }
    if (this.paused && this.backlog === null && !this.held) {
      this.paused = false;
      this.host.resume();
    }
  }

  /** Puts raw bytes aside and stops reading until there is room. */
  private keep(from: number, to: number): void {
    const fresh = this.parser.copy(from, to);
    this.backlog = this.backlog === null ? fresh : Buffer.concat([this.backlog, fresh]);
    if (this.paused) return;
    this.paused = true;
    this.host.pause();
  }

  // ---- Writing

  /** Whether the client still expects something of this response. */
  protected isOpen(exchange: Exchange): boolean {
    return !exchange.isCut && exchange.state !== RESPONSE_COMPLETE;
  }

  /** Response bytes as text, a unit for each. */
  private send(text: string): void {
    for (let at = 0; at < text.length; at += this.largest) {
      const part = text.slice(at, at + this.largest);
      this.emit(this.before(part.length) + part);
    }
  }

  protected emit(text: string): void {
    this.out += text;
    this.schedule();
  }

  /** Writes the text that has gathered. False when the transport is over its high-water mark. */
  private writeOut(): boolean {
    const { out } = this;
    if (out === '' || this.socket === SOCKET_CLOSED) return true;
    this.out = '';
    return this.host.write(out);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.host.schedule(this);
  }

  // ---- Ending

  /** The last response is out: FIN, then read and drop until the client ends too. */
  protected finish(): void {
    if (this.socket !== SOCKET_OPEN) return;
    this.writeOut();
    this.backlog = null;
    this.socket = nextSocket(this.socket, SOCKET_FIN);
    this.progress++;
    this.host.end();
    if (!this.paused) return;
    this.paused = false;
    this.host.resume();
  }

  protected drop(reset: boolean): void {
    if (this.socket === SOCKET_CLOSED) return;
    this.host.destroy(reset);
    this.closed();
  }
}
