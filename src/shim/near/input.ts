/**
 * The request body as the near side of a bridge reads it from its gateway's `wsgi.input`: block by block, never beyond
 * its end. The blocks go to the far side, or into the spool of a bridge on the same thread.
 */

import { READ_BLOCK, readsBlocks } from '../../interface/read-block.ts';
import type { AsyncEnviron, InputStream } from '../../interface/types.ts';
import { chunkOf } from '../../rules/body.ts';
import { DIGITS } from '../../rules/grammar.ts';

/** Bytes that may be read: all where input ends by itself (G-46), else as many as CONTENT_LENGTH says (B-55). */
export function readableBytes(environ: Record<string, unknown>): number {
  if (environ['wsgi.input_terminated'] === true) return Number.POSITIVE_INFINITY;
  return declaredLength(environ) ?? 0;
}

export function declaredLength(environ: Record<string, unknown>): number | undefined {
  const { CONTENT_LENGTH } = environ;
  return typeof CONTENT_LENGTH === 'string' && DIGITS.test(CONTENT_LENGTH) ? Number(CONTENT_LENGTH) : undefined;
}

/** Reads the next block of an input: see `BodySource`. */
export type NextBlock = (max: number, line: boolean) => Promise<Uint8Array | null>;

function nonEmpty(block: Uint8Array): Uint8Array | null {
  return block.byteLength === 0 ? null : block;
}

/** The next block of a sync input. One that can tell what has arrived gives that; others by size or by line. */
export function readBlock(input: InputStream, max: number, line: boolean): Uint8Array | null {
  if (max === 0) return null;
  if (!readsBlocks(input)) return nonEmpty(chunkOf(line ? input.readline(max) : input.read(max), -1));
  const block = input[READ_BLOCK](max);
  return block === null ? null : nonEmpty(chunkOf(block, -1));
}

/**
 * Reads blocks as they arrive where the input can (B-11) and its end is its own: of any size then. Elsewhere by size or
 * by line, each of which waits for all of it.
 */
export function blocksOf(input: AsyncEnviron['wsgi.input'], left: number): NextBlock {
  if (left === Number.POSITIVE_INFINITY && typeof input.chunks === 'function') {
    const iterator = input.chunks()[Symbol.asyncIterator]();
    return async () => {
      const step = await iterator.next();
      return step.done ? null : chunkOf(step.value, -1);
    };
  }
  return async (max, line) => {
    if (max === 0) return null;
    return nonEmpty(chunkOf(await (line ? input.readline(max) : input.read(max)), -1));
  };
}
