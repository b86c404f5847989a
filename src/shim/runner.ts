/**
 * What the two runners share: the state of the head, which is kept where the application runs (B-25), the credit of the
 * body (B-27), and the error stream of the request.
 */
import { isUint8Array } from 'node:util/types';
import { isPlainArray } from '../engine/body.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { ResponseState } from '../engine/response.ts';
import { checkError, typeName } from '../engine/response-head.ts';
import { ApplicationError } from '../interface/errors.ts';
import type { ErrorStream, HeaderField } from '../interface/types.ts';
import { errorToWire, privateBytes, type RunnerMessage, type WireHead } from './wire.ts';

type Post = (message: RunnerMessage) => void;

/** An array body of more bytes than this is taken step by step. */
const MOST_WHOLE = 1048576;
/** Characters of error text on their way to the gateway's thread; more goes to standard error directly. */
const MOST_LOGGED = 1048576;
/** What a chunk costs beside its bytes, so that the number of small ones is bounded too. */
const CHUNK_COST = 1024;

/** What a chunk takes from the credit of its body. */
export function cost(chunk: Uint8Array): number {
  return CHUNK_COST + chunk.byteLength;
}

/** The head as the application stored it, and whether it is on its way. */
export class RunnerHead {
  readonly #state: ResponseState;
  #head: WireHead | null = null;

  constructor(environ: Record<string, unknown>) {
    this.#state = new ResponseState(environ, undefined);
  }

  /** `startResponse` (G-80 to G-98): checked here, so that the error is thrown into the application. */
  start(status: string, headers: HeaderField[], error?: Error | null): void {
    try {
      this.#state.start(status, headers, error);
    } finally {
      // Refused for what it is, nothing of the earlier one remains (G-83); refused as a second call, the first one stands (G-82).
      if (this.#state.head === null) this.#head = null;
    }
    const checked = checkError(error);
    this.#head = { status, headers: headers.map(([name, value]) => [name, value]) };
    if (checked !== null) this.#head.error = errorToWire(checked);
  }

  /** The head, to go with this message; null where it has gone, or there is none. */
  take(): WireHead | null {
    const head = this.#head;
    this.#head = null;
    if (head !== null) this.#state.headSent = true;
    return head;
  }

  /** The response is complete: `startResponse` throws from now on (G-98). */
  complete(): void {
    this.#state.complete = true;
  }
}

/** A chunk of a body, or an error that names what came in its place (G-103). */
export function chunkOf(value: unknown): Uint8Array {
  if (isUint8Array(value)) return value;
  throw new ApplicationError(`a chunk of the body must be a Uint8Array, got ${typeName(value)} (G-103)`);
}

/** The chunks of an array that can cross as a whole, so that its length stays known (G-123); else null. */
export function wholeArray(body: unknown): Uint8Array[] | null {
  if (!isPlainArray(body)) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let i = 0; i < body.length; i++) {
    const chunk = body[i];
    if (!isUint8Array(chunk)) return null;
    size += cost(chunk);
    if (size > MOST_WHOLE && body.length > 1) return null;
    chunks.push(privateBytes(chunk));
  }
  return chunks;
}

/** `wsgi.errors`: passed on to that of the gateway's side; out of this thread when the call returns (G-72). */
export class RemoteErrors {
  readonly stream: ErrorStream;
  #onTheWay = 0;
  #over = false;

  constructor(id: number, post: Post) {
    const direct = createErrorStream();
    const write = (text: string): void => {
      if (typeof text !== 'string') throw new TypeError(`wsgi.errors takes strings, got ${typeof text} (G-70)`);
      if (text === '') return;
      if (this.#over || this.#onTheWay + text.length > MOST_LOGGED) {
        direct.write(text);
        return;
      }
      this.#onTheWay += text.length;
      post({ type: 'errors', id, text });
    };
    this.stream = {
      write,
      writelines(lines: Iterable<string>): void {
        for (const line of lines) write(line);
      },
      flush(): void {},
    };
  }

  logged(length: number): void {
    this.#onTheWay -= length;
  }

  /** Nobody listens on the other side any more. */
  end(): void {
    this.#over = true;
  }
}
