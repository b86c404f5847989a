/** Whether a value is a Uint8Array, of whatever realm. */
export function isByteChunk(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]';
}
