/**
 * What applications return: telling bodies from promises and from mistakes, by the few properties that a gateway may
 * look at (G-100, G-109), and the words for the mistakes.
 */
import { isAnyArrayBuffer, isPromise } from 'node:util/types';
import type { ApplicationError } from '../interface/errors.ts';
import { isBytes, partOf, sizeOf } from './bytes.ts';
import { type Fault, faultError } from './fault.ts';
import { disregard, nothing, whenSettled } from './promises.ts';
import { typeName } from './show.ts';

/** The iterator method that reads nothing but `length` and the elements (G-109). */
const ARRAY_ITERATOR = Array.prototype[Symbol.iterator];

/** Whether the body is an array that iterates as arrays do; a subclass may check its elements while they are taken. */
export function isPlainArray(body: unknown): body is unknown[] {
  return Array.isArray(body) && body[Symbol.iterator] === ARRAY_ITERATOR;
}

/** Whether a property of a value is a function. */
export function hasMethod(value: unknown, key: symbol | string): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof Reflect.get(value, key) === 'function';
}

/**
 * Whether the result of an async application is to be awaited. Of a body nothing is read but its iterator methods
 * (G-109).
 */
export function isAwaitable(result: unknown): result is PromiseLike<unknown> {
  if (isPromise(result)) return true;
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return false;
  if (hasMethod(result, Symbol.asyncIterator) || hasMethod(result, Symbol.iterator)) return false;
  return hasMethod(result, 'then');
}

/** The words for an object that cannot be iterated (G-100). */
export function notIterableFault(body: unknown): Fault<'not iterable'> {
  const name = typeName(body);
  const seen = `the application returned ${name}, which is not iterable`;
  const advice =
    name === 'Response' ? 'start a handler for fetch with --adapt fetch, or return [bytes]' : 'return [bytes]';
  return { rows: 'G-100', what: 'not iterable', seen, advice };
}

/** The error for an object that cannot be iterated (G-100). */
export function notIterable(body: unknown): ApplicationError {
  return faultError(notIterableFault(body));
}

/**
 * The words for what is no body by its type, whether or not JS can iterate it (G-100); null for any object or function.
 *
 * @param convention `a sync application` or `an async application`
 */
export function noBodyFault(body: unknown, convention: string): Fault<'nothing' | 'bytes or text' | 'other'> | null {
  const bytes = ArrayBuffer.isView(body) || isAnyArrayBuffer(body);
  if ((typeof body === 'object' || typeof body === 'function') && body !== null && !bytes) return null;
  const nothingReturned = body === null || body === undefined || body === false;
  return {
    rows: 'G-100, A-02',
    what: nothingReturned ? 'nothing' : bytes || typeof body === 'string' ? 'bytes or text' : 'other',
    seen: `${convention} returned ${typeName(body)}`,
    advice: nothingReturned
      ? 'return an iterable of Uint8Array chunks, [] for an empty body'
      : 'return an iterable of Uint8Array chunks, such as [bytes]',
  };
}

/** Throws for what is no body by its type (G-100). */
export function refuseNoBody(body: unknown, convention: string): void {
  const fault = noBodyFault(body, convention);
  if (fault !== null) throw faultError(fault);
}

/** The words for a promise, or an async iterable, that a sync application returned (B-02). */
export function notSyncFault(what: 'a promise' | 'an async iterable'): Fault<'not sync'> {
  const advice = 'declare it with markAsync, or mount it as async';
  return { rows: 'B-02', what: 'not sync', seen: `a sync application returned ${what}`, advice };
}

