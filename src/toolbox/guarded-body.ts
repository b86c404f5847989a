/** Bodies for middleware that has something to do when the request is over (U-52, M-08). */
import { isPromise } from 'node:util/types';
import { isFileWrapper } from '../engine/file-wrapper.ts';
import type { AsyncBody, Body } from '../interface/types.ts';
import { isPlainArray } from '../rules/body.ts';

type Closed = () => void | Promise<void>;
type AnyBody = Partial<Iterable<Uint8Array>> & Partial<AsyncIterable<Uint8Array>> & { close?(): void | Promise<void> };

/** Calls `close` of the body, then `onClose`, whatever the first does. Waits where one of them is a promise. */
function closeBoth(body: AnyBody, close: AnyBody['close'], onClose: Closed): void | Promise<void> {
  let closing: unknown;
  try {
    closing = close?.call(body);
  } catch (error) {
    const after = onClose();
    if (!isPromise(after)) throw error;
    return after.then(() => {
      throw error;
    });
  }
  // Whatever it is fulfilled with, nobody takes it.
  return isPromise(closing) ? (closing as Promise<void>).finally(onClose) : onClose();
}

/**
 * A body with the chunks of `body` whose `close` closes `body` and then calls `onClose`, both exactly once, even when
 * the first throws, and also when iteration was never begun (where the `finally` of a generator would not run).
 *
 * An array stays an array, of the same chunks, so that the gateway still knows its size (G-123). A file wrapper stays
 * the object that it is, with another `close`, so that the gateway still sends the file itself (M-16). Of any other
 * body the iterator is taken only when the gateway asks for it (M-02). Which convention it serves is that of `body`
 * (B-04).
 *
 * @param onClose may return a promise in the async convention; it is awaited
 */
export function guardedBody(body: Body, onClose: () => void): Body;
export function guardedBody(body: AsyncBody, onClose: Closed): AsyncBody;
export function guardedBody(body: AnyBody, onClose: Closed): AsyncBody {
  let closed = false;
  const close = (): void | Promise<void> => {
    if (closed) return undefined;
    closed = true;
    return closeBoth(body, isFile ? original : body.close, onClose);
  };
  const isFile = isFileWrapper(body);
  const original = isFile ? body.close : undefined;
  if (isFile) {
    body.close = close;
    return body as AsyncBody; // as it was given: see the overloads
  }
  // An array that iterates in a way of its own is left to the gateway to iterate.
  if (isPlainArray(body)) {
    return Object.assign([...(body as Uint8Array[])], { close }); // its elements are for the gateway to check
  }
  const guarded: AnyBody = { close };
  // Looked up again when it is called, and there: the gateway asks once.
  if (typeof body[Symbol.iterator] === 'function') {
    guarded[Symbol.iterator] = () => (body as Iterable<Uint8Array>)[Symbol.iterator]();
  }
  if (typeof body[Symbol.asyncIterator] === 'function') {
    guarded[Symbol.asyncIterator] = () => (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  }
  return guarded as AsyncBody; // it iterates as `body` does: see the overloads
}
