import { describe, expect, it } from 'vitest';
import { HTTP_METRICS } from '../../src/bench/http-case.ts';
import type { Sample, SuiteResult } from '../../src/bench/suite.ts';
import { reportText } from '../../src/cli/bench/report.ts';
import { judge, longer } from '../../src/cli/bench/verdict.ts';

const NAME = '64 connections';

/** A result whose rates are given, a list for each way. */
function resultOf(rates: Record<string, number[]>, more: Sample = {}): SuiteResult {
  const series = Object.entries(rates).map(([candidate, list]) => ({
    candidate,
    samples: list.map((rate) => ({ cpu: 100, memory: 50, p50: 1, p99: 2, load: 0.1, ...more, rate })),
  }));
  return {
    suite: 'bench',
    title: '',
    base: '',
    metrics: HTTP_METRICS,
    cases: [{ case: NAME, series, cannot: {} }],
    notes: [],
  };
}

const bestOf = (rates: Record<string, number[]>) => judge(resultOf(rates), NAME, Object.keys(rates), 8).best.way;

describe('the best way', () => {
  it('is the one that serves clearly more', () => {
    expect(bestOf({ one: [100, 101, 99, 100, 102], two: [190, 195, 198, 201, 199], four: [90, 91, 92, 93, 90] })).toBe(
      'two',
    );
  });

  it('is the simplest one where the spread is larger than the difference', () => {
    expect(bestOf({ one: [100, 140, 99, 100, 102], two: [110, 90, 130, 101, 120] })).toBe('one');
  });

  it('is the simplest one where the difference is too small to be worth a thread', () => {
    expect(bestOf({ one: [100, 100, 100, 100, 100], two: [103, 103, 103, 103, 103] })).toBe('one');
  });

  it('is found among steps that are small each', () => {
    const flat = (rate: number) => Array.from({ length: 5 }, () => rate);
    expect(bestOf({ one: flat(100), two: flat(104), four: flat(108) })).toBe('four');
  });
});

describe('a verdict', () => {
  const rates = { one: [100, 100, 100, 100, 100] };
  const verdict = (more: Sample, cores: number) => judge(resultOf(rates, more), NAME, ['one'], cores);

  it('tells a load generator at its limit', () => {
    expect(verdict({ load: 0.97 }, 8).loadAtLimit).toBe(true);
    expect(verdict({ load: 0.5 }, 8).loadAtLimit).toBe(false);
    expect(verdict({ load: undefined }, 8).loadAtLimit).toBe(false);
  });

  it('tells that all cores were busy', () => {
    expect(verdict({ cpu: 15_000, load: 0.5 }, 2).coresBusy).toBe(true);
    expect(verdict({ cpu: 15_000, load: 0.5 }, 4).coresBusy).toBe(false);
  });

  it('takes the time of the hop from rounds of both ways', () => {
    const result = resultOf({ inline: [10_000, 5000, 10_000], pooled: [5000, 10_000 / 3, 5000] });
    expect(longer(result, NAME, 'pooled', 'inline').median).toBeCloseTo(100);
  });
});

describe('the report', () => {
  const report = (rates: Record<string, number[]>, more: Sample = {}): string => {
    const result = resultOf(rates, more);
    const ways = Object.keys(rates);
    const ours = ways.filter((way) => way !== 'node:http');
    return reportText({
      application: './my site.js',
      cases: [judge(result, NAME, ways, 2)],
      ours: [judge(result, NAME, ours, 2)],
      flags: new Map(ours.map((way) => [way, `--${way}`])),
      hop: null,
      rounds: 5,
      cores: 2,
    });
  };

  it('gives the command line with the figures that it is based on', () => {
    const text = report({ inline: [100, 100, 100, 100, 100], two: [200, 200, 200, 200, 210] });
    expect(text).toContain("Recommended for 64 connections: two\n  npx quaich './my site.js' --two\n");
    expect(text).toContain('200 (200 to 210) requests/s, 2.00 (2.00 to 2.10) times as many as inline; 0 MB more');
  });

  it('says no difference where the spread hides one', () => {
    const text = report({ inline: [100, 140, 99, 100, 102], two: [110, 90, 130, 101, 120] });
    expect(text).toMatch(/^two +110 +no difference/m);
    expect(text).toContain('no other way of Quaich serves clearly more');
  });

  it('says where a server without Quaich is better', () => {
    const text = report({ 'node:http': [200, 200, 200, 200, 200], inline: [100, 100, 100, 100, 100] });
    expect(text).toContain('Without Quaich, node:http serves it better: here it has 0.50 of its requests/s.');
  });

  it('says that load or cores were at their limits', () => {
    const text = report({ inline: [100, 100, 100, 100, 100] }, { load: 0.95, cpu: 15_000 });
    expect(text).toContain('The load generator was at its limit');
    expect(text).toContain('All 2 cores were busy, 0.9 of them with the load');
  });
});
