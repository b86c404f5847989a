// Two reports from files, compared on the terminal.
import { readFileSync } from 'node:fs';
import { formatRatio, formatTable } from '../../dist/src/bench/format.js';
import { UsageError } from '../options.mjs';
import { compareReports } from './compare.mjs';

/**
 * Prints what is worse and what is better in the second report.
 *
 * @param {[string, string]} files
 * @param {number} limit percent
 * @returns {0 | 1} the exit code: 1 where something is worse by more than the limit
 * @throws UsageError for files that are no reports, or have nothing to compare
 */
export function compareFiles([before, after], limit) {
  const rows = compareReports(readReport(before), readReport(after));
  if (rows.length === 0) throw new UsageError('the two runs have no rows in common with three rounds or more');
  const order = (a, b) => b.worse - a.worse;
  for (const verdict of ['worse', 'better']) {
    const found = rows.filter((row) => row.verdict === verdict).sort(order);
    if (found.length > 0) console.log(`${verdict}:\n${tableOf(found)}\n`);
  }
  const different = rows.filter(({ verdict }) => verdict !== 'no difference').length;
  const beyond = rows.filter(({ verdict, worse }) => verdict === 'worse' && worse > limit / 100).length;
  console.log(`${different} of ${rows.length} rows differ; ${beyond} are worse by more than ${limit} %.`);
  return beyond > 0 ? 1 : 0;
}

const tableOf = (rows) =>
  formatTable(
    rows.map(({ suite, case: name, candidate, metric, factor }) => [
      `  ${suite}, ${name}`,
      candidate,
      metric.title,
      `× ${formatRatio(factor)}`,
    ]),
    'lllr',
  ).join('\n');

function readReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${error.message}`);
  }
  if (report?.format !== 1 || !Array.isArray(report.suites)) throw new UsageError(`${file}: no report of the bench`);
  return report;
}
