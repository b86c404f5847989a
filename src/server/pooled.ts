import { report } from '../engine/report.ts';
import { BODY_FAILED } from '../engine/response.ts';
import { DONE, type Final, HEAD_NO_BODY, MORE, type ResponseHead } from '../interface/transport.ts';
import { closeOpenFile, isNoted, type OpenFiles } from '../pool/open-files.ts';
import { NO_RESPONSE } from '../protocols/answer.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { RESPONSE_AWAITED } from '../protocols/states.ts';
import {
  CANCEL_ABORTED,
  claimTime,
  FILE_SENT,
  FILE_SHORT,
  type HeadMessage,
  type LentBlocks,
  type ResponseHandler,
} from '../rings/index.ts';
import { copyBytes } from '../rules/bytes.ts';
import { isDisconnect } from '../rules/failures.ts';
import { property } from '../rules/property.ts';
import { describeError } from '../rules/show.ts';
import { type PooledContext, PooledRequest } from './pooled-request.ts';
import { FileTransfer } from './send-file.ts';

/** FILE_DONE for what `sendFile` rejects with; of a client that has gone the worker knows. */
function fileEnd(error: unknown): number {
  if (isDisconnect(error)) return FILE_SENT;
  const errno = property(error, 'errno');
  return typeof errno === 'number' && errno < 0 ? errno : FILE_SHORT;
}

/** Milliseconds that the applications on workers have (G-148, L-22); 0: no limit. */
export interface ApplicationLimits {
  /** For one step. */
  readonly step: number;
  /** To begin a response: sync applications, and async ones. */
  readonly response: number;
  readonly asyncResponse: number;
}

/** Milliseconds that a sync application has to end by itself when its client has got 504, at most. */
const GRACE = 2000;

/**
 * The requests that are in the rings, by slot. `Workers.accept` joins a slot to an exchange (`begin`). From then on the
 * connection calls the PooledRequest, as the owner of its exchange, and `GatewayEnd.drain` calls this object with what
 * the worker sends, until DONE frees the slot.
 */
export class PooledRequests implements ResponseHandler {
  private readonly context: PooledContext;
  private readonly requests: PooledRequest[] = [];
  private readonly bytes: Buffer;
  // One head at a time is on its way through here.
  private readonly responseHead: ResponseHead = { status: 0, text: '', length: 0, flags: 0 };

  constructor(context: PooledContext) {
    this.context = context;
    this.bytes = context.rings.bytes;
  }

  /** Joins an acquired slot to an exchange. */
  begin(slot: number, exchange: Exchange): void {
    this.requests[slot] ??= new PooledRequest(slot, this.context);
    this.requests[slot].begin(exchange);
  }

  /** Hands a request that has begun to the sync workers. */
  dispatchSync(slot: number): void {
    this.requests[slot].dispatch();
  }

  /**
   * Keeps a request that has begun from the sync workers until `size` bytes of its body have come, or all of them, or
   * their space is full (B-44). Asks the client for them where it waits to be asked (G-67).
   */
  hold(slot: number, size: number): void {
    const request = this.requests[slot];
    const { exchange } = request;
    request.awaited = size;
    if (exchange?.expectsContinue) exchange.connection.wantBody(exchange);
  }

  /**
   * Looks for applications that have not moved for too long while it was their turn (G-148). First the request is given
   * up, and its client gets 504 where the response was to have begun (L-22). Where that changes nothing for as long as
   * the application has patience left, its worker is passed to `stuck`.
   */
  checkApplications(limits: ApplicationLimits, now: number, stuck: (worker: number, why: string) => void): void {
    const { rings } = this.context;
    for (const request of this.requests) {
      if (!request?.isRunning) continue;
      const worker = rings.owner(request.slot);
      if (request.patience === 0 && (worker < 0 || request.isExcused())) {
        request.since = 0;
        continue;
      }
      request.since ||= now;
      const waited = now - request.since;
      if (request.patience > 0) {
        if (waited >= request.patience) stuck(worker, request.complaint);
        continue;
      }
      const isSync = worker < rings.layout.syncWorkers;
      const response = isSync ? limits.response : limits.asyncResponse;
      if (!request.answered && response > 0 && waited >= response) {
        // An async application holds no thread up by waiting.
        const patience = isSync ? Math.min(response, GRACE) : Number.POSITIVE_INFINITY;
        this.cancel(request, patience, `an application did not answer within ${response} ms`);
        this.giveUp(request, worker, 504, NO_RESPONSE);
      } else if (limits.step > 0 && waited >= limits.step) {
        this.cancel(request, limits.step, `an application took longer than ${limits.step} ms for a step`);
      }
    }
  }

