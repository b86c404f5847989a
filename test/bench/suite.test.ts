import { describe, expect, it } from 'vitest';
import { type Candidate, countSteps, measureSuite, type Step, type Suite } from '../../src/bench/suite.ts';

interface Case {
  readonly name: string;
}

/** What a candidate that measures nothing has been asked to do. */
interface Log {
  starts: number;
  stops: number;
  measured: string[];
}

function fake(name: string, logs: Map<string, Log>, more: Partial<Candidate<Case>> = {}): Candidate<Case> {
  const log: Log = { starts: 0, stops: 0, measured: [] };
  logs.set(name, log);
  return {
    name,
    start: async () => {
      log.starts++;
      return {
        measure: async (one, seconds) => {
          log.measured.push(`${one.name} ${seconds}`);
          return { rate: log.starts };
        },
        stop: async () => void log.stops++,
      };
    },
    ...more,
  };
}

const suiteOf = (...candidates: Candidate<Case>[]): Suite<Case> => ({
  name: 'trial',
  title: 'Trial',
  metrics: [{ key: 'rate', title: 'rate', unit: '1/s', better: 'higher' }],
  base: candidates[0].name,
  candidates,
  cases: [{ name: 'one' }, { name: 'two' }, { name: 'three' }],
});

const OPTIONS = { rounds: 3, seconds: 2, warmUp: 1 };

describe('measureSuite', () => {
  it('starts every candidate anew each round, warms it up, and keeps a sample of each case and round', async () => {
    const logs = new Map<string, Log>();
    const suite = suiteOf(fake('a', logs), fake('b', logs, { cannot: { two: 'it has no two' } }));
    const result = await measureSuite(suite, OPTIONS);
    expect(logs.get('a')).toMatchObject({ starts: 3, stops: 3 });
    expect(logs.get('b')).toMatchObject({ starts: 3, stops: 3 });
    const samples = [{ rate: 1 }, { rate: 2 }, { rate: 3 }];
    const [a, b] = ['a', 'b'].map((candidate) => ({ candidate, samples }));
    expect(result.cases).toEqual([
      { case: 'one', series: [a, b], cannot: {} },
      { case: 'two', series: [a], cannot: { b: 'it has no two' } },
      { case: 'three', series: [a, b], cannot: {} },
    ]);
    // The first load of a process is a whole warm-up, later ones a quarter.
    const lengths = logs.get('a')?.measured.map((entry) => entry.split(' ')[1]);
    expect(lengths).toEqual([1, 2, 3].flatMap(() => ['1', '2', '0.25', '2', '0.25', '2']));
  });

  it('measures each application in a process of its own, and warms up only what goes on running', async () => {
    const logs = new Map<string, Log>();
    const started: (string | undefined)[] = [];
    const { start, ...rest } = fake('a', logs);
    const candidate = {
      ...rest,
      cannot: { two: 'it has no two' },
      start: async (application?: string) => {
        started.push(application);
        return { ...(await start()), cold: application === 'y' };
      },
    };
    const cases = [
      { name: 'one', application: 'x' },
      { name: 'two', application: 'z' },
      { name: 'three', application: 'y' },
    ];
    await measureSuite({ ...suiteOf(candidate), cases }, { ...OPTIONS, rounds: 1 });
    expect(started.toSorted()).toEqual(['x', 'y']);
    expect(logs.get('a')?.measured.toSorted()).toEqual(['one 1', 'one 2', 'three 2']);
  });

  it('takes candidates and cases in a new order each round', async () => {
    const steps: Step[] = [];
    const suite = suiteOf(...['a', 'b', 'c', 'd'].map((name) => fake(name, new Map())));
    await measureSuite(suite, { ...OPTIONS, rounds: 12, onStep: (step) => steps.push(step) });
    expect(steps).toHaveLength(countSteps(suite, 12));
    const orders = (key: 'candidate' | 'case') =>
      new Set(
        Array.from({ length: 12 }, (_, round) => [
          ...new Set(steps.filter((step) => step.round === round).map((step) => step[key])),
        ]).map(String),
      );
    expect(orders('candidate').size).toBeGreaterThan(1); // all the same: once in 24 to the power of 11
    expect(orders('case').size).toBeGreaterThan(1);
  });

  it('stops a candidate that fails, and names it', async () => {
    const logs = new Map<string, Log>();
    let stops = 0;
    const measure = () => Promise.reject(new RangeError('no luck'));
    const broken = fake('broken', logs, { start: async () => ({ measure, stop: async () => void stops++ }) });
    const failed = measureSuite(suiteOf(broken), OPTIONS);
    await expect(failed).rejects.toThrow('trial: broken failed');
    await expect(failed).rejects.toMatchObject({ cause: new RangeError('no luck') });
    expect(stops).toBe(1);
  });

  it('names a candidate that does not start', async () => {
    const broken = fake('broken', new Map(), { start: () => Promise.reject(new RangeError('no start')) });
    const failed = measureSuite(suiteOf(broken), OPTIONS);
    await expect(failed).rejects.toMatchObject({ message: 'trial: broken failed', cause: new RangeError('no start') });
  });

  it('counts steps without what a candidate cannot do', () => {
    const suite = suiteOf(fake('a', new Map()), fake('b', new Map(), { cannot: { two: 'it has no two' } }));
    expect(countSteps(suite, 3)).toBe(15);
  });
});
