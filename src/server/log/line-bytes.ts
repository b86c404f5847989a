import '../../rules/latin1.ts';

/** Bytes of memory that is kept. */
const KEPT = 128 * 1024;
/** Units of a text, and bytes of a copy, up to which a loop beats a call of the engine. */
const SHORT = 32;
/** Bytes of UTF-8 that a unit has at most. */
const WIDEST = 3;

/** Lines that gather, as UTF-8, in memory that is used again: texts joined of many small parts are dear to collect. */
export class LineBytes {
  #bytes = Buffer.allocUnsafe(KEPT);
  #size = 0;
  /** Where the last line begins, and the one before it; -1: it is not there. */
  #line = -1;
  #before = -1;

  get size(): number {
    return this.#size;
  }

  /** A line begins; whether the one before is still there (`repeat`). */
  begin(): boolean {
    this.#before = this.#line;
    this.#line = this.#size;
    return this.#before >= 0;
  }

  /** Bytes of the line so far. */
  get lineSize(): number {
    return this.#size - this.#line;
  }

  /** Begins the line with as many bytes of the one before. */
  repeat(length: number): void {
    const start = this.#size;
    const before = this.#before;
    if (start + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    if (length > SHORT) bytes.copyWithin(start, before, before + length);
    else for (let i = 0; i < length; i++) bytes[start + i] = bytes[before + i];
    this.#size = start + length;
  }

  /** Adds a text, which may be a part of a line. */
  put(text: string): void {
    const bytes = this.#bytes;
    const { length } = text;
    const start = this.#size;
    if (length > SHORT || start + length > bytes.length) {
      this.#putAny(text);
      return;
    }
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        this.#putAny(text);
        return;
      }
      bytes[start + i] = unit;
    }
    this.#size = start + length;
  }

  #putAny(text: string): void {
    const most = WIDEST * text.length;
    if (this.#size + most > this.#bytes.length) this.#grow(most);
    this.#size += this.#bytes.utf8Write(text, this.#size, most);
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafe(2 * (this.#size + more));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }

  /** A copy of all that has gathered, which is gone here. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#size));
    this.#size = 0;
    if (this.#bytes.length > KEPT) {
      this.#bytes = Buffer.allocUnsafe(KEPT);
      this.#line = -1;
    }
    return taken;
  }
}
