/**
 * What was made of texts, by text, so that the usual ones cost a look-up. Clients and applications make up as many
 * texts as they like, so the memory is bounded: long texts are not kept, and when it is full it begins afresh, which
 * lets the usual ones come back after a flood of others.
 */
const LONGEST = 256;

export class Memo<T> {
  readonly #kept = new Map<string, T>();
  readonly #most: number;

  constructor(most = 512) {
    this.#most = most;
  }

  get(text: string): T | undefined {
    return this.#kept.get(text);
  }

  /** Returns the value. A text that was cut from a larger one is copied before (`copyOf`). */
  keep(text: string, value: T): T {
    if (text.length > LONGEST) return value;
    if (this.#kept.size >= this.#most) this.#kept.clear();
    this.#kept.set(text, value);
    return value;
  }
}

/** A native string with memory of its own: V8 keeps all of what a string was cut from. */
export function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
