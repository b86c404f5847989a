/**
 * What a middleware is made of. One definition serves both conventions (M-19); `define.ts` makes the two forms.
 */
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  Body,
  Environ,
  HeaderFields,
  Kind,
  Lifespan,
} from '../interface/types.ts';
import type { Head } from './head.ts';

/** The request in either convention; `quaich.async` tells them apart. */
export type AnyEnviron = Environ | AsyncEnviron;

export type AnyApplication = Application | AsyncApplication;

export type { Middleware } from '../interface/types.ts';

/** Bytes, or, in the async convention only, a promise of them. */
export type Bytes = Uint8Array | Promise<Uint8Array>;

/** Turns the chunks of a body into others. It has to bring `Content-Length` and `ETag` in line itself (M-10). */
export interface BodyMapping {
  /**
   * What becomes of one chunk, of the body or of `write` (M-05). Called once for each chunk, also for an empty one; an
   * empty result is passed on as an empty chunk (M-03).
   */
  chunk(chunk: Uint8Array): Bytes;
  /** What is still to follow when the body has ended. */
  end?(): Bytes;
  /**
   * All of a body that is an array, in place of `chunk` and `end`, so that its length is known to the gateway (G-123).
   */
  whole?(chunks: readonly Uint8Array[]): Bytes;
  /** Frees what the mapping holds; called once, after the body was closed or when another head took its place. */
  close?(): void;
}

/** Result of `mapBody`: the body is closed at once and nothing of it is sent (M-11). */
export const DROP: unique symbol = Symbol('drop the body');

/** A response in place of the application's. */
export interface Answer {
  /** `'403 Forbidden'` */
  status: string;
  headers: HeaderFields;
  /** A plain iterable serves both conventions; an async one only the async. */
  body: Body | AsyncBody;
}

/** A response in place of one that failed. */
export interface ErrorAnswer {
  status: string;
  headers: HeaderFields;
  body: Uint8Array;
}

/** What a middleware wants of one request. Every hook is optional, and what is left out costs nothing. */
export interface Handling<E extends AnyEnviron = AnyEnviron> {
  /** The environ for the application, where it is another than the request's (M-12). */
  environ?: E;
  /**
   * Changes status and headers. Called at each call of `startResponse`, which may come as late as the first step of the
   * body, and again with an error (M-07): decide anew each time, keep no flag.
   */
  onHead?(head: Head): void;
  /**
   * Decides about the body, after `onHead`: a mapping, `DROP`, or nothing to leave it alone. May change the head too.
   *
   * @param chunks the body, where `deferHead` is set and it is an array; else null
   */
  mapBody?(head: Head, chunks: readonly Uint8Array[] | null): BodyMapping | typeof DROP | undefined;
  /**
   * The head waits until the application has returned its body or calls `write`, so that `mapBody` sees an array body.
   * An error in the head is then still thrown into the application (G-87).
   */
  deferHead?: boolean;
  /**
   * Runs the application, each step of its body and its close, for a context such as `AsyncLocalStorage.run` (M-21). An
   * untouched file wrapper is sent by the gateway outside of it (M-16).
   */
  around?<T>(step: () => T): T;
  /**
   * An answer to an error of the application or its body. Used only while the head can still be replaced; never asked
   * about a client that has gone (G-143).
   */
  onError?(error: unknown): ErrorAnswer | null;
  /** The answer of `onError` has taken the place of the response: the error is now this middleware's to report. */
  onAnswered?(error: unknown): void;
  /** The request is over: called once, after the body was closed, also if the application failed (M-08). */
  onClose?(): void | Promise<void>;
}

export type Handled<E extends AnyEnviron> = Handling<E> | Answer | undefined;

/** A middleware, written once for both conventions. */
export interface Definition extends Lifespan {
  /** For error messages. */
  name: string;
  /** The only convention it is written for; both by default (M-18). */
  kind?: Kind;
  /**
   * Called for each request, before the application. Nothing: the application is called as if the middleware were not
   * there. An answer: the application is not called. A promise, in the async convention only, is awaited.
   */
  request<E extends AnyEnviron>(environ: E): Handled<E> | Promise<Handled<E>>;
}