  /** There are no workers any more: what is left of requests that none of them has come to is given up. */
  close(): void {
    for (const request of this.requests) request?.endSpool();
  }

  /** Tells the application that the server gives up. */
  private cancel(request: PooledRequest, patience: number, complaint: string): void {
    request.since = this.context.turn.now;
    request.patience = patience;
    request.complaint = complaint;
    this.context.rings.cancel(request.slot, CANCEL_ABORTED);
    this.context.scheduleRings();
  }

  /** With every tick of the clock in which requests wait for a sync worker. */
  lookAtQueue(now: number): void {
    for (const request of this.requests) if (request?.wasQueued) request.queuedAt ||= now;
  }

  /** The requests that some workers have. */
  *ofWorkers(isOne: (worker: number) => boolean): Generator<PooledRequest> {
    const { rings } = this.context;
    for (const request of this.requests) {
      const worker = request?.isRunning ? rings.owner(request.slot) : -1;
      if (worker >= 0 && isOne(worker)) yield request;
    }
  }

  /** A request in words, for reports. */
  shown(slot: number): string {
    return this.requests[slot].shown;
  }

  /** Requests that have been in the sync queue since before `time` (milliseconds). */
  queuedSince(time: number): number {
    let count = 0;
    for (const request of this.requests) {
      if (
        request?.exchange &&
        request.file === null &&
        request.awaited === 0 &&
        request.queuedAt < time &&
        this.context.rings.owner(request.slot) < 0
      )
        count++;
    }
    return count;
  }

  /**
   * Answers with 503 the requests that have waited for a sync worker since before `time` (milliseconds), even where one
   * may still come for them; `retryAfter` in seconds.
   */
  refuseQueued(time: number, message: string, retryAfter: number): void {
    for (const request of this.requests) {
      const exchange = request?.exchange;
      if (!exchange || !request.wasQueued || request.queuedAt >= time) continue;
      if (request.awaited === 0 && !this.context.rings.withdraw(request.slot)) continue;
      if (exchange.state === RESPONSE_AWAITED) exchange.connection.answer(exchange, 503, message, retryAfter);
      else exchange.connection.done(exchange);
      request.release();
    }
  }

  /** Descriptors of the files that are being sent. */
  get filesInUse(): Set<number> {
    const inUse = new Set<number>();
    for (const request of this.requests) if (request?.file) inUse.add(request.file.descriptor);
    return inUse;
  }

  /** The thread of the worker that had this request has ended (G-147), and has left these files open. */
  lost(slot: number, worker: number, files: OpenFiles): void {
    const request = this.requests[slot];
    const { exchange, file } = request;
    if (file !== null) {
      // All that is left to do of this request is ours. A file that was closed before its time is sent no further.
      if (exchange !== null && !isNoted(files, file.descriptor)) exchange.connection.breakResponse(exchange);
      file.orphanOf = files;
      return;
    }
    this.giveUp(request, worker);
    request.release();
  }

  /**
   * Ends the exchanges of a worker that is being ended: how long that takes is not for their clients to wait (B-40).
   */
  abandon(worker: number): void {
    for (const request of this.requests) {
      if (!request?.isRunning || request.file !== null || this.context.rings.owner(request.slot) !== worker) continue;
      request.patience = 0;
      this.giveUp(request, worker);
    }
  }

  /** Nobody will answer the request any more. Its slot rests until no worker can touch it. */
  private giveUp(request: PooledRequest, worker: number, status = 500, message = ''): void {
    if (request.handOver()) return;
    const { exchange } = request;
    request.exchange = null;
    if (exchange === null) return;
    this.noteWorker(exchange, worker);
    if (exchange.state === RESPONSE_AWAITED) {
      exchange.connection.answer(exchange, status, message);
    } else {
      exchange.connection.breakResponse(exchange);
      exchange.connection.done(exchange);
    }
  }

  head(slot: number, head: HeadMessage, start: number, chunk: number, final: Final): void {
    const exchange = this.respond(slot, head, final !== MORE);
    if (exchange !== null) this.send(slot, exchange, start, chunk, final);
  }

  chunk(slot: number, start: number, chunk: number, final: Final): void {
    const { exchange } = this.requests[slot];
    if (exchange !== null) this.send(slot, exchange, start, chunk, final);
  }

