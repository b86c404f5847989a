/**
 * What the two input streams share: the position in the body, and the cutting of blocks into what was asked for
 * (G-51 to G-61). It is asked for a result and, while bytes are missing, fed one block after another. The streams
 * wait for a block, one by blocking, the other by a promise.
 */

/** Most bytes that the source is asked for at a time. */
const BLOCK = 65536;

const LF = 10;
const LIMITLESS = Number.MAX_SAFE_INTEGER;

/** An empty result, new each time: what a read returns belongs to the application (G-66). */
function empty(): Uint8Array {
  return new Uint8Array(0);
}

// Buffer.prototype.slice shares memory, that of Uint8Array copies.
function copyOf(block: Uint8Array, from: number, to: number): Uint8Array {
  return Uint8Array.prototype.slice.call(block, from, to);
}

/**
 * A size argument: absent, `null` and negative numbers ask for everything (G-56).
 *
 * @throws TypeError for anything but integers
 */
export function sizeArgument(size: unknown): number {
  if (size === undefined || size === null) return LIMITLESS;
  if (typeof size !== 'number' || !Number.isInteger(size)) {
    throw new TypeError(
      `a number of bytes must be an integer, got ${typeof size === 'number' ? size : typeof size} (G-56)`,
    );
  }
  return size < 0 ? LIMITLESS : Math.min(size, LIMITLESS);
}

/** The hint of `readlines`: absent, 0 and negative ask for all lines (G-59). */
export function hintArgument(hint: unknown): number {
  const size = sizeArgument(hint);
  return size === 0 ? LIMITLESS : size;
}

export class InputBuffer {
  /** The source gave its end. */
  ended: boolean;
  /** The most bytes that the next block may have; valid after `take` returned null. */
  wanted = 0;
  /** A line is wanted, so that a block may end at its newline. */
  line = false;
  // The block that is being cut, and the position in it.
  #block: Uint8Array | null = null;
  #at = 0;
  // The operation in progress.
  #limit = 0;
  // Bytes gathered for it. A block that is the whole result is handed on as it came.
  #gathered: Uint8Array | null = null;
  #size = 0;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  /** Begins a read of at most `limit` bytes, up to a newline where `line` is set. */
  begin(limit: number, line: boolean): void {
    this.#limit = limit;
    this.line = line;
    this.#gathered = null;
    this.#size = 0;
  }

  /** The result of the operation, or null: then `feed` a block of at most `wanted` bytes and ask again. */
  take(): Uint8Array | null {
    const block = this.#block;
    if (block !== null) {
      const missing = this.#limit - this.#size;
      let end = Math.min(block.byteLength, this.#at + missing);
      let complete = end - this.#at === missing;
      if (this.line) {
        const newline = block.indexOf(LF, this.#at);
        if (newline >= 0 && newline < end) {
          end = newline + 1;
          complete = true;
        }
      }
      this.#gather(block, this.#at, end);
      if (end === block.byteLength) this.#block = null;
      else this.#at = end;
      if (complete) return this.#result();
    }
    if (this.ended || this.#size === this.#limit) return this.#result();
    // A line is searched block by block. Anything else fetches no more than was asked for.
    this.wanted = this.line ? BLOCK : Math.min(BLOCK, this.#limit - this.#size);
    return null;
  }

  /** The next block of the source, or null at its end. */
  feed(block: Uint8Array | null): void {
    if (block === null) this.ended = true;
    else {
      this.#block = block;
      this.#at = 0;
    }
  }

  /** What is left of the current block, at most `max` bytes of it; or null. */
  rest(max: number): Uint8Array | null {
    const block = this.#block;
    if (block === null) return null;
    const from = this.#at;
    const end = Math.min(block.byteLength, from + max);
    if (end === block.byteLength) this.#block = null;
    else this.#at = end;
    return from === 0 && end === block.byteLength ? block : copyOf(block, from, end);
  }

  #gather(block: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (length === 0) return;
    if (this.#gathered === null) {
      this.#gathered = from === 0 && to === block.byteLength ? block : copyOf(block, from, to);
      this.#size = length;
      return;
    }
    let gathered = this.#gathered;
    if (this.#size + length > gathered.byteLength) {
      // Doubling keeps the copying linear, however small the blocks are. Where a block was asked for, most of it comes.
      const least = this.line || this.#limit > BLOCK ? 256 : this.#limit;
      const roomy = new Uint8Array(Math.min(this.#limit, Math.max(2 * this.#size, this.#size + length, least)));
      roomy.set(this.#size === gathered.byteLength ? gathered : gathered.subarray(0, this.#size));
      gathered = roomy;
      this.#gathered = roomy;
    }
    gathered.set(from === 0 && to === block.byteLength ? block : block.subarray(from, to), this.#size);
    this.#size += length;
  }

  #result(): Uint8Array {
    const gathered = this.#gathered;
    this.#gathered = null;
    if (gathered === null) return empty();
    return this.#size === gathered.byteLength ? gathered : copyOf(gathered, 0, this.#size);
  }
}
