/**
 * The gateway's end of the rings: one thread takes slots, fills them, hands them to workers, streams request bodies in
 * and drains responses. Nothing here blocks and nothing here knows HTTP beyond the copy of a head record.
 */
import { threadId } from 'node:worker_threads';
import { FIELD_WORDS, HEAD_FIELD_COUNT, HEAD_LENGTH, HEAD_WORDS } from '../../assembly/layout.ts';
import { HeadReader, PARSED_HEAD } from '../environ/head-record.ts';
import { copyBytes } from '../rules/bytes.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import { BodyRings } from './body-rings.ts';
import { ringBell, Sleeper } from './doorbell.ts';
import {
  ACKNOWLEDGED,
  BODY_END,
  BODY_HEAD,
  BODY_OPEN,
  BODY_SIZE,
  BODY_START,
  BODY_STATE,
  BODY_TAIL,
  BODY_WANTED,
  CANCEL,
  type CANCEL_ABORTED,
  CANCEL_DISCONNECTED,
  CONNECTION_LENGTH,
  EPOCH,
  EVENT,
  FILE_DONE,
  FILE_SENT,
  FLAGS,
  GATEWAY_BELL,
  GATEWAY_THREAD,
  GENERATION,
  INBOX_TAIL,
  inboxEntry,
  MOUNT,
  OWNER,
  QUEUE_HEAD,
  QUEUE_TAIL,
  QUEUE_WAKE,
  queuedAt,
  RECORD,
  RETIRE,
  RING_HEAD,
  RING_TAIL,
  type RingLayout,
  SIGNALLED,
  SPACE_WANTED,
  STOP,
  TEXT_LENGTH,
  TEXT_START,
  TURNS,
  WAITING,
  WORKER_BELL,
  WORKER_WORDS,
} from './layout.ts';
import { type LentBlocks, type ResponseHandler, ResponseReader } from './response-reader.ts';
import { type Views, viewsOf } from './views.ts';

/** Below this many words a loop beats `copyWithin` (72 ns for any small number of them). */
const LOOP_WORDS = 40;

export class GatewayEnd {
  readonly layout: RingLayout;
  readonly words: Int32Array;
  /** The whole memory, for the addresses that a ResponseHandler gets. */
  readonly bytes: Buffer;
  /** Those of requests. */
  readonly bodies: BodyRings;
  /** Where heads are taken from. */
  readonly #parser: Views;
  readonly #reader: ResponseReader;
  readonly #sleeper: Sleeper;
  /** Free slots, the last one used on top: few pages are ever touched. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** Slots from here on have never been used: to look at one would have the system make a page for it. */
  #slotsUsed = 0;
  #queueTail = 0;
  /** Entries put into the sync queue since the last flush. */
  #queued = 0;
  readonly #inboxTails: Int32Array;
  /** Async workers whose bell is to be rung at the next flush. */
  readonly #bells: Uint8Array;
  #anyBell = false;
  readonly #inFlight: Int32Array;
  /** Slots with an event that their worker has not been told of; each at most once. */
  readonly #touched: Int32Array;
  readonly #isTouched: Uint8Array;
  #touchedCount = 0;

