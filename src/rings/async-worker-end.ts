import { RequestAborted, requestOver, serverStopping } from '../interface/errors.ts';
import { type BodySource, type Final, MORE, type ResponseHead, type Transport } from '../interface/transport.ts';
import { copyOfPart } from '../rules/bytes.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import { Sleeper } from './doorbell.ts';
import {
  GENERATION,
  INBOX_TAIL,
  inboxEntry,
  OWNER,
  RETIRE,
  type RingLayout,
  SIGNALLED,
  STOP,
  TURNS,
  WORKER_BELL,
  WORKER_WORDS,
} from './layout.ts';
import { KIND_ABORT, KIND_DONE, KIND_ERRORS, ResponseWriter } from './response-ring.ts';
import { COMPLETE, OPEN, REQUEST_DONE, RingRequest } from './ring-request.ts';
import { viewsOf } from './views.ts';

/** A `send` that could not be done at once. */
interface PendingSend {
  head: ResponseHead | null;
  /** Private copy (G-115). */
  readonly chunk: Uint8Array | null;
  from: number;
  readonly final: Final;
  /** Nothing is left to send; the next chunk is not wanted yet. */
  sent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface PendingRead {
  readonly max: number;
  readonly resolve: (block: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}

interface PendingFile {
  readonly head: ResponseHead;
  readonly descriptor: number;
  readonly length: number;
  sent: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A request on an event loop. One `send` or `sendFile`, and one `read`, may be pending at a time. */
export class AsyncRingRequest extends RingRequest implements Transport<true>, BodySource<true> {
  /** Called once when the client disconnects or the server gives up; for `quaich.signal` (G-48). */
  onCancel: ((reason: Error) => void) | null = null;
  readonly #end: AsyncWorkerEnd;
  #send: PendingSend | null = null;
  #read: PendingRead | null = null;
  #file: PendingFile | null = null;

  constructor(end: AsyncWorkerEnd, slot: number) {
    super(end.writer, end.layout, slot);
    this.#end = end;
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Promise<void> | undefined {
    if (this.state !== OPEN) return undefined;
    const error = this.cancelled();
    if (error !== null) {
      this.state = COMPLETE;
      return Promise.reject(error);
    }
    this.assertFits(head);
    this.#assertIdle();
    const placed = this.#end.clear ? this.#place(head, chunk, size, final) : -1;
    const sent = placed === size;
    if (sent && (final !== MORE || size === 0 || this.credit() + this.slack > 0)) return undefined;
    // Ends: with credit and room in the ring, with a cancel, with `stop`, and with the request.
    return new Promise((resolve, reject) => {
      const copy = sent || chunk === null ? null : copyOfPart(chunk, Math.max(placed, 0), size);
      this.#send = { head: placed > 0 ? null : head, chunk: copy, from: 0, final, sent, resolve, reject };
      this.pump();
    });
  }

  /** Sends what can be sent at once, and returns how many bytes of the chunk; -1: nothing, nor the head. */
  #place(head: ResponseHead | null, chunk: Uint8Array | null, size: number, final: Final): number {
    if (chunk !== null && this.isLarge(size)) return this.putBlocks(head, chunk, 0, size, final) || -1;
    return this.fits(head, size) && this.put(head, chunk, 0, size, final) ? size : -1;
  }

  takesFile(descriptor: number): boolean {
    return this.#end.takesFile(descriptor);
  }

  sendFile(head: ResponseHead, descriptor: number, length: number): Promise<void> | undefined {
    if (this.state !== OPEN) return undefined;
    const error = this.cancelled();
    if (error !== null) {
      this.state = COMPLETE;
      return Promise.reject(error);
    }
    this.assertFits(head);
    this.#assertIdle();
    // Ends: when the gateway says that it is through with the file, whatever became of the client, and with `stop`.
    return new Promise((resolve, reject) => {
      this.#file = { head, descriptor, length, sent: false, resolve, reject };
      this.pump();
    });
  }

  #assertIdle(): void {
    if (this.#send !== null || this.#file !== null) throw new Error('a send before the end of the last one (G-105)');
  }

  abort(): void {
    if (this.state !== OPEN) return;
    this.state = COMPLETE;
    this.#rejectSend(new RequestAborted('the response was broken off'));
    this.tell(KIND_ABORT);
  }

  done(): void {
    if (this.state === REQUEST_DONE) return;
    this.tell(KIND_DONE);
    this.finish();
  }

  read(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#read !== null) throw new Error('a read before the end of the last one');
    try {
      const block = this.takeBody(max);
      if (block !== undefined) return block;
    } catch (error) {
      return Promise.reject(error);
    }
    // Ends: with bytes or the end of the body, with a cancel, with `stop`, and with the request.
    return new Promise((resolve, reject) => {
      this.#read = { max, resolve, reject };
    });
  }

  /** Goes on with what waits for room in the ring or for credit. False: still no room. */
  pump(): boolean {
    if (this.#send !== null && !this.#pumpSend(this.#send)) return this.#end.block(this);
    const file = this.#file;
    if (file !== null && !file.sent) {
      if (!this.putFile(file.head, file.descriptor, file.length)) return this.#end.block(this);
      file.sent = true;
    }
    return true;
  }

  #pumpSend(pending: PendingSend): boolean {
    const { chunk, final } = pending;
    const length = chunk === null ? 0 : chunk.length;
    while (!pending.sent) {
      const left = length - pending.from;
      // Out of the way of `finish`, which a message with DONE leads to.
      this.#send = null;
      let count = chunk === null ? 0 : this.putBlocks(pending.head, chunk, pending.from, left, final);
      this.#send = pending;
      if (count === 0) {
        const credit = this.credit();
        // Not byte by byte behind a slow client.
        if (credit < Math.min(left, Math.ceil(this.layout.window / 4))) return true;
        count = Math.min(left, credit, this.room(pending.head));
        this.#send = null;
        const placed = this.put(pending.head, chunk, pending.from, count, count === left ? final : MORE);
        this.#send = pending;
        if (!placed) return false;
      }
      pending.head = null;
      pending.from += count;
      pending.sent = count === left;
    }
    // G-105: the next chunk is wanted once the window is no longer full.
    if (final === MORE && this.credit() + this.slack <= 0) return true;
    this.#send = null;
    pending.resolve();
    return true;
  }

  /** Something has happened to the request: body bytes, credit, the end of a file, a cancel. */
  look(): void {
    const error = this.cancelled();
    if (error !== null) this.#cancel(error);
    this.#lookAtBody();
    const file = this.#file;
    const end = file?.sent ? this.fileEnd(file.length) : undefined;
    if (end !== undefined) {
      this.#file = null;
      if (end === null) file?.resolve();
      else file?.reject(end);
    }
    if (this.#send !== null) this.pump();
  }

  #lookAtBody(): void {
    const pending = this.#read;
    if (pending === null) return;
    try {
      const block = this.takeBody(pending.max);
      if (block === undefined) return;
      this.#read = null;
      pending.resolve(block);
    } catch (error) {
      this.#read = null;
      // What `takeBody` throws.
      pending.reject(error as Error);
    }
  }

  #cancel(error: Error): void {
    if (this.#send !== null || this.#file?.sent === false) this.state = COMPLETE;
    this.#rejectSend(error);
    const { onCancel } = this;
    this.onCancel = null;
    if (onCancel !== null) onCancel(error);
  }

  /** Not a file that the gateway already has: it may be reading from the descriptor. */
  #rejectSend(error: Error): void {
    const pending = this.#send;
    this.#send = null;
    pending?.reject(error);
    const file = this.#file;
    if (file === null || file.sent) return;
    this.#file = null;
    file.reject(error);
  }

  /** The server is stopping: ends every wait. */
  stop(): void {
    const error = serverStopping();
    this.state = COMPLETE;
    this.#cancel(error);
    this.#rejectAll(error);
  }

  #rejectAll(error: Error): void {
    this.#rejectSend(error);
    const read = this.#read;
    this.#read = null;
    read?.reject(error);
    const file = this.#file;
    this.#file = null;
    file?.reject(error);
  }

  protected override tell(kind: number): void {
    this.#end.tell(kind, this.slot, this.generation);
  }

  protected override tellErrors(text: Uint8Array): void {
    this.#end.payload(KIND_ERRORS, this.slot, this.generation, text);
  }

  protected override finish(): void {
    super.finish();
    this.onCancel = null;
    // An error costs more than the rest of the request; only where somebody still waits.
    if (this.#send !== null || this.#file !== null || this.#read !== null) {
      this.#rejectAll(requestOver());
    }
    this.#end.finished(this.slot);
  }
}

/** An async worker's end of the rings: many requests on one event loop, one waiter for all of them. */
export class AsyncWorkerEnd {
  readonly layout: RingLayout;
  readonly writer: ResponseWriter;
  readonly worker: number;
  /** Whether the gateway may send from a descriptor: it must stay open although this thread ends. */
  takesFile: (descriptor: number) => boolean = () => true;
  readonly #words: Int32Array;
  readonly #control: number;
  readonly #inbox: number;
  readonly #sleeper: Sleeper;
  readonly #onRequest: (request: AsyncRingRequest) => void;
  readonly #active: (AsyncRingRequest | null)[] = [];
  #activeCount = 0;
  /** Generation of the last request taken from each slot: a late entry is not a new request. */
  readonly #seen: Int32Array;
  readonly #everSeen: Uint8Array;
  #inboxHead: number;
  #turns = 0;
  /** Requests that wait for room in the ring. */
  #blocked: AsyncRingRequest[] = [];
  /** Messages that wait for room in the ring, in their order: each call puts one there, false where it finds none. */
  readonly #backlog: (() => boolean)[] = [];

