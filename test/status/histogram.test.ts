import { describe, expect, it } from 'vitest';
import { EDGES, Histogram } from '../../src/server/status/histogram.ts';

function observed(...values: number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.observe(value);
  return histogram;
}

describe('a histogram', () => {
  it('counts what lies on the upper end of a bucket in it', () => {
    const { counts } = observed(0, 0.1, 0.10001, 60_000, 60_001, Number.POSITIVE_INFINITY);
    expect([counts[0], counts[1]]).toEqual([2, 1]);
    expect([...counts.slice(-2)]).toEqual([1, 2]);
    expect(EDGES).toEqual([...EDGES].sort((a, b) => a - b));
  });

  it('spreads a bucket evenly for its quantiles', () => {
    const histogram = observed(...Array.from({ length: 100 }, () => 7));
    expect(histogram.quantile(0.5)).toBe(7.5); // between 5 and 10
    expect(histogram.quantile(1)).toBe(10);
    expect(observed(0.05).quantile(0.5)).toBe(0.05);
    expect(observed(90_000).quantile(0.5)).toBe(60_000);
    expect(observed(1, 1, 1, 700).quantile(0.5)).toBeLessThan(1);
    expect(observed(1, 1, 1, 700).quantile(0.99)).toBeGreaterThan(500);
  });

  it('has no quantiles and no mean without an observation', () => {
    expect(JSON.parse(JSON.stringify(new Histogram()))).toEqual({
      count: 0,
      mean: null,
      p50: null,
      p90: null,
      p99: null,
    });
    expect(JSON.parse(JSON.stringify(observed(1, 3)))).toMatchObject({ count: 2, mean: 2 });
  });

  it('adds another one, and tells what came since an earlier look', () => {
    const sum = observed(1, 2);
    sum.add(observed(2, 300));
    expect([sum.count, sum.sum]).toEqual([4, 305]);
    const rest = sum.since(observed(1, 2));
    expect(rest).toEqual(observed(2, 300));
  });
});
