import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemorySnapshot, pack } from '../../src/python/snapshot.ts';

const BLOCK = 4096;
const HEADER = 128;

it('a snapshot without its blank blocks makes a memory what it was, whatever that holds', () => {
  const block = fc.record({ byte: fc.constantFrom(0, 0, 1), at: fc.constantFrom(0, 1, BLOCK - 1) });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 12 }), fc.nat(13), fc.nat(2), (blocks, used, more) => {
      const snapshot = new Uint8Array(HEADER + blocks.length * BLOCK).fill(7, 8, HEADER);
      new Uint32Array(snapshot.buffer, 0, 2).set([1, HEADER]);
      for (const [index, { byte, at }] of blocks.entries()) snapshot[HEADER + index * BLOCK + at] = byte;
      const kept = new MemorySnapshot(pack(snapshot));
      expect(kept.size).toBe(blocks.length * BLOCK);
      expect(kept.header).toEqual(snapshot.subarray(0, HEADER));
      const memory = new Uint8Array((blocks.length + more) * BLOCK).fill(9, 0, used * BLOCK);
      kept.restore(memory, used * BLOCK);
      const whole = new Uint8Array(memory.length);
      whole.set(snapshot.subarray(HEADER));
      expect(Buffer.compare(memory, whole)).toBe(0);
    }),
  );
});

it('blank blocks take no room', () => {
  const snapshot = new Uint8Array(HEADER + 1000 * BLOCK);
  new Uint32Array(snapshot.buffer, 0, 2).set([1, HEADER]);
  snapshot[HEADER + 500 * BLOCK] = 1;
  expect(pack(snapshot).byteLength).toBeLessThan(2 * BLOCK);
});
