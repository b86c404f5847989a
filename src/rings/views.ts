import '../rules/latin1.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import type { RingLayout } from './layout.ts';

/** The shared memory as the rings look at it. */
export interface Views {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

/** Views on a memory. Throws when it is not the one that `createMemory` made for this layout. */
export function viewsOf(memory: SharedMemory, layout: RingLayout): Views {
  const { buffer } = memory;
  if (!(buffer instanceof SharedArrayBuffer)) throw new TypeError('the rings need a shared memory');
  if (buffer.byteLength < layout.byteLength) {
    throw new RangeError(`the memory has ${buffer.byteLength} bytes, its layout ${layout.byteLength}`);
  }
  return { words: new Int32Array(buffer), bytes: Buffer.from(buffer) };
}
