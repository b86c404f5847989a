/** What the figures of a bench say: which way serves best at which load. */
import { type Estimate, estimate, median, ratiosTo } from '../../bench/statistics.ts';
import type { SuiteResult } from '../../bench/suite.ts';
import { LOAD_LIMIT } from '../../bench/summary.ts';

/** A way that takes more threads has to serve so many times as many requests as a simpler one. */
const WORTHWHILE = 1.05;

/** One way at one load. */
export interface Row {
  readonly way: string;
  /** Requests a second. */
  readonly rate: Estimate;
  /** How many times as many requests as the best way; null for that itself. */
  readonly ratio: Estimate | null;
  /** Milliseconds; undefined where the load generator cannot tell. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** CPU microseconds for a request. */
  readonly cpu: number;
  /** Bytes, in MB. */
  readonly memory: number;
  /** Cores that the load took. */
  readonly load: number | undefined;
}

export interface CaseVerdict {
  readonly case: string;
  readonly best: Row;
  readonly rows: readonly Row[];
  /** Whether the load generator was at its limit in any way. */
  readonly loadAtLimit: boolean;
  /** Whether the best way and the load together kept all cores busy. */
  readonly coresBusy: boolean;
}

/** The samples of one metric, one a round. */
function valuesOf(result: SuiteResult, caseName: string, way: string, key: string): number[] {
  const samples = result.cases
    .find((one) => one.case === caseName)
    ?.series.find(({ candidate }) => candidate === way)?.samples;
  return (samples ?? []).map((sample) => sample[key]).filter((value) => value !== undefined);
}

/**
 * The best way at a load: the simplest one that no other serves clearly more requests than.
 *
 * @param ways the simplest first
 */
export function judge(result: SuiteResult, caseName: string, ways: readonly string[], cores: number): CaseVerdict {
  const rates = (way: string) => valuesOf(result, caseName, way, 'rate');
  const ratio = (base: string, way: string) => estimate(ratiosTo(rates(base), rates(way)));
  let best = ways[0];
  for (const way of ways) if (ratio(best, way).low > WORTHWHILE) best = way;
  const rows = ways.map((way): Row => {
    const of = (key: string) => {
      const values = valuesOf(result, caseName, way, key);
      return values.length === 0 ? undefined : median(values);
    };
    return {
      way,
      rate: estimate(rates(way)),
      ratio: way === best ? null : ratio(best, way),
      p50: of('p50'),
      p99: of('p99'),
      cpu: of('cpu') ?? Number.NaN,
      memory: of('memory') ?? Number.NaN,
      load: of('load'),
    };
  });
  const bestRow = rows[ways.indexOf(best)];
  return {
    case: caseName,
    best: bestRow,
    rows,
    loadAtLimit: rows.some(({ load = 0 }) => load >= LOAD_LIMIT),
    coresBusy: (bestRow.cpu * bestRow.rate.median) / 1e6 + (bestRow.load ?? 0) >= LOAD_LIMIT * cores,
  };
}

/** Microseconds that a request takes longer in one way than in another, of the same round, with one connection. */
export function longer(result: SuiteResult, caseName: string, way: string, other: string): Estimate {
  const times = (name: string) => valuesOf(result, caseName, name, 'rate').map((rate) => 1e6 / rate);
  const others = times(other);
  return estimate(times(way).map((time, round) => time - others[round]));
}
