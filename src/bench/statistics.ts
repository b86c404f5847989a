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
  /** The probability with which the interval covers the true median. */
  readonly confidence: number;
}

/** The least confidence of an interval that is believed. */
const CONFIDENCE = 0.9;

/**
 * The median with the narrowest interval between two order statistics that covers the true median with a probability of
 * 0.9 or more (the sign test, turned around). Fewer than five samples cannot give that: then it is all of them, and the
 * confidence is less.
 *
 * @throws RangeError for no values
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // The true median lies below the k-th smallest sample with the probability of fewer than k heads in `count` throws.
  let skipped = 0;
  let term = -count * Math.LN2;
  let tail = Math.exp(term);
  while (true) {
    term += Math.log((count - skipped) / (skipped + 1));
    const next = tail + Math.exp(term);
    if (1 - 2 * next < CONFIDENCE) break;
    tail = next;
    skipped++;
  }
  return { median: median(values), low: sorted[skipped], high: sorted[count - 1 - skipped], confidence: 1 - 2 * tail };
}

/** A figure of each round; absent where it could not be measured. */
export type Values = readonly (number | undefined)[];

/**
 * How many times as much as `base` the values are, round by round: each is compared with the value of the same round,
 * since a machine that drifts drifts for both. Rounds in which one of them is absent are left out.
 */
export function ratiosTo(base: Values, values: Values): number[] {
  return values.flatMap((value, round) => {
    const reference = base[round];
    return value === undefined || reference === undefined || reference === 0 ? [] : [value / reference];
  });
}

/** Whether there are rounds enough for an interval that is believed. */
export function isTrusted({ confidence }: Estimate): boolean {
  return confidence >= CONFIDENCE;
}

/** Whether a ratio tells a difference: its interval is believed, and does not hold 1. */
export function differs(ratio: Estimate): boolean {
  return isTrusted(ratio) && (ratio.low > 1 || ratio.high < 1);
}
