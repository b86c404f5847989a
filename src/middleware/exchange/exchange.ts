/** What one request through a middleware has in common in both conventions: nothing here waits. */
import type { AsyncBody, Body } from '../../interface/types.ts';
import { isPlainArray } from '../../rules/body.ts';
import type { AnyEnviron, Handling } from '../types.ts';
import { HeadStage, type Start } from './head-stage.ts';
import { chunksOf } from './inner-body.ts';

/**
 * @typeParam W the `write` of the convention
 * @typeParam B the body of the convention
 */
export abstract class Exchange<E extends AnyEnviron, W, B extends Body | AsyncBody> {
  protected readonly handling: Handling<E>;
  readonly stage: HeadStage<W>;
  /** The application has called `write`. */
  protected wrote = false;
  /** Failures of a close that came before its time; they are thrown by the close that the gateway asks for (G-113). */
  protected readonly early: unknown[] = [];
  /** The file wrapper made for this request, which is passed on untouched (M-16). */
  #file: unknown = null;

  constructor(handling: Handling<E>, startResponse: Start<W>) {
    this.handling = handling;
    this.stage = new HeadStage(handling, startResponse);
  }

  /** An array that closes the inner body and ends the exchange. */
  protected abstract closing(chunks: readonly Uint8Array[], body: B | null): B;
  /** A body of our own in the place of this one, over its chunks where they were taken. */
  protected abstract mapped(body: B, chunks: readonly Uint8Array[] | null): B;
  /** Ends the exchange when the file wrapper is closed. */
  protected abstract watchClose(file: B): void;

  around<T>(step: () => T): T {
    return this.handling.around === undefined ? step() : this.handling.around(step);
  }

  /** The `startResponse` for the application; `outer` itself where nothing concerns the head. */
  protected startFor(outer: Start<W>, write: W): Start<W> {
    const { onHead, mapBody } = this.handling;
    if (onHead === undefined && mapBody === undefined) return outer;
    return (status, headers, error) => {
      this.stage.start(status, headers, error);
      return mapBody === undefined ? this.stage.outerWrite! : write;
    };
  }

  /** Learns which body is a file wrapper, where a body that is not mapped might have to be wrapped. */
  protected watchFiles(environ: E): void {
    const { around, onError, onClose } = this.handling;
    if (around === undefined && onError === undefined && onClose === undefined) return;
    const factory: unknown = environ['wsgi.file_wrapper'];
    if (typeof factory !== 'function') return;
    Reflect.set(environ, 'wsgi.file_wrapper', (...args: unknown[]): unknown => {
      this.#file = Reflect.apply(factory, undefined, args);
      return this.#file;
    });
  }

  /** A body that is not mapped: the object itself wherever that is possible (G-123, M-16). */
  protected unchanged(body: B, array: readonly Uint8Array[] | null, taken: readonly Uint8Array[] | null): B {
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
}