  /**
   * `worker`: index from `layout.syncWorkers`, below `layout.workers`. `onRequest` starts a request and must not throw.
   * After the gateway's end was made, and `workerLost` of a predecessor.
   */
  constructor(
    memory: SharedMemory,
    layout: RingLayout,
    worker: number,
    onRequest: (request: AsyncRingRequest) => void,
  ) {
    if (!(worker >= layout.syncWorkers && worker < layout.workers)) throw new RangeError(`no async worker ${worker}`);
    const views = viewsOf(memory, layout);
    this.layout = layout;
    this.worker = worker;
    this.writer = new ResponseWriter(views, layout, worker);
    this.#words = views.words;
    this.#control = layout.worker + worker * WORKER_WORDS;
    this.#inbox = layout.inbox + (worker - layout.syncWorkers) * layout.inboxSize;
    this.#onRequest = onRequest;
    this.#seen = new Int32Array(layout.slots);
    this.#everSeen = new Uint8Array(layout.slots);
    // A worker takes its inbox from the beginning: the gateway reset it, and may have filled it since.
    this.#inboxHead = 0;
    this.#sleeper = new Sleeper(views.words, this.#control + WORKER_BELL, () => this.#hasWork());
  }

  /** Serves requests; keeps the event loop alive meanwhile. Ends: with the last request after `retire` or `stop`. */
  run(): Promise<void> {
    // waitAsync keeps no event loop alive.
    const alive = setInterval(() => {}, 0x7fffffff);
    return new Promise((resolve) => {
      const turn = () => {
        this.poll();
        if (this.leaving) {
          clearInterval(alive);
          resolve();
        } else if (!this.sleep(turn)) {
          // Work already: let timers and sockets of the application have their turn first.
          setImmediate(turn);
        }
      };
      turn();
    });
  }

