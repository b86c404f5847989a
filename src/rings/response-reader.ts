import type { Final } from '../interface/transport.ts';
import { ringBell } from './doorbell.ts';
import {
  BLOCK_FREE,
  BLOCK_LENT,
  GENERATION,
  RING_HEAD,
  RING_TAIL,
  type RingLayout,
  SPACE,
  SPACE_WANTED,
  WORKER_BELL,
  WORKER_WORDS,
} from './layout.ts';
import {
  EXTRA_HEADER,
  HEAD_PRESENT,
  joinWords,
  KIND_ABORT,
  KIND_BLOCKS,
  KIND_CONTINUE,
  KIND_DONE,
  KIND_ERRORS,
  KIND_FILE,
  KIND_HINT,
  KIND_NOTE,
  KIND_SEND,
  KIND_SKIP,
  KIND_WANT_BODY,
  MESSAGE_CHUNK,
  MESSAGE_GENERATION,
  MESSAGE_HEADER,
  MESSAGE_KIND,
  MESSAGE_LENGTH_HIGH,
  MESSAGE_LENGTH_LOW,
  MESSAGE_SIZE,
  MESSAGE_SLOT,
  MESSAGE_TEXT,
} from './response-ring.ts';
import type { Views } from './views.ts';

/** The head of a response where it lies in its message. */
export interface HeadMessage {
  status: number;
  /** As in `ResponseHead`. */
  flags: number;
  length: number;
  /** Address and bytes of its text. */
  textStart: number;
  textLength: number;
}

/** Blocks that a message brings: the index of the first, and how many. */
export interface LentBlocks {
  readonly first: number;
  readonly count: number;
}

/**
 * What `drain` calls, once for each message, in the order in which a worker sent them. Bytes lie in the shared memory
 * from address `start` and are only there during the call, and so is what a HeadMessage says: the reader has one record
 * for all of them. `head`, `chunk` and `file` correspond to the calls of `Transport` (src/interface/transport.ts),
 * `final` included; a long chunk arrives in several calls.
 */
export interface ResponseHandler {
  /** The head, and the first `chunk` bytes of the body. */
  head(slot: number, head: HeadMessage, start: number, chunk: number, final: Final): void;
  /** Body bytes; `chunk` may be 0 where `final` is not MORE. */
  chunk(slot: number, start: number, chunk: number, final: Final): void;
  /**
   * Body bytes in blocks, and a head before them unless it is null. They lie there until the handler has given the
   * blocks back by `freeBlocks`, which it must in every case.
   */
  blocks(slot: number, head: HeadMessage | null, start: number, length: number, final: Final, lent: LentBlocks): void;
  /**
   * The head, to be followed by `size` bytes (-1: to the end) of the file at `descriptor`. The gateway must call
   * `fileDone` in every case, also when it gives up: until then the worker keeps the descriptor open.
   */
  file(slot: number, head: HeadMessage, descriptor: number, size: number): void;
  /** Field lines of a 103 (G-152): `length` bytes at `start`. Meaningless once a head was sent. */
  hint(slot: number, start: number, length: number): void;
  /** Break the connection (G-141). DONE is still to come. */
  abort(slot: number): void;
  /** The worker is through with the request: `release` it. Not called after a `final` of DONE, which says the same. */
  done(slot: number): void;
  /** The application wants the body that the client holds back (G-67). Meaningless once a head was sent. */
  wantContinue(slot: number): void;
  /** There is room again after a `bodies.write` that took less than it was given, and after a `bodies.isFull`. */
  wantBody(slot: number): void;
  /** `length` bytes of text for the client's error stream (G-174). */
  errors(slot: number, start: number, length: number): void;
  /** A worker's own message. */
  note(worker: number, code: number, text: string): void;
}

/** The gateway's end of the response rings of all workers. */
export class ResponseReader {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #layout: RingLayout;
  /** One head at a time is on its way through here: nothing is allocated for it. */
  readonly #head: HeadMessage = { status: 0, flags: 0, length: 0, textStart: 0, textLength: 0 };
  /** Bytes taken, for each worker; RING_HEAD follows at the end of a turn. */
  readonly #taken: Int32Array;

