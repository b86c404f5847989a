import { FLAG_HEAD_METHOD } from '../../assembly/layout.ts';
import { plainPage } from '../engine/error-page.ts';
import type { ResponseHead } from '../interface/transport.ts';
import { StateError } from '../rules/state-machine.ts';
import type { Exchange, ResponseConnection } from './exchange.ts';
import { ExchangeQueue } from './exchange-queue.ts';
import {
  type ConnectionHost,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from './host.ts';
import type { Parser } from './http/parser.ts';
import { Input, type InputReader } from './input.ts';
import { Output } from './output.ts';
import type { IncomingBody } from './request-body.ts';
import {
  nextResponse,
  nextSocket,
  RESPONSE_AWAITED,
  RESPONSE_BREAK,
  RESPONSE_BROKEN,
  RESPONSE_DONE,
  RESPONSE_END,
  RESPONSE_STARTED,
  SOCKET_CLOSED,
  SOCKET_ENDING,
  SOCKET_FIN,
  SOCKET_FLUSHED,
  SOCKET_GONE,
  SOCKET_LINGERING,
  SOCKET_OPEN,
} from './states.ts';

/** What all protocols are told. */
export interface ConnectionOptions {
  /** Largest request body in bytes; above it 413. */
  limitBody: number;
  /** False: every connection ends with its first response. */
  keepAlive: boolean;
  /** Requests on one connection, which ends with the response to the last; absent: any number. */
  mostRequests?: number;
  /** Heads of responses are kept in their exchanges. */
  keepHeads?: boolean;
}

/**
 * A server's connection without I/O: bytes and events in, bytes and events out; no socket, no timer, no clock. This
 * class has what all protocols share: the state of the socket, the output, the waits with their deadlines, the end of
 * the connection, and bytes that are put aside. A protocol reads requests (`read`) and frames responses (`respond`,
 * `data`). The theory of operation stands in states.ts.
 *
 * Many connections share one parser: the host reads fresh bytes to READ_AREA of the parser's memory and calls
 * `receive`.
 */
export abstract class Connection implements ResponseConnection, InputReader {
  abstract readonly takesErrors: boolean;
  /** Counts steps forward of the client; a deadline starts anew with each. */
  progress = 0;
  protected readonly host: ConnectionHost;
  protected readonly parser: Parser;
  protected readonly output: Output;
  protected readonly input: Input;
  protected readonly queue = new ExchangeQueue();
  /** SOCKET_* state. */
  protected socket: number = SOCKET_OPEN;
  /** The server is to stop: the next response is the last, and says so. */
  protected draining = false;
  /** The server stops: the connection ends with its last response. */
  protected closing = false;
  /** Requests that have begun. */
  protected requests = 0;
  /** The client has sent its last byte. */
  protected inputEnded = false;
  /** What is in progress ends by us, not by the client. */
  protected aborting = false;

  constructor(host: ConnectionHost, parser: Parser) {
    this.host = host;
    this.parser = parser;
    this.output = new Output(host);
    this.input = new Input(host, parser, this.output, this);
  }

  abstract read(at: number, to: number): number;
  abstract unpark(): boolean;
  /** Nobody will look at any more of this client's bytes. */
  protected abstract stopReading(): void;
  /** The body that is being read will never be complete; `status` as in `ExchangeOwner.bodyFailed`. */
  protected abstract failBody(status: number, message: string): void;
  /** The body that is being read; null: none. */
  abstract readonly incoming: IncomingBody | null;
  /** Part of a request's head has come. */
  protected abstract readonly inHead: boolean;
  /** What the connection waits for while its output flows: WAIT_*. */
  protected abstract readonly openWait: number;
  /** The head of a request did not come in time. */
  protected abstract headExpired(): void;
  /** A request has waited for room too long. */
  protected abstract roomExpired(): void;
  /** The client has ended its side while the front exchange is in progress. */
  protected abstract endedWithin(front: Exchange): void;
  /** The last byte of the response was handed on: sends what its framing puts behind that. */
  protected abstract completed(exchange: Exchange): void;
  /** Breaks the connection within the response of the front exchange, by `breakConnection`. */
  protected abstract cut(front: Exchange): void;
  /** The request is done: goes on with what comes next on the connection. */
  protected abstract doneWith(exchange: Exchange): void;

  // Documented in ResponseConnection, as `lend`, `end`, `breakResponse`, `done` and `answer` are.
  abstract respond(exchange: Exchange, head: ResponseHead, complete?: boolean): void;
  abstract data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean;
  abstract wantBody(exchange: Exchange): void;
  abstract errors(exchange: Exchange, text: Uint8Array): boolean;

  lend(exchange: Exchange, source: Uint8Array, start: number, end: number, free: () => void): boolean {
    const wanted = this.data(exchange, source, start, end);
    free();
    return wanted;
  }

  /** `length` fresh bytes (at most READ_SIZE) lie at READ_AREA. */
  receive(length: number): void {
    if (!this.input.receive(length)) this.progress++; // the host limits the time
  }

  /**
   * The client has sent its last byte (FIN). What it asked for so far is still answered, however long that takes: a
   * client may end its side behind its request (G-184).
   */
  ended(): void {
    if (this.inputEnded || this.socket === SOCKET_CLOSED) return;
    this.inputEnded = true;
    if (this.socket === SOCKET_LINGERING) this.drop(false);
    else if (this.queue.front === null) this.finish();
    else this.endedWithin(this.queue.front);
  }

  /** Asks a client that has ended its side whether it is still there, where the protocol has a way (G-230). */
  ask(): void {}

  /** Everything written, and the FIN behind it, is out. */
  flushed(): void {
    if (this.socket === SOCKET_ENDING) this.socket = nextSocket(this.socket, SOCKET_FLUSHED);
  }

  /** The socket is gone: closed, or failed. */
  closed(): void {
    if (this.socket === SOCKET_CLOSED) return;
    this.socket = nextSocket(this.socket, SOCKET_GONE);
    this.output.discard();
    this.input.stop();
    this.stopReading();
    this.queue.breakOff(this.aborting);
  }

  /** The transport has fallen below its high-water mark. */
  drained(): void {
    this.progress++;
    this.output.blocked = false;
    const { front } = this.queue;
    if (front?.stalled) {
      front.stalled = false;
      front.owner?.drained();
    }
  }

  /** There may be room for requests again, after `request` of the host returned false. */
  retry(): void {
    this.input.retry();
  }

  /** Requests in progress. */
  get unfinished(): readonly Exchange[] {
    return this.queue.unfinished;
  }

  /** What the connection waits for: a WAIT_* value. */
  get waitingFor(): number {
    if (this.socket === SOCKET_LINGERING) return WAIT_LINGERING;
    return this.output.blocked || this.socket === SOCKET_ENDING ? WAIT_CLIENT : this.openWait;
  }

  /** The deadline of `waitingFor` has passed. */
  expired(): void {
    switch (this.waitingFor) {
      case WAIT_REQUEST:
        this.finish();
        break;
      case WAIT_HEAD:
        this.headExpired();
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
        break;
      case WAIT_ROOM:
        this.roomExpired();
        this.flush();
    }
  }

  /** The server is to stop: the connection ends with its next response, which says so (L-41). */
  drain(): void {
    this.draining = true;
  }

  /**
   * The server stops: idle connections end at once, the others with the response in progress (L-12). That of events,
   * which has no end of its own, is ended here, properly, and its owner told (L-71).
   */
  shutdown(): void {
    this.draining = true;
    this.closing = true;
    const { front } = this.queue;
    if (front === null) {
      if (!this.inHead) this.finish();
    } else if (front.isEventStream && front.state === RESPONSE_STARTED) {
      this.end(front);
      front.endedEarly();
    }
  }

  /** Ends the connection now, whatever is in progress. */
  abort(): void {
    this.aborting = true;
    this.drop(true);
  }

  /** The turn has ended: sends what has gathered since the last one, and goes on with what had to wait for it. */
  flush(): void {
    this.output.flush();
    if (this.input.flush()) this.output.send();
    if (this.queue.front?.stalled && !this.output.blocked) this.drained();
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

  breakResponse(exchange: Exchange): void {
    if (exchange.isCut) return;
    exchange.state = nextResponse(exchange.state, RESPONSE_BREAK);
    if (exchange === this.queue.front) this.cut(exchange);
  }

  done(exchange: Exchange): void {
    if (exchange.state === RESPONSE_AWAITED) this.sendPage(exchange, exchange.unanswered, '');
    else if (exchange.state === RESPONSE_STARTED) this.breakResponse(exchange);
    exchange.wasBroken = exchange.state === RESPONSE_BROKEN;
    exchange.state = nextResponse(exchange.state, RESPONSE_DONE);
    exchange.owner = null;
    this.host.finished(exchange);
    this.doneWith(exchange);
  }

  answer(exchange: Exchange, status: number, message = '', retryAfter?: number): void {
    this.sendPage(exchange, status, message, retryAfter);
    this.done(exchange);
  }

  /** Answers an exchange that no application answers any more, or ever did. */
  private sendPage(exchange: Exchange, status: number, message: string, retryAfter = 1): void {
    const forHead = (exchange.flags & FLAG_HEAD_METHOD) !== 0;
    const { head, body } = plainPage(status, forHead, message, status === 503 ? retryAfter : 0);
    this.respond(exchange, head, true);
    if (body !== null) this.data(exchange, body, 0, body.length);
    this.end(exchange);
  }

  /**
   * The last response is out, or what breaks it off: FIN, then read and drop until the client ends too, however much
   * that is (RFC 9112 9.6): with bytes unread the system would send a reset, which takes the response from a client
   * that writes before it reads. The host limits the time.
   */
  protected finish(): void {
    if (this.socket !== SOCKET_OPEN) return;
    this.output.send();
    this.input.stop();
    this.stopReading();
    this.socket = nextSocket(this.socket, SOCKET_FIN);
    this.progress++;
    this.host.end();
    this.input.resume();
  }

  /** Breaks the connection behind the output so far; with `reset`, so that the client sees an error. */
  protected breakConnection(reset: boolean): void {
    this.aborting = true;
    if (this.socket === SOCKET_OPEN) this.output.send();
    this.drop(reset);
  }

  /** Breaks the connection by bytes that are no response, behind all that the client has not taken yet. */
  protected breakBy(breach: string): void {
    if (this.socket !== SOCKET_OPEN) {
      this.breakConnection(true);
      return;
    }
    this.aborting = true;
    this.output.add(breach);
    this.finish();
    this.queue.breakOff(true);
  }

  protected drop(reset: boolean): void {
    if (this.socket === SOCKET_CLOSED) return;
    this.host.destroy(reset);
    this.closed();
  }

  /** Throws StateError where states do not go together. For tests, which call this between any two events. */
  invariant(): void {
    const { socket, input, queue } = this;
    this.holds(input.isSound, 'has put bytes aside that it may read, or reads behind such');
    this.holds(socket === SOCKET_OPEN || !input.parked, 'keeps bytes that nobody will read');
    this.holds(this.output.isDue, 'keeps output that no turn will send');
    this.holds(queue.isSound, 'has lost the end of its queue');
    this.holds(socket === SOCKET_CLOSED || !queue.front?.held, 'holds output back whose turn it is');
  }

  protected holds(condition: boolean, defect: string): void {
    if (!condition) throw new StateError(`the connection ${defect}`);
  }
}
