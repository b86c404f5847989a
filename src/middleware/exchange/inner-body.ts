/** Questions about the body that an application returned. */
import { isUint8Array } from 'node:util/types';

const ARRAY_ITERATOR = Array.prototype[Symbol.iterator];

/** Whether the body is an array that iterates as arrays do; a subclass may check its own iteration. */
export function isPlainArray(body: unknown): body is unknown[] {
  return Array.isArray(body) && body[Symbol.iterator] === ARRAY_ITERATOR;
}

/**
 * The chunks of an array body: itself, or a copy where the array has an iterator of its own, which then must not be
 * asked again. Null when it holds something else than bytes, for the gateway to refuse.
 */
export function chunksOf(body: readonly Uint8Array[]): readonly Uint8Array[] | null {
  const chunks = isPlainArray(body) ? body : [...body];
  // By index: of an array, nothing but `length` and the elements is anybody's business (G-109).
  for (let index = 0; index < chunks.length; index += 1) if (!isUint8Array(chunks[index])) return null;
  return chunks;
}

/** Bytes of all chunks. By index, as above: the array may be the body itself. */
export function bytesOf(chunks: readonly Uint8Array[]): number {
  let size = 0;
  for (let index = 0; index < chunks.length; index += 1) size += chunks[index].byteLength;
  return size;
}

/** Whether a result can be iterated at all; strings and typed arrays can, and are no bodies (G-100). */
export function isBody(body: unknown, symbol: symbol): boolean {
  if ((typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) && typeof body !== 'function')
    return false;
  return typeof Reflect.get(body, symbol) === 'function';
}
