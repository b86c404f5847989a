import type { Exchange, ExchangeOwner } from '../protocols/exchange.ts';
import { RESPONSE_STARTED } from '../protocols/states.ts';
import { nothing } from '../rules/promises.ts';
import { BodySpool, type SpoolSpace } from './body-spool.ts';

/** Bytes that go from the file to the connection at a time, at most. */
const BLOCK = 65_536;
/** Leaves as much as it takes. */
const asMuch = (size: number): number => size;
/**
 * Bytes of the space that each of them takes at least: as many as it may keep in memory, a window of the rings. So the
 * space is also a limit for their number, and for the files that are open.
 */
const RESERVE = 2 ** 20;

/**
 * The part of a response that its client has not taken, and that its worker does not wait for (B-45). When the worker
 * has left the request, this is the owner of its exchange.
 */
export abstract class Backlog implements ExchangeOwner {
  /** The body of the request has lost its reader. */
  readonly isFull = false;
  protected readonly exchange: Exchange;
  private space: SpoolSpace | null = null;
  private isLeft = false;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** Whether there is space for it; `free` gives it back. */
  protected reserve(space: SpoolSpace): boolean {
    if (!space.take(RESERVE)) return false;
    this.space = space;
    return true;
  }

  protected free(): void {
    this.space?.giveBack(RESERVE);
    this.space = null;
  }

  /** No more of the response comes from the worker. */
  abstract readonly isComplete: boolean;

  /** There is space for more of it. */
  abstract readonly takesMore: boolean;

  /** Bytes from the worker; a file is none of them. */
  append(_bytes: Buffer): void {}

  /** The worker has sent the last of them. */
  complete(): void {}

  /** It will not: behind what it has sent the response breaks off (G-141). */
  breakOff(): void {}

  /** Nobody wants any of it. */
  abstract close(): void;

  abstract drained(): void;

  /** The worker, from which no more comes, has left: what is left is between this and the client. */
  leave(): void {
    const { exchange } = this;
    this.isLeft = true;
    exchange.owner = this;
    if (exchange.isCut || exchange.state !== RESPONSE_STARTED) this.disconnected();
    else exchange.connection.wantBody(exchange);
  }

  /** The client has got all of it, or will get no more. */
  protected sent(): void {
    if (this.isLeft) this.disconnected();
  }

  disconnected(): void {
    this.close();
    // Only once: a connection that breaks may have ended it already.
    if (this.exchange.owner === this) this.exchange.connection.done(this.exchange);
  }

  body(_address: number, length: number): number {
    return length;
  }

  bodyEnd(): void {}

  bodyFailed(): void {}
}

/** What a worker has sent, in a spool, from which it follows as the client takes it. */
export class SpooledBacklog extends Backlog {
  isComplete = false;
  private isBroken = false;
  private readonly spool: BodySpool;

  /**
   * The backlog of a response that has begun; null where there is no space.
   *
   * @param kept called when all bytes so far are in the file: the worker may send more
   * @param caughtUp called when the client has got them, or never will, and the worker has more to send
   */
  static begin(exchange: Exchange, space: SpoolSpace, kept: () => void, caughtUp: () => void): SpooledBacklog | null {
    const backlog = new SpooledBacklog(exchange, space, kept, caughtUp);
    return backlog.reserve(space) ? backlog : null;
  }

  private constructor(exchange: Exchange, space: SpoolSpace, kept: () => void, caughtUp: () => void) {
    super(exchange);
    const { connection } = exchange;
    const passed = (): void => {
      if (this.isComplete) {
        this.close();
        if (this.isBroken) connection.breakResponse(exchange);
        else connection.end(exchange);
      } else {
        caughtUp();
      }
      this.sent();
    };
    const end = {
      write(bytes: Uint8Array): number {
        connection.lend(exchange, bytes, 0, bytes.length, nothing);
        return bytes.length;
      },
      isFull: () => exchange.stalled,
      appended: () => {
        if (this.spool.takesMore && !this.isComplete) kept();
      },
      drained: passed,
      failed(): void {
        connection.breakResponse(exchange);
        passed();
      },
    };
    this.spool = new BodySpool(space, BLOCK, end, asMuch);
  }

  get takesMore(): boolean {
    return this.spool.takesMore;
  }

  override append(bytes: Buffer): void {
    this.spool.keep(bytes);
    this.spool.drain();
  }

  override complete(): void {
    this.isComplete = true;
    this.exchange.isEventStream = false; // it has an end
    this.spool.drain();
  }

  override breakOff(): void {
    this.isBroken = true;
    this.complete();
  }

  close(): void {
    this.spool.close();
    this.free();
  }

  drained(): void {
    this.spool.drain();
  }
}
