/** What a run says: its summary, Markdown, progress; and how its command line is read. */
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../bench/options.mjs';
import { toMarkdown } from '../../bench/report/markdown.mjs';
import { formatNumber, formatRatio, formatTable } from '../../src/bench/format.ts';
import { Progress } from '../../src/bench/progress.ts';
import type { SuiteResult } from '../../src/bench/suite.ts';
import { summarize } from '../../src/bench/summary.ts';
import { sampleReport } from './sample-report.ts';

/** Five rounds of three candidates, one of which has no way to do the second case. */
const SUITE: SuiteResult = {
  suite: 'small',
  title: 'Small | suite',
  base: 'base',
  metrics: [
    { key: 'cpu', title: 'CPU time', unit: 'µs', better: 'lower' },
    { key: 'rate', title: 'throughput', unit: 'requests/s', better: 'higher' },
    { key: 'load', title: 'CPU of the load', unit: 'cores', better: 'lower' },
  ],
  notes: ['A note.'],
  cases: [
    {
      case: 'first',
      cannot: {},
      series: [
        { candidate: 'base', samples: [10, 11, 12, 11, 10].map((cpu) => ({ cpu, rate: 1000 / cpu, load: 0.5 })) },
        { candidate: 'quaich', samples: [5, 5, 6, 5, 5].map((cpu) => ({ cpu, rate: 1000 / cpu, load: 0.95 })) },
        { candidate: 'alike', samples: [10, 11, 11, 12, 10].map((cpu) => ({ cpu })) },
      ],
    },
    {
      case: 'second',
      cannot: { alike: 'it_cannot' },
      series: [
        { candidate: 'base', samples: [1, 1, 1, 1, 1].map((cpu) => ({ cpu })) },
        { candidate: 'quaich', samples: [2.5, 2.5, 2.5, 2.5, 2.5].map((cpu) => ({ cpu })) },
      ],
    },
  ],
};

describe('the summary of a suite', () => {
  it('has a verdict for each figure, by what is better of its metric', () => {
    const verdicts = summarize(SUITE).map(({ candidates }) =>
      candidates.map(({ candidate, figures, loadBound }) => ({
        candidate,
        cpu: figures.get('cpu')?.verdict,
        rate: figures.get('rate')?.verdict,
        loadBound,
      })),
    );
    expect(verdicts).toEqual([
      [
        { candidate: 'base', cpu: 'base', rate: 'base', loadBound: false },
        { candidate: 'quaich', cpu: 'better', rate: 'better', loadBound: true },
        { candidate: 'alike', cpu: 'no difference', rate: undefined, loadBound: false },
      ],
      [
        { candidate: 'base', cpu: 'base', rate: undefined, loadBound: false },
        { candidate: 'quaich', cpu: 'worse', rate: undefined, loadBound: false },
      ],
    ]);
  });

  it('gives no verdict of too few rounds, and no ratio without a base', () => {
    const few = {
      ...SUITE.cases[0],
      series: SUITE.cases[0].series.map((one) => ({ ...one, samples: one.samples.slice(1) })),
    };
    const [{ candidates }] = summarize({ ...SUITE, cases: [few] });
    expect(candidates[1].figures.get('cpu')?.verdict).toBe('too few rounds');
    const [{ candidates: alone }] = summarize({ ...SUITE, base: 'nobody' });
    expect(alone[1].figures.get('cpu')).toMatchObject({ value: { median: 5 }, ratio: undefined, verdict: undefined });
  });
});

it('a report in Markdown has the ratios of all cases, then all figures, and text that is no markup', () => {
  const report = { ...sampleReport({ seed: 1 }), suites: [SUITE] };
  const markdown = toMarkdown(report);
  expect(markdown.slice(markdown.indexOf('## '))).toMatchInlineSnapshot(`
    "## Small \\| suite

    CPU time (µs) as a multiple of base; lower is better.

    A note.

    |  | base | **quaich** | alike |
    | --- | --: | --: | --: |
    | first | 1.00 | 0.50 † | 1.00 ≈ |
    | second | 1.00 | 2.50 | – |

    ### first

    |  | CPU time, µs | throughput, requests/s |
    | --- | --: | --: |
    | base | 11 (10–12) | 90.9 (83.3–100) |
    | **quaich** † | 5 (5–6) | 200 (167–200) |
    | alike | 11 (10–12) | – |

    ### second

    |  | CPU time, µs | throughput, requests/s |
    | --- | --: | --: |
    | base | 1 (1–1) | – |
    | **quaich** | 2.5 (2.5–2.5) | – |
    | alike | it\\_cannot |  |
    "
  `);
  expect(markdown).toContain('\\<script\\>');
  expect(markdown).toContain('Left out: uWSGI (not installed \\<here\\>).');
  expect(markdown).not.toContain('Only');
  const quick = { ...report, options: { ...report.options, size: 'quick', rounds: 3 } };
  expect(toMarkdown(quick)).toContain('Only 3 rounds: an overview.');
});

