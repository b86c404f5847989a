import { READ_SIZE } from '../../assembly/layout.ts';
import type { ErrorStream } from '../interface/types.ts';
import { BUSY } from '../protocols/answer.ts';
import type { Exchange, ExchangeOwner } from '../protocols/exchange.ts';
import { CANCEL_ABORTED, CANCEL_DISCONNECTED, type GatewayEnd } from '../rings/index.ts';
import { shown } from '../rules/show.ts';
import { type Backlog, SpooledBacklog } from './backlog.ts';
import { BodySpool, type SpoolSpace } from './body-spool.ts';
import type { FileTransfer } from './send-file.ts';
import type { Traffic } from './status/traffic.ts';
import type { Turn } from './turn.ts';
import type { Uploads } from './uploads.ts';

/** What the pooled requests of a gateway need from it. */
export interface PooledContext {
  readonly rings: GatewayEnd;
  readonly turn: Turn;
  readonly traffic: Traffic;
  readonly uploads: Uploads;
  /** Of bodies that wait for a worker or a client; null: uploads wait unread, and workers for clients. */
  readonly spoolSpace: SpoolSpace | null;
  /** The steps of requests are timed, and it is noted who has them. */
  readonly isTimed: boolean;
  /** Takes text of `wsgi.errors` whose client is gone. */
  readonly errors: ErrorStream;
  /** `sync-0`, `sync-0:/blog`: a native string, for logs. */
  workerName(worker: number): string;
  /** `rings.flush` is due at the end of this turn. */
  scheduleRings(): void;
  /** As many requests wait for a sync worker as may. */
  isFull(): boolean;
  /** A request waits for a sync worker, or has it. */
  queued(): void;
  /** It goes into the queue of sync workers. */
  dispatchSync(slot: number): void;
  /** A slot is free again; `worker` has had its request, or none where it is -1; `wasQueued` as told by `queued`. */
  slotFreed(worker: number, wasQueued: boolean): void;
  /** Bytes of the parser's memory, to keep. */
  copy(start: number, end: number): Buffer;
  /** A worker said something about itself. */
  note(worker: number, code: number, text: string): void;
}

/** Bytes of a body that go from its file into the ring at a time, at most. */
const MOST_PASSED = 256 * 1024;
/** Characters of a target in a report. */
const MOST_SHOWN = 200;
/** The part of the space for spools that bodies of requests leave to those of responses. */
const LEFT_TO_RESPONSES = 1 / 8;
/** The part of it that one of them may have ahead of its bytes. */
const MOST_RESERVED = 1 / 8;

/** One slot of the rings, joined to the exchange it carries. Used again for request after request. */
export class PooledRequest implements ExchangeOwner {
  readonly slot: number;
  exchange: Exchange | null = null;
  /**
   * Response bytes that the socket has not taken: credit is granted when it has. 0 also where the worker waits for no
   * more of it.
   */
  owed = 0;
  /**
   * Milliseconds (of the gateway's clock) since when its application has shown no sign of life. 0: no tick has found
   * that yet; with the first that does the wait begins, so that none is cut short.
   */
  since = 0;
  /** The same, since when it waits for a sync worker. */
  queuedAt = 0;
  /** Bytes of the request body that the application had read at the last look. */
  bodySeen = 0;
  /** The head of the response has come. */
  answered = false;
  /** The client still owes body bytes. */
  receiving = false;
  /**
   * Body bytes that are to come before a sync worker may have the request (B-44); 0: it may. Infinity: all of them,
   * unless its turn comes before (Uploads).
   */
  awaited = 0;
  /** It waits for a sync worker, or has had one. */
  wasQueued = false;
  isFull = false;
  /** There is room for all of its body. */
  fits = false;
  /** Milliseconds that the application has to end, once it was told that the server gives up; 0 before. */
  patience = 0;
  /** What its worker is ended for behind that. */
  complaint = '';
  /** A file is being sent: the slot rests until that has ended. */
  file: FileTransfer | null = null;
  /** Has what the body ring had no room for, and all that comes behind it. */
  private spool: BodySpool | null = null;
  /** Has what the client has not taken of the response, and all that comes behind it. */
  backlog: Backlog | null = null;
  private readonly context: PooledContext;

  constructor(slot: number, context: PooledContext) {
    this.slot = slot;
    this.context = context;
  }

  /** Carries an exchange from now on. */
  begin(exchange: Exchange): void {
    const { rings } = this.context;
    this.exchange = exchange;
    this.owed = 0;
    this.since = 0;
    this.queuedAt = 0;
    this.bodySeen = 0;
    this.answered = false;
    this.receiving = exchange.hasBody;
    this.fits = exchange.hasBody && rings.bodies.fits(this.slot, exchange.bodyLength);
    this.patience = 0;
    exchange.owner = this;
  }