  /** @param parser the memory in which the parser leaves heads and bodies, where that is another one */
  constructor(memory: SharedMemory, layout: RingLayout, parser?: Views) {
    const views = viewsOf(memory, layout);
    this.layout = layout;
    this.words = views.words;
    this.bytes = views.bytes;
    this.#parser = parser === undefined || parser.words.buffer === views.words.buffer ? views : parser;
    this.bodies = new BodyRings(views, layout, this.#parser.bytes, (slot) => this.#touch(slot));
    this.#reader = new ResponseReader(views, layout);
    this.#sleeper = new Sleeper(this.words, layout.control + GATEWAY_BELL, () => this.#reader.hasMessages());
    this.#free = Int32Array.from({ length: layout.slots }, (_, i) => layout.slots - 1 - i);
    this.#freeCount = layout.slots;
    this.#inboxTails = new Int32Array(layout.workers);
    this.#bells = new Uint8Array(layout.workers);
    this.#inFlight = new Int32Array(layout.workers);
    this.#touched = new Int32Array(layout.slots);
    this.#isTouched = new Uint8Array(layout.slots);
    // Before any worker starts. Compared in the workers' blocking waits (B-23).
    Atomics.store(this.words, layout.control + GATEWAY_THREAD, threadId + 1);
  }

  /** Free slots. */
  get available(): number {
    return this.#freeCount;
  }

  /** Slots that were ever used are those below it. */
  get slotsUsed(): number {
    return this.#slotsUsed;
  }

  /** Slots in use. */
  get inUse(): number {
    return this.layout.slots - this.#freeCount;
  }

  /** A free slot, or -1 when all are in use. */
  acquire(): number {
    if (this.#freeCount === 0) return -1;
    const slot = this.#free[--this.#freeCount];
    if (slot >= this.#slotsUsed) this.#slotsUsed = slot + 1;
    return slot;
  }

  /**
   * Copies a request into an acquired slot: the record that the parser has made, `connection` (what is known of the
   * connection: a native string, at most `connectionSize` bytes) and the head whose first byte lies at address
   * `headStart` of the parser's memory. The body is open and empty. Throws a RangeError when the head is larger than
   * the layout allows; the slot stays acquired.
   */
  fill(slot: number, mount: number, flags: number, connection: string, headStart: number): void {
    const { words, bytes, layout } = this;
    const parser = this.#parser;
    const headLength = parser.words[PARSED_HEAD + HEAD_LENGTH];
    const fields = parser.words[PARSED_HEAD + HEAD_FIELD_COUNT];
    if (headLength > layout.headSize || fields > layout.maxFields || connection.length > layout.connectionSize) {
      throw new RangeError(
        `a head of ${headLength} bytes, ${fields} fields and ${connection.length} bytes about the connection`,
      );
    }
    const header = layout.slot + slot * layout.slotWords;
    const count = HEAD_WORDS + FIELD_WORDS * fields;
    const record = header + RECORD;
    if (count < LOOP_WORDS) for (let i = 0; i < count; i++) words[record + i] = parser.words[PARSED_HEAD + i];
    else if (parser.words === words) words.copyWithin(record, PARSED_HEAD, PARSED_HEAD + count);
    else words.set(parser.words.subarray(PARSED_HEAD, PARSED_HEAD + count), record);
    const start = ((record + count) << 2) >>> 0;
    if (connection.length > 0) bytes.latin1Write(connection, start, connection.length);
    copyBytes(bytes, start + connection.length, parser.bytes, headStart, headStart + headLength);
    words[header + MOUNT] = mount;
    words[header + FLAGS] = flags;
    words[header + CONNECTION_LENGTH] = connection.length;
    words[header + TEXT_LENGTH] = connection.length + headLength;
    words[header + TEXT_START] = start;
    words[header + BODY_START] = header * 4 + layout.body;
    words[header + BODY_SIZE] = layout.bodySize;
    // Plain stores: nobody looks before the dispatch, whose store of OWNER releases them.
    words[header + CANCEL] = 0;
    words[header + BODY_TAIL] = 0;
    words[header + BODY_STATE] = BODY_OPEN;
    words[header + ACKNOWLEDGED] = 0;
    words[header + FILE_DONE] = 0;
    words[header + BODY_HEAD] = 0;
    words[header + WAITING] = 0;
    words[header + BODY_WANTED] = 0;
    words[header + SIGNALLED] = 0;
  }

  /** Puts a filled slot into the queue of all sync workers. They are woken at the next `flush`. */
  dispatchSync(slot: number): void {
    const { words, layout } = this;
    const position = this.#queueTail;
    // Acquires: the workers' reads of an entry come before it is written again.
    if (((position - Atomics.load(words, layout.control + QUEUE_HEAD)) | 0) >= layout.queueSize) {
      throw new Error('the sync queue is full, which an entry per slot cannot do');
    }
    // Plain: released by the store of QUEUE_TAIL; a worker that reads it too early fails at OWNER.
    words[layout.queue + (position & (layout.queueSize - 1))] = slot;
    // Releases the slot to the worker whose exchange finds this value.
    Atomics.store(words, layout.slot + slot * layout.slotWords + OWNER, queuedAt(position));
    this.#queueTail = (position + 1) | 0;
    // Releases the entry, after OWNER: an entry that is visible can be claimed.
    Atomics.store(words, layout.control + QUEUE_TAIL, this.#queueTail);
    this.#queued++;
  }

  /**
   * Takes a request out of the sync queue again, whose slot the caller then releases; false where a worker has it
   * already. Its entry is settled when those before it are: a caller who takes out others than those that came first
   * leaves room in the queue, which has two entries a slot.
   */
  withdraw(slot: number): boolean {
    const { words, layout } = this;
    const owner = layout.slot + slot * layout.slotWords + OWNER;
    const queued = Atomics.load(words, owner);
    // The same exchange as a worker's claim: one of both wins.
    if (queued >= 0 || Atomics.compareExchange(words, owner, queued, 0) !== queued) return false;
    this.#settleQueue();
    return true;
  }

  /** Hands a filled slot to an async worker (index as in the layout: not below `syncWorkers`), at the next `flush`. */
  dispatchAsync(slot: number, worker: number): void {
    const { words, layout } = this;
    if (worker < layout.syncWorkers || worker >= layout.workers) throw new RangeError(`no async worker ${worker}`);
    const header = layout.slot + slot * layout.slotWords;
    words[header + SIGNALLED] = 1;
    // Releases the slot; the inbox entry follows.
    Atomics.store(words, header + OWNER, worker + 1);
    this.#inFlight[worker]++;
    this.#putInbox(slot, worker);
  }

  /** Requests that async worker `worker` has been handed and has not finished. */
  inFlight(worker: number): number {
    return this.#inFlight[worker];
  }

  /** A number that changes with every turn in which an async worker looks at its inbox. */
  turns(worker: number): number {
    return Atomics.load(this.words, this.layout.worker + worker * WORKER_WORDS + TURNS);
  }

  /** Has an async worker look at its inbox, in its next turn. */
  call(worker: number): void {
    ringBell(this.words, this.layout.worker + worker * WORKER_WORDS + WORKER_BELL);
  }

  #putInbox(slot: number, worker: number): void {
    const { words, layout } = this;
    const tail = this.#inboxTails[worker];
    const inbox = layout.inbox + (worker - layout.syncWorkers) * layout.inboxSize;
    // No check for room: a worker takes entries in order, so of one slot at most two lie in an inbox, one of the
    // request under way and a late one of its predecessor, and the inbox has twice the slots.
    words[inbox + (tail & (layout.inboxSize - 1))] = inboxEntry(
      slot,
      words[layout.slot + slot * layout.slotWords + GENERATION],
    );
    this.#inboxTails[worker] = (tail + 1) | 0;
    // Releases the entry; before the bell (doorbell.ts).
    Atomics.store(words, layout.worker + worker * WORKER_WORDS + INBOX_TAIL, this.#inboxTails[worker]);
    this.#bells[worker] = 1;
    this.#anyBell = true;
  }

  /**
   * Wakes the workers that have something to do since the last call: at most one notification for the queue, one for
   * each async worker and one for each waiting request. Call it once per turn of the event loop.
   */
  flush(): void {
    const { words, layout } = this;
    while (this.#touchedCount > 0) this.#tell(this.#touched[--this.#touchedCount]);
    if (this.#queued > 0) {
      const count = this.#queued;
      this.#queued = 0;
      // After QUEUE_TAIL: a worker that finds the queue empty has read the old number, and its wait fails.
      Atomics.add(words, layout.control + QUEUE_WAKE, 1);
      Atomics.notify(words, layout.control + QUEUE_WAKE, count);
    }
    if (this.#anyBell) {
      this.#anyBell = false;
      for (let worker = layout.syncWorkers; worker < layout.workers; worker++) {
        if (this.#bells[worker] === 0) continue;
        this.#bells[worker] = 0;
        ringBell(words, layout.worker + worker * WORKER_WORDS + WORKER_BELL);
      }
    }
  }

  #touch(slot: number): void {
    if (this.#isTouched[slot] === 1) return;
    // Before the dispatch nobody waits. Plain: only the gateway changes this word from 0 or to 0.
    if (this.words[this.layout.slot + slot * this.layout.slotWords + OWNER] === 0) return;
    this.#isTouched[slot] = 1;
    this.#touched[this.#touchedCount++] = slot;
  }

  #tell(slot: number): void {
    const { words, layout } = this;
    this.#isTouched[slot] = 0;
    const header = layout.slot + slot * layout.slotWords;
    // After the store of whatever happened, before the looks at OWNER and WAITING: a sync worker that claims or goes
    // to wait later sees it, one that did so earlier is seen.
    Atomics.add(words, header + EVENT, 1);
    // Sequentially consistent, as said. Not claimed yet: who claims looks at everything.
    const worker = Atomics.load(words, header + OWNER) - 1;
    if (worker < 0) return;
    if (worker < layout.syncWorkers) {
      if (Atomics.load(words, header + WAITING) === 1) Atomics.notify(words, header + EVENT, 1);
      return;
    }
    // The worker clears the flag before it looks, so whatever was stored before a failing exchange will be seen.
    if (Atomics.exchange(words, header + SIGNALLED, 1) === 0) this.#putInbox(slot, worker);
  }

  /** The request body is complete. Before the dispatch where there is none. */
  endBody(slot: number): void {
    this.#setWord(slot, BODY_STATE, BODY_END);
  }

  /** The request body will never be complete (G-63); `status` is that of the RequestBodyError: 400, 408, 413, 500. */
  failBody(slot: number, status: number): void {
    this.#setWord(slot, BODY_STATE, status);
  }

  /** The socket has taken `bytes` more of the body of the response. Only while the slot is in use. */
  grant(slot: number, bytes: number): void {
    const index = this.layout.slot + slot * this.layout.slotWords + ACKNOWLEDGED;
    this.#setWord(slot, ACKNOWLEDGED, (this.words[index] + bytes) | 0);
  }

  /** The gateway is through with the descriptor of a `file` message; `end` says what came of it (see FILE_DONE). */
  fileDone(slot: number, end: number = FILE_SENT): void {
    this.#setWord(slot, FILE_DONE, end);
  }

  /**
   * Nobody wants the response any more: the client has gone, or the server gave up. The worker still reports DONE, also
   * one that claims a cancelled request from the queue.
   */
  cancel(slot: number, reason: typeof CANCEL_DISCONNECTED | typeof CANCEL_ABORTED = CANCEL_DISCONNECTED): void {
    // The first reason stands.
    if (this.words[this.layout.slot + slot * this.layout.slotWords + CANCEL] === 0) this.#setWord(slot, CANCEL, reason);
  }

  #setWord(slot: number, word: number, value: number): void {
    // Releases, after BODY_TAIL where it is the end of a body; before EVENT (see #tell).
    Atomics.store(this.words, this.layout.slot + slot * this.layout.slotWords + word, value);
    this.#touch(slot);
  }

  /** Hands everything that the workers have published to `handler`; returns the number of messages. */
  drain(handler: ResponseHandler): number {
    return this.#reader.drain(handler);
  }

  /** Gives back what `blocks` of the handler was given: the socket has taken the bytes, or never will. */
  freeBlocks(lent: LentBlocks): void {
    this.#reader.freeBlocks(lent);
  }

  /**
   * Calls `callback` once when a worker has published something. False, and `callback` is not called, where there is
   * something to drain already. The wait does not keep the event loop alive.
   */
  arm(callback: () => void): boolean {
    return this.#sleeper.arm(callback);
  }

  /**
   * Gives a slot back, after DONE or `workerLost`, or without a dispatch; messages of its request that are still on
   * their way are ignored. Returns the worker that had it, or -1.
   */
  release(slot: number): number {
    const { words, layout } = this;
    const header = layout.slot + slot * layout.slotWords;
    const worker = words[header + OWNER] - 1;
    if (worker >= layout.syncWorkers) this.#inFlight[worker]--;
    words[header + GENERATION] = (words[header + GENERATION] + 1) | 0;
    // Releases the new generation to a late worker, which compares it before it writes.
    Atomics.store(words, header + OWNER, 0);
    this.#free[this.#freeCount++] = slot;
    this.bodies.released(slot);
    return Math.max(-1, worker);
  }

  /** Index of the worker that has claimed the slot, or -1. */
  owner(slot: number): number {
    // Sequentially consistent; a queued slot may be claimed the moment after.
    return Math.max(-1, Atomics.load(this.words, this.layout.slot + slot * this.layout.slotWords + OWNER) - 1);
  }

  /** Requests in the sync queue, or a few more. */
  get queueLength(): number {
    return (this.#queueTail - Atomics.load(this.words, this.layout.control + QUEUE_HEAD)) | 0;
  }

  /** Whether the sync worker that has this slot sleeps until something happens to its request. */
  isWaiting(slot: number): boolean {
    // Sequentially consistent; it may change the moment after.
    return Atomics.load(this.words, this.layout.slot + slot * this.layout.slotWords + WAITING) === 1;
  }

  /** What the request in this slot asks for, for logs: native strings, and the mount. */
  request(slot: number): { method: string; target: string; mount: number } {
    const { words, layout, bytes } = this;
    const header = layout.slot + slot * layout.slotWords;
    const start = (words[header + TEXT_START] >>> 0) + words[header + CONNECTION_LENGTH];
    const { method, target } = new HeadReader(words, bytes).at(header + RECORD, start);
    return { method, target, mount: words[header + MOUNT] };
  }

  /** Asks a worker to leave: it finishes what it has begun and takes nothing more from the sync queue. */
  retire(worker: number): void {
    const { words, layout } = this;
    // Before the wake-ups; looked at after QUEUE_WAKE or WORKER_BELL.
    Atomics.store(words, layout.worker + worker * WORKER_WORDS + RETIRE, 1);
    if (worker < layout.syncWorkers) this.#wakeQueue();
    else ringBell(words, layout.worker + worker * WORKER_WORDS + WORKER_BELL);
  }

  #wakeQueue(): void {
    const { words, layout } = this;
    // The number changes before the notification: a wait that begins in between does not sleep.
    Atomics.add(words, layout.control + QUEUE_WAKE, 1);
    Atomics.notify(words, layout.control + QUEUE_WAKE);
  }

  /**
   * After the thread of a worker has ended, or its task has: hands over what it had published, makes its rings ready
   * for a successor and returns the slots that it owned. They rest until each is given to `release`.
   */
  workerLost(worker: number, handler: ResponseHandler): number[] {
    const { words, layout } = this;
    const control = layout.worker + worker * WORKER_WORDS;
    this.#reader.drainWorker(worker, handler);
    this.#reader.reset(worker);
    // The order is of no concern: the thread is gone and its successor not yet started. Atomic because application
    // code left over on a thread that lives on reads the epoch.
    Atomics.add(words, control + EPOCH, 1);
    for (const word of [RING_TAIL, RING_HEAD, SPACE_WANTED, RETIRE, INBOX_TAIL])
      Atomics.store(words, control + word, 0);
    this.#inboxTails[worker] = 0;
    this.#bells[worker] = 0;
    // Even: awake. The wait of a dead thread died with it.
    const bell = Atomics.load(words, control + WORKER_BELL);
    Atomics.store(words, control + WORKER_BELL, (bell + 1) & ~1);

    this.#settleQueue();
    // It may have been the one that was woken for an entry, or have died on its way to wake us.
    if (this.queueLength > 0) this.#wakeQueue();
    this.#sleeper.wake();

    const slots = [];
    for (let slot = 0; slot < this.#slotsUsed; slot++) {
      const header = layout.slot + slot * layout.slotWords;
      // Sequentially consistent: another worker may be claiming a queued slot just now, but none that is this one's.
      if (Atomics.load(words, header + OWNER) !== worker + 1) continue;
      // Nobody's, so that what still happens to the request is not told to the successor.
      Atomics.store(words, header + OWNER, 0);
      slots.push(slot);
    }
    this.#inFlight[worker] = 0;
    return slots;
  }

  /** Moves QUEUE_HEAD past the entry of a worker that died between its claim and doing so. */
  #settleQueue(): void {
    const { words, layout } = this;
    for (;;) {
      // As in a worker's claim: only an entry whose slot no longer stands at this position is passed.
      const position = Atomics.load(words, layout.control + QUEUE_HEAD);
      if (position === this.#queueTail) return;
      const slot = words[layout.queue + (position & (layout.queueSize - 1))];
      if (Atomics.load(words, layout.slot + slot * layout.slotWords + OWNER) === queuedAt(position)) return;
      Atomics.compareExchange(words, layout.control + QUEUE_HEAD, position, position + 1);
    }
  }

  /** Ends every wait of every worker, and with them the workers: no more requests, no more bodies. For good. */
  stop(): void {
    const { words, layout } = this;
    // Before all the wake-ups below; each waiter looks at it after reading its number and before waiting.
    Atomics.store(words, layout.control + STOP, 1);
    for (let slot = 0; slot < this.#slotsUsed; slot++) {
      // Sequentially consistent: a slot that is claimed after this look is claimed by a worker that will see STOP.
      if (Atomics.load(words, layout.slot + slot * layout.slotWords + OWNER) > 0) this.#touch(slot);
    }
    this.flush();
    this.#wakeQueue();
    for (let worker = 0; worker < layout.workers; worker++) {
      this.#reader.wakeForSpace(worker);
      if (worker >= layout.syncWorkers) ringBell(words, layout.worker + worker * WORKER_WORDS + WORKER_BELL);
    }
  }
}
