import { describe, expect, it } from 'vitest';
import { copyBytes, copyOfPart, partOf } from '../../src/rules/bytes.ts';

const MOST = 2048;
const SIZES = [0, 1, 7, 8, 64, 65, 511, 512, 513, 1500, MOST];
const OFFSETS = [0, 1, 3, 8, 13];
const ROOM = MOST + 64;

const memories = {
  private: () => new Uint8Array(ROOM),
  shared: () => new Uint8Array(new SharedArrayBuffer(ROOM)),
};

/** Bytes of which no two that follow each other are alike, and none is 0. */
function numbered(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = 1 + (i % 251);
}

describe.each(Object.entries(memories))('from %s memory', (_, source) => {
  it.each(Object.entries(memories))('copies to %s memory what is asked for, and nothing beside it', (_, target) => {
    for (const size of SIZES) {
      for (const from of OFFSETS) {
        for (const at of OFFSETS) {
          const [bytes, copy] = [source(), target()];
          numbered(bytes);
          copyBytes(copy, at, bytes, from, from + size);
          const expected = new Uint8Array(ROOM);
          for (let i = 0; i < size; i++) expected[at + i] = bytes[from + i];
          if (Buffer.compare(copy, expected) !== 0) expect.fail(`${size} bytes from ${from} to ${at}`);
        }
      }
    }
  });
});

it.each([0, 1, 100, 511, 512, 1000])('copies %i bytes within one memory', (size) => {
  const bytes = memories.shared();
  numbered(bytes);
  const expected = Uint8Array.from(bytes);
  expected.set(expected.slice(3, 3 + size), 1027);
  copyBytes(bytes, 1027, bytes, 3, 3 + size);
  expect(Buffer.compare(bytes, expected)).toBe(0);
});

it('copies all of a source by default, from where its view begins', () => {
  const bytes = memories.private();
  numbered(bytes);
  const copy = memories.shared();
  copyBytes(copy, 5, bytes.subarray(10, 1010));
  expect(Buffer.compare(copy.slice(5, 1005), bytes.slice(10, 1010))).toBe(0);
});

it.each([8, 64, 65, 511, 512])('copies %i bytes of a source that has more by now, and no more', (size) => {
  const Growable = SharedArrayBuffer as unknown as new (
    size: number,
    options: { maxByteLength: number },
  ) => SharedArrayBuffer & { grow(size: number): void };
  const memory = new Growable(size, { maxByteLength: 2 * size });
  const source = new Uint8Array(memory); // as long as its memory
  source.fill(1);
  memory.grow(2 * size);
  source.fill(1);
  const copy = new Uint8Array(ROOM);
  copyBytes(copy, 3, source, 0, size);
  expect(copy.lastIndexOf(1)).toBe(2 + size);
  expect(copyOfPart(source, 0, size)).toEqual(new Uint8Array(size).fill(1));
  expect(partOf(source, 0, size)).toHaveLength(size);
});

it('refuses what does not fit', () => {
  expect(() => copyBytes(new Uint8Array(600), 1, new Uint8Array(600))).toThrow(RangeError);
  expect(() => copyBytes(new Uint8Array(10), 1, new Uint8Array(10))).toThrow(RangeError);
  const within = new Uint8Array(1000);
  expect(() => copyBytes(within, 901, within, 0, 100)).toThrow(RangeError);
  expect(() => copyBytes(within, 0, within, 901, 1001)).toThrow(RangeError);
});
