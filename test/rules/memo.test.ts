import { describe, expect, it } from 'vitest';
import { copyOf, Memo } from '../../src/rules/memo.ts';

describe('a memo', () => {
  it('gives what was kept, also what is nothing', () => {
    const memo = new Memo<number | null>();
    expect(memo.get('a')).toBeUndefined();
    expect(memo.keep('a', 1)).toBe(1);
    expect(memo.keep('b', null)).toBe(null);
    expect(memo.get('a')).toBe(1);
    expect(memo.get('b')).toBe(null);
  });

  it('does not keep long texts', () => {
    const memo = new Memo<number>();
    expect(memo.keep('a'.repeat(257), 1)).toBe(1);
    expect(memo.get('a'.repeat(257))).toBeUndefined();
    memo.keep('a'.repeat(256), 2);
    expect(memo.get('a'.repeat(256))).toBe(2);
  });

  it('begins afresh when it is full', () => {
    const memo = new Memo<number>(2);
    for (const [i, text] of ['a', 'b', 'c'].entries()) memo.keep(text, i);
    expect(['a', 'b', 'c'].map((text) => memo.get(text))).toEqual([undefined, undefined, 2]);
  });
});

it('a copy of a native string has the same units', () => {
  const native = String.fromCharCode(...Array(256).keys());
  expect(copyOf(native)).toBe(native);
});
