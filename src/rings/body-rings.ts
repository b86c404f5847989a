import { copyBytes } from '../rules/bytes.ts';
import { BODY_HEAD, BODY_SIZE, BODY_START, BODY_TAIL, BODY_WANTED, type RingLayout } from './layout.ts';
import type { Views } from './views.ts';

/**
 * The gateway's end of the body rings, by which request bodies follow their slots to the workers. A slot has a ring of
 * its own; one whose body does not fit in there borrows a larger one, where that is free, until its release.
 */
export class BodyRings {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #layout: RingLayout;
  /** Where bodies are taken from. */
  readonly #source: Buffer;
  /** The worker of a slot is to look at it. */
  readonly #touch: (slot: number) => void;
  /** Free ones of the larger rings, the last one used on top. */
  readonly #large: number[];
  /** The larger ring of each slot; -1: it has none. */
  readonly #largeOf: Int32Array;

  constructor({ words, bytes }: Views, layout: RingLayout, source: Buffer, touch: (slot: number) => void) {
    this.#words = words;
    this.#bytes = bytes;
    this.#layout = layout;
    this.#source = source;
    this.#touch = touch;
    this.#large = Array.from({ length: layout.largeBodies }, (_, i) => layout.largeBodies - 1 - i);
    this.#largeOf = new Int32Array(layout.slots).fill(-1);
  }

  #header(slot: number): number {
    return this.#layout.slot + slot * this.#layout.slotWords;
  }

  /** Says between `fill` and the dispatch that a body of `length` bytes (-1: of any length) will come. */
  expect(slot: number, length: number): void {
    const layout = this.#layout;
    if (length >= 0 && length <= layout.bodySize) return;
    const ring = this.#large.pop();
    if (ring === undefined) return;
    this.#largeOf[slot] = ring;
    const header = this.#header(slot);
    this.#words[header + BODY_START] = layout.largeBody + ring * layout.largeBodySize;
    this.#words[header + BODY_SIZE] = layout.largeBodySize;
  }

  /** The slot is given back, and its larger ring with it. */
  released(slot: number): void {
    if (this.#largeOf[slot] < 0) return;
    this.#large.push(this.#largeOf[slot]);
    this.#largeOf[slot] = -1;
  }

  /**
   * Appends `length` bytes at address `address` of the parser's memory to the request body. Returns how many there was
   * room for; when fewer, the handler's `wantBody` tells when to go on.
   */
  write(slot: number, address: number, length: number): number {
    return this.#write(slot, this.#source, address, length);
  }

  /** As `write`, from private bytes. */
  writeFrom(slot: number, chunk: Uint8Array): number {
    return this.#write(slot, chunk, 0, chunk.length);
  }

  #write(slot: number, source: Uint8Array, address: number, length: number): number {
    const words = this.#words;
    const header = this.#header(slot);
    let done = this.#copy(header, source, address, length);
    if (done < length) {
      // Before the second look at BODY_HEAD: a worker that read in between either shows its room here or sees the wish.
      Atomics.store(words, header + BODY_WANTED, 1);
      done += this.#copy(header, source, address + done, length - done);
      // All taken after all. If the worker has seen the wish, its message will be one too many, which does no harm.
      if (done === length) Atomics.store(words, header + BODY_WANTED, 0);
    }
    if (done > 0) this.#touch(slot);
    return done;
  }

  #copy(header: number, source: Uint8Array, address: number, length: number): number {
    const words = this.#words;
    const size = words[header + BODY_SIZE];
    const tail = words[header + BODY_TAIL];
    const count = Math.min(this.#room(header), length);
    if (count <= 0) return 0;
    const area = words[header + BODY_START] >>> 0;
    const offset = tail & (size - 1);
    const first = Math.min(count, size - offset);
    copyBytes(this.#bytes, area + offset, source, address, address + first);
    if (first < count) copyBytes(this.#bytes, area, source, address + first, address + count);
    // Releases the bytes.
    Atomics.store(words, header + BODY_TAIL, (tail + count) | 0);
    return count;
  }

  #room(header: number): number {
    const words = this.#words;
    // Acquires: the worker's reads of these bytes come before our writes.
    return words[header + BODY_SIZE] - ((words[header + BODY_TAIL] - Atomics.load(words, header + BODY_HEAD)) | 0);
  }

  /**
   * Whether the ring lacks room for `size` bytes, or for half of its own, and `wantBody` of the handler is to tell when
   * there is more.
   */
  isFull(slot: number, size: number): boolean {
    const words = this.#words;
    const header = this.#header(slot);
    const least = Math.min(size, words[header + BODY_SIZE] / 2);
    if (this.#room(header) >= least) return false;
    // As in `#write`: the wish before the second look.
    Atomics.store(words, header + BODY_WANTED, 1);
    if (this.#room(header) < least) return true;
    Atomics.store(words, header + BODY_WANTED, 0);
    return false;
  }

  /** Bytes that the ring holds. */
  size(slot: number): number {
    return this.#words[this.#header(slot) + BODY_SIZE];
  }

  /** Whether the ring has room for a whole body of `length` bytes (-1: of any length). */
  fits(slot: number, length: number): boolean {
    return length >= 0 && length <= this.size(slot);
  }

  /** Bytes that the worker has ever read, modulo 2^32. */
  read(slot: number): number {
    return Atomics.load(this.#words, this.#header(slot) + BODY_HEAD);
  }

  /** Bytes that the worker has not read yet. */
  unread(slot: number): number {
    const header = this.#header(slot);
    return this.#words[header + BODY_SIZE] - this.#room(header);
  }
}
