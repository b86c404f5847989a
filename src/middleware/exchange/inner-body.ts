/** Questions about the body that an application returned. */
import { bytesOf } from '../../rules/bytes.ts';

/**
 * The chunks of an array body, taken once: where the array has an iterator of its own, that must not be asked again.
 * Null when it holds something else than bytes, for the gateway to refuse.
 */
export function chunksOf(body: readonly Uint8Array[]): readonly Uint8Array[] | null {
  const chunks: Uint8Array[] = [];
  for (const value of body) {
    const chunk = innerChunkOf(value);
    if (chunk === null) return null;
    chunks.push(chunk);
  }
  return chunks;
}

/**
 * The bytes of a chunk, of which all is true (see `bytesOf`): Node ends the process where the `byteLength` of what is
 * to be compressed is more than there is. Null for what is no chunk. A Buffer stays one, for mappings that use it as
 * such.
 */
export function innerChunkOf(value: unknown): Uint8Array | null {
  const bytes = bytesOf(value);
  if (bytes === null || !(value instanceof Buffer)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of all chunks. */
export function totalOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((size, chunk) => size + chunk.byteLength, 0);
}

/** Whether a result can be iterated at all; strings and typed arrays can, and are no bodies (G-100). */
export function isBody(body: unknown, symbol: symbol): boolean {
  if ((typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) && typeof body !== 'function')
    return false;
  return typeof Reflect.get(body, symbol) === 'function';
}
