import { BUSY, TOO_LARGE } from './answer.ts';
import { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { IncomingBody } from './request-body.ts';

/**
 * A connection with one request in progress at a time. What comes meanwhile waits unread, as does a request that the
 * host has no room for.
 */
export abstract class SerialConnection extends Connection {
  /** The body that is being received; null: there is none, or nobody wants any more of it. */
  protected body: IncomingBody | null = null;
  /**
   * Writes the head of the request in front, which the host had no room for, to the parser's memory; null: it had room.
   */
  protected waiting: (() => void) | null = null;

  /** Reading has to stop until something else has happened. */
  protected get held(): boolean {
    return this.waiting !== null || this.body?.held === true;
  }

  /**
   * Gives the host a request whose head lies in the parser's memory, or lets it wait for room.
   *
   * @param length of its body in bytes; -1: the protocol will say when it is complete
   * @param limit largest body in bytes
   * @param write writes the head there once more
   */
  protected offer(exchange: Exchange, length: number, limit: number, write: () => void): void {
    exchange.bodyLength = length;
    this.queue.append(exchange);
    // What the body needs must stand before the host is asked: it may answer at once.
    if (exchange.hasBody) this.body = new IncomingBody(exchange, length, this.parser, limit);
    if (!this.host.request(exchange)) this.waiting = write;
  }

  unpark(): boolean {
    const { waiting, body } = this;
    const { front } = this.queue;
    if (waiting !== null && front !== null) {
      this.waiting = null;
      waiting();
      if (!this.host.request(front)) this.waiting = waiting;
    } else if (body !== null) {
      body.offer();
      this.endBody(body);
    }
    return !this.held;
  }

  get incoming(): IncomingBody | null {
    return this.body;
  }

  protected stopReading(): void {
    this.waiting = null;
    this.abandonBody();
  }

  protected abandonBody(): void {
    this.body?.abandon();
    this.body = null;
  }

  protected failBody(status: number, message: string): void {
    const receiver = this.body?.receiver;
    this.abandonBody();
    receiver?.failBody(status, message);
  }

  protected roomExpired(): void {
    const { front } = this.queue;
    this.waiting = null;
    if (front !== null) this.answer(front, 503, BUSY);
  }

  wantBody(exchange: Exchange): void {
    if (this.body?.receiver === exchange && this.body.held) this.retry();
  }

  /** Bytes of a body from address `at`. Those beyond its length are dropped (G-54), as are those that nobody wants. */
  protected deliver(at: number, length: number): void {
    const { body } = this;
    this.progress++;
    if (body === null) return;
    if (body.deliver(at, body.left < 0 ? length : Math.min(length, body.left))) this.endBody(body);
    else this.failBody(413, TOO_LARGE);
  }

  /** The client says that the body is over. */
  protected bodyEnds(): void {
    const { body } = this;
    if (body === null) return;
    if (body.left > 0) {
      this.failBody(400, 'the request body is shorter than CONTENT_LENGTH');
    } else {
      body.left = 0;
      this.endBody(body);
    }
  }

  /** Hands on the end of a body that is complete; not of one that its owner has ended meanwhile. */
  private endBody(body: IncomingBody): void {
    if (!body.complete || this.body !== body) return;
    this.body = null;
    body.end();
  }

  override invariant(): void {
    super.invariant();
    const { body, input, queue, waiting } = this;
    this.holds(queue.size <= 1, 'answers two requests at a time');
    this.holds(body === null || body.receiver === queue.front, 'reads a body of another request');
    this.holds(waiting === null || queue.front !== null, 'waits for room without a request');
    this.holds(!this.held || input.parked, 'reads on though it has to stop');
  }
}
