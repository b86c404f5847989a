/** Figures and tables as text. */
import type { Estimate } from './statistics.ts';
import type { Figure } from './summary.ts';

const THREE_DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const SHARP = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Three significant digits, which is more than most measurements give; thousands apart. */
export const formatNumber = (value: number): string => THREE_DIGITS.format(value);

/** A ratio such as `0.53`, `12.4` or `110`. */
export const formatRatio = (value: number): string => (value < 10 ? SHARP : THREE_DIGITS).format(value);

/** The least and the most, such as `0.51–0.56`. */
export const formatInterval = ({ low, high }: Estimate, format = formatRatio): string =>
  `${format(low)}–${format(high)}`;

/** What is said of a ratio: the interval, and the verdict. */
export const formatVerdict = ({ ratio, verdict }: Figure): string => {
  if (ratio === undefined) return '';
  return verdict === 'base' ? 'base' : `${formatInterval(ratio)}, ${verdict}`;
};

/**
 * Rows as lines, their columns as wide as they need to be.
 *
 * @param align `l` or `r` for each column
 */
export function formatTable(rows: readonly (readonly string[])[], align: string): string[] {
  const widths = Array.from(align, (_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (align[column] === 'l' ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}