  blocks(slot: number, head: HeadMessage | null, start: number, length: number, final: Final, lent: LentBlocks): void {
    const { rings } = this.context;
    const free = () => rings.freeBlocks(lent);
    const exchange = head === null ? this.requests[slot].exchange : this.respond(slot, head, final !== MORE);
    if (exchange === null) {
      free();
    } else if (this.requests[slot].backlog !== null) {
      this.send(slot, exchange, start, length, final);
      free();
    } else {
      const wanted = exchange.connection.lend(exchange, this.bytes, start, start + length, free);
      this.sent(slot, exchange, length, final, wanted);
    }
  }

  file(slot: number, head: HeadMessage, descriptor: number, size: number): void {
    const exchange = this.respond(slot, head, true);
    const { rings } = this.context;
    if (exchange === null || (head.flags & HEAD_NO_BODY) !== 0) {
      rings.fileDone(slot);
      this.context.scheduleRings();
      return;
    }
    const request = this.requests[slot];
    const file = new FileTransfer(exchange, descriptor);
    request.file = file;
    file
      .send(size)
      .then(
        () => FILE_SENT,
        (error) => {
          // Its worker has gone on, and no longer knows the request.
          if (file.isOwn && !isDisconnect(error)) {
            report(this.context.errors, file.request, BODY_FAILED, describeError(error));
          }
          return fileEnd(error);
        },
      )
      .then((end) => {
        if (file.isOwn) return;
        request.file = null;
        if (file.orphanOf !== null) {
          if (!this.filesInUse.has(descriptor)) closeOpenFile(file.orphanOf, descriptor);
          this.done(slot);
        } else {
          // The worker reports a failure: it knows the request, and where errors go.
          rings.fileDone(slot, end);
          this.context.scheduleRings();
        }
      });
  }

  hint(slot: number, start: number, length: number): void {
    const { exchange } = this.requests[slot];
    exchange?.connection.hint?.(exchange, this.bytes.latin1Slice(start, start + length));
  }

  abort(slot: number): void {
    this.requests[slot].abort();
  }

  done(slot: number): void {
    this.requests[slot].done();
  }

  wantContinue(slot: number): void {
    const { exchange } = this.requests[slot];
    exchange?.connection.wantBody(exchange);
  }

  wantBody(slot: number): void {
    this.requests[slot].wantBody();
  }

  errors(slot: number, start: number, length: number): void {
    const { exchange } = this.requests[slot];
    const text = this.bytes.subarray(start, start + length);
    if (!exchange?.connection.errors(exchange, text)) this.context.errors.write(text.toString());
  }

  note(worker: number, code: number, text: string): void {
    this.context.note(worker, code, text);
  }

  private respond(slot: number, sent: HeadMessage, complete: boolean): Exchange | null {
    const request = this.requests[slot];
    const { exchange } = request;
    if (exchange === null) return null;
    request.answered = true;
    const { rings, traffic, isTimed } = this.context;
    if (isTimed) {
      exchange.takenTime = claimTime(rings, slot);
      this.noteWorker(exchange, rings.owner(slot));
      traffic.answered(exchange);
    }
    const head = this.responseHead;
    head.status = sent.status;
    head.flags = sent.flags;
    head.length = sent.length;
    head.text = this.bytes.latin1Slice(sent.textStart, sent.textStart + sent.textLength);
    exchange.connection.respond(exchange, head, complete);
    return exchange;
  }

  /** @param worker that has the request; -1: none */
  private noteWorker(exchange: Exchange, worker: number): void {
    if (this.context.isTimed && worker >= 0) exchange.worker = this.context.workerName(worker);
  }

  private send(slot: number, exchange: Exchange, start: number, length: number, final: Final): void {
    const { backlog } = this.requests[slot];
    let wanted = length === 0;
    if (length > 0) {
      if (backlog === null) wanted = exchange.connection.data(exchange, this.bytes, start, start + length);
      else backlog.append(this.copy(start, start + length));
    }
    this.sent(slot, exchange, length, final, wanted);
  }

  private copy(start: number, end: number): Buffer {
    const copy = Buffer.allocUnsafe(end - start);
    copyBytes(copy, 0, this.bytes, start, end);
    return copy;
  }

  /** Body bytes were given to the connection, or are kept for it. */
  private sent(slot: number, exchange: Exchange, length: number, final: Final, wanted: boolean): void {
    const request = this.requests[slot];
    request.since = 0;
    if (final === MORE) {
      request.owed += length;
      if (wanted) request.drained();
      return;
    }
    request.end(exchange);
    if (final === DONE) request.done();
  }
}
