import { threadId } from 'node:worker_threads';
import { serverStopping } from '../interface/errors.ts';
import { type BodySource, type Final, MORE, type ResponseHead, type Transport } from '../interface/transport.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import {
  EVENT,
  GATEWAY_THREAD,
  OWNER,
  QUEUE_HEAD,
  QUEUE_TAIL,
  QUEUE_WAKE,
  queuedAt,
  RETIRE,
  type RingLayout,
  SPACE,
  STOP,
  WAITING,
  WORKER_WORDS,
} from './layout.ts';
import { KIND_ABORT, KIND_DONE, KIND_ERRORS, ResponseWriter } from './response-ring.ts';
import { COMPLETE, OPEN, REQUEST_DONE, RingRequest } from './ring-request.ts';
import { viewsOf } from './views.ts';

/** A request on a thread that may block. Every wait ends with a cancel (an error) and with `stop` (RequestAborted). */
export class SyncRingRequest extends RingRequest implements Transport<false>, BodySource<false> {
  readonly #end: SyncWorkerEnd;

  constructor(end: SyncWorkerEnd, slot: number) {
    super(end.writer, end.layout, slot);
    this.#end = end;
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): undefined {
    if (this.state !== OPEN) return;
    this.#check();
    this.assertFits(head);
    if (this.fits(head, size)) this.#put(head, chunk, 0, size, final);
    else this.#sendParts(head, chunk!, size, final);
    // G-105: the next chunk is wanted once the window is no longer full.
    if (final === MORE && size > 0) this.#awaitCredit(1 - this.slack);
  }

