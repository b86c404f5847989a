/** Limits of clients, without a network: the least rate and the number of connections (L-24, L-26). */
import { describe, expect, it } from 'vitest';
import { Admission } from '../../src/server/admission.ts';
import { Pace } from '../../src/server/pace.ts';

const PERIOD = 30_000;
const TICK = 250;

/** Milliseconds of waiting until a client is too slow that has moved `bytesAt(time)` bytes; -1: not in an hour. */
function slowAfter(bytesAt: (time: number) => number, rate = 240): number {
  const pace = new Pace(0);
  for (let time = TICK; time <= 3_600_000; time += TICK) {
    if (pace.isSlow(TICK, bytesAt(time), PERIOD, rate)) return time;
  }
  return -1;
}

describe('the least rate', () => {
  it('L-24 counts bytes, not events', () => {
    expect(slowAfter((time) => time / 1000)).toBe(PERIOD);
    expect(slowAfter((time) => (time / 1000) * 239)).toBe(PERIOD);
    expect(slowAfter((time) => (time / 1000) * 240)).toBe(-1);
    expect(slowAfter((time) => time * 1000)).toBe(-1);
  });

  it('L-24 is to be kept up: nothing is saved for later', () => {
    expect(slowAfter((time) => 1e9 + time / 1000)).toBe(2 * PERIOD);
  });

  it('L-24 lets a client pause for less than the time', () => {
    expect(slowAfter((time) => Math.floor(time / 29_000) * 29 * 300)).toBe(-1);
  });
});

describe('connections', () => {
  it('L-26 are served up to the limit, told beyond it, and closed where too many would be told', () => {
    const admission = new Admission(2, 0);
    expect([admission.enter('a'), admission.enter('a')]).toEqual(['', '']);
    const refusals = Array.from({ length: 256 }, () => admission.enter('b'));
    expect(new Set(refusals)).toEqual(new Set(['too many connections']));
    expect([admission.isFull, admission.enter('c')]).toEqual([true, null]);
    admission.leave('b', 'too many connections');
    expect(admission.isFull).toBe(false);
    expect(admission.enter('c')).toBe('too many connections');
    admission.leave('a', '');
    expect([admission.isFull, admission.enter('c'), admission.isFull]).toEqual([false, '', true]);
  });

  it('L-26 of one address are counted by themselves, and those of Unix sockets are not', () => {
    const admission = new Admission(100, 1);
    expect(['a', 'b', 'a', '', ''].map((address) => admission.enter(address))).toEqual([
      '',
      '',
      'too many connections from this address',
      '',
      '',
    ]);
    admission.leave('a', 'too many connections from this address');
    expect(admission.enter('a')).not.toBe('');
    admission.leave('a', '');
    expect(admission.enter('a')).toBe('');
  });
});