  constructor(views: Views, layout: RingLayout) {
    this.#words = views.words;
    this.#bytes = views.bytes;
    this.#layout = layout;
    this.#taken = new Int32Array(layout.workers);
  }

  /** Whether any worker has published something that is not yet taken. */
  hasMessages(): boolean {
    const { worker, workers } = this.#layout;
    for (let i = 0, control = worker; i < workers; i++, control += WORKER_WORDS) {
      // Sequentially consistent: the look for work before sleeping (doorbell.ts).
      if (Atomics.load(this.#words, control + RING_TAIL) !== this.#taken[i]) return true;
    }
    return false;
  }

  /** Hands over what all workers have published; returns the number of messages. */
  drain(handler: ResponseHandler): number {
    let messages = 0;
    for (let worker = 0; worker < this.#layout.workers; worker++) messages += this.drainWorker(worker, handler);
    return messages;
  }

  drainWorker(worker: number, handler: ResponseHandler): number {
    const { responseSize } = this.#layout;
    const words = this.#words;
    const control = this.#layout.worker + worker * WORKER_WORDS;
    const base = this.#layout.response + worker * responseSize;
    // Acquires everything the worker wrote before its store of RING_TAIL.
    const tail = Atomics.load(words, control + RING_TAIL);
    let taken = this.#taken[worker];
    if (taken === tail) return 0;
    let messages = 0;
    let kept = 0;
    while (taken !== tail) {
      const address = base + (taken & (responseSize - 1));
      const size = words[(address >>> 2) + MESSAGE_SIZE];
      if (size <= 0 || ((tail - taken) | 0) < size) throw new Error(`worker ${worker}: a message of ${size} bytes`);
      taken = (taken + size) | 0;
      // Before the call: a handler that throws does not get the same message again.
      this.#taken[worker] = taken;
      messages += this.#dispatch(worker, address, handler);
      kept += size;
      if (kept >= responseSize / 4) {
        kept = 0;
        // Releases: our reads of these bytes come before the worker's next writes to them.
        Atomics.store(words, control + RING_HEAD, taken);
      }
    }
    // As above; and before the load of SPACE_WANTED, the other half of `wantSpace`.
    Atomics.store(words, control + RING_HEAD, taken);
    if (Atomics.load(words, control + SPACE_WANTED) === 1) this.#grantSpace(worker, control);
    return messages;
  }

  /** Ends the wait of a worker for room, whether there is some or not. */
  wakeForSpace(worker: number): void {
    this.#grantSpace(worker, this.#layout.worker + worker * WORKER_WORDS);
  }

  #grantSpace(worker: number, control: number): void {
    const words = this.#words;
    // An async worker looks at this word before it sleeps, so cleared before the bell.
    Atomics.store(words, control + SPACE_WANTED, 0);
    if (worker >= this.#layout.syncWorkers) {
      ringBell(words, control + WORKER_BELL);
      return;
    }
    // Changes the value before notifying: a wait that begins in between does not sleep.
    Atomics.add(words, control + SPACE, 1);
    Atomics.notify(words, control + SPACE, 1);
  }

  /** Forgets what a dead worker left. */
  reset(worker: number): void {
    this.#freeUnsent(worker);
    this.#taken[worker] = 0;
  }

  #dispatch(worker: number, address: number, handler: ResponseHandler): number {
    const words = this.#words;
    const index = address >>> 2;
    const packed = words[index + MESSAGE_KIND];
    const kind = packed & 15;
    if (kind === KIND_SKIP) return 0;
    const start = address + MESSAGE_HEADER;
    const text = words[index + MESSAGE_TEXT];
    const chunk = words[index + MESSAGE_CHUNK];
    if (kind === KIND_NOTE) {
      handler.note(worker, chunk, this.#bytes.toString('utf8', start, start + text));
      return 1;
    }
    const slot = words[index + MESSAGE_SLOT];
    const header = this.#layout.slot + slot * this.#layout.slotWords;
    const isOver = words[header + GENERATION] !== words[index + MESSAGE_GENERATION];
    if (kind === KIND_BLOCKS) {
      this.#blocks(slot, index, handler, isOver);
      return 1;
    }
    // Of a request that has been given up since: nobody listens.
    if (isOver) return 0;
    switch (kind) {
      case KIND_SEND: {
        // As the writer was given it.
        const final = ((packed >>> 4) & 3) as Final;
        if ((packed >>> 4) & HEAD_PRESENT) {
          handler.head(slot, this.#headAt(index, start, text), start + text, chunk, final);
        } else {
          handler.chunk(slot, start, chunk, final);
        }
        break;
      }
      case KIND_FILE: {
        const extra = start >>> 2;
        const size = joinWords(words[extra], words[extra + 1]);
        handler.file(slot, this.#headAt(index, start + EXTRA_HEADER, text), chunk, size);
        break;
      }
      case KIND_HINT:
        handler.hint(slot, start, chunk);
        break;
      case KIND_ABORT:
        handler.abort(slot);
        break;
      case KIND_DONE:
        handler.done(slot);
        break;
      case KIND_CONTINUE:
        handler.wantContinue(slot);
        break;
      case KIND_WANT_BODY:
        handler.wantBody(slot);
        break;
      case KIND_ERRORS:
        handler.errors(slot, start, chunk);
        break;
      default:
        throw new Error(`worker ${worker}: a message of kind ${kind}`);
    }
    return 1;
  }

  #blocks(slot: number, index: number, handler: ResponseHandler, isOver: boolean): void {
    const words = this.#words;
    const { block, blockOwner, blockSize } = this.#layout;
    const packed = words[index + MESSAGE_KIND];
    const extra = index + MESSAGE_HEADER / 4;
    const lent = { first: words[extra], count: words[extra + 1] };
    if (isOver) {
      this.freeBlocks(lent);
      return;
    }
    // Plain: they are the gateway's from now on, whatever becomes of the worker.
    for (let i = 0; i < lent.count; i++) words[blockOwner + lent.first + i] = BLOCK_LENT;
    const textStart = index * 4 + MESSAGE_HEADER + EXTRA_HEADER;
    const withHead = ((packed >>> 4) & HEAD_PRESENT) !== 0;
    const head = withHead ? this.#headAt(index, textStart, words[index + MESSAGE_TEXT]) : null;
    const start = block + lent.first * blockSize;
    handler.blocks(slot, head, start, words[index + MESSAGE_CHUNK], ((packed >>> 4) & 3) as Final, lent); // as SEND
  }

  /** The bytes of these blocks are no longer in use. */
  freeBlocks({ first, count }: LentBlocks): void {
    // Releases: what was read of these bytes comes before the next worker's writes.
    for (let i = 0; i < count; i++) Atomics.store(this.#words, this.#layout.blockOwner + first + i, BLOCK_FREE);
  }

  /** Frees the blocks that a dead worker had taken and not sent. */
  #freeUnsent(worker: number): void {
    const { blocks, blockOwner } = this.#layout;
    for (let i = 0; i < blocks; i++) {
      // Nobody else changes a word that says so.
      if (Atomics.load(this.#words, blockOwner + i) === worker + 1) this.freeBlocks({ first: i, count: 1 });
    }
  }

  /** The head of the message whose header has this index. */
  #headAt(index: number, textStart: number, textLength: number): HeadMessage {
    const words = this.#words;
    const packed = words[index + MESSAGE_KIND];
    const head = this.#head;
    head.status = packed >>> 16;
    head.flags = (packed >>> 8) & 255;
    head.length = joinWords(words[index + MESSAGE_LENGTH_LOW], words[index + MESSAGE_LENGTH_HIGH]);
    head.textStart = textStart;
    head.textLength = textLength;
    return head;
  }
}