  #sendParts(head: ResponseHead | null, chunk: Uint8Array, size: number, final: Final): void {
    let from = 0;
    let first = head;
    while (from < size) {
      const left = size - from;
      let count = this.putBlocks(first, chunk, from, left, final);
      if (count === 0) {
        // Not byte by byte behind a slow client.
        const need = Math.min(left, Math.ceil(this.layout.window / 4));
        if (this.credit() < need) {
          this.#awaitCredit(need);
          continue;
        }
        count = Math.min(left, this.credit(), this.room(first));
        this.#put(first, chunk, from, count, count === left ? final : MORE);
      }
      first = null;
      from += count;
    }
  }

  #put(head: ResponseHead | null, chunk: Uint8Array | null, from: number, count: number, final: Final): void {
    while (!this.put(head, chunk, from, count, final)) {
      if (!this.#end.awaitSpace()) throw serverStopping();
    }
  }

  takesFile(descriptor: number): boolean {
    return this.#end.takesFile(descriptor);
  }

  sendFile(head: ResponseHead, descriptor: number, length: number): undefined {
    if (this.state !== OPEN) return;
    this.#check();
    this.assertFits(head);
    while (!this.putFile(head, descriptor, length)) {
      if (!this.#end.awaitSpace()) throw serverStopping();
    }
    for (;;) {
      // The number before the flag: a change after the look at the flag makes the wait fail.
      const event = Atomics.load(this.words, this.header + EVENT);
      const error = this.fileEnd(length);
      if (error === null) return;
      if (error !== undefined) throw error;
      // A cancelled request waits on: the gateway may still be reading from the descriptor.
      this.#pause(event);
    }
  }

  abort(): void {
    if (this.state !== OPEN) return;
    this.state = COMPLETE;
    this.tell(KIND_ABORT);
  }

  done(): void {
    if (this.state === REQUEST_DONE) return;
    this.tell(KIND_DONE);
    this.finish();
  }

  read(max: number, _line?: boolean, target?: Uint8Array): Uint8Array | null {
    for (;;) {
      // The number before the looks at the body: a change after them makes the wait fail.
      const event = Atomics.load(this.words, this.header + EVENT);
      const block = this.takeBody(max, target);
      if (block !== undefined) return block;
      this.#pause(event);
    }
  }

  #check(): void {
    const error = this.cancelled();
    if (error === null) return;
    this.state = COMPLETE;
    throw error;
  }

  #awaitCredit(need: number): void {
    while (this.credit() < need) {
      // As in `read`: number, looks, wait.
      const event = Atomics.load(this.words, this.header + EVENT);
      if (this.credit() >= need) return;
      this.#check();
      this.#pause(event);
    }
  }

  #pause(event: number): void {
    if (this.#end.stopped) {
      this.state = COMPLETE;
      throw serverStopping();
    }
    // Before the comparison in `wait`: the gateway changes EVENT and then looks at this.
    Atomics.store(this.words, this.header + WAITING, 1);
    this.#end.wait(this.header + EVENT, event);
    Atomics.store(this.words, this.header + WAITING, 0);
  }

  protected override tell(kind: number): void {
    // On a stop nobody listens any more.
    while (!this.writer.control(kind, this.slot, this.generation)) if (!this.#end.awaitSpace()) return;
  }

  protected override tellErrors(text: Uint8Array): void {
    const { writer, slot, generation } = this;
    while (!writer.payload(KIND_ERRORS, slot, generation, text)) if (!this.#end.awaitSpace()) return;
  }
}

/** A sync worker's end of the rings: takes one request at a time from the queue that all sync workers share. */
export class SyncWorkerEnd {
  readonly layout: RingLayout;
  readonly writer: ResponseWriter;
  readonly worker: number;
  /** Whether the gateway may send from a descriptor: it must stay open although this thread ends. */
  takesFile: (descriptor: number) => boolean = () => true;
  readonly #words: Int32Array;

  /**
   * `worker`: index below `layout.syncWorkers`. After the gateway's end was made, and `workerLost` of a predecessor.
   */
  constructor(memory: SharedMemory, layout: RingLayout, worker: number) {
    if (!(worker >= 0 && worker < layout.syncWorkers)) throw new RangeError(`no sync worker ${worker}`);
    const views = viewsOf(memory, layout);
    this.layout = layout;
    this.worker = worker;
    this.#words = views.words;
    this.writer = new ResponseWriter(views, layout, worker);
  }

  /** Whether the worker is to take no more requests (`retire`, `stop`). */
  get leaving(): boolean {
    if (this.stopped) return true;
    // Looked at between reading QUEUE_WAKE and waiting on it (see `take`).
    return Atomics.load(this.#words, this.layout.worker + this.worker * WORKER_WORDS + RETIRE) === 1;
  }

  /**
   * Blocks until there is a request, and claims it. Null when the worker is to leave, or when nothing has come for
   * `timeout` milliseconds. A request that was cancelled while it stood in the queue is finished here.
   */
  take(timeout = Number.POSITIVE_INFINITY): SyncRingRequest | null {
    const words = this.#words;
    const wake = this.layout.control + QUEUE_WAKE;
    for (;;) {
      // The number before the looks: whatever changes after them changes the number, and the wait fails.
      const number = Atomics.load(words, wake);
      if (this.leaving) return null;
      const slot = this.#claim();
      if (slot < 0) {
        if (!this.wait(wake, number, timeout)) return null;
        continue;
      }
      const request = new SyncRingRequest(this, slot);
      if (!request.disconnected()) return request;
      request.done();
    }
  }

  /**
   * Claiming is one exchange of the slot's OWNER, so claim and owner are one step; moving QUEUE_HEAD is then anybody's
   * business. A thread killed in between leaves an entry that the others pass. The position is part of the value that
   * is exchanged: an entry that was read too late, after its place had been used again, claims nothing.
   */
  #claim(): number {
    const words = this.#words;
    const { control, queue, queueSize, slot: slots, slotWords } = this.layout;
    for (;;) {
      // HEAD before TAIL, both sequentially consistent; TAIL acquires the entries before it.
      const position = Atomics.load(words, control + QUEUE_HEAD);
      if (position === Atomics.load(words, control + QUEUE_TAIL)) return -1;
      const slot = words[queue + (position & (queueSize - 1))];
      const queued = queuedAt(position);
      // Acquires what the gateway wrote into the slot.
      const won = Atomics.compareExchange(words, slots + slot * slotWords + OWNER, queued, this.worker + 1) === queued;
      // Won or not, the entry is settled. Fails where another has moved it already.
      Atomics.compareExchange(words, control + QUEUE_HEAD, position, position + 1);
      if (won) return slot;
    }
  }

  /** Sends a text to the gateway; `code` is the caller's own. Cut to what fits. */
  note(code: number, text: string): void {
    while (!this.writer.note(code, text)) if (!this.awaitSpace()) return;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, this.layout.control + STOP) === 1;
  }

  /** Blocks until the gateway has taken something from the response ring; false when the server is stopping. */
  awaitSpace(): boolean {
    const words = this.#words;
    const space = this.layout.worker + this.worker * WORKER_WORDS + SPACE;
    // The number before the wish: the gateway changes it only where it sees the wish.
    const number = Atomics.load(words, space);
    if (this.stopped) return false;
    if (this.writer.wantSpace()) return true;
    this.wait(space, number);
    return true;
  }

  /** Blocks while a word has this value. Throws where it would block the gateway itself (B-23). */
  wait(index: number, value: number, timeout = Number.POSITIVE_INFINITY): boolean {
    if (this.#words[this.layout.control + GATEWAY_THREAD] === threadId + 1) {
      throw new Error('a sync worker cannot wait on the thread of its gateway (B-23)');
    }
    // Compares and enqueues as one step, so a change before it and a notification after it both end the wait.
    // Ends: when the gateway changes the word, for a cancel and for `stop` too, and after the timeout. The gateway's
    // thread does not die before the process does.
    return Atomics.wait(this.#words, index, value, timeout) !== 'timed-out';
  }
}
