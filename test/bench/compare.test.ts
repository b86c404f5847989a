/** Two runs compared: nothing is found where nothing differs, and what does is found. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compareReports } from '../../bench/report/compare.mjs';
import { compareFiles } from '../../bench/report/compare-files.mjs';
import { studentTail } from '../../bench/report/welch.mjs';
import { normal, randomFrom, type SampleOptions, sampleReport } from './sample-report.ts';

type Change = ReturnType<typeof compareReports>[number];
const different = (rows: readonly Change[]): Change[] => rows.filter(({ verdict }) => verdict !== 'no difference');

/** A run of many candidates without a base, each sample from `draw`. */
function manyRows(count: number, rounds: number, draw: (candidate: number) => number) {
  const series = Array.from({ length: count }, (_, candidate) => ({
    candidate: `peer ${candidate}`,
    samples: Array.from({ length: rounds }, () => ({ ns: draw(candidate) })),
  }));
  const metrics = [{ key: 'ns', title: 'time', unit: 'ns', better: 'lower' }];
  return { suites: [{ suite: 'many', base: 'nobody', metrics, cases: [{ case: 'one', series }] }] };
}

/** How samples of one build may be distributed. */
const DISTRIBUTIONS: Readonly<Record<string, (random: () => number) => number>> = {
  'like the normal one': (random) => Math.exp(0.03 * normal(random)),
  'with two modes, as compilers have them': (random) => (random() < 0.5 ? 1 : 1.15) * Math.exp(0.005 * normal(random)),
  'with a few far outliers': (random) => Math.exp(0.02 * normal(random)) * (random() < 0.1 ? 1.5 + random() : 1),
  'with a long tail': (random) => 1 + 0.05 * random() ** -0.5,
};

describe('two runs of one build', () => {
  for (const [name, draw] of Object.entries(DISTRIBUTIONS)) {
    for (const rounds of [5, 7]) {
      it(`show hardly any difference in 3,000 rows of ${rounds} rounds, distributed ${name}`, () => {
        const random = randomFrom(1);
        const run = () => manyRows(3000, rounds, () => draw(random));
        const found = Array.from({ length: 3 }, () => different(compareReports(run(), run())).length);
        expect(Math.max(...found)).toBeLessThanOrEqual(1);
      });
    }
  }

  it('show none where a run shifts each candidate by some percent, as another day does', () => {
    const random = randomFrom(2);
    const run = () => {
      const day = Array.from({ length: 500 }, () => Math.exp(0.04 * normal(random)));
      return manyRows(500, 7, (candidate) => day[candidate] * Math.exp(0.01 * normal(random)));
    };
    expect(different(compareReports(run(), run()))).toEqual([]);
  });

  it('show none where the machine was slower in the second one', () => {
    const everybody = sampleReport({ seed: 0 }).suites.flatMap(({ cases: [{ series }] }) => series);
    const slower = Object.fromEntries(everybody.map(({ candidate }) => [candidate, 1.3]));
    const rows = compareReports(sampleReport({ seed: 3 }), sampleReport({ seed: 4, changed: slower }));
    expect(rows.length).toBeGreaterThan(200);
    expect(different(rows)).toEqual([]);
  });
});

describe('a change of 10 %', () => {
  it('is found among thousands of rows, and nothing else is', () => {
    const random = randomFrom(5);
    const run = (factor: number) =>
      manyRows(2000, 7, (row) => (row % 100 === 0 ? factor : 1) * Math.exp(0.01 * normal(random)));
    const found = different(compareReports(run(1), run(1.1)));
    const changed = found.filter(({ candidate }) => candidate.endsWith('00') || candidate === 'peer 0');
    expect(changed).toHaveLength(20);
    expect(found.length - changed.length).toBeLessThanOrEqual(3);
    for (const { verdict, factor } of changed) {
      expect(verdict).toBe('worse');
      expect(factor).toBeCloseTo(1.1, 1);
    }
  });

  it('is found in one candidate, in all that follows from it, and as better the other way', () => {
    const before = sampleReport({ seed: 6 });
    const after = sampleReport({ seed: 7, changed: { 'quaich sync': 1.1 } });
    const key = ({ candidate, metric, verdict }: Change) => `${candidate} ${metric.key} ${verdict}`;
    const found = new Set(different(compareReports(before, after)).map(key));
    expect(found).toContain('quaich sync cpu worse');
    expect(found).toContain('quaich sync rate worse');
    expect([...found].filter((row) => !row.startsWith('quaich sync'))).toEqual([]);
    expect(different(compareReports(after, before)).map(key)).toContain('quaich sync cpu better');
  });

  it('is no difference where the rounds are too few, or disagree', () => {
    const changed = { 'quaich sync': 1.1 };
    const pair = (options: Omit<SampleOptions, 'seed'>) =>
      compareReports(sampleReport({ ...options, seed: 8 }), sampleReport({ ...options, seed: 9, changed }));
    expect(pair({ rounds: 2 })).toEqual([]);
    expect(different(pair({ noise: 0.3 }))).toEqual([]);
  });
});

it("Student's distribution has the quantiles of the tables", () => {
  const known: [freedom: number, t: number, tail: number][] = [
    ...([
      [1, 12.706, 0.05],
      [2, 4.303, 0.05],
      [5, 4.032, 0.01],
      [8, 2.306, 0.05],
    ] as [number, number, number][]),
    ...([
      [9, 4.781, 0.001],
      [12, 5.6945, 0.0001],
      [30, 3.646, 0.001],
    ] as [number, number, number][]),
  ];
  for (const [freedom, t, tail] of known) expect(studentTail(t, freedom) / tail).toBeCloseTo(1, 2);
  expect(studentTail(0, 7)).toBe(1);
});

describe('npm run bench -- --compare', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quaich-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const before = file('before.json', sampleReport({ seed: 10 }));
  const same = file('same.json', sampleReport({ seed: 11 }));
  const slower = file('slower.json', sampleReport({ seed: 12, changed: { 'quaich inline': 1.1 } }));
  const run = (...args: string[]) => {
    const command = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, '--compare', ...args], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  it('exits with 0 where nothing differs, and where nothing is worse by more than the limit', () => {
    const { status, stdout } = run(before, same);
    expect({ status, said: stdout.trim() }).toEqual({
      status: 0,
      said: expect.stringMatching(/^0 of \d+ rows differ; 0 are worse by more than 5 %\.$/),
    });
    expect(run(before, slower, '--limit', '50').status).toBe(0);
  });

  it('exits with 1 where something is worse by more than the limit, and says what', () => {
    const { status, stdout } = run(before, slower);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^worse:\n(?: {2}http, .*\n)*? {2}http, .*quaich inline +CPU time +× 1\.1/);
  });

  it('exits with 2 and a line for what is no report', () => {
    const { status, stdout, stderr } = run(before, join(folder, 'none.json'));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^.*none\.json: ENOENT.*\n$/);
    const few = file('few.json', sampleReport({ seed: 13, rounds: 1 }));
    expect(() => compareFiles([file('text.json', 'no JSON'), before], 5)).toThrow(/text\.json: /);
    expect(() => compareFiles([before, file('other.json', {})], 5)).toThrow(/other\.json: no report of the bench/);
    expect(() => compareFiles([before, few], 5)).toThrow(/no rows in common/);
  });
});
