/** What lets a worker be replaced, and a server give up: counted without a thread. */
import { describe, expect, it } from 'vitest';
import { Deaths } from '../../src/server/deaths.ts';
import { WorkerAllowance } from '../../src/server/worker-allowance.ts';

const never = { maxRequests: 0, maxRequestsJitter: 0, recycleAge: 0, recycleMemory: 0 };

describe('the allowance of a worker', () => {
  it('L-30 without settings is never spent', () => {
    const allowance = new WorkerAllowance(never);
    allowance.begin(0);
    expect(allowance.spent(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(null);
  });

  it('L-16 is a number of requests, and some more at random', () => {
    const least = Array.from({ length: 200 }, () => {
      const allowance = new WorkerAllowance({ ...never, maxRequests: 10, maxRequestsJitter: 5 });
      allowance.begin(0);
      let served = 0;
      while (allowance.spent(served, 0) === null) served++;
      return served;
    });
    expect([...new Set(least)].sort()).toEqual([10, 11, 12, 13, 14, 15]);
  });

  it('L-30 is an age, and up to a tenth of it at random', () => {
    const spent = Array.from({ length: 200 }, () => {
      const allowance = new WorkerAllowance({ ...never, recycleAge: 1000 });
      allowance.begin(5000);
      expect([allowance.spent(0, 5999), allowance.spent(0, 6100)?.words]).toEqual([null, 'after 1 s']);
      return allowance.spent(0, 6050) !== null;
    });
    expect(new Set(spent)).toEqual(new Set([true, false]));
  });

  it('L-30 is memory, and as much again where no successor starts', () => {
    const allowance = new WorkerAllowance({ ...never, maxRequests: 10, recycleAge: 1000, recycleMemory: 2 ** 20 });
    allowance.begin(0);
    allowance.memory = 3 * 2 ** 20;
    expect(allowance.spent(9, 999)).toEqual({ cause: 'memory', words: 'with 3 MiB of memory' });
    expect(allowance.spent(10, 1100)?.cause).toBe('requests');
    allowance.renew(10, 1100);
    expect([allowance.spent(19, 2099), allowance.spent(20, 0)?.cause, allowance.spent(0, 2200)?.words]).toEqual([
      ...[null, 'requests', 'after 2 s'],
    ]);
  });
});

describe('deaths', () => {
  it('L-32 are too many when so many came within the time', () => {
    const deaths = new Deaths(3, 1000);
    expect([0, 500, 1000, 1499, 1500, 5000, 5999, 6000].map((time) => deaths.note(time))).toEqual([
      ...[false, false, false, true, true, false, false, false],
    ]);
  });

  it('L-32 are never too many by default', () => {
    const deaths = new Deaths(0, 1000);
    expect(Array.from({ length: 100 }, () => deaths.note(0))).not.toContain(true);
  });
});
