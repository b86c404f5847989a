import { expect, it } from 'vitest';
import { disregard, whenSettled } from '../../src/rules/promises.ts';

/** A promise of an application with a `then` of its own, and how often that was looked at. */
function guarded<T>(promise: Promise<T>): { promise: Promise<T>; looks: () => number } {
  let looks = 0;
  Object.defineProperty(promise, 'then', {
    get() {
      looks++;
      throw new Error('expected: nobody looks');
    },
  });
  return { promise, looks: () => looks };
}

it('G-146 a promise with a `then` of its own is waited for without a look at that', async () => {
  const { promise, looks } = guarded(Promise.resolve('value'));
  expect(await new Promise((resolve, reject) => whenSettled(promise, resolve, reject))).toBe('value');
  expect(looks()).toBe(0);
});

it('G-146 its rejection counts as handled', async () => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => unhandled.push(error);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', listener);
  try {
    disregard(guarded(Promise.reject(new Error('expected: nobody waits'))).promise);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    process.off('unhandledRejection', listener);
    for (const other of others) process.on('unhandledRejection', other);
  }
  expect(unhandled).toEqual([]);
});
