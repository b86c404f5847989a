import { describe, expect, it } from 'vitest';
import { BlockPool } from '../../src/protocols/block-pool.ts';

describe('a pool of blocks', () => {
  it('gives a block again that was given back, and none that is in use', () => {
    const pool = new BlockPool(1024, 4);
    const first = pool.take(10);
    const second = pool.take(1024);
    expect([first.length, second.length, second === first]).toEqual([1024, 1024, false]);
    pool.giveBack(first);
    expect(pool.take(20)).toBe(first);
    expect(pool.take(20)).not.toBe(first);
  });

  it('gives as much memory as is asked for when all blocks are in use, and does not keep it', () => {
    const pool = new BlockPool(1024, 2);
    const blocks = [pool.take(1), pool.take(1)];
    const [more, whole] = [pool.take(10), pool.take(1024)];
    expect([more.length, whole.length]).toEqual([10, 1024]);
    for (const each of [more, ...blocks, whole]) pool.giveBack(each);
    const again = [pool.take(1), pool.take(1), pool.take(1)];
    expect(again.map(({ length }) => length)).toEqual([1024, 1024, 1]);
    expect(blocks).toContain(again[0]);
    expect(blocks).toContain(again[1]);
  });
});
