/**
 * What the two runners share: the state of the response, which is kept where the application runs (B-25), the credit of the
 * body (B-27), and the error stream of the request.
 */

import { createErrorStream, joinedLines } from '../../engine/error-stream.ts';
import { ResponseState } from '../../engine/response.ts';
import { RequestAborted } from '../../interface/errors.ts';
import type { ErrorStream, HeaderField } from '../../interface/types.ts';
import { chunkOf, isPlainArray } from '../../rules/body.ts';
import { isAbortError } from '../../rules/failures.ts';
import { disregard, nothing } from '../../rules/promises.ts';
import { errorToWire, privateBytes, type RunnerMessage, type WireHead } from '../link/wire.ts';
import { TrackedResponse } from './tracked-response.ts';

type Post = (message: RunnerMessage) => void;

/** Characters of error text on their way to the gateway's thread; more goes to standard error directly. */
const MOST_LOGGED = 1048576;
/** What a chunk costs beside its bytes, so that the number of small ones is bounded too. */
const CHUNK_COST = 1024;

/** What a chunk takes from the credit of its body. */
export function cost(chunk: Uint8Array): number {
  return CHUNK_COST + chunk.byteLength;
}

/** The response of an application whose gateway is on another thread. */
export class RunnerResponse extends TrackedResponse {
  /** As the application stored it, until it is on its way. */
  #stored: WireHead | null = null;

  /** Checked here, so that the error is thrown into the application. */
  override start(status: string, headers: HeaderField[], error?: Error | null): void {
    const read: HeaderField[] = [];
    try {
      super.start(status, headers, error, read);
    } finally {
      // Refused for what it is, nothing of the earlier one remains (G-83); refused as a second call, the first one stands (G-82).
      if (this.head === null) this.#stored = null;
    }
    this.#stored = { status, headers: read };
    if (error !== undefined && error !== null) this.#stored.error = errorToWire(error);
  }

  /** The head, to go with this message; null where it has gone, or there is none. */
  takeHead(): WireHead | null {
    const head = this.#stored;
    this.#stored = null;
    if (head !== null) this.sendHead();
    return head;
  }

  /** A chunk of the body, ready to cross: what is counted is the copy that goes. */
  override accept(value: unknown): Uint8Array {
    return super.accept(privateBytes(chunkOf(value, -1)));
  }

  /**
   * A body that is an array, for crossing in one piece whatever its size: the gateway checks all of it before it sends
   * anything, and knows its length (G-117, G-123). Null for other bodies.
   *
   * @throws ApplicationError for a chunk that is none (G-103), for a missing head (G-102)
   */
  takeArray(body: unknown): Uint8Array[] | null {
    return isPlainArray(body) ? Array.from(this.acceptArray(body), privateBytes) : null;
  }
}

/**
 * `close` of a body, read once (G-109). Where reading it throws, it is a `close` that throws: no failure of the response
 * (G-113). Undefined where there is none.
 */
export function closeOf(body: unknown): (() => unknown) | undefined {
  try {
    const close: unknown = body === null || body === undefined ? undefined : (body as { close?: unknown }).close;
    return typeof close === 'function' ? () => Reflect.apply(close, body, []) : undefined;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Closes what the promise of a sync application, which is refused, turns out to be after all. */
export function closeLate(promise: Promise<unknown>, environ: Record<string, unknown>): void {
  promise.then((late) => {
    try {
      disregard(closeOf(late)?.());
    } catch (error) {
      reportClose(environ, error);
    }
  }, nothing);
}

const earlyCloses = new WeakSet<object>();

/** The reason of the signal where the gateway has closed a body before its end (B-54). */
export function closedEarly(): RequestAborted {
  const reason = new RequestAborted('the gateway closed the body before its end');
  earlyCloses.add(reason);
  return reason;
}

/** Whether a signal tells that the client has gone or the request was given up, and not only that nobody wants the rest. */
export function tellsDisconnect({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(typeof reason === 'object' && reason !== null && earlyCloses.has(reason));
}

/**
 * Says that `return()` of a body failed which the gateway did not call itself, since it was told of a failure, or a
 * disconnect came first: so it is for the runner to say (G-113). `gone`: the client has gone.
 */
export function reportReturn(environ: Record<string, unknown>, error: unknown, gone: boolean): void {
  if (gone && isAbortError(error)) return;
  new ResponseState(environ, undefined).logError('return() of the body failed', error);
}

/** The same of `close()`, of a body that the gateway did not get. */
export function reportClose(environ: Record<string, unknown>, error: unknown): void {
  new ResponseState(environ, undefined).logError('close() of the body failed', error);
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
        write(joinedLines(lines));
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
