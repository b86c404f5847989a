import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StartDelay } from '../../src/pool/start-delay.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('G-147 the delay before a start', () => {
  it('grows with each one that fails in a row, to ten seconds', () => {
    const delay = new StartDelay();
    expect(delay.left).toBe(0);
    const delays = Array.from({ length: 9 }, () => {
      delay.failed();
      const { left } = delay;
      vi.advanceTimersByTime(left);
      expect(delay.left).toBe(0);
      return left;
    });
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  it('is the first one again behind a time without failures, and none when it is reset', () => {
    const delay = new StartDelay();
    for (let i = 0; i < 3; i++) {
      delay.failed();
      vi.advanceTimersByTime(delay.left);
    }
    vi.advanceTimersByTime(10_001);
    const failure = new Error('not yet');
    delay.failed(failure);
    expect([delay.left, delay.failure]).toEqual([100, failure]);
    delay.reset();
    expect([delay.left, delay.failure]).toEqual([0, null]);
    delay.failed();
    expect(delay.left).toBe(100);
  });

  it('counts starts that were made together, and have failed, once', () => {
    const delay = new StartDelay();
    for (let i = 0; i < 4; i++) delay.failed();
    expect(delay.left).toBe(100);
    vi.advanceTimersByTime(100);
    delay.failed();
    expect(delay.left).toBe(200);
  });
});
