/** What the samples of a suite say: each figure with its interval, and as a ratio to the base with a verdict. */
import { differs, type Estimate, estimate, isTrusted, median, ratiosTo, type Values } from './statistics.ts';
import type { CaseResult, Metric, Sample, Series, SuiteResult } from './suite.ts';

type Verdict = 'base' | 'better' | 'worse' | 'no difference' | 'too few rounds';

/** One metric of a candidate in a case. */
export interface Figure {
  readonly metric: Metric;
  readonly value: Estimate;
  /** To the base, round by round; absent where the base has no such figure. */
  readonly ratio?: Estimate;
  readonly verdict?: Verdict;
}

interface CandidateSummary {
  readonly candidate: string;
  /** By the keys of the metrics, those that were measured. */
  readonly figures: ReadonlyMap<string, Figure>;
  /** Whether the load generator was the bottleneck: the candidate could have done more. */
  readonly loadBound: boolean;
}

interface CaseSummary {
  readonly case: string;
  /** In the order of the suite. */
  readonly candidates: readonly CandidateSummary[];
  readonly cannot: Readonly<Record<string, string>>;
}

/** The metric that tells how much of a core the load itself took, where load is put on a server. */
export const LOAD_METRIC = 'load';
/** Cores: generators have one thread, and one that is busy for most of the time keeps its server waiting. */
export const LOAD_LIMIT = 0.9;

export const valuesOf = (samples: readonly Sample[], { key }: Metric): Values => samples.map((sample) => sample[key]);

/** Whether a candidate is Quaich, or runs on it. */
export const isOurs = (candidate: string): boolean => /quaich/i.test(candidate);

export function summarize({ cases, metrics, base }: SuiteResult): CaseSummary[] {
  return cases.map((one) => ({
    case: one.case,
    cannot: one.cannot,
    candidates: one.series.map((series) => summarizeSeries(series, one, metrics, base)),
  }));
}

function summarizeSeries(
  { candidate, samples }: Series,
  { series }: CaseResult,
  metrics: readonly Metric[],
  base: string,
): CandidateSummary {
  const ofBase = series.find((other) => other.candidate === base)?.samples ?? [];
  const figures = new Map<string, Figure>();
  for (const metric of metrics) {
    const values = valuesOf(samples, metric);
    const measured = values.filter((value) => value !== undefined);
    if (measured.length === 0) continue;
    const ratios = ratiosTo(valuesOf(ofBase, metric), values);
    const ratio = ratios.length === 0 ? undefined : estimate(ratios);
    const verdict = ratio && (candidate === base ? 'base' : verdictOf(ratio, metric));
    figures.set(metric.key, { metric, value: estimate(measured), ratio, verdict });
  }
  const load = samples.flatMap((sample) => sample[LOAD_METRIC] ?? []);
  return { candidate, figures, loadBound: load.length > 0 && median(load) >= LOAD_LIMIT };
}

function verdictOf(ratio: Estimate, { better }: Metric): Verdict {
  if (!isTrusted(ratio)) return 'too few rounds';
  if (!differs(ratio)) return 'no difference';
  return ratio.median < 1 === (better === 'lower') ? 'better' : 'worse';
}
