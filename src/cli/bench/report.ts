/** The figures of a bench as text for a terminal: a table for each load, then what they say. */
import { formatTable } from '../../bench/format.ts';
import { differs, type Estimate } from '../../bench/statistics.ts';
import type { CaseVerdict, Row } from './verdict.ts';

export interface Findings {
  /** As it was given on the command line. */
  readonly application: string;
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
  const { cases, hop, rounds, cores } = findings;
  const paragraphs = cases.map((one) => caseTable(one) + caseNotes(one, cores));
  if (hop !== null) paragraphs.push(hopText(hop));
  if (rounds < ENOUGH_ROUNDS) {
    const given = `${rounds} round${rounds === 1 ? '' : 's'}`;
    paragraphs.push(`${given}: these differences may be chance; take ${ENOUGH_ROUNDS} rounds or more.\n`);
  }
  return [...paragraphs, recommendations(findings)].join('\n');
}

function caseTable({ case: name, rows }: CaseVerdict): string {
  const head = [name, 'requests/s', 'of the best', 'p50 ms', 'p99 ms', 'CPU µs/request', 'memory MB'];
  const cells = rows.map(({ way, rate, ratio, p50, p99, cpu, memory }) => [
    way,
    whole(rate.median),
    ratio === null ? 'best' : differs(ratio) ? interval(ratio, 2) : 'no difference',
    milliseconds(p50),
    milliseconds(p99),
    cpu.toFixed(cpu < 100 ? 1 : 0),
    whole(memory),
  ]);
  return `${formatTable([head, ...cells], 'lrrrrrr').join('\n')}\n`;
}

function caseNotes({ best, loadAtLimit, coresBusy }: CaseVerdict, cores: number): string {
  const notes: string[] = [];
  if (loadAtLimit)
    notes.push('The load generator was at its limit: some of these ways may serve more than it asked for.\n');
  if (coresBusy) {
    const load = (best.load ?? 0).toFixed(1);
    notes.push(`All ${cores} cores were busy, ${load} of them with the load: without it more workers may pay.\n`);
  }
  return notes.join('');
}

function hopText({ time, between }: Hop): string {
  const text = time.low > 0 ? `takes ${interval(time, 0)} µs of a request` : 'is too short to be told from chance';
  return `The hop to another thread and back ${text}, at 1 connection:\n  ${between}.\n`;
}

/** The command line for the most connections; others where fewer connections want another one. */
function recommendations({ application, cases, ours, flags }: Findings): string {
  const lines: string[] = [];
  const told = new Set<string>();
  for (const [index, { case: name, best, rows }] of [...ours.entries()].reverse()) {
    if (told.has(best.way)) continue;
    lines.push(`${told.size === 0 ? 'Recommended' : 'Another one'} for ${name}: ${best.way}`);
    told.add(best.way);
    lines.push(`  npx quaich ${shellWord(application)} ${flags.get(best.way) ?? ''}`);
    lines.push(`  ${interval(best.rate, 0)} requests/s${gain(best, rows[0])}`);
    lines.push(...withoutQuaich(cases[index], best.way, flags));
  }
  if (told.has('inline')) lines.push('Inline, code that blocks its thread blocks all connections.');
  return `${lines.join('\n')}\n`;
}

/** How much more than with the simplest way. */
function gain(best: Row, simplest: Row): string {
  if (simplest.ratio === null) return '; no other way of Quaich serves clearly more';
  const { median, low, high, confidence } = simplest.ratio;
  const times = interval({ median: 1 / median, low: 1 / high, high: 1 / low, confidence }, 2);
  return `, ${times} times as many as ${simplest.way}; ${whole(best.memory - simplest.memory)} MB more`;
}

/** Where a server without Quaich serves as much, or more. */
function withoutQuaich({ best, rows }: CaseVerdict, ours: string, flags: ReadonlyMap<string, string>): string[] {
  const ratio = rows.find(({ way }) => way === ours)?.ratio ?? null;
  if (flags.has(best.way) || ratio === null) return [];
  const times = differs(ratio) ? `better: here it has ${interval(ratio, 2)} of its requests/s` : 'as well';
  return [`  Without Quaich, ${best.way} serves it ${times}.`];
}

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
