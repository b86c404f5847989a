import { READ_SIZE } from '../../assembly/layout.ts';
import { ClientDisconnected, RequestAborted } from '../interface/errors.ts';
import type { ErrorStream } from '../interface/types.ts';
import type { OpenFiles } from '../pool/open-files.ts';
import { BUSY } from '../protocols/answer.ts';
import type { Exchange, ExchangeOwner } from '../protocols/exchange.ts';
import { CANCEL_ABORTED, CANCEL_DISCONNECTED, type GatewayEnd } from '../rings/index.ts';
import type { Gate } from '../rules/gate.ts';
import type { Traffic } from './status/traffic.ts';
import type { Turn } from './turn.ts';
import type { Uploads } from './uploads.ts';

/** What the pooled requests of a gateway need from it. */
export interface PooledContext {
  readonly rings: GatewayEnd;
  readonly turn: Turn;
  readonly traffic: Traffic;
  readonly uploads: Uploads;
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
  /** A slot is free again; `worker` has had its request, or none where it is -1; `wasQueued` as told by `queued`. */
  slotFreed(worker: number, wasQueued: boolean): void;
  /** A worker said something about itself. */
  note(worker: number, code: number, text: string): void;
}

export interface FileTransfer {
  readonly descriptor: number;
  /** Of the thread that opened the file, where that has ended: closing it is left to us. */
  orphanOf: OpenFiles | null;
  /** Held until the client has taken what was sent. */
  readonly gate: Gate;
}

/** One slot of the rings, joined to the exchange it carries. Used again for request after request. */
export class PooledRequest implements ExchangeOwner {
  readonly slot: number;
  exchange: Exchange | null = null;
  /** Response bytes that the socket has not taken: credit is granted when it has. */
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
  /** Body bytes that are to come before a sync worker may have the request (B-44); 0: it may. */
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
    const taken = rings.bodies.write(this.slot, address, length);
    this.isFull = taken < length || (!this.fits && rings.bodies.isFull(this.slot, READ_SIZE));
    if (this.awaited > 0) {
      this.awaited -= taken;
      if (this.isFull || this.awaited <= 0) this.dispatch();
    }
    return taken;
  }

  bodyEnd(): void {
    this.receiving = false;
    this.context.scheduleRings();
    this.context.rings.endBody(this.slot);
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
    } else if (status === 0) {
      this.disconnected(false);
    } else {
      this.context.scheduleRings();
      this.context.rings.failBody(this.slot, status);
    }
  }

  disconnected(givenUp: boolean): void {
    if (this.awaited > 0) {
      this.exchange?.connection.done(this.exchange);
      this.release();
      return;
    }
    this.context.scheduleRings();
    this.context.rings.cancel(this.slot, givenUp ? CANCEL_ABORTED : CANCEL_DISCONNECTED);
    this.file?.gate.refuse(givenUp ? new RequestAborted() : new ClientDisconnected());
  }

  drained(): void {
    this.file?.gate.release();
    if (this.owed === 0) return;
    this.context.scheduleRings();
    this.context.rings.grant(this.slot, this.owed);
    this.owed = 0;
  }

  /**
   * Hands the request to the sync workers, as soon as they may have one more whose body is still to come; or refuses it
   * where too many wait for them already.
   */
  dispatch(): void {
    const { context, exchange } = this;
    this.awaited = 0;
    if (!this.wasQueued) {
      if (exchange !== null && context.isFull()) {
        exchange.connection.answer(exchange, 503, BUSY);
        this.release();
        return;
      }
      this.wasQueued = true;
      context.queued();
    }
    if (this.receiving && !context.uploads.admits(this)) {
      this.awaited = Number.POSITIVE_INFINITY;
      return;
    }
    context.rings.dispatchSync(this.slot);
    context.scheduleRings();
  }

  /** A worker may have it, and not as one that is being ended. */
  get isRunning(): boolean {
    return this.exchange !== null || this.patience > 0;
  }

  /** It is not the application's turn, but the client's; or it has read more of the body since the last call. */
  isExcused(): boolean {
    if (this.owed > 0 || this.file !== null) return true;
    const { rings } = this.context;
    const read = rings.bodies.read(this.slot);
    if (read === this.bodySeen) return this.receiving && rings.bodies.unread(this.slot) === 0;
    this.bodySeen = read;
    return true;
  }

  /** Gives the slot back: the request is over, and no worker has it any more, or none ever had. */
  release(): void {
    this.exchange = null;
    this.awaited = 0;
    this.patience = 0;
    const { wasQueued } = this;
    this.wasQueued = false;
    this.context.slotFreed(this.context.rings.release(this.slot), wasQueued);
    if (this.receiving) this.context.uploads.end(this);
  }
}
