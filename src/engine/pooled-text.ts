/**
 * Large texts as bodies of responses. Fresh memory for the bytes of each costs more than all else of its response, so
 * they are encoded into blocks that are used again. Nobody but the engine sees a block: whoever iterates such a body,
 * as middleware does, gets bytes that stay as they are.
 */
import type { AsyncBody } from '../interface/types.ts';

/** Bytes of a block; the system gives it pages as they are touched. */
const BLOCK_SIZE = 1 << 18;
/** Blocks that a thread keeps: as many as there may be requests whose applications are called in one turn. */
const MOST_KEPT = 64;
/** Units of a text that are worth a block. */
const LEAST = 8192;
/** Bytes of a unit in UTF-8, at most. */
const UNIT_SIZE = 3;

const kept: Buffer[] = [];
const NOTHING = new Uint8Array(0);

/** A text in UTF-8, in a block until it is closed. */
export class PooledText implements Iterable<Uint8Array> {
  #block: Buffer | null;
  /** In the block; as short as the text. */
  #bytes: Uint8Array;

  private constructor(block: Buffer, size: number) {
    this.#block = block;
    this.#bytes = block.subarray(0, size);
  }

  /** Null for a text that is too short or too long for a block. */
  static of(text: string): PooledText | null {
    if (text.length < LEAST || text.length * UNIT_SIZE > BLOCK_SIZE) return null;
    const block = kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_SIZE);
    return new PooledText(block, block.write(text));
  }

  /** Tells it from all that applications return, of which nothing is looked at. */
  static is(body: unknown): body is PooledText {
    return typeof body === 'object' && body !== null && #block in body;
  }

  /** The bytes in the block, which are somebody else's once this is closed. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** As an array of the one chunk, for the engine alone. */
  get lent(): AsyncBody {
    return Object.assign([this.#bytes], { close: () => this.close() });
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    if (this.#block !== null) yield new Uint8Array(this.#bytes);
  }

  close(): void {
    if (this.#block !== null && kept.length < MOST_KEPT) kept.push(this.#block);
    this.#block = null;
    this.#bytes = NOTHING;
  }
}

/** A text as the body of a response. */
export function textBody(text: string): AsyncBody {
  return PooledText.of(text) ?? [Buffer.from(text)];
}
