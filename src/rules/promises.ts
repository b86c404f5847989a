/** Promises and thenables of applications, of which nothing is believed. */
import { isPromise } from 'node:util/types';

const { then } = Promise.prototype;

/**
 * Calls one of two functions, once, when a promise or thenable of an application has settled: not by a `then` of its
 * own, which might do anything. Throws where even to ask it throws.
 */
export function whenSettled(
  promise: unknown,
  fulfilled: (value: unknown) => void,
  rejected: (error: unknown) => void,
): void {
  Reflect.apply(then, Promise.resolve(promise), [fulfilled, rejected]);
}

/** Marks a promise as handled, so that its rejection does not end the process (G-146). Never throws. */
export function disregard(promise: unknown): void {
  if (!isPromise(promise)) return;
  try {
    whenSettled(promise, nothing, nothing);
  } catch {
    // A `constructor` that throws: nobody can wait for such a promise, or handle it.
  }
}

/** Whether a value may be a promise or a thenable: nothing is read of it. */
export function mayBeThenable(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

export function nothing(): void {}
