/**
 * Large texts as bodies of responses. Fresh memory for the bytes of each costs more than all else of its response, so
 * they are encoded into blocks that are used again. Nobody but the engine sees a block: whoever iterates such a body,
 * as middleware does, gets bytes that stay as they are.
 */
import type { AsyncBody } from '../interface/types.ts';
import { BlockPool } from '../rules/block-pool.ts';

/** Units of a text that are worth a block. */
const LEAST = 8192;
/** Bytes of a unit in UTF-8, at most. */
const UNIT_SIZE = 3;

/** As many as there may be requests whose applications are called in one turn. */
const blocks = new BlockPool(1 << 18, 64);
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
    const size = text.length * UNIT_SIZE;
    if (text.length < LEAST || size > blocks.size) return null;
    const block = blocks.take(size);
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
    if (this.#block !== null) blocks.giveBack(this.#block);
    this.#block = null;
    this.#bytes = NOTHING;
  }
}

/** A text as the body of a response. */
export function textBody(text: string): AsyncBody {
  return PooledText.of(text) ?? [Buffer.from(text)];
}
