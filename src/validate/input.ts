/**
 * `wsgi.input`: the methods the server gave it, and what the application makes of them.
 */
import { types } from 'node:util';
import { type BlockInput, READ_BLOCK } from '../interface/read-block.ts';
import { onlyMembers } from './error-stream.ts';
import type { CheckedExchange } from './exchange.ts';
import { callMethod, disregard, hasMethod, isBytes, shown } from './values.ts';

/** Methods, and the rows by which they are there. */
const METHODS = { read: 'V-26', readline: 'V-27', readlines: 'V-28' } as const;
type Method = keyof typeof METHODS;
const ARGUMENT_ROWS: Record<Method, string> = { read: 'V-70', readline: 'V-72', readlines: 'V-74' };

const LF = 10;

/** `wsgi.input` as the server made it. */
export function checkInput(exchange: CheckedExchange, input: unknown): void {
  //: @in input
  //: G-51, B-10, V-26, V-27, V-28, V-29: `wsgi.input` MUST have `read(size?)`, `readline(size?)`, `readlines(hint?)` and be iterable: by
  //: `Symbol.iterator` in the sync convention; by `Symbol.asyncIterator` in the async one, where the three methods return promises.
  //: Overlapping async reads are served in the order of the calls.
  for (const [name, row] of Object.entries(METHODS)) {
    if (!hasMethod(input, name)) {
      throw exchange.outside(row, `wsgi.input has no method ${name}`, 'give the methods of G-51');
    }
  }
  const symbol = exchange.async ? Symbol.asyncIterator : Symbol.iterator;
  if (!hasMethod(input, symbol)) {
    throw exchange.outside('V-29', `wsgi.input has no ${String(symbol)}`, 'make it iterate over its lines');
  }
}

//: G-53: At the end of the body every method MUST return an empty `Uint8Array` (`readlines`: an empty array; iteration: the end), at once
//: and any number of times; never `null`.
//:
//: G-54: The input MUST end after `CONTENT_LENGTH` bytes even if the connection stays open or the next request is there already.
//:
//: G-55: A request with neither Content-Length nor Transfer-Encoding MUST have an empty body: the first read does not wait for the client.
//:
//: G-56: `read()`, `read(undefined)`, `read(null)` and `read(-1)` MUST return the rest of the body.
//:
//: G-57: `read(n)` MUST wait until `n` bytes are there or the body has ended: a shorter result means the end. `read(0)` is empty without
//: waiting.
//:
//: G-58: `readline()` MUST return the bytes up to and including the next LF (0x0A), or the rest; CR has no meaning. `readline(n)` returns at most
//: `n` bytes, `readline(0)` none. It returns fewer than `n` only at a newline or at the end, never because no more had arrived.
//:
//: G-59: `readlines(hint)` MUST return whole lines until their total size reaches `hint`; without a hint, and for 0 and negative ones, all of them. The
//: hint counts bytes, not lines. A last line without newline stays without.
//:
//: G-60: Iteration MUST yield the lines of `readline()` and end at the end. It never yields an empty chunk, nor for an empty body.
//:
//: G-61: The methods share one position: mixing them MUST neither lose nor repeat anything.
//:
//: G-62: A chunked request body MUST be shown decoded. Either it is buffered first, and `CONTENT_LENGTH` is its decoded size; or it is streamed, with
//: `CONTENT_LENGTH` absent and `wsgi.input_terminated` true. Trailers are no part of it.
//:
//: G-63: If the client goes away or the chunked framing breaks before the body is complete, reads MUST throw a documented error (here `ClientDisconnected` or `RequestBodyError`). They never return an
//: early end: an upload that was cut short must not look complete.
//:
//: G-64: Bytes that the application has not read MUST be read and discarded up to a limit, or the connection closed after the response. They are never
//: taken for the next request.
//:
//: G-65: The memory for a body MUST be bounded: above a threshold it goes to disk, or the socket is no longer read. A configured maximum gives
//: 413.
//:
//: G-66: What a read returned belongs to the application: the server MUST NOT change it later, and changing it does not affect later reads.
//:
//: G-67: On HTTP/1.1 a server MUST answer `Expect: 100-continue` with `100 Continue`, at once or, better, when the application first reads (`read(0)` is no
//: reading). If a final status is sent first, no 100 follows, and the connection is closed unless the body comes anyway. For HTTP/1.0 the
//: field is ignored; other expectations get 417.