/** The method by which a sync body is iterated; refuses what has none (G-100, B-02). */
export function iterateOf(body: unknown): Iterable<unknown>[typeof Symbol.iterator] {
  refuseNoBody(body, 'a sync application');
  // An object or a function, which may be asked for any property.
  const iterate = (body as Iterable<unknown>)[Symbol.iterator];
  if (typeof iterate === 'function') return iterate;
  if (typeof (body as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function') {
    throw faultError(notSyncFault('an async iterable'));
  }
  throw notIterable(body);
}

/** The words for a chunk that is none (G-103); its promise is handled. */
export function noChunkFault(value: unknown, place: string): Fault<'promise' | 'other'> {
  disregard(value);
  const promise = isPromise(value);
  return {
    rows: 'G-103',
    what: promise ? 'promise' : 'other',
    seen: `${place} of the body must be a Uint8Array, got ${typeName(value)}`,
    advice:
      typeof value === 'string'
        ? 'encode text with TextEncoder'
        : promise
          ? 'await it in an async generator'
          : 'yield Uint8Arrays',
  };
}

/**
 * A chunk of a body, of which nothing is to be believed (see `partOf`), or an error that names what came in its place
 * (G-103).
 *
 * @param index its place in an array body; -1 elsewhere
 */
export function givenChunk(value: unknown, index: number): Uint8Array {
  if (isBytes(value)) return value;
  throw faultError(noChunkFault(value, index < 0 ? 'a chunk' : `chunk ${index}`));
}

/** The bytes of such a chunk, of which all is true. */
export function chunkOf(value: unknown, index: number): Uint8Array {
  const chunk = givenChunk(value, index);
  return partOf(chunk, 0, sizeOf(chunk));
}

/** The words for a chunk that has lost its bytes while it was in use (G-118). */
const LOST: Fault<'chunk'> = {
  rows: 'G-115, G-118',
  what: 'chunk',
  seen: 'a chunk was detached, or its buffer resized, before it was sent',
  advice: 'give a copy',
};

/** Throws where a chunk has no longer the bytes, up to `to`, that are to be taken, before anything is done for them. */
export function checkBytes(chunk: Uint8Array, to: number): void {
  if (to > sizeOf(chunk)) throw faultError(LOST);
}

/** The same for views of fixed length that were not empty. */
export function checkChunks(chunks: readonly Uint8Array[]): void {
  for (const chunk of chunks) checkBytes(chunk, 1);
}

/** Such views one by one, each with the bytes that it had. */
export function* keptChunks(chunks: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const chunk of chunks) {
    checkBytes(chunk, 1);
    yield chunk;
  }
}

/** The words for what `next()` of a body gave in the place of an object (G-100). */
export function noStepFault(step: unknown): Fault<'step'> {
  const seen = `next() of the body gave ${typeName(step)}`;
  return { rows: 'G-100', what: 'step', seen, advice: 'give { done, value }' };
}

/**
 * Throws where `next()` of a sync body gave a promise, which has neither `done` nor `value` (B-02). For a step without
 * a value: one that has a value is no promise that anybody made.
 */
export function refusePromise(step: object): void {
  if (!isPromise(step)) return;
  disregard(step);
  throw faultError({
    rows: 'B-02',
    what: 'step',
    seen: 'next() of the body gave a promise',
    advice: 'declare the application with markAsync, or mount it as async',
  });
}

/**
 * `close` of a body, read once (G-109), as a call; undefined where there is none. What its look-up throws, the call
 * throws (G-113).
 */
export function closeOf(body: unknown): (() => unknown) | undefined {
  if (body === null || body === undefined) return undefined;
  try {
    const close: unknown = Reflect.get(Object(body), 'close');
    return typeof close === 'function' ? () => Reflect.apply(close, body, []) : undefined;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/**
 * Closes what the promise of a sync application, which is refused (B-02), turns out to be after all. A rejection is
 * nobody else's to handle.
 *
 * @param failed told of what `close` threw
 */
export function closeLate(promise: unknown, failed: (error: unknown) => void): void {
  whenSettled(
    promise,
    (late) => {
      try {
        disregard(closeOf(late)?.());
      } catch (error) {
        failed(error);
      }
    },
    nothing,
  );
}
