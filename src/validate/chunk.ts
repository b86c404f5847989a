import { noChunkFault } from '../rules/body.ts';
import { isBytes } from '../rules/bytes.ts';
import type { CheckedExchange } from './exchange.ts';

/** One chunk of the body: its type. */
export function checkChunk(exchange: CheckedExchange, chunk: unknown, place: string): Uint8Array {
  if (isBytes(chunk)) return chunk;
  //: @in body
  //: A-23, B-06, V-134: A sync application MUST run to each chunk without awaiting: it returns no promise and yields
  //: none. A plain iterable of an async application yields no promises either; they belong into an async generator.
  //:
  //: G-103, V-86: Every chunk MUST be a `Uint8Array` (a `Buffer` is one). Strings, numbers, an `ArrayBuffer` and other
  //: views are errors of the application. The server tests the type in a way that holds for all realms, and sends the
  //: bytes that a chunk really has, whatever its properties say.
  //:
  //: ```js
  //: yield new TextEncoder().encode('text'); // not: yield 'text'
  //: ```
  const fault = noChunkFault(chunk, place);
  throw exchange.refused(fault.what === 'promise' ? 'V-134' : 'V-86', fault);
}

/** The mode that compares chunks with what they were (V-137). */
export class ChunkComparison {
  readonly #exchange: CheckedExchange;
  #chunk: Uint8Array | null = null;
  #copy: Uint8Array | null = null;

  constructor(exchange: CheckedExchange) {
    this.#exchange = exchange;
  }

  remember(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#copy = Uint8Array.prototype.slice.call(chunk);
  }

  /** Before the application runs again, and may change it itself. */
  check(): void {
    const chunk = this.#chunk;
    const copy = this.#copy;
    this.#chunk = null;
    this.#copy = null;
    if (chunk === null || copy === null || Buffer.compare(chunk, copy) === 0) return;
    //: @in body
    //: G-106, G-115, G-116, A-22, V-137: Bytes pass unchanged, and the chunk stays the application's. The server MUST
    //: have copied it or handed it over in full before it asks for the next step (and before `write` returns), because
    //: the application MAY then refill the same buffer. It MUST NOT change, transfer or detach the buffer: the
    //: application may keep it, in a cache for example. The chunks of an array are in use until its `close` is called;
    //: without a `close` they MUST NOT be changed afterwards. (The validator compares in its mode `compareChunks`.)
    throw this.#exchange.outside(
      'V-137',
      'a chunk was changed after it had been yielded',
      'copy what you want to change: the bytes belong to the application',
    );
  }
}