  /** Calls `callback` once something has come in; false, and it is not called, where something has already. */
  sleep(callback: () => void): boolean {
    return this.#sleeper.arm(callback);
  }

  /** Requests under way. */
  get active(): number {
    return this.#activeCount;
  }

  /** Whether there is nothing to do, and will not be. */
  get leaving(): boolean {
    // A worker that is stopped still closes its bodies (L-08); the gateway limits the time for that.
    if (this.#activeCount > 0) return false;
    if (this.stopped) return true;
    // Read after the inbox: the gateway hands a retired worker nothing more.
    return Atomics.load(this.#words, this.#control + RETIRE) === 1 && this.clear;
  }

  get stopped(): boolean {
    return Atomics.load(this.#words, this.layout.control + STOP) === 1;
  }

  /** Nothing waits for room in the ring: the next message need not queue up. */
  get clear(): boolean {
    return this.#backlog.length === 0 && this.#blocked.length === 0;
  }

  #hasWork(): boolean {
    // All sequentially consistent: the look for work before sleeping (doorbell.ts).
    if (Atomics.load(this.#words, this.#control + INBOX_TAIL) !== this.#inboxHead) return true;
    if (!this.clear && this.writer.hasRoom()) return true;
    return this.leaving;
  }

  /** Takes all that has come in; never waits. `run` does this. */
  poll(): void {
    const words = this.#words;
    const { inboxSize } = this.layout;
    this.#turns = (this.#turns + 1) | 0;
    // Plain: it tells that this thread turns, and nothing else.
    words[this.#control + TURNS] = this.#turns;
    // Acquires the entries.
    const tail = Atomics.load(words, this.#control + INBOX_TAIL);
    while (this.#inboxHead !== tail) {
      const entry = words[this.#inbox + (this.#inboxHead & (inboxSize - 1))];
      this.#inboxHead = (this.#inboxHead + 1) | 0;
      this.#take(entry);
    }
    this.#unblock();
    if (!this.stopped) return;
    for (const request of this.#active) request?.stop();
  }

  #take(entry: number): void {
    const words = this.#words;
    const slot = entry & 0xffff;
    const header = this.layout.slot + slot * this.layout.slotWords;
    // Acquires what the gateway wrote into the slot. An entry of an earlier request in it is only passed: its own
    // follows.
    if (Atomics.load(words, header + OWNER) !== this.worker + 1) return;
    const generation = words[header + GENERATION];
    if (inboxEntry(slot, generation) !== entry) return;
    // Before any look at the slot: what the gateway stores after that look makes a new entry.
    Atomics.store(words, header + SIGNALLED, 0);
    const known = this.#active[slot] ?? null;
    if (known !== null) {
      known.look();
      return;
    }
    if (this.#everSeen[slot] === 1 && this.#seen[slot] === generation) return;
    this.#everSeen[slot] = 1;
    this.#seen[slot] = generation;
    const request = new AsyncRingRequest(this, slot);
    this.#active[slot] = request;
    this.#activeCount++;
    // Cancelled on its way here: nobody is to run for it.
    if (request.disconnected()) request.done();
    else this.#onRequest(request);
  }

  /** Remembers a request that waits for room. Always false, for the caller to return. */
  block(request: AsyncRingRequest): false {
    if (!this.#blocked.includes(request)) this.#blocked.push(request);
    // Room since the failure, and asleep: the gateway may not ring. Awake, `#hasWork` will see it.
    if (this.writer.wantSpace()) this.#sleeper.wake();
    return false;
  }

  #unblock(): void {
    while (this.#backlog.length > 0) {
      if (!this.#backlog[0]()) {
        if (this.writer.wantSpace()) continue;
        return;
      }
      this.#backlog.shift();
    }
    const waiting = this.#blocked;
    this.#blocked = [];
    for (const request of waiting) request.pump();
  }

  /** Sends a message without payload, in order behind those that wait. */
  tell(kind: number, slot: number, generation: number): void {
    this.#enqueue(() => this.writer.control(kind, slot, generation));
  }

  /** Sends bytes about a request, in order behind messages that wait. */
  payload(kind: number, slot: number, generation: number, bytes: Uint8Array): void {
    this.#enqueue(() => this.writer.payload(kind, slot, generation, bytes));
  }

  /** Sends a text to the gateway; `code` is the caller's own. Cut to what fits. */
  note(code: number, text: string): void {
    this.#enqueue(() => this.writer.note(code, text));
  }

  #enqueue(send: () => boolean): void {
    if (this.#backlog.length === 0 && send()) return;
    this.#backlog.push(send);
    if (this.writer.wantSpace()) this.#sleeper.wake();
  }

  /** A request sent its DONE. */
  finished(slot: number): void {
    this.#active[slot] = null;
    this.#activeCount--;
    // A retired worker leaves with its last request.
    if (this.#activeCount === 0 && this.leaving) this.#sleeper.wake();
  }
}
