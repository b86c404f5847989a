import { describe, expect, it } from 'vitest';
import { awaitSteps, runSteps, type Steps, wait } from '../../src/rules/steps.ts';

type Numbers = (at: number) => number | Promise<number>;

/** Adds two numbers; those that fail count as 100. What happens is noted. */
function* sum(numbers: Numbers, notes: string[]): Steps<number> {
  notes.push('begun');
  try {
    let first: number;
    try {
      first = yield* wait(numbers(0));
    } catch {
      first = 100;
    }
    notes.push(`first ${first}`);
    return first + (yield* wait(numbers(1)));
  } finally {
    notes.push('left');
  }
}

const KINDS: [string, (steps: Steps<number>) => number | Promise<number>, (numbers: Numbers) => Numbers][] = [
  ['sync', runSteps, (numbers) => numbers],
  ['async', awaitSteps, (numbers) => async (at) => numbers(at)],
];

describe.each(KINDS)('steps, %s', (_, drive, numbersOf) => {
  it('give back what was waited for', async () => {
    const notes: string[] = [];
    const numbers = numbersOf((at) => at + 1);
    expect(await drive(sum(numbers, notes))).toBe(3);
    expect(notes).toEqual(['begun', 'first 1', 'left']);
  });

  it('catch what fails where it is waited for', async () => {
    const notes: string[] = [];
    const numbers = numbersOf((at) => {
      if (at === 0) throw new Error('no first number');
      return at;
    });
    expect(await drive(sum(numbers, notes))).toBe(101);
  });

  it('run their finally when they fail', async () => {
    const notes: string[] = [];
    const error = new Error('no second number');
    const numbers = numbersOf((at) => {
      if (at === 1) throw error;
      return at;
    });
    const failed = async () => drive(sum(numbers, notes));
    await expect(failed()).rejects.toBe(error);
    expect(notes).toEqual(['begun', 'first 0', 'left']);
  });
});

describe('the drivers', () => {
  it('sync: gives back a promise as it is, and waits for none', () => {
    const promise = Promise.resolve(1);
    const given = runSteps(
      (function* (): Steps<unknown> {
        return [yield promise];
      })(),
    );
    expect(given).toEqual([promise]);
  });

  it('async: begins at once', async () => {
    const notes: string[] = [];
    const result = awaitSteps(sum((at) => at, notes));
    expect(notes).toEqual(['begun']);
    expect(await result).toBe(1);
  });
});
