/**
 * The response ring of a worker: messages of a header and payload, written by the worker, read by the gateway. A
 * message is contiguous and is published by one store of RING_TAIL, so a thread killed at any point leaves no half
 * message.
 */
import { copyBytes } from '../rules/bytes.ts';
import { ringBell } from './doorbell.ts';
import {
  BLOCK_FREE,
  EPOCH,
  GATEWAY_BELL,
  RING_HEAD,
  RING_TAIL,
  type RingLayout,
  SPACE_WANTED,
  WORKER_WORDS,
} from './layout.ts';
import type { Views } from './views.ts';

// Words of a message header.
export const MESSAGE_SIZE = 0; // bytes, header and padding included
export const MESSAGE_KIND = 1; // kind, final << 4, head flags << 8, status << 16
export const MESSAGE_SLOT = 2; // -1: about the worker, not a request
export const MESSAGE_GENERATION = 3;
export const MESSAGE_TEXT = 4; // bytes of head text
export const MESSAGE_CHUNK = 5; // bytes of body after the text; the descriptor in FILE; the caller's code in NOTE
export const MESSAGE_LENGTH_LOW = 6; // `length` of the head; -1: both words -1
export const MESSAGE_LENGTH_HIGH = 7;
/** Every message begins at a multiple of this, so a header always fits before the end of the ring. */
export const MESSAGE_HEADER = 32;
/** FILE has the bytes to send in two words before its text; BLOCKS the first block and their number. */
export const EXTRA_HEADER = 8;

export const KIND_SKIP = 0; // the rest of the ring is unused
export const KIND_SEND = 1;
export const KIND_FILE = 2;
export const KIND_ABORT = 3;
export const KIND_DONE = 4;
export const KIND_CONTINUE = 5;
export const KIND_WANT_BODY = 6;
export const KIND_NOTE = 7;
export const KIND_ERRORS = 8;
export const KIND_HINT = 9;
export const KIND_BLOCKS = 10; // as SEND, but the body bytes lie in blocks

/** In `final` of a message: a head is present. */
export const HEAD_PRESENT = 4;

/** Low word of a length below 2^53, or of -1. */
export function lowWord(length: number): number {
  return length | 0;
}

export function highWord(length: number): number {
  return Math.floor(length / 4294967296);
}

export function joinWords(low: number, high: number): number {
  return high * 4294967296 + (low >>> 0);
}

/** The worker's end. */
export class ResponseWriter {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  /** The largest message, header included: half the ring, so that it fits at any position once the ring is empty. */
  readonly largest: number;
  readonly #layout: RingLayout;
  readonly #worker: number;
  readonly #control: number;
  readonly #bell: number;
  readonly #start: number;
  readonly #size: number;
  readonly #epoch: number;
  /** Where the next search for free blocks begins. */
  #nextBlock = 0;
  #tail: number;
  #head: number;
  /** Bytes that the last `reserve` lacked room for. */
  #lacking = 0;

  constructor(views: Views, layout: RingLayout, worker: number) {
    this.words = views.words;
    this.bytes = views.bytes;
    this.largest = layout.responseSize / 2;
    this.#layout = layout;
    this.#worker = worker;
    this.#control = layout.worker + worker * WORKER_WORDS;
    this.#bell = layout.control + GATEWAY_BELL;
    this.#start = layout.response + worker * layout.responseSize;
    this.#size = layout.responseSize;
    // The gateway has reset these words before it let this thread start; the start itself orders them.
    this.#epoch = Atomics.load(this.words, this.#control + EPOCH);
    this.#tail = Atomics.load(this.words, this.#control + RING_TAIL);
    this.#head = Atomics.load(this.words, this.#control + RING_HEAD);
  }

