import type { InputStream } from './types.ts';

/**
 * Key of a method that a sync gateway's `wsgi.input` may have beside those of the interface, for bridges: an async
 * application gets blocks as they arrive (B-11), which no method of the sync convention tells. Middleware that replaces
 * the input should pass it on. Registered, so that two copies of this package understand each other.
 */
export const READ_BLOCK: unique symbol = Symbol.for('quaich.readBlock');

export interface BlockInput {
  /**
   * The next bytes, as many as have arrived, at least one and at most `max`, which is at least one; blocks until there
   * are some. Null at the end. Throws what the other methods throw (G-63).
   *
   * @param target room for `max` bytes, in which they may lie: the result is its part that has been filled, then
   */
  [READ_BLOCK](max: number, target?: Uint8Array): Uint8Array | null;
}

export function readsBlocks(input: InputStream): input is InputStream & BlockInput {
  return typeof (input as Partial<BlockInput>)[READ_BLOCK] === 'function';
}
