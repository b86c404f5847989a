/** Takes the memory of a chunk away, as its transfer to another thread does. */
export function detach(chunk: Uint8Array): Uint8Array {
  structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
  return chunk;
}