/** The accounts of one input stream. */
class Reading {
  readonly #exchange: CheckedExchange;
  /** Of the request; -1 where it is not known. */
  readonly #length: number;
  readonly #terminated: boolean;
  #total = 0;
  /** The server has shown the end: an empty result, or one that was shorter than asked for. */
  #ended = false;
  #warned = false;

  constructor(exchange: CheckedExchange, length: number, terminated: boolean) {
    this.#exchange = exchange;
    this.#length = length;
    this.#terminated = terminated;
  }

  /** @returns the size asked for; infinite for all */
  asked(method: Method, args: readonly unknown[]): number {
    const exchange = this.#exchange;
    //: V-70, V-72, V-74, V-109: `read`, `readline` and `readlines` are called with at most one argument. One that is given is an
    //: integer; `undefined`, `null` and negative numbers mean "all".
    if (args.length > 1) {
      throw exchange.inside(ARGUMENT_ROWS[method], `input.${method} got ${args.length} arguments`, 'give one at most');
    }
    const size = args[0];
    if (size !== undefined && size !== null && !Number.isInteger(size)) {
      throw exchange.inside('V-109', `input.${method} got ${shown(size)}`, 'give an integer, or nothing for all');
    }
    const most = typeof size === 'number' && size >= 0 ? size : Number.POSITIVE_INFINITY;
    //: A-12, V-109: Without `wsgi.input_terminated` an application SHOULD NOT read more than `CONTENT_LENGTH` bytes: some servers would
    //: wait for ever. (The validator warns.)
    if (!this.#terminated && !this.#warned && this.#total + most > Math.max(this.#length, 0)) {
      this.#warned = true;
      exchange.warn(
        'V-109',
        exchange.link.inside,
        `input.${method} asks for more than the ${Math.max(this.#length, 0)} bytes of CONTENT_LENGTH, and wsgi.input_terminated is not set`,
        'count the bytes that are left, and ask for no more',
      );
    }
    return method === 'readlines' ? Number.POSITIVE_INFINITY : most;
  }

  /** One result of `read` or `readline`, or one line of several. */
  got(method: Method | 'chunks', block: unknown, most: number): Uint8Array {
    const exchange = this.#exchange;
    const row = method === 'readline' ? 'V-73' : method === 'readlines' ? 'V-76' : 'V-71';
    //: G-52, V-71, V-73, V-75, V-76: All of them MUST deliver `Uint8Array`s (a `Buffer` will do), `readlines` an array of them; never a
    //: view of shared memory, which others could change and many platform functions refuse.
    if (!isBytes(block)) {
      disregard(block);
      throw exchange.outside(row, `input.${method} gave ${shown(block)}`, 'give a Uint8Array');
    }
    if (types.isSharedArrayBuffer(block.buffer)) {
      throw exchange.outside(row, `input.${method} gave a view of shared memory`, 'copy the bytes');
    }
    const size = block.byteLength;
    //: V-108: `read(n)` MUST NOT return more than `n` bytes. After an empty result (for `n` other than 0), and after one that is shorter
    //: than `n`, every later one is empty. All together they are not more than `CONTENT_LENGTH`.
    if (size > most) {
      throw exchange.outside('V-108', `input.${method}(${most}) gave ${size} bytes`, 'give no more than was asked for');
    }
    if (this.#ended && size > 0) {
      throw exchange.outside('V-108', `input.${method} gave ${size} bytes after the end`, 'give nothing after the end');
    }
    const line = method === 'readline' || method === 'readlines';
    const newline = line ? block.indexOf(LF) : -1;
    if (newline >= 0 && newline < size - 1) {
      throw exchange.outside(row, `input.${method} gave bytes behind a newline`, 'end a line at its newline');
    }
    if (size < most && (line ? newline < 0 : method === 'read')) this.#ended = true;
    this.#total += size;
    if (this.#length >= 0 && this.#total > this.#length) {
      throw exchange.outside(
        'V-108',
        `wsgi.input gave ${this.#total} bytes, more than the CONTENT_LENGTH of ${this.#length}`,
        'end the input there',
      );
    }
    return block;
  }

