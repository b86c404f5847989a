/** When a turn of the event loop ends for the gateway. */
import { setImmediate as wholeTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turn } from '../../src/server/turn.ts';

/** A turn, whether each one so far has ended with the callback that asked for its end, and what tries the next one. */
function setUp() {
  const turn = new Turn();
  const early: boolean[] = [];
  let ends = 0;
  turn.onEnd(() => {
    ends++;
  });
  const next = async (requests: number): Promise<void> => {
    const before = ends;
    for (let i = 0; i < requests; i++) {
      turn.requests++;
      turn.schedule();
    }
    if (requests === 0) turn.schedule();
    expect(ends).toBe(before);
    await new Promise((resolve) => process.nextTick(resolve));
    early.push(ends > before);
    await wholeTurn();
    expect(ends).toBe(before + 1);
  };
  return { turn, early, next, ends: () => ends };
}

it('turns of one request end with what has brought it, but for some in between that are looked at', async () => {
  const { early, next } = setUp();
  for (let i = 0; i < 76; i++) await next(1);
  const period = [...Array(4).fill(false), ...Array(32).fill(true)];
  expect(early).toEqual([...period, ...period, ...period.slice(0, 4)]);
});

it('turns of several requests, and those without one, are whole', async () => {
  const { early, next } = setUp();
  for (const requests of [1, 1, 1, 1, 1, 0, 1, 2, 1, 1, 1, 1, 1]) await next(requests);
  const [t, f] = [true, false];
  // That of two requests ended early: the first of them was alone when it asked for the end.
  expect(early).toEqual([f, f, f, f, t, f, t, t, f, f, f, f, t]);
});

it('a turn that was ended leaves nothing behind', async () => {
  const { turn, next, ends } = setUp();
  for (let i = 0; i < 6; i++) await next(1);
  const before = ends();
  turn.requests++;
  turn.schedule();
  turn.end();
  await wholeTurn();
  expect(ends()).toBe(before + 1);
});
