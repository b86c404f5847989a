/** The figures of a bench as text for a terminal: a table for each load, then what they say. */
import { differs, type Estimate } from '../../bench/statistics.ts';
import { type CaseVerdict, comparison, type Row } from './verdict.ts';

export interface Findings {
  /** As it was given on the command line. */
  readonly application: string;
  readonly kind: 'sync' | 'async';
  /** Loads with the fewest connections first; judged among all ways. */
  readonly cases: readonly CaseVerdict[];
  /** The same, judged among those of Quaich. */
  readonly ours: readonly CaseVerdict[];
  /** Flags by the name of a way. */
  readonly flags: ReadonlyMap<string, string>;
  readonly hop: Hop | null;
  readonly rounds: number;
  readonly cores: number;
}

/** What the hop between threads costs at one connection. */
export interface Hop {
  /** Microseconds of a request. */
  readonly time: Estimate;
  /** What was compared. */
  readonly between: string;
}

/** Rounds from which on an interval means something. */
const ENOUGH_ROUNDS = 5;

export function reportText(findings: Findings): string {
  const { cases, rounds } = findings;
  const paragraphs = [...cases.map(caseTable), ...cases.map((one) => caseText(one, findings))];
  if (findings.hop !== null) paragraphs.push(hopText(findings.hop));
  if (rounds < ENOUGH_ROUNDS) {
    paragraphs.push(
      `${rounds} round${rounds === 1 ? '' : 's'}: differences may be chance; take ${ENOUGH_ROUNDS} or more.\n`,
    );
  }
  return [...paragraphs, ...recommendations(findings)].join('\n');
}

function caseTable({ case: name, rows }: CaseVerdict): string {
  const head = [name, 'requests/s', 'against the best', 'p50 ms', 'p99 ms', 'CPU µs/request', 'memory MB'];
  const cells = rows.map((row) => [
    row.way,
    whole(row.rate.median),
    comparison(row),
    milliseconds(row.p50),
    milliseconds(row.p99),
    row.cpu.toFixed(row.cpu < 100 ? 1 : 0),
    whole(row.memory),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...cells].map((row) => row[column].length)));
  const line = (row: string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ');
  return `${[head, ...cells].map(line).join('\n')}\n`;
}

function caseText(one: CaseVerdict, { cores }: Findings): string {
  const { best, rows } = one;
  const lines = [`At ${one.case}, ${best.way} serves best: ${rateText(best)}.`];
  const same = rows.filter(({ ratio }) => ratio !== null && !differs(ratio)).map(({ way }) => way);
  if (same.length > 0)
    lines.push(`  No difference: ${same.join(', ')}. Of those that are equal the simplest is taken.`);
  for (const { way, ratio } of rows) {
    if (ratio !== null && differs(ratio)) lines.push(`  ${way}: ${interval(ratio, 2)} times as many.`);
  }
  if (one.loadAtLimit) {
    lines.push('  The load generator was at its limit: it measured itself, and some of these may serve more.');
  }
  if (one.coresBusy) {
    lines.push(
      `  All ${cores} cores were busy, ${(best.load ?? 0).toFixed(1)} of them with the load itself: with the load`,
    );
    lines.push('  on another machine, more workers may pay than here.');
  }
  return `${lines.join('\n')}\n`;
}

function hopText({ time, between }: Hop): string {
  const text = time.low > 0 ? `takes ${interval(time, 0)} µs of a request` : 'is too short to be told from chance';
  return `The hop to another thread and back ${text} at 1 connection:\n  ${between}.\n`;
}

/** The command line for the most connections; others where fewer connections want another one. */
function recommendations({ application, kind, cases, ours, flags }: Findings): string[] {
  const lines: string[] = [];
  const told = new Set<string>();
  for (const [index, verdict] of [...ours.entries()].reverse()) {
    const { best } = verdict;
    if (told.has(best.way)) continue;
    told.add(best.way);
    lines.push(
      `${told.size === 1 ? 'Recommended' : 'Better'} for ${verdict.case}: ${best.way}, with ${rateText(best)}`,
    );
    lines.push(`  npx quaich ${shellWord(application)} ${flags.get(best.way) ?? ''}`);
    const overall = cases[index].best;
    if (!flags.has(overall.way)) lines.push(`  On ${overall.way} alone it is served no worse: ${rateText(overall)}.`);
  }
  if (kind === 'async' && told.has('inline'))
    lines.push('  Inline, code that blocks its thread blocks all connections.');
  return [`${lines.join('\n')}\n`];
}

const rateText = ({ rate }: Row): string => `${interval(rate, 0)} requests/s`;

/** `1,234 (1,200 to 1,260)` */
function interval({ median, low, high }: Estimate, digits: number): string {
  const [value, from, to] = [median, low, high].map((number) =>
    number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  return from === to ? value : `${value} (${from} to ${to})`;
}

const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });

const milliseconds = (value: number | undefined): string =>
  value === undefined ? '-' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** A word for a shell, quoted where it needs to be. */
function shellWord(text: string): string {
  return /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