  lines(lines: unknown): Uint8Array[] {
    if (!Array.isArray(lines)) {
      disregard(lines);
      throw this.#exchange.outside('V-75', `input.readlines gave ${shown(lines)}`, 'give an array of Uint8Arrays');
    }
    for (const line of lines) this.got('readlines', line, Number.POSITIVE_INFINITY);
    return lines;
  }
}

/** What the application gets in the place of `wsgi.input`. */
export function checkedInput(exchange: CheckedExchange, input: unknown, environ: Record<string, unknown>): object {
  const { CONTENT_LENGTH: length } = environ;
  const reading = new Reading(
    exchange,
    typeof length === 'string' && length !== '' ? Number(length) : -1,
    environ['wsgi.input_terminated'] === true,
  );
  const stream = exchange.async ? asyncMembers(exchange, input, reading) : syncMembers(input, reading);
  //: A-11, G-68, V-78, V-79: An application MUST NOT close the input, nor use other members than these (in the async convention also `chunks` and `stream`, if
  //: they are there). The server therefore MUST NOT rely on the application closing or draining it.
  const members = [...Object.keys(METHODS), ...(exchange.async ? extrasOf(input) : [])];
  return onlyMembers(exchange, stream, members, 'V-79', 'V-78', 'wsgi.input');
}

function syncMembers(input: unknown, reading: Reading): object {
  function call(method: 'read' | 'readline', args: unknown[]): Uint8Array {
    const most = reading.asked(method, args);
    return reading.got(method, callMethod(input, method, args), most);
  }
  const blocks = typeof input === 'object' && input !== null ? (input as Partial<BlockInput>)[READ_BLOCK] : undefined;
  return {
    ...(typeof blocks === 'function' && {
      [READ_BLOCK](max: number): Uint8Array | null {
        const block: unknown = Reflect.apply(blocks, input, [max]);
        return block === null ? null : reading.got('chunks', block, max);
      },
    }),
    read: (...args: unknown[]) => call('read', args),
    readline: (...args: unknown[]) => call('readline', args),
    readlines(...args: unknown[]): Uint8Array[] {
      reading.asked('readlines', args);
      return reading.lines(callMethod(input, 'readlines', args));
    },
    //: V-77: Iteration goes through `readline` and ends at its first empty result.
    *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
      for (let line = call('readline', []); line.byteLength !== 0; line = call('readline', [])) yield line;
    },
  };
}

function asyncMembers(exchange: CheckedExchange, input: unknown, reading: Reading): object {
  function call<T>(method: Method, args: unknown[], take: (result: unknown, most: number) => T): Promise<T> {
    const most = reading.asked(method, args);
    const result = callMethod(input, method, args);
    if (!types.isPromise(result)) {
      const row = method === 'read' ? 'V-71' : method === 'readline' ? 'V-73' : 'V-75';
      throw exchange.outside(row, `input.${method} gave ${shown(result)}`, 'return a promise in the async convention');
    }
    return result.then((value) => take(value, most));
  }
  const readline = (...args: unknown[]) =>
    call('readline', args, (value, most) => reading.got('readline', value, most));
  const members = {
    read: (...args: unknown[]) => call('read', args, (value, most) => reading.got('read', value, most)),
    readline,
    readlines: (...args: unknown[]) => call('readlines', args, (value) => reading.lines(value)),
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
      for (let line = await readline(); line.byteLength !== 0; line = await readline()) yield line;
    },
  };
  //: B-11: Async input SHOULD also give the body as blocks, as they arrive, by `chunks()`, and as a web `ReadableStream` of bytes by `stream()`.
  const extras = {
    chunks(): AsyncIterable<Uint8Array> {
      const blocks = callMethod(input, 'chunks') as AsyncIterable<unknown>;
      return (async function* () {
        for await (const block of blocks) yield reading.got('chunks', block, Number.POSITIVE_INFINITY);
      })();
    },
    stream: () => callMethod(input, 'stream'),
  };
  for (const name of extrasOf(input)) Object.assign(members, { [name]: extras[name] });
  return members;
}

/** The methods of B-11 that a stream has. */
function extrasOf(input: unknown): ('chunks' | 'stream')[] {
  if (typeof input !== 'object' || input === null) return [];
  return (['chunks', 'stream'] as const).filter((name) => name in input && hasMethod(input, name));
}