it('figures have three digits, ratios two behind the point, and columns stand in line', () => {
  expect([12_345, 123.4, 1.234, 0.001234, 0].map(formatNumber)).toEqual(['12,300', '123', '1.23', '0.00123', '0']);
  expect([0.531, 1, 9.996, 12.34, 123.4].map(formatRatio)).toEqual(['0.53', '1.00', '10.00', '12.3', '123']);
  expect(
    formatTable(
      [
        ['name', '', 'x'],
        ['a', '1', ''],
        ['bcdefg', '22', 'yz'],
      ],
      'lrl',
    ),
  ).toEqual([...['name        x', 'a        1', 'bcdefg  22  yz']]);
});

describe('progress', () => {
  const run = (isTTY: boolean, extent: { rounds: number; budget?: number }) => {
    let now = 0;
    let written = '';
    const stream = { isTTY, columns: 60, write: (text: string) => (written += text) };
    const progress = new Progress(2, extent, stream, () => now);
    for (let round = 0; round < extent.rounds; round++) {
      for (const candidate of ['node:http', 'quaich sync']) {
        progress.step({ suite: 'http', candidate, case: 'a case with a name that is long', round });
        now += 60_000;
      }
    }
    progress.end();
    return written;
  };

  it('is one line of a terminal, no wider than it, which goes at the end', () => {
    const lines = run(true, { rounds: 2 }).split('\r\x1b[K');
    expect(lines).toEqual([
      '',
      'round 1 of 2, http: node:http, a case with a name that is l',
      '3 min left, round 1 of 2, http: quaich sync, a case with a ',
      '2 min left, round 2 of 2, http: node:http, a case with a na',
      '60 s left, round 2 of 2, http: quaich sync, a case with a n',
      '',
    ]);
  });

  it('is a line for each round of a suite elsewhere, and ends with the budget', () => {
    expect(run(false, { rounds: 3, budget: 150_000 })).toBe(
      'round 1 of 3, http\n30 s left, round 2 of 3, http\n0 s left, round 3 of 3, http\n',
    );
    expect(run(false, { rounds: 100 })).toContain('3 h 14 min left, round 4 of 100, http\n');
  });
});

describe('the command line of the bench', () => {
  it('names suites as an option or by themselves, and has sizes', () => {
    expect(parseOptions(['--suite', 'http', 'http'])).toMatchObject({
      suites: ['http'],
      ...{ size: 'full', rounds: 5, seconds: 0.5 },
    });
    expect(parseOptions(['--quick', '--rounds', '2'])).toMatchObject({ size: 'quick', rounds: 2, seconds: 1 });
    expect(parseOptions(['--tiny', 'http'])).toMatchObject({ size: 'tiny', rounds: 1, seconds: 0.1 });
    expect(parseOptions(['--compare', 'a', 'b', '--limit', '3'])).toEqual({ compare: ['a', 'b'], limit: 3 });
  });

  it('says in a line what is wrong', () => {
    const bad: [args: string[], said: RegExp][] = [
      [['--fast'], /^Unknown option '--fast'$/],
      [['https'], /^no suite https; there are http/],
      [['--rounds', '0'], /^--rounds takes a number from 1 on, not "0"$/],
      [['--rounds', '2.5'], /^--rounds takes a whole number$/],
      [['--seconds', 'two'], /^--seconds takes a number/],
      [['--warm-up=-1'], /^--warm-up takes a number from 0 on/],
      [['--generator', 'ab'], /^no load generator ab; there are wrk, autocannon$/],
      [['--quick', '--tiny'], /exclude each other$/],
      [['--limit', '3'], /^--limit goes with --compare$/],
      [['--compare', 'a.json'], /^--compare takes two files/],
    ];
    for (const [args, said] of bad) expect(() => parseOptions(args)).toThrow(said);
  });
});
