/**
 * What applications return: telling bodies from promises and from mistakes, by the few properties that a gateway may
 * look at (G-100, G-109).
 */
import { isPromise } from 'node:util/types';
import { ApplicationError } from '../interface/errors.ts';
import { bytesOf } from './bytes.ts';
import { disregard } from './promises.ts';
import { typeName } from './show.ts';

/** The iterator method that reads nothing but `length` and the elements (G-109). */
const ARRAY_ITERATOR = Array.prototype[Symbol.iterator];

/** Whether the body is an array that iterates as arrays do; a subclass may check its elements while they are taken. */
export function isPlainArray(body: unknown): body is unknown[] {
  return Array.isArray(body) && body[Symbol.iterator] === ARRAY_ITERATOR;
}

/** The error for an object that cannot be iterated (G-100). */
export function notIterable(body: unknown): ApplicationError {
  return new ApplicationError(
    `the application returned ${typeName(body)}, an object that is not iterable; return [chunk] (G-100)`,
  );
}

/** Throws for what iterates in JS but is no body (G-100). */
export function refuseNoBody(body: unknown, convention: string): void {
  if (typeof body === 'object' && body !== null && !ArrayBuffer.isView(body)) return;
  if (typeof body === 'function') return;
  throw new ApplicationError(
    `the application returned ${body === null ? 'null' : typeName(body)}; ` +
      `${convention} returns an iterable of Uint8Array chunks, such as [chunk] (G-100, A-02)`,
  );
}

/**
 * The bytes of a chunk of a body, of which all is true (see `bytesOf`), or an error that names what came in its place
 * (G-103).
 *
 * @param index its place in an array body; -1 elsewhere
 */
export function chunkOf(value: unknown, index: number): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes !== null) return bytes;
  disregard(value);
  const hint =
    typeof value === 'string'
      ? '; encode text with TextEncoder'
      : isPromise(value)
        ? '; await it in an async generator'
        : '';
  const place = index < 0 ? 'a chunk' : `chunk ${index}`;
  throw new ApplicationError(`${place} of the body must be a Uint8Array, got ${typeName(value)}${hint} (G-103)`);
}

/**
 * Throws where `next()` of a sync body gave a promise, which has neither `done` nor `value` (B-02). For a step without a
 * value: one that has a value is no promise that anybody made.
 */
export function refusePromise(step: object): void {
  if (!isPromise(step)) return;
  disregard(step);
  throw new ApplicationError(
    'next() of the body returned a promise: declare the application with markAsync, or mount it as async (B-02)',
  );
}

/** Whether a property of an object is a function. */
export function hasMethod(object: object, key: symbol | string): boolean {
  return typeof (object as Record<symbol | string, unknown>)[key] === 'function';
}

/** Whether a result is to be awaited. A body is asked for nothing but its iterator method (G-109). */
export function isAwaitable(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  if (hasMethod(result, Symbol.asyncIterator) || hasMethod(result, Symbol.iterator)) return false;
  return hasMethod(result, 'then');
}
