/**
 * A body that is an array stays one: the server may ask for its length and send it in one go (G-117, G-123).
 */

import { isBytes, sizeOf } from '../rules/bytes.ts';
import { checkChunk } from './chunk.ts';
import { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';

/**
 * Iterates as arrays do, by `length` and index; what is derived from it by `map`, `slice` and so on is a plain array.
 */
class CheckedArray extends Array<unknown> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/**
 * The array for the server. Its chunks exist already, so that they are checked at once, before anything is sent; its
 * elements are accessors that look, when they are taken, whether the array is still the same.
 *
 * @throws ValidationError
 */
export function checkedArray(
  exchange: CheckedExchange,
  source: unknown[],
): { array: unknown[]; closing: Closing | null } {
  const count = source.length;
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < count; i++) chunks.push(checkChunk(exchange, source[i], `chunk ${i} of the body`));
  for (const chunk of chunks) exchange.pass(sizeOf(chunk));
  exchange.end();
  exchange.ended = false; // not before the server has taken it

  const array = new CheckedArray();
  array.length = count;
  const close: unknown = Reflect.get(source, 'close');
  const closing = close === undefined || close === null ? null : new Closing(exchange, source);
  for (let i = 0; i < count; i++) {
    Object.defineProperty(array, i, {
      enumerable: true,
      configurable: true,
      get: () => {
        if (closing?.closed === true) {
          throw exchange.outside('V-85', 'the body was iterated after it had been closed', 'close it last');
        }
        if (exchange.steps === 0) exchange.beginBody();
        if (source.length !== count || source[i] !== chunks[i]) {
          throw exchange.inside(
            'V-125',
            'the array was changed after it had been returned as body',
            'return an array of its own for each response',
          );
        }
        return chunks[i];
      },
      set: () => {
        throw exchange.outside(
          'V-125',
          'an element of the body was assigned to',
          'make an array of your own: this one belongs to the application',
        );
      },
    });
  }
  if (closing !== null) {
    // Not enumerable, as a method of a class is.
    Object.defineProperty(array, 'close', { configurable: true, writable: true, value: () => closing.close() });
    if (exchange.settings.compareChunks) closing.before = compareAll(exchange, chunks);
  }
  return { array, closing };
}

function compareAll(exchange: CheckedExchange, chunks: readonly Uint8Array[]): () => void {
  const copies = chunks.map((chunk) => Buffer.from(chunk));
  return () => {
    const same = chunks.every((chunk, i) => isBytes(chunk) && copies[i].equals(chunk));
    if (same) return;
    throw exchange.outside(
      'V-137',
      'a chunk of the array body was changed by its receiver',
      'copy what you want to change: the bytes belong to the application',
    );
  };
}
