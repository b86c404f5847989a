/**
 * Snapshots of an interpreter's memory, without its blank blocks: they are nearly half of it, and need not be read,
 * copied, or had by each worker. That of Pyodide is a header, whose second word is its size in bytes, and the memory.
 * Packed it is, in this order: words (bytes of the memory, bytes of the header, number of the words that follow; start
 * and end of each run of blocks that are not blank, in bytes), the header, and the runs.
 */
import { copyBytes } from '../rules/bytes.ts';

/** Bytes of a block; memory is a multiple of it. */
const BLOCK = 4096;
const BLANK = Buffer.alloc(BLOCK);
const isBlank = (block: Uint8Array): boolean => BLANK.equals(block);
/** Words ahead of the runs. */
const WORDS = 3;

export function pack(snapshot: Uint8Array): SharedArrayBuffer {
  const [, header] = new Uint32Array(snapshot.buffer, snapshot.byteOffset, 2);
  const memory = snapshot.subarray(header);
  const runs: number[] = [];
  for (let start = 0; start < memory.length; start += BLOCK) {
    const end = start + BLOCK;
    if (isBlank(memory.subarray(start, end))) continue;
    if (runs.at(-1) === start) runs[runs.length - 1] = end;
    else runs.push(start, end);
  }
  const words = Uint32Array.of(memory.length, header, runs.length, ...runs);
  const parts = [new Uint8Array(words.buffer), snapshot.subarray(0, header)];
  for (let index = 0; index < runs.length; index += 2) parts.push(memory.subarray(runs[index], runs[index + 1]));
  const packed = new SharedArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0));
  const target = new Uint8Array(packed);
  let at = 0;
  for (const part of parts) {
    copyBytes(target, at, part);
    at += part.length;
  }
  return packed;
}

/** Whether a file that was read has all of a packed snapshot. */
export function isWhole(packed: SharedArrayBuffer): boolean {
  if (packed.byteLength < 4 * WORDS) return false;
  const [, header, count] = new Uint32Array(packed, 0, WORDS);
  let size = 4 * (WORDS + count) + header;
  if (size > packed.byteLength) return false;
  const runs = new Uint32Array(packed, 4 * WORDS, count);
  for (let index = 0; index < count; index += 2) size += runs[index + 1] - runs[index];
  return size === packed.byteLength;
}

export class MemorySnapshot {
  /** Bytes of the memory. */
  readonly size: number;
  /** What Pyodide wants to know of it. */
  readonly header: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #runs: Uint32Array;

  constructor(packed: SharedArrayBuffer) {
    const [size, header, count] = new Uint32Array(packed, 0, WORDS);
    this.size = size;
    this.#runs = new Uint32Array(packed, 4 * WORDS, count);
    const start = 4 * (WORDS + count);
    this.header = new Uint8Array(packed, start, header).slice();
    this.#bytes = new Uint8Array(packed, start + header);
  }

  /**
   * Makes a memory what it was.
   *
   * @param used where what is not blank ends; it has `size` bytes at least
   */
  restore(memory: Uint8Array, used: number): void {
    let [at, end] = [0, 0];
    for (let index = 0; index < this.#runs.length; index += 2) {
      const start = this.#runs[index];
      clear(memory.subarray(end, Math.min(start, used)));
      end = this.#runs[index + 1];
      copyBytes(memory, start, this.#bytes, at, at + end - start);
      at += end - start;
    }
    clear(memory.subarray(end, used));
  }
}

/** Makes memory blank, and leaves alone what is so: what has never been written takes no room. */
function clear(memory: Uint8Array): void {
  for (let start = 0; start < memory.length; start += BLOCK) {
    const block = memory.subarray(start, start + BLOCK);
    if (!isBlank(block)) block.fill(0);
  }
}
