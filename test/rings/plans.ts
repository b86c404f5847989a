import fc from 'fast-check';
import type { Plan } from './model.ts';

/** Small enough that every ring wraps around, every window closes and blocks run out. */
export const SMALL = {
  slots: 3,
  headSize: 256,
  maxFields: 4,
  connectionSize: 16,
  bodySize: 16,
  largeBodies: 1,
  largeBodySize: 64,
  responseSize: 256,
  window: 48,
  blocks: 5,
  blockSize: 32,
  blockWindow: 100,
};

const plan = fc.record({
  body: fc.nat(60),
  bodyEnding: fc.constantFrom('end', 'end', 'end', 'fail', 'disconnect', 'abort'),
  readSize: fc.constantFrom(0, 1, 7, 100),
  response: fc.array(fc.nat(150), { maxLength: 4 }),
  ending: fc.constantFrom('done', 'end', 'abort', 'file'),
} satisfies Record<keyof Omit<Plan, 'id'>, fc.Arbitrary<unknown>>);

export const plans = fc
  .array(plan, { minLength: 1, maxLength: 8 })
  .map((list): Plan[] => list.map((entry, index) => ({ id: index + 1, ...entry })));

export const decisions = fc.array(fc.nat(5039), { maxLength: 500, size: 'max' });
