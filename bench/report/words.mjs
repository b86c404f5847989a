// What a report says besides its figures, the same in Markdown, HTML and on a terminal.

import { formatNumber, formatRatio } from '../../dist/src/bench/format.js';
import { isTrusted } from '../../dist/src/bench/statistics.js';
import { LOAD_METRIC } from '../../dist/src/bench/summary.js';

const GIB = 2 ** 30;

/** `name: value` of how and where a run took place. */
export function factsOf({ date, quaich, commit, changed, machine, options }) {
  const { rounds, seconds, generator } = options;
  return [
    ['Quaich', [quaich, commit.slice(0, 12), changed ? 'with changes' : ''].filter((part) => part !== '').join(', ')],
    ['date', date.slice(0, 16).replace('T', ' ')],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memory / GIB)} GiB, ${machine.system}`],
    ['Node', machine.node],
    ['busy before it began', `${machine.busy.toFixed(1)} processes`],
    ['rounds', `${rounds} of ${seconds} s${options.size === 'full' ? '' : `, ${options.size}`}`],
    ['load', generator],
  ];
}

/** How to read the figures; a sentence each. */
export const READING = [
  'Every round starts everybody as a new process, in a new order. A figure is the median of the rounds.',
  'A ratio compares a candidate with the base of its suite within the same round; the interval is where its true ' +
    'median lies with a confidence of 0.9 or more. Where the interval holds 1 the row says "no difference" (≈). Of ' +
    'twenty rows without any difference, one or two are shown with one all the same: the interval is for one row.',
  'CPU time is that of the whole process tree, system time included, by answered request.',
  'Latencies come from a closed loop: a connection sends its next request when the last one is answered, so that what ' +
    'would have waited while a server stalls is left out (coordinated omission). They compare servers under the same ' +
    'number of connections, and say nothing about a load that comes regardless.',
  '† marks rows where the load generator was the bottleneck (0.9 of a core or more): the candidate could have done ' +
    'more, and its throughput and latencies are those of the load; CPU time is what to compare there.',
];

export const LOAD_BOUND = '†';

/** A ratio with its marks, such as `1.04 ≈ †`; the value where there is no base. */
export function ratioText({ value, ratio, verdict }, loadBound) {
  const load = loadBound ? ` ${LOAD_BOUND}` : '';
  if (ratio === undefined) return formatNumber(value.median) + load;
  const mark = verdict === 'no difference' ? ' ≈' : isTrusted(ratio) ? '' : ' ?';
  return formatRatio(ratio.median) + mark + load;
}

/** What a suite compares, in a line. */
export function aboutSuite({ metrics, base, cases }) {
  const [{ title, unit, better }] = metrics;
  const hasBase = cases.some(({ series }) => series.some(({ candidate }) => candidate === base));
  return `${title} (${unit})${hasBase ? ` as a multiple of ${base}` : ''}; ${better} is better.`;
}

/** Of few rounds no interval can be believed. */
export const tooFew = ({ options }) =>
  options.rounds < 5
    ? `Only ${options.rounds} ${options.rounds === 1 ? 'round' : 'rounds'}: an overview. No difference can be told from chance with fewer than 5 (?).`
    : undefined;

/** Figures that are shown: not how busy the load was, which is told by a mark. */
export const shownMetrics = ({ metrics }) => metrics.filter(({ key }) => key !== LOAD_METRIC);
