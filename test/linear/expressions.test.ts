/** That no regular expression of the sources takes more than linear time; a new one is found by itself. */
import { Script } from 'node:vm';
import { expect, it } from 'vitest';
import { attacks, search } from './attacks.ts';
import { type Expression, expressionsBelow } from './expressions.ts';
import { superlinear } from './growth.ts';

/** Milliseconds after which an expression is taken for one that grows exponentially. */
const LONGEST = 10_000;

/** Not known before the program runs. */
const DYNAMIC = new Map([
  ['src/middleware/cors.ts', "an origin's pattern, which is the owner's, with anchors around it"],
]);

// What ends a loop within an expression is the time limit of a script.
const script = new Script('judgement()');

function judge(regex: RegExp): string[] {
  const found: string[] = [];
  Reflect.set(globalThis, 'judgement', () => {
    for (const text of attacks(regex)) {
      const growth = superlinear((units) => {
        const input = text(units);
        return () => search(regex, input);
      });
      if (growth === null) continue;
      found.push(`${JSON.stringify(text(2))} repeated: ${growth}`);
      return;
    }
  });
  try {
    script.runInThisContext({ timeout: LONGEST });
  } catch (error) {
    found.push(String(error));
  }
  return found;
}

const expressions = ['src', 'workers'].flatMap(expressionsBelow);
const fixed = expressions.filter((each): each is Expression & { regex: RegExp } => each.regex !== null);

it('finds the expressions that grow', { timeout: 60_000 }, () => {
  for (const bad of [
    /[ \t]+$/,
    /^[ \t]+|[ \t]+$/g,
    /\/+$/,
    /%.*$/,
    /"(?:[^"\\]|\\.)*"/g,
    /^\s+at .*?\(?(\/[^()]*):\d+\)?$/,
  ]) {
    expect([bad, judge(bad)]).toEqual([bad, [expect.any(String)]]);
  }
  for (const good of [/^[ \t]*x/, /^a+$/, /[<>]/g, /^(?:\/[a-z]+)+$/]) expect([good, judge(good)]).toEqual([good, []]);
});

it('M-23 knows every expression, but for those that are given reasons', () => {
  expect(fixed.length).toBeGreaterThan(80);
  for (const { where } of expressions.filter(({ regex }) => regex === null)) {
    expect([...DYNAMIC.keys()]).toContain(where.slice(0, where.indexOf(':')));
  }
});

it.each(fixed)('M-23 $where takes linear time', { timeout: 60_000 }, ({ regex }) => {
  expect(judge(regex)).toEqual([]);
});
