/**
 * One request through a middleware, without the waiting. `define.ts` makes it for a request that a middleware handles;
 * it calls the application, and what it returns goes to the gateway. It decides; `SyncExchange` and `AsyncExchange`
 * call and wait. Steps (`src/rules/steps.ts`) only where a response fails, is dropped, or is a file.
 */
import type { AsyncBody, Body } from '../../interface/types.ts';
import { isPlainArray } from '../../rules/body.ts';
import type { Steps } from '../../rules/steps.ts';
import { type AnyEnviron, type Bytes, DROP, type Handling } from '../types.ts';
import { HeadStage, type Start } from './head-stage.ts';
import { chunksOf } from './inner-body.ts';

export type AnyIterator = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

/** An array that closes the inner body and ends the exchange, once. */
export type ClosingArray<C> = Uint8Array[] & { close(): C | undefined };

/**
 * @typeParam W the `write` of the convention
 * @typeParam B the body of the convention
 * @typeParam C what a close gives
 * @typeParam R what an application gives: a body, in the async convention perhaps a promise of one
 */
export abstract class MiddlewareExchange<W, B extends Body | AsyncBody, C, R> {
  protected readonly handling: Handling;
  readonly stage: HeadStage<W>;
  /** The application has called `write`. */
  protected wrote = false;
  /** Failures of a close that came before its time; they are thrown by the close that the gateway asks for (G-113). */
  protected readonly early: unknown[] = [];
  /** The file wrapper made for this request, which is passed on untouched (M-16). */
  #file: unknown = null;
  protected innerClosed = false;
  protected done = false;

  constructor(handling: Handling, startResponse: Start<W>) {
    this.handling = handling;
    this.stage = new HeadStage(handling, startResponse);
  }

  /** A body of our own in the place of this one, over its chunks where they were taken. */
  protected abstract mapped(body: B, chunks: readonly Uint8Array[] | null): B;
  /** The body when all of it was mapped at once. */
  protected abstract whole(mapped: Bytes, body: B): R | ClosingArray<C>;
  /** The body when nothing of it is sent. */
  protected abstract dropped(body: B): R | ClosingArray<C>;
  /** Ends the exchange when the file wrapper is closed. */
  protected abstract watchClose(file: B): void;
  /** Closes the inner body, then ends the exchange, also if closing fails (M-08). */
  abstract closeAll(body: B): C;
  /** Frees the mapping, calls `onClose` (also if that fails), throws what a close before its time has thrown; once. */
  abstract end(): C;

  around<T>(step: () => T): T {
    return this.handling.around === undefined ? step() : this.handling.around(step);
  }

  /** The `startResponse` for the application; `outer` itself where nothing concerns the head. */
  protected startFor(outer: Start<W>, write: W): Start<W> {
    const { onHead, mapBody } = this.handling;
    if (onHead === undefined && mapBody === undefined) return outer;
    return (status, headers, error) => {
      this.stage.start(status, headers, error);
      return mapBody === undefined ? this.stage.outerWrite! : write; // there is one: `start` has not thrown
    };
  }

  /** Learns which body is a file wrapper, where a body that is not mapped might have to be wrapped. */
  protected watchFiles(environ: AnyEnviron): void {
    const { around, onError, onClose } = this.handling;
    if (around === undefined && onError === undefined && onClose === undefined) return;
    const factory: unknown = environ['wsgi.file_wrapper'];
    if (typeof factory !== 'function') return;
    Reflect.set(environ, 'wsgi.file_wrapper', (...args: unknown[]): unknown => {
      this.#file = Reflect.apply(factory, undefined, args);
      return this.#file;
    });
  }

  /**
   * What goes to the gateway for the body that the application has returned.
   *
   * @param array the body, where it is to be taken as an array
   */
  protected respond(body: B, array: readonly Uint8Array[] | null): R | B | ClosingArray<C> {
    const { stage } = this;
    let chunks: readonly Uint8Array[] | null = null;
    if (stage.deferring) {
      if (array !== null) chunks = chunksOf(array);
      stage.settle(chunks);
    }
    const { decision } = stage;
    if (decision === DROP) return this.dropped(body);
    if (decision !== null && decision.whole !== undefined && array !== null && !this.wrote) {
      chunks ??= chunksOf(array);
      if (chunks !== null) return this.whole(decision.whole(chunks), body);
    }
    if (decision === null && (stage.started || this.handling.mapBody === undefined)) {
      return this.#unchanged(body, array, chunks);
    }
    return this.mapped(body, chunks);
  }

  /** A body that is not mapped: the object itself wherever that is possible (G-123, M-16). */
  #unchanged(body: B, array: readonly Uint8Array[] | null, taken: readonly Uint8Array[] | null): B | ClosingArray<C> {
    const { around, onError, onClose } = this.handling;
    if (array !== null) {
      // An array that checks its own iteration was iterated, and must not be again (V-128).
      const again = taken === null || isPlainArray(body);
      if (again && onClose === undefined && (around === undefined || body.close === undefined)) return body;
      const chunks = taken ?? chunksOf(array);
      if (chunks !== null) return this.closing(chunks, body);
    }
    if (around === undefined && onError === undefined && onClose === undefined) return body;
    if (body !== this.#file) return this.mapped(body, null);
    this.watchClose(body);
    return body;
  }

  protected closing(chunks: readonly Uint8Array[], body: B | null): ClosingArray<C> {
    let due = true;
    return Object.assign([...chunks], {
      close: () => {
        if (!due) return undefined;
        due = false;
        return body === null ? this.end() : this.closeAll(body);
      },
    });
  }

  /** The application failed before it returned a body: there is nothing to close (G-114). */
  protected *threw(error: unknown): Steps<ClosingArray<C>> {
    try {
      return this.closing([this.stage.answer(error)], null);
    } catch (failure) {
      yield this.end();
      throw failure;
    }
  }

  protected *closeFile(file: B, close: B['close']): Steps<void> {
    try {
      if (close !== undefined) yield this.around(() => close.call(file));
    } finally {
      yield this.end();
    }
  }

  /** Ends a body of which nothing is sent, at once (M-11). A failure does not alter the response. Never throws. */
  *dropNow(body: B, iterator: AnyIterator | null): Steps<void> {
    try {
      if (iterator !== null) yield this.around(() => iterator.return?.());
    } catch (error) {
      this.early.push(error);
    }
    try {
      yield this.closeInner(body);
    } catch (error) {
      this.early.push(error);
    }
  }

  /** Closes the inner body, once. What that gives is still to be waited for. */
  protected closeInner(body: B): unknown {
    if (this.innerClosed) return undefined;
    this.innerClosed = true;
    return this.around(() => {
      const close = body.close;
      return typeof close === 'function' ? close.call(body) : undefined;
    });
  }

  /** Whether the exchange is to be ended now: the first time. */
  protected isFirstEnd(): boolean {
    const first = !this.done;
    this.done = true;
    return first;
  }

  protected throwEarly(): void {
    if (this.early.length > 0) throw this.early[0];
  }
}