  body(address: number, length: number): number {
    const { rings } = this.context;
    this.context.scheduleRings();
    const taken = this.spool === null ? rings.bodies.write(this.slot, address, length) : 0;
    this.isFull = taken < length || (!this.fits && rings.bodies.isFull(this.slot, READ_SIZE));
    if (this.awaited > 0) {
      this.awaited -= taken;
      if (this.awaited <= 0 || (this.isFull && !this.isWaiting)) this.dispatch();
      if (this.isFull && this.isWaiting) return taken + this.keep(address + taken, address + length);
    }
    return taken;
  }

  /** Keeps bytes for which there is no room while the request waits for its turn. Returns how many. */
  private keep(start: number, end: number): number {
    const { spoolSpace, copy } = this.context;
    this.spool ??= spoolSpace && this.spoolIn(spoolSpace);
    if (this.spool !== null && start === end) this.isFull = false;
    else if (this.spool?.isBusy) return 0;
    else if (!this.spool?.append(copy(start, end))) {
      this.enqueue();
      return 0;
    }
    return end - start;
  }

  /** Its turn has not come, and neither has all of its body. */
  private get isWaiting(): boolean {
    return this.awaited === Number.POSITIVE_INFINITY;
  }

  /**
   * A spool that has space for the rest of the body, as far as its length is known and may be reserved; null where
   * there is none. So those that come first are complete first, and not all of them a little.
   */
  private spoolIn(space: SpoolSpace): BodySpool | null {
    const { slot } = this;
    const { rings, scheduleRings } = this.context;
    const block = Math.min(MOST_PASSED, rings.bodies.size(slot) / 2);
    const end = {
      write: (bytes: Uint8Array): number => {
        scheduleRings();
        return rings.bodies.writeFrom(slot, bytes);
      },
      isFull: () => rings.bodies.isFull(slot, block),
      appended: () => {
        if (this.isWaiting) this.readOn();
      },
      drained: () => {
        this.endSpool();
        if (this.receiving) this.readOn();
        else this.endBody();
      },
      failed: () => (this.isWaiting ? this.bodyFailed(500, '') : this.failBody(500)),
    };
    const spool = new BodySpool(space, block, end, () => space.limit * LEFT_TO_RESPONSES);
    const rest = (this.exchange?.bodyLength ?? 0) - rings.bodies.unread(slot);
    return spool.reserve(Math.min(rest, space.limit * MOST_RESERVED)) ? spool : null;
  }

  endSpool(): void {
    this.spool?.close();
    this.spool = null;
  }

  private readOn(): void {
    this.isFull = false;
    this.exchange?.connection.wantBody(this.exchange);
  }

  private endBody(): void {
    this.context.scheduleRings();
    this.context.rings.endBody(this.slot);
  }

  /** It goes no further, whatever may still be in the spool. */
  private failBody(status: number): void {
    this.context.scheduleRings();
    this.context.rings.failBody(this.slot, status);
  }

  /** There is room for more of the body. */
  wantBody(): void {
    if (this.spool === null) this.readOn();
    else this.spool.drain();
  }

  bodyEnd(): void {
    this.receiving = false;
    if (this.spool === null) this.endBody();
    this.context.uploads.end(this);
    if (this.awaited > 0) this.dispatch();
  }

  bodyFailed(status: number, message: string): void {
    this.receiving = false;
    this.context.uploads.end(this);
    if (status !== 0 && this.awaited > 0) {
      // Nobody has begun to answer it.
      this.exchange?.connection.answer(this.exchange, status, message);
      this.release();
    } else {
      // What is in there is not the end of the body.
      this.endSpool();
      if (status === 0) this.disconnected(false);
      else this.failBody(status);
    }
  }

  disconnected(givenUp: boolean): void {
    if (this.awaited > 0 || this.leavesQueue()) {
      this.exchange?.connection.done(this.exchange);
      this.release();
      return;
    }
    this.owed = 0;
    this.context.scheduleRings();
    this.context.rings.cancel(this.slot, givenUp ? CANCEL_ABORTED : CANCEL_DISCONNECTED);
    this.endBacklog();
    this.file?.close();
  }

  /** It is taken out of the queue of sync workers; not where too many have left that still have an entry there. */
  private leavesQueue(): boolean {
    const { rings } = this.context;
    return rings.queueLength <= rings.layout.slots && rings.withdraw(this.slot);
  }

  drained(): void {
    this.file?.drained();
    if (this.backlog === null) this.grant();
    else this.backlog.drained();
  }

  /** The worker may send as much again as it has sent. */
  private grant(): void {
    if (this.owed === 0) return;
    this.context.scheduleRings();
    this.context.rings.grant(this.slot, this.owed);
    this.owed = 0;
  }

