import { ClientDisconnected, RequestAborted, RequestBodyError, requestOver } from '../interface/errors.ts';
import {
  type BodySource,
  DONE,
  type Final,
  MORE,
  type ResponseHead,
  type Transport,
  type Wait,
} from '../interface/transport.ts';
import { NO_RESPONSE } from '../protocols/answer.ts';
import type { Exchange, ExchangeOwner, ResponseConnection } from '../protocols/exchange.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { COPIES } from '../protocols/output.ts';
import { RESPONSE_AWAITED } from '../protocols/states.ts';
import { checkBytes } from '../rules/body.ts';
import { Gate } from '../rules/gate.ts';
import { sendFile } from './send-file.ts';

/** That of Buffer would be a view. */
const { slice } = Uint8Array.prototype;

/** Body bytes (per request) kept for an application that does not read yet, beside those of one read of the socket. */
const MOST_UNREAD = 65536;

/**
 * One request of an application that runs on the gateway's own thread: the connection calls it as the owner of the
 * exchange, the engine as its transport and as the source of the request body.
 */
export class InlineRequest implements ExchangeOwner, Transport<true>, BodySource<true> {
  readonly lends = true;
  /** Called when the client has gone, or the server gives up; set by the runner of the application. */
  onDisconnect: ((reason: Error) => void) | null = null;
  /** Milliseconds (of the gateway's clock) since when its application is awaited; 0: no tick has found that yet. */
  since = 0;

  private readonly connection: ResponseConnection;
  private readonly exchange: Exchange;
  private readonly parser: Parser;
  private readonly onHead: (exchange: Exchange) => void;
  private readonly onDone: () => void;
  private gone: Error | null = null;
  /** Made for the first chunk that has to wait: most responses are short. */
  private gate: Gate | null = null;

  private blocks: Buffer[] = [];
  /** Bytes of the first block that were read. */
  private at = 0;
  private size = 0;
  private bodyComplete: boolean;
  private failure: Error | null = null;
  isFull = false;
  /** The body of the response is closed: a read that is still pending is not waited for (G-154). */
  private isDone = false;
  private wake: (() => void) | null = null;
  /** The application has taken bytes of the body since the last `isExcused`. */
  private moved = false;
  /** Its client was answered by `expire`. */
  private expired = false;

  /**
   * @param onHead called with the head of its response
   * @param onDone called once, when the request is over and its body closed
   */
  constructor(exchange: Exchange, parser: Parser, onHead: (exchange: Exchange) => void, onDone: () => void) {
    this.exchange = exchange;
    this.connection = exchange.connection;
    this.parser = parser;
    this.onHead = onHead;
    this.onDone = onDone;
    this.bodyComplete = !exchange.hasBody;
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Wait<true> {
    const { connection, exchange } = this;
    if (this.gone !== null) {
      if (final === DONE) this.done();
      return final === MORE ? Promise.reject(this.gone) : undefined;
    }
    if (chunk !== null) checkBytes(chunk, size);
    if (head !== null) {
      this.onHead(exchange);
      connection.respond(exchange, head, final !== MORE);
    }
    return this.sendFrom(0, chunk, size, final);
  }

  /**
   * Sends a chunk from `at` on, as much as the client takes, and waits for it to take the rest. The chunk, which its
   * application may detach meanwhile, is not lent to the system: Node keeps no hold of its memory.
   */
  private sendFrom(at: number, chunk: Uint8Array | null, size: number, final: Final): Wait<true> {
    const { connection, exchange } = this;
    let from = at;
    let wanted = true;
    while (chunk !== null && from < size && wanted) {
      const to = Math.min(from + COPIES.size, size);
      wanted = connection.data(exchange, chunk, from, to);
      from = to;
    }
    if (from < size) return this.drain().then(() => this.sendFrom(from, chunk, size, final));
    if (final === MORE) return wanted ? undefined : this.drain();
    connection.end(exchange);
    if (final === DONE) this.done();
    return undefined;
  }

  sendFile(head: ResponseHead, descriptor: number, length: number): Wait<true> {
    if (this.gone !== null) return Promise.reject(this.gone);
    this.onHead(this.exchange);
    this.connection.respond(this.exchange, head, true);
    return sendFile(this.exchange, { descriptor, position: null }, length, () => this.drain());
  }

  hint(lines: string): void {
    this.connection.hint?.(this.exchange, lines);
  }

  abort(): void {
    this.connection.breakResponse(this.exchange);
  }

  done(): void {
    this.isDone = true;
    this.blocks = [];
    this.wakeReader();
    if (!this.expired) this.connection.done(this.exchange);
    this.onDone();
  }

  /** Its client waits for the head of the response. */
  get isAwaited(): boolean {
    return !this.expired && this.exchange.state === RESPONSE_AWAITED;
  }

  /** It is the client's turn, or the application has read of the body since the last call. */
  isExcused(): boolean {
    const { moved } = this;
    this.moved = false;
    return moved || (this.size === 0 && !this.bodyComplete && this.failure === null);
  }

  /** The application has not begun to answer in time (L-22): its client gets 504, and it is told. */
  expire(): void {
    this.expired = true;
    this.disconnected(true);
    this.connection.answer(this.exchange, 504, NO_RESPONSE);
  }

  private drain(): Promise<void> {
    if (this.gone !== null) return Promise.reject(this.gone);
    this.gate ??= new Gate();
    // Ends: when the socket has drained, and when the connection ends or is given up (rejected).
    return this.gate.wait();
  }

  body(address: number, length: number): number {
    this.blocks.push(this.parser.copy(address, address + length));
    this.size += length;
    this.isFull = this.size > MOST_UNREAD;
    this.wakeReader();
    return length;
  }

  bodyEnd(): void {
    this.bodyComplete = true;
    this.wakeReader();
  }

  bodyFailed(status: number, message: string): void {
    this.failure = status === 0 ? new ClientDisconnected(message) : new RequestBodyError(message, status);
    this.wakeReader();
    if (status === 0) this.disconnected(false);
  }

  disconnected(givenUp: boolean): void {
    if (this.gone !== null) return;
    const reason = givenUp ? new RequestAborted() : new ClientDisconnected();
    this.gone = reason;
    if (!this.bodyComplete) this.failure ??= reason;
    this.wakeReader();
    this.gate?.refuse(reason);
    this.onDisconnect?.(reason);
  }

  drained(): void {
    this.gate?.release();
  }

  private wakeReader(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  read(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.isDone) return Promise.reject(requestOver());
    const first = this.blocks[0];
    if (first !== undefined) {
      const from = this.at;
      this.at = Math.min(from + max, first.length);
      const whole = from === 0 && this.at === first.length;
      // The reader may transfer the buffer (G-66): a block that is read in parts is given in copies.
      const block = whole ? first : slice.call(first, from, this.at);
      if (this.at === first.length) {
        this.blocks.shift();
        this.at = 0;
      }
      this.size -= block.length;
      this.moved = true;
      if (this.isFull && this.size <= MOST_UNREAD) {
        this.isFull = false;
        this.connection.wantBody(this.exchange);
      }
      return block;
    }
    if (this.failure !== null) return Promise.reject(this.failure);
    if (this.bodyComplete) return null;
    if (this.exchange.expectsContinue) this.connection.wantBody(this.exchange);
    // Ends: with bytes or the end of the body, with the connection, and with the request.
    return new Promise((resolve) => {
      const wake = (): void => resolve(this.read(max));
      this.wake = wake;
    });
  }
}
