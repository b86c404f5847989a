/** Bodies for middleware that has something to do when the request is over (U-52, M-08). */
import { isPromise } from 'node:util/types';
import { isFileWrapper } from '../engine/file-wrapper.ts';
import type { AsyncBody, Body } from '../interface/types.ts';
import { isAwaitable, isPlainArray } from '../rules/body.ts';

type Closed = () => void | Promise<void>;
type AnyBody = Partial<Iterable<Uint8Array>> & Partial<AsyncIterable<Uint8Array>> & { close?(): void | Promise<void> };

function isIterable(body: AnyBody): body is Iterable<Uint8Array> {
  return typeof body[Symbol.iterator] === 'function';
}

function isAsyncIterable(body: AnyBody): body is AsyncIterable<Uint8Array> {
  return typeof body[Symbol.asyncIterator] === 'function';
}

/** Calls `close` of the body, then `onClose`, whatever the first does. Waits where one of them is a promise. */
function closeBoth(body: AnyBody, close: AnyBody['close'], onClose: Closed): void | Promise<void> {
  let closing: void | Promise<void>;
  let waits: boolean;
  try {
    closing = close?.call(body);
    waits = isAwaitable(closing);
  } catch (error) {
    const after = onClose();
    if (!isPromise(after)) throw error;
    return after.then(() => {
      throw error;
    });
  }
  return waits ? Promise.resolve(closing).finally(onClose) : onClose();
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
    return body as AsyncBody; // the signatures above: it is one, or a sync body
  }
  // An array that iterates in a way of its own is left to the gateway to iterate.
  if (isPlainArray(body)) {
    return Object.assign([...(body as Uint8Array[])], { close }); // what else is in it the gateway refuses (G-103)
  }
  const guarded: AnyBody = { close };
  if (isIterable(body)) {
    const iterate = (): Iterator<Uint8Array> => body[Symbol.iterator]();
    guarded[Symbol.iterator] = iterate;
  }
  if (isAsyncIterable(body)) {
    const iterate = (): AsyncIterator<Uint8Array> => body[Symbol.asyncIterator]();
    guarded[Symbol.asyncIterator] = iterate;
  }
  return guarded as AsyncBody; // it has the iterator methods of `body`
}
