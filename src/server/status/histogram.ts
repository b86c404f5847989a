/** Upper ends of the buckets, in milliseconds; one more bucket has no end. */
export const EDGES: readonly number[] = [
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1000, 2500, 5000, 10_000, 30_000, 60_000],
];

/** How long something took, counted by buckets: what it costs does not grow with the number of times. */
export class Histogram {
  /** By bucket. */
  readonly counts = new Float64Array(EDGES.length + 1);
  /** Milliseconds, all together. */
  sum = 0;

  observe(milliseconds: number): void {
    let bucket = 0;
    while (bucket < EDGES.length && milliseconds > EDGES[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += milliseconds;
  }

  /** Adds what another one has observed, also one that has come from another process as plain data. */
  add({ counts, sum }: Pick<Histogram, 'counts' | 'sum'>): void {
    for (let bucket = 0; bucket < counts.length; bucket++) this.counts[bucket] += counts[bucket];
    this.sum += sum;
  }

  /** What was observed since `earlier`, a copy of this one. */
  since(earlier: Histogram): Histogram {
    const rest = new Histogram();
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      rest.counts[bucket] = this.counts[bucket] - earlier.counts[bucket];
    }
    rest.sum = this.sum - earlier.sum;
    return rest;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Milliseconds that a share of all (0 to 1) took at most: as if those of a bucket were spread over it evenly. Null
   * where there are none.
   */
  quantile(share: number): number | null {
    const { counts, count } = this;
    if (count === 0) return null;
    let left = share * count;
    for (const [bucket, end] of EDGES.entries()) {
      if (left <= counts[bucket]) {
        const start = bucket === 0 ? 0 : EDGES[bucket - 1];
        return start + (left / counts[bucket]) * (end - start);
      }
      left -= counts[bucket];
    }
    return EDGES[EDGES.length - 1];
  }

  /** In milliseconds. */
  toJSON(): Summary {
    const { count, sum } = this;
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => this.quantile(share));
    return { count, mean: count === 0 ? null : sum / count, p50, p90, p99 };
  }
}

/** A histogram in a few figures, in milliseconds; null where nothing was observed. */
interface Summary {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
}
