/** What the samples of a few rounds say, without any assumption about how they are distributed. */

/** @throws RangeError for no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A median, and the interval in which the true median lies. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The least confidence of an interval; five samples, taken whole, give 0.94. */
const CONFIDENCE = 0.9;

/**
 * The median with the narrowest interval between two order statistics that covers the true median with a probability of
 * 0.9 or more (the sign test, turned around). Fewer than five samples cannot give that: then it is all of them.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // The true median lies below the k-th smallest sample with the probability of fewer than k heads in `count` throws.
  let skipped = 0;
  let tail = 0;
  let term = 0.5 ** count;
  while (2 * (tail + term) <= 1 - CONFIDENCE) {
    tail += term;
    term *= (count - skipped) / (skipped + 1);
    skipped++;
  }
  const first = Math.max(skipped - 1, 0);
  return { median: median(values), low: sorted[first], high: sorted[count - 1 - first] };
}

/**
 * How many times as much as `base` the values are: each is compared with the value of the same round, since a machine
 * that drifts drifts for both.
 */
export function ratioTo(base: readonly number[], values: readonly number[]): Estimate {
  return estimate(values.map((value, round) => value / base[round]));
}

/** Whether a ratio tells a difference: its interval does not hold 1. */
export function differs({ low, high }: Estimate): boolean {
  return low > 1 || high < 1;
}
