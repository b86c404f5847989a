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
  return chunks.every(isUint8Array) ? chunks : null;
}

/** Whether a result can be iterated at all; strings and typed arrays can, and are no bodies (G-100). */
export function isBody(body: unknown, symbol: symbol): boolean {
  if ((typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) && typeof body !== 'function')
    return false;
  return typeof Reflect.get(body, symbol) === 'function';
}
