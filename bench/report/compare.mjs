// What differs between two runs.
//
// A row is one metric of a candidate in a case. What is compared is its ratio to the base of the same round, where
// there is a base: a machine that was slower that day was so for both. Samples are taken as logarithms, so that a
// change is a factor. A base that is a peer has no rows: what it changes by is the machine. A row is called different
// where all of this holds:
//
// - Welch's test says so. A rank test cannot: of seven rounds against seven, even samples that lie wholly apart come by
//   chance once in 1,700 times, and a run has thousands of rows.
// - No row is taken to be quieter than half of the rows of its suite and metric: a few rounds that happen to agree say
//   nothing of how those of another run would.
// - The false discovery rate is held at 0.05 over all rows (Benjamini and Hochberg): of what is called different, one
//   in twenty is by chance, and where nothing differs anything is called so in one of twenty comparisons.
// - It is beyond what the runs do to everybody. Rounds of one run resemble each other more than those of another day:
//   how much more is seen by the peers, which are the same programs in both. Half of their changes, beyond what their
//   own rounds explain, is the spread between runs, which is added to the spread of every row of that metric.
// - It is 2 % at least: less decides nothing.
import { median, ratiosTo } from '../../dist/src/bench/statistics.js';
import { isOurs, LOAD_METRIC, valuesOf } from '../../dist/src/bench/summary.js';
import { welch } from './welch.mjs';

/** A variance needs some samples. */
const LEAST_ROUNDS = 3;
const LEAST_CHANGE = 0.02;
const FALSE_DISCOVERIES = 0.05;
/** So many peers are needed to say what a run does to everybody. */
const LEAST_PEERS = 8;
/** The median of the square of a standard normal variable. */
const MEDIAN_SQUARE = 0.455;

/**
 * @typedef {object} Change
 * @property {string} suite
 * @property {string} case
 * @property {string} candidate
 * @property {import('../../dist/src/bench/suite.js').Metric} metric
 * @property {number} factor the second run by the first
 * @property {'better' | 'worse' | 'no difference'} verdict
 * @property {number} worse by how much it is worse, as a part of what it was: 0.1 for a tenth more, of what should be
 *   less; negative where it is better
 */

/**
 * @param {object} before a report
 * @param {object} after a report
 * @returns {Change[]} every row that both runs have with rounds enough
 */
export function compareReports(before, after) {
  const found = rowsOf(after);
  const rows = [];
  for (const [key, first] of rowsOf(before)) {
    const second = found.get(key);
    if (second === undefined) continue;
    if (Math.min(first.samples.length, second.samples.length) < LEAST_ROUNDS) continue;
    rows.push({ ...first, ...welch(first.samples, second.samples) });
  }
  const usual = perGroup(rows, usualVariance, ({ suite, metric }) => `${suite} ${metric.key}`);
  const peers = rows.filter(({ candidate }) => !isOurs(candidate));
  const betweenRuns = perGroup(peers, spreadBetweenRuns, ({ metric }) => metric.key);
  const tested = rows.map((row) => {
    const more = Math.max(0, usual(row) - row.variance) + (betweenRuns(row) ?? 0); // there may be no peers
    return { ...row, chance: row.chanceWith(more) };
  });
  const limit = discoveryLimit(tested.map(({ chance }) => chance));
  return tested.map(({ suite, case: name, candidate, metric, change, chance }) => {
    const factor = Math.exp(change);
    const worse = metric.better === 'lower' ? factor - 1 : 1 / factor - 1;
    const different = chance <= limit && Math.abs(factor - 1) >= LEAST_CHANGE;
    const verdict = !different ? 'no difference' : worse > 0 ? 'worse' : 'better';
    return { suite, case: name, candidate, metric, factor, verdict, worse };
  });
}

/** All rows of a report by what they are of, with the logarithms of their samples. */
function rowsOf({ suites }) {
  const rows = new Map();
  for (const { suite, base, metrics, cases } of suites) {
    for (const { case: name, series } of cases) {
      const ofBase = series.find(({ candidate }) => candidate === base)?.samples;
      for (const { candidate, samples } of series) {
        if (candidate === base && !isOurs(candidate)) continue;
        for (const metric of metrics.filter(({ key }) => key !== LOAD_METRIC)) {
          const values = valuesOf(samples, metric);
          const relative = ofBase !== undefined && candidate !== base;
          const compared = relative ? ratiosTo(valuesOf(ofBase, metric), values) : values;
          const logarithms = compared.filter((value) => value > 0).map(Math.log);
          const key = JSON.stringify([suite, name, candidate, metric.key, relative]);
          rows.set(key, { suite, case: name, candidate, metric, relative, samples: logarithms });
        }
      }
    }
  }
  return rows;
}

const usualVariance = (rows) => median(rows.map(({ variance }) => variance));

/** The variance of what a run does to a row beyond what its rounds explain, as the rows of peers tell it. */
function spreadBetweenRuns(rows) {
  if (rows.length < LEAST_PEERS) return 0;
  return Math.max(0, median(rows.map(({ change }) => change ** 2)) / MEDIAN_SQUARE - usualVariance(rows));
}

/** A function of rows that gives what `figure` says of all rows of the same key; nothing where there are none. */
function perGroup(rows, figure, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  const figures = new Map([...groups].map(([key, group]) => [key, figure(group)]));
  return (row) => figures.get(keyOf(row));
}

/** The greatest chance that is still a discovery (Benjamini and Hochberg); less than any where there is none. */
function discoveryLimit(chances) {
  const sorted = chances.toSorted((a, b) => a - b);
  const last = sorted.findLastIndex((chance, index) => chance <= (FALSE_DISCOVERIES * (index + 1)) / sorted.length);
  return last < 0 ? -1 : sorted[last];
}