  /** Its worker waits for the client. */
  get isBehind(): boolean {
    const { backlog, context, file } = this;
    if (file !== null) return file.isBehind;
    return this.owed > 0 && (backlog === null || !backlog.takesMore) && context.rings.isWaiting(this.slot);
  }

  /** In words, for reports. */
  get shown(): string {
    const { method, target } = this.context.rings.request(this.slot);
    return `${method.slice(0, MOST_SHOWN)} ${shown(target, MOST_SHOWN)}`;
  }

  /** Its worker is not to wait for the client any more (B-45). False where there is no space for what it sends. */
  relieve(): boolean {
    const { context, exchange, file, slot } = this;
    const { rings, spoolSpace } = context;
    if (exchange === null || spoolSpace === null || this.backlog !== null) return false;
    if (file === null) {
      const caughtUp = (): void => {
        this.endBacklog();
        this.grant();
      };
      this.backlog = SpooledBacklog.begin(exchange, spoolSpace, () => this.grant(), caughtUp);
      if (this.backlog === null) return false;
      this.grant();
      return true;
    }
    if (!file.takeOver(spoolSpace, this.shown)) return false;
    this.backlog = file;
    this.file = null;
    context.scheduleRings();
    rings.fileDone(slot);
    return true;
  }

  /** The response ends here, for its client and for its worker. */
  breakOff(): void {
    this.exchange?.connection.breakResponse(this.exchange);
    this.disconnected(true); // which the connection says only where it is the turn of this response
  }

  endBacklog(): void {
    this.backlog?.close();
    this.backlog = null;
  }

  /** The application has failed within the response (G-141). */
  abort(): void {
    const { backlog, exchange } = this;
    this.owed = 0;
    if (backlog === null) exchange?.connection.breakResponse(exchange);
    else backlog.breakOff();
  }

  /** The response is complete, as far as the worker is concerned. */
  end(exchange: Exchange): void {
    this.owed = 0;
    if (this.backlog === null) exchange.connection.end(exchange);
    else this.backlog.complete();
  }

  /** The worker is through with the request. */
  done(): void {
    const { exchange } = this;
    if (!this.handOver()) exchange?.connection.done(exchange);
    this.release();
  }

  /** Leaves what is left of a response to itself: its worker sends no more of it. False where nothing is. */
  handOver(): boolean {
    const { backlog } = this;
    if (backlog === null) return false;
    if (!backlog.isComplete) backlog.breakOff();
    this.backlog = null;
    this.exchange = null;
    backlog.leave();
    return true;
  }

  /** Hands the request to the sync workers, as soon as they may have one more whose body is still to come. */
  dispatch(): void {
    const { context, exchange } = this;
    if (this.receiving && !context.uploads.admits(this)) {
      this.awaited = Number.POSITIVE_INFINITY;
      if (context.spoolSpace === null) this.enqueue();
      else if (exchange?.expectsContinue) exchange.connection.wantBody(exchange);
      return;
    }
    this.awaited = 0;
    if (!this.enqueue()) return;
    context.dispatchSync(this.slot);
    this.spool?.drain();
  }

  /** It waits for a worker, and no longer for its client; false where too many do, and it is refused. */
  private enqueue(): boolean {
    const { context, exchange } = this;
    if (this.wasQueued) return true;
    if (exchange !== null && context.isFull()) {
      exchange.connection.answer(exchange, 503, BUSY);
      this.release();
      return false;
    }
    this.wasQueued = true;
    context.queued();
    return true;
  }

  /** A worker may have it, and not as one that is being ended. */
  get isRunning(): boolean {
    return this.exchange !== null || this.patience > 0;
  }

  /** More of the body is to come: from the client, or from the spool. */
  private get isBodyDue(): boolean {
    return this.spool === null ? this.receiving : !this.spool.isBroken;
  }

  /** It is not the application's turn, but the client's; or it has read more of the body since the last call. */
  isExcused(): boolean {
    if (this.owed > 0 || this.file !== null) return true;
    const { rings } = this.context;
    const read = rings.bodies.read(this.slot);
    if (read === this.bodySeen) return this.isBodyDue && rings.bodies.unread(this.slot) === 0;
    this.bodySeen = read;
    return true;
  }

  /** Gives the slot back: the request is over, and no worker has it any more, or none ever had. */
  release(): void {
    this.exchange = null;
    this.awaited = 0;
    this.patience = 0;
    this.endSpool();
    const { wasQueued } = this;
    this.wasQueued = false;
    this.context.slotFreed(this.context.rings.release(this.slot), wasQueued);
    if (this.receiving) this.context.uploads.end(this);
  }
}
