/** The statistics against known samples, and against simulated ones whose truth is known. */
import { describe, expect, it } from 'vitest';
import { differs, estimate, isTrusted, median, ratiosTo } from '../../src/bench/statistics.ts';
import { normal, randomFrom } from './sample-report.ts';

it('the median is the middle one, or between the two in the middle', () => {
  expect(median([3, 1, 10])).toBe(3);
  expect(median([4, 1, 3, 10])).toBe(3.5);
  expect(median([7])).toBe(7);
  expect(() => median([])).toThrow(RangeError);
});

describe('the interval of a median', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => count - index);

  it('lies between the order statistics of the tables, with the confidence that they have', () => {
    // Ranks and confidence from the binomial distribution: of 1, 2, 3 ... the rank is the value.
    const known: [count: number, low: number, high: number, confidence: number][] = [
      ...([
        [1, 1, 1, 0],
        [2, 1, 2, 0.5],
        [3, 1, 3, 0.75],
        [4, 1, 4, 0.875],
      ] as [number, number, number, number][]),
      ...([
        [5, 1, 5, 0.9375],
        [6, 1, 6, 0.9688],
        [7, 1, 7, 0.9844],
      ] as [number, number, number, number][]),
      ...([
        [8, 2, 7, 0.9297],
        [9, 2, 8, 0.9609],
        [10, 2, 9, 0.9785],
      ] as [number, number, number, number][]),
      ...([
        [11, 3, 9, 0.9346],
        [20, 6, 15, 0.9586],
        [25, 8, 18, 0.9567],
      ] as [number, number, number, number][]),
    ];
    for (const [count, low, high, confidence] of known) {
      const found = estimate(upTo(count));
      expect({ count, low: found.low, high: found.high }).toEqual({ count, low, high });
      expect(found.confidence).toBeCloseTo(confidence, 4);
    }
  });

  it('ends also with thousands of samples', () => {
    const { low, high, confidence } = estimate(upTo(5000));
    expect([low, high]).toEqual([2442, 2559]);
    expect(confidence).toBeCloseTo(0.9, 2);
  });

  it('holds the true median as often as it says', () => {
    const random = randomFrom(1);
    for (const count of [5, 7, 8, 11]) {
      const trials = 4000;
      let held = 0;
      let confidence = 0;
      for (let trial = 0; trial < trials; trial++) {
        const found = estimate(
          Array.from({ length: count }, () => Math.exp(normal(random)) * (random() < 0.5 ? 1 : -1)),
        );
        if (found.low <= 0 && found.high >= 0) held++;
        confidence = found.confidence;
      }
      expect(held / trials).toBeGreaterThan(confidence - 0.02);
      expect(held / trials).toBeLessThan(confidence + 0.02);
    }
  });
});

describe('a ratio to the base', () => {
  it('is taken round by round, where both have a value', () => {
    expect(ratiosTo([2, 4, undefined, 8, 0], [1, 4, 3, undefined, 5])).toEqual([0.5, 1]);
  });

  it('cancels a machine that drifts', () => {
    const base = [10, 20, 30, 40, 50];
    const ratio = estimate(
      ratiosTo(
        base,
        base.map((value) => value * 1.1),
      ),
    );
    expect(ratio.low).toBeCloseTo(1.1);
    expect(ratio.high).toBeCloseTo(1.1);
  });

  it('tells a difference where its interval leaves out 1, and rounds are enough', () => {
    expect(differs(estimate([1.1, 1.2, 1.05, 1.3, 1.2]))).toBe(true);
    expect(differs(estimate([0.9, 0.8, 0.95, 0.7, 0.9]))).toBe(true);
    expect(differs(estimate([1.1, 1.2, 0.99, 1.3, 1.2]))).toBe(false);
    expect(differs(estimate([1, 1.2, 1.1, 1.3, 1.2]))).toBe(false);
    const four = estimate([1.1, 1.2, 1.05, 1.3]);
    expect([isTrusted(four), differs(four)]).toEqual([false, false]);
  });
});
