import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isWhole, MemorySnapshot, pack } from '../../src/python/snapshot.ts';

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

it('a snapshot that was cut or made longer is told from a whole one', () => {
  const snapshot = new Uint8Array(HEADER + 3 * BLOCK).fill(1);
  new Uint32Array(snapshot.buffer, 0, 2).set([1, HEADER]);
  const packed = new Uint8Array(pack(snapshot));
  const resized = (size: number): SharedArrayBuffer => {
    const bytes = new Uint8Array(new SharedArrayBuffer(size));
    bytes.set(packed.subarray(0, size));
    return bytes.buffer;
  };
  expect(isWhole(resized(packed.length))).toBe(true);
  for (const size of [0, 1, 12, 13, 24, 100, BLOCK, packed.length - 1, packed.length + 1]) {
    expect([size, isWhole(resized(size))]).toEqual([size, false]);
  }
});

it('blank blocks take no room', () => {
  const snapshot = new Uint8Array(HEADER + 1000 * BLOCK);
  new Uint32Array(snapshot.buffer, 0, 2).set([1, HEADER]);
  snapshot[HEADER + 500 * BLOCK] = 1;
  expect(pack(snapshot).byteLength).toBeLessThan(2 * BLOCK);
});
