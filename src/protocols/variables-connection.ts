import { FLAG_CONTENT_LENGTH } from '../../assembly/layout.ts';
import { repairVariables, type Variables } from '../environ/cgi-variables.ts';
import { HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import { checkBytes } from '../rules/body.ts';
import { cgiHead } from '../rules/head-parts.ts';
import { latin1Slice } from '../rules/latin1.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import { TOO_LARGE } from './answer.ts';
import type { ConnectionOptions } from './connection.ts';
import { Exchange } from './exchange.ts';
import {
  type ConnectionHost,
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_REQUEST,
  WAIT_ROOM,
} from './host.ts';
import type { Parser } from './http/parser.ts';
import { TEXT_PIECE } from './output.ts';
import { SerialConnection } from './serial-connection.ts';
import { RESPONSE_COMPLETE, SOCKET_OPEN } from './states.ts';
import { type VariableLimits, writeVariables } from './variables-record.ts';

export interface VariablesConnectionOptions extends ConnectionOptions {
  variables: VariableLimits;
}

/**
 * A connection to a front server that sends requests as CGI variables and takes responses in the form of CGI (RFC 3875,
 * 6).
 */
export abstract class VariablesConnection extends SerialConnection {
  protected readonly options: VariablesConnectionOptions;

  constructor(host: ConnectionHost, parser: Parser, options: VariablesConnectionOptions) {
    super(host, parser);
    this.options = options;
  }

  /** Takes bytes from address `at`, before `to`; returns the address of the first one not taken (past `at`). */
  protected abstract readPart(at: number, to: number): number;
  /** What stands before `length` bytes of a response. */
  protected abstract before(length: number): string;
  /** The most bytes of a response that may follow on one `before`. */
  protected abstract readonly largest: number;
  /** The request is done, the connection still open. */
  protected afterRequest(): void {}

  read(at: number, to: number): number {
    const next = this.readPart(at, to);
    return this.held ? this.input.park(next, to) : next;
  }

  protected endedWithin(front: Exchange): void {
    if (this.waiting !== null) {
      this.drop(false); // nobody has begun with the request
    } else if (this.body !== null) {
      front.unanswered = 400;
      this.failBody(0, 'the front server ended the connection within the request body');
    }
  }

  protected get openWait(): number {
    if (this.queue.front === null) return this.inHead ? WAIT_HEAD : WAIT_REQUEST;
    if (this.waiting !== null) return WAIT_ROOM;
    if (this.body !== null && !this.input.parked) return WAIT_BODY;
    return this.inputEnded ? WAIT_HALF_CLOSED : WAIT_APPLICATION;
  }

  protected headExpired(): void {
    this.drop(false);
  }

  respond(exchange: Exchange, head: ResponseHead): void {
    if (exchange.isCut) return;
    exchange.begin(head);
    exchange.left = (head.flags & HEAD_NO_BODY) !== 0 ? 0 : head.length;
    const text = cgiHead(head);
    if (this.options.keepHeads) exchange.head = text;
    this.send(text);
  }

  data(exchange: Exchange, source: Uint8Array, start: number, end: number): boolean {
    if (exchange.isCut) return true;
    const { output, largest } = this;
    const length = end - start;
    checkBytes(source, end);
    exchange.count(length);
    if (length <= TEXT_PIECE) {
      this.send(latin1Slice.call(source, start, end));
    } else {
      for (let at = start; at < end; at += largest) {
        const part = Math.min(largest, end - at);
        output.addBlock(this.before(part), source, at, at + part, '');
      }
    }
    const wanted = output.wantsMore;
    exchange.stalled = !wanted;
    return wanted;
  }

  /** Response bytes as text, a unit for each. */
  private send(text: string): void {
    for (let at = 0; at < text.length; at += this.largest) {
      const part = text.slice(at, at + this.largest);
      this.output.add(this.before(part.length) + part);
    }
  }

  /** Front servers pass on a connection that ends within the response as an error. */
  protected cut(): void {
    this.breakConnection(true);
  }

  protected doneWith(exchange: Exchange): void {
    this.queue.shift();
    this.abandonBody();
    if (this.socket !== SOCKET_OPEN) return;
    this.afterRequest();
    if (this.closing || this.inputEnded || !exchange.persist) this.finish();
    else this.retry();
  }

  /** Whether the client still expects something of this response. */
  protected isOpen(exchange: Exchange): boolean {
    return !exchange.isCut && exchange.state !== RESPONSE_COMPLETE;
  }

  /** All variables of a request are there. */
  protected begin(variables: Variables, persist: boolean): void {
    const { limitBody, keepAlive, mostRequests = Number.POSITIVE_INFINITY, variables: limits } = this.options;
    this.progress++;
    let flags: number;
    try {
      repairVariables(variables);
      flags = writeVariables(this.parser, variables, limits);
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      this.refuse(error.status, error.message, variables);
      return;
    }
    const length = (flags & FLAG_CONTENT_LENGTH) !== 0 ? Number(variables.CONTENT_LENGTH) : -1;
    if (length > limitBody) {
      this.refuse(413, TOO_LARGE, variables);
      return;
    }
    const isLast = ++this.requests >= mostRequests;
    const exchange = new Exchange(this, flags, persist && keepAlive && !isLast && !this.draining, false, false);
    this.offer(exchange, length, limitBody, () => writeVariables(this.parser, variables, limits));
  }

  /** Answers a request that cannot be taken, and closes. */
  protected refuse(status: number, message: string, variables: Variables = {}): void {
    const exchange = new Exchange(this, 0, false, false, false);
    const { REQUEST_METHOD: method = '-', REQUEST_URI: target = '-', REMOTE_ADDR: remoteAddress } = variables;
    const protocol = variables.SERVER_PROTOCOL ?? 'HTTP/1.1';
    this.host.refused(exchange, { method, target, protocol, ...(remoteAddress !== undefined && { remoteAddress }) });
    this.queue.append(exchange);
    this.answer(exchange, status, message);
  }
}
