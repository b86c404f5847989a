// A report as Markdown.
import { formatInterval, formatNumber } from '../../dist/src/bench/format.js';
import { isOurs, summarize } from '../../dist/src/bench/summary.js';
import { aboutSuite, factsOf, LOAD_BOUND, READING, ratioText, shownMetrics, tooFew } from './words.mjs';

/** @returns {string} */
export function toMarkdown(report) {
  const leftOut = Object.entries(report.leftOut);
  const few = tooFew(report);
  return `${[
    '# Quaich, compared',
    table([['', ''], ...factsOf(report)]),
    ...(few === undefined ? [] : [few]),
    'Versions: ' +
      Object.entries(report.versions)
        .map(([name, version]) => `${inline(name)} ${inline(version)}`)
        .join(', ') +
      '.',
    ...(leftOut.length === 0
      ? []
      : [`Left out: ${leftOut.map(([name, why]) => `${inline(name)} (${inline(why)})`).join(', ')}.`]),
    READING.map((sentence) => `- ${sentence}`).join('\n'),
    ...report.suites.flatMap(suiteParts),
  ].join('\n\n')}\n`;
}

function suiteParts(suite) {
  const cases = summarize(suite);
  return [
    `## ${inline(suite.title)}`,
    aboutSuite(suite),
    ...suite.notes.map(inline),
    ratioTable(suite, cases),
    ...cases.flatMap((one) => [`### ${inline(one.case)}`, figureTable(suite, one)]),
  ];
}

/** The deciding metric: a row for each case, a column for each candidate. */
function ratioTable({ metrics }, cases) {
  const names = namesOf(cases);
  const cell = (one, name) => {
    const found = one.candidates.find(({ candidate }) => candidate === name);
    const figure = found?.figures.get(metrics[0].key);
    return figure === undefined ? '–' : ratioText(figure, found.loadBound);
  };
  return table([
    ['', ...names.map(named)],
    ...cases.map((one) => [inline(one.case), ...names.map((name) => cell(one, name))]),
  ]);
}

/** All metrics of a case: a row for each candidate. */
function figureTable(suite, { candidates, cannot }) {
  const metrics = shownMetrics(suite);
  const cell = (figure) =>
    figure === undefined ? '–' : `${formatNumber(figure.value.median)} (${formatInterval(figure.value, formatNumber)})`;
  return table([
    ['', ...metrics.map(({ title, unit }) => inline(`${title}, ${unit}`))],
    ...candidates.map(({ candidate, figures, loadBound }) => [
      named(candidate) + (loadBound ? ` ${LOAD_BOUND}` : ''),
      ...metrics.map(({ key }) => cell(figures.get(key))),
    ]),
    ...Object.entries(cannot).map(([name, why]) => [named(name), inline(why), ...metrics.slice(1).map(() => '')]),
  ]);
}

/** All candidates that appear in a case, in the order of the suite. */
export const namesOf = (cases) => [
  ...new Set(
    cases.flatMap(({ candidates, cannot }) => [
      ...candidates.map(({ candidate }) => candidate),
      ...Object.keys(cannot),
    ]),
  ),
];

const named = (candidate) => (isOurs(candidate) ? `**${inline(candidate)}**` : inline(candidate));

const inline = (text) =>
  String(text)
    .replaceAll(/[\\`*_{}[\]<>|#]/g, '\\$&')
    .replaceAll(/\s+/g, ' ');

function table([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
