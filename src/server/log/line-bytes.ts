import '../../rules/latin1.ts';

/** Bytes of memory that is kept. */
const KEPT = 128 * 1024;
/** Units of a text up to which a loop beats a call of the engine. */
const SHORT = 32;
/** Bytes of UTF-8 that a unit has at most. */
const WIDEST = 3;

/** Lines that gather, as UTF-8, in memory that is used again: texts joined of many small parts are dear to collect. */
export class LineBytes {
  #bytes = Buffer.allocUnsafe(KEPT);
  #size = 0;

  get size(): number {
    return this.#size;
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
    if (this.#size + most > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(2 * (this.#size + most));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    this.#size += this.#bytes.utf8Write(text, this.#size, most);
  }

  /** A copy of all that has gathered, which is gone here. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#size));
    this.#size = 0;
    if (this.#bytes.length > KEPT) this.#bytes = Buffer.allocUnsafe(KEPT);
    return taken;
  }
}
