import { isUint8Array } from 'node:util/types';

/**
 * A getter of %TypedArray%.prototype, as a function: it answers from the internal slots, whatever properties an object
 * has of its own. (Bound, which V8 sees through, as it does not through `Reflect.apply`.)
 */
function slot<T>(name: 'buffer' | 'byteOffset' | 'byteLength'): (bytes: Uint8Array) => T {
  const descriptor = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name);
  return Function.prototype.call.bind(descriptor?.get as () => T); // ECMA-262, 23.2.3
}

const bufferOf = slot<ArrayBufferLike>('buffer');
const offsetOf = slot<number>('byteOffset');

/** Bytes that a Uint8Array really has: 0 where it is detached or out of bounds. */
export const sizeOf = slot<number>('byteLength');

/** Whether a value is a byte chunk: a Uint8Array, of whatever realm (G-103). */
export function isBytes(value: unknown): value is Uint8Array {
  return isUint8Array(value);
}

/**
 * The bytes of a chunk from `from` to `to` as a plain view of fixed length. What an application hands in may say of
 * itself what it likes: `length`, `subarray`, a constructor; it may grow. Of the view all is true. It takes 40 ns on
 * Node 20, and 1 µs where the bytes are few (64 at most) and still on V8's own heap, which they leave for it.
 *
 * @throws RangeError where the chunk has not so many bytes
 */
export function partOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return new Uint8Array(0);
  return new Uint8Array(bufferOf(bytes), offsetOf(bytes) + from, to - from);
}

/** The bytes of a value as such a view, or null where it is no Uint8Array, of whatever realm (G-103). */
export function bytesOf(value: unknown): Uint8Array | null {
  return isUint8Array(value) ? partOf(value, 0, sizeOf(value)) : null;
}

/** The most bytes that V8 keeps on its own heap. */
const MOST_ON_HEAP = 64;
/** Bytes from which on `fill` is the faster way. */
const LEAST_FILLED = 512;
const { fill } = Buffer.prototype;

/**
 * Copies the bytes of `source` from `from` to `to` into `target`, from `at` on; they must not overlap. Of the source
 * nothing is believed (see `partOf`), and no more is copied, whatever becomes of it meanwhile.
 *
 * Where one of them is shared memory, V8 copies byte by byte (`set`, `copyWithin`), but for addresses that are equal
 * modulo 8, and so does Buffer's `copy` on Node 20: 64 KiB in 20 µs. Buffer's `fill` with as many bytes as there is
 * room for is a `memcpy`, on every version: 0.8 µs. Few bytes need no view.
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, from = 0, to = sizeOf(source)): void {
  const size = to - from;
  if (to > sizeOf(source) || at + size > target.length)
    throw new RangeError(`no room for ${size} bytes, or not so many`);
  if (size >= LEAST_FILLED) fill.call(target, partOf(source, from, to), at, at + size);
  else if (source === target) target.copyWithin(at, from, to);
  else if (size > MOST_ON_HEAP) target.set(partOf(source, from, to), at);
  else for (let i = 0; i < size; i++) target[at + i] = source[from + i];
}

/** The bytes of `source` from `from` to `to`, in memory of their own; of the source nothing is believed. */
export function copyOfPart(source: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(to - from);
  copyBytes(copy, 0, source, from, to);
  return copy;
}