  /** Address for a message of `size` bytes (not rounded), or -1 when there is no room now. */
  reserve(size: number): number {
    const { words } = this;
    this.#assertCurrent();
    if (size > this.largest)
      throw new RangeError(`a message of ${size} bytes; the response ring takes ${this.largest}`);
    const rounded = (size + MESSAGE_HEADER - 1) & -MESSAGE_HEADER;
    const offset = this.#tail & (this.#size - 1);
    const rest = this.#size - offset;
    const skip = rest < rounded ? rest : 0;
    if (((this.#tail - this.#head) | 0) + skip + rounded > this.#size) {
      // Acquires: what the gateway read of these bytes is behind it.
      this.#head = Atomics.load(words, this.#control + RING_HEAD);
      if (((this.#tail - this.#head) | 0) + skip + rounded > this.#size) {
        this.#lacking = skip + rounded;
        return -1;
      }
    }
    if (skip > 0) {
      const index = (this.#start + offset) >>> 2;
      words[index + MESSAGE_SIZE] = rest;
      words[index + MESSAGE_KIND] = KIND_SKIP;
      this.#tail = (this.#tail + rest) | 0;
    }
    const address = this.#start + (this.#tail & (this.#size - 1));
    words[(address >>> 2) + MESSAGE_SIZE] = rounded;
    return address;
  }

  /** A task that ended but whose application still runs must not write into the ring of its successor. */
  #assertCurrent(): void {
    if (this.words[this.#control + EPOCH] !== this.#epoch) throw new Error('this worker has been replaced');
  }

  /**
   * Takes free blocks that follow one another, at most so many.
   *
   * @returns the first; `taken` tells how many there are: 0 where all are in use
   */
  takeBlocks(most: number): { first: number; taken: number } {
    this.#assertCurrent();
    const { blocks } = this.#layout;
    let first = this.#nextBlock;
    let taken = 0;
    for (let looked = 0; looked < blocks && taken < most; looked++) {
      const block = this.#nextBlock;
      if (block < blocks && this.#claim(block)) {
        if (taken === 0) first = block;
        taken++;
        this.#nextBlock = block + 1;
      } else if (taken > 0) {
        break;
      } else {
        this.#nextBlock = block < blocks ? block + 1 : 0;
      }
    }
    return { first, taken };
  }

  #claim(block: number): boolean {
    // Acquires: what the system read of these bytes is behind it. One of several workers wins.
    const owner = this.#layout.blockOwner + block;
    return Atomics.compareExchange(this.words, owner, BLOCK_FREE, this.#worker + 1) === BLOCK_FREE;
  }

  /** Gives back what `takeBlocks` gave, and what was not sent. */
  freeBlocks(first: number, count: number): void {
    for (let block = first; block < first + count; block++) {
      Atomics.store(this.words, this.#layout.blockOwner + block, BLOCK_FREE);
    }
  }

  /** Publishes the message at the address that `reserve` returned, and wakes the gateway if it sleeps. */
  publish(address: number): void {
    const { words } = this;
    this.#tail = (this.#tail + words[(address >>> 2) + MESSAGE_SIZE]) | 0;
    // Releases the whole message; sequentially consistent against the gateway's way to sleep (see doorbell.ts).
    Atomics.store(words, this.#control + RING_TAIL, this.#tail);
    ringBell(words, this.#bell);
  }

  /** Index of the header at an address of `reserve`, filled in. */
  header(address: number, kind: number, slot: number, generation: number, text: number, chunk: number): number {
    const { words } = this;
    const index = address >>> 2;
    words[index + MESSAGE_KIND] = kind;
    words[index + MESSAGE_SLOT] = slot;
    words[index + MESSAGE_GENERATION] = generation;
    words[index + MESSAGE_TEXT] = text;
    words[index + MESSAGE_CHUNK] = chunk;
    return index;
  }

  /** A message without payload; false when there is no room now. */
  control(kind: number, slot: number, generation: number): boolean {
    const address = this.reserve(MESSAGE_HEADER);
    if (address < 0) return false;
    this.header(address, kind, slot, generation, 0, 0);
    this.publish(address);
    return true;
  }

  /** Bytes that belong to a request and not to its response; false when there is no room now. */
  payload(kind: number, slot: number, generation: number, bytes: Uint8Array): boolean {
    const address = this.reserve(MESSAGE_HEADER + bytes.length);
    if (address < 0) return false;
    this.header(address, kind, slot, generation, 0, bytes.length);
    copyBytes(this.bytes, address + MESSAGE_HEADER, bytes);
    this.publish(address);
    return true;
  }

  /** A text for the gateway that belongs to no request, cut to what fits; false when there is no room now. */
  note(code: number, text: string): boolean {
    const payload = Buffer.from(text);
    const length = Math.min(payload.length, this.largest - MESSAGE_HEADER);
    const address = this.reserve(MESSAGE_HEADER + length);
    if (address < 0) return false;
    this.header(address, KIND_NOTE, -1, 0, length, code);
    copyBytes(this.bytes, address + MESSAGE_HEADER, payload, 0, length);
    this.publish(address);
    return true;
  }

  /**
   * After a `reserve` that failed: says that the gateway is to wake this worker when it has made room. True where there
   * is enough already.
   */
  wantSpace(): boolean {
    // Before the look at RING_HEAD: either that sees the room, or the gateway, which stores RING_HEAD first, sees the
    // wish.
    Atomics.store(this.words, this.#control + SPACE_WANTED, 1);
    return this.hasRoom();
  }

  /** Whether there is room now for what the last failed `reserve` wanted. */
  hasRoom(): boolean {
    // Acquires, as in `reserve`; sequentially consistent where it is the last look before sleeping (doorbell.ts).
    this.#head = Atomics.load(this.words, this.#control + RING_HEAD);
    return ((this.#tail - this.#head) | 0) + this.#lacking <= this.#size;
  }
}
