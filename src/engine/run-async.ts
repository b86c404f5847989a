/**
 * Runs one async application against one request, by rows G-80 to G-146, B-04 to B-14 and B-35 to B-38.
 *
 * AsyncLocalStorage (B-60): whatever follows the call runs in continuations of promises that were awaited, or `then`ed,
 * inside the call, so that node itself brings the context back. `disconnect`, which is called from elsewhere, resolves
 * such a promise, and aborts the signal in the context of the request, as its listeners are the application's.
 */
import { isPromise } from 'node:util/types';
import { DONE, END, type Final, MORE, type Transport } from '../interface/transport.ts';
import type { AsyncApplication, AsyncEnviron, AsyncStartResponse, AsyncWrite } from '../interface/types.ts';
import { hasMethod, isAwaitable, isPlainArray, noStepFault, notIterable, refuseNoBody } from '../rules/body.ts';
import { isAbortError, isClientFault, isDisconnect } from '../rules/failures.ts';
import { faultError } from '../rules/fault.ts';
import { disregard, nothing, whenSettled } from '../rules/promises.ts';
import { Context } from './context.ts';
import { plainPage, statusFor } from './error-page.ts';
import { fileOf } from './file-wrapper.ts';
import {
  DEFAULT_CLOSE_TIMEOUT,
  type EngineOptions,
  ResponseState,
  SEND,
  SEND_LAST_AND_STOP,
  SKIP,
  STOP,
} from './response.ts';
import { type AbortSource, RequestAbort } from './signal.ts';

const DEFAULTS: EngineOptions = {};

type Closable = { close?: unknown };
type AnyIterator = { next(): unknown; return?: unknown };

/** A request that is still running. */
export interface RunningRequest {
  /**
   * The client has gone (ClientDisconnected) or the server gives up (RequestAborted): aborts `quaich.signal` with the
   * reason, then returns the iterator and closes the body, waiting no longer than the close timeout (B-36). The
   * transport is told `done` at the end. Does nothing to a request that is over.
   */
  disconnect(reason: Error): void;
}

/** `close` of the body, not looked up yet. */
const UNKNOWN = Symbol('unknown');
const CLOSE_FAILED = 'close() of the body failed';

// Who ends the request: returns the iterator, closes the body, tells the transport. The first who claims it.
const NOBODY = 0;
const RUN = 1;
const DISCONNECT = 2;

class AsyncRun implements RunningRequest {
  readonly #state: ResponseState;
  readonly #transport: Transport<true>;
  readonly #options: EngineOptions;
  readonly #abort: AbortSource = new RequestAbort();
  readonly #context = new Context();
  #ender: number = NOBODY;
  #over = false;
  #close: unknown = UNKNOWN;
  #write: AsyncWrite | null = null;
  /** Settles, and never rejects, when the last send that had to wait is through: sends do not overlap. */
  #sending: Promise<void> | null = null;
  /** Tells the run, in its own context, that the client has gone; null while there is no iterator. */
  #wake: (() => void) | null = null;
  /** The iterator is done or threw, or is taking a step: unless it is, `return` is to be called (G-110). */
  #finished = true;
  /** Ends the wait for an application that goes on without its client. */
  #timer: NodeJS.Timeout | null = null;
  /** The `next()` that is outstanding. */
  #step: Promise<unknown> | null = null;

  constructor(environ: AsyncEnviron, transport: Transport<true>, options: EngineOptions) {
    this.#state = new ResponseState(environ, options.counters);
    this.#transport = transport;
    this.#options = options;
    environ['quaich.signal'] = this.#abort.signal;
  }

  get over(): boolean {
    return this.#over;
  }

  start(app: AsyncApplication, environ: AsyncEnviron): void {
    this.#context.runInAsyncScope(this.#call, this, app, environ);
  }

  #call(app: AsyncApplication, environ: AsyncEnviron): void {
    const startResponse: AsyncStartResponse = (status, headers, error) => {
      this.#state.start(status, headers, error);
      this.#write ??= (chunk) => this.#writeChunk(chunk);
      return this.#write;
    };
    let result: unknown;
    try {
      result = app(environ, startResponse); // G-01
      if (isAwaitable(result)) {
        whenSettled(
          result,
          (body) => this.#returned(body),
          (error) => this.#threw(error),
        );
        return;
      }
    } catch (error) {
      this.#threw(error);
      return;
    }
    this.#returned(result);
  }

  /** The application failed before it returned a body: there is nothing to close (G-114). */
  #threw(error: unknown): void {
    this.#close = undefined;
    this.#settle(undefined, this.#fail('the application threw', error));
  }

  #returned(body: unknown): void {
    if (this.#over || this.#state.gone) {
      this.#settle(body, undefined); // no step is taken (B-35), the body is closed
      return;
    }
    try {
      const wait = this.#sending === null && isPlainArray(body) ? this.#array(body) : null;
      if (wait === null) this.#respond(body);
      else this.#settle(body, wait);
    } catch (error) {
      this.#settle(body, this.#fail('the body failed', error));
    }
  }

  /**
   * Looks `close` of the body up, once (G-109). One that throws where it is looked up has failed, as if called (G-113).
   */
  #lookUpClose(body: unknown): void {
    if (this.#close !== UNKNOWN) return;
    this.#close = undefined;
    try {
      if (body !== undefined && body !== null) this.#close = (body as Closable).close;
    } catch (error) {
      this.#closingFailed(CLOSE_FAILED, error);
    }
  }

  /** END, or DONE where no `close` has to run before the request is over. */
  #final(body: unknown): Final {
    this.#lookUpClose(body);
    if (typeof this.#close === 'function') return END;
    this.#over = true;
    return DONE;
  }

  /** An array that goes out in one piece (G-117). Null: it needs several steps. */
  #array(body: unknown[]): Promise<void> | undefined | null {
    if (hasMethod(body, Symbol.asyncIterator)) return null; // B-04
    const state = this.#state;
    const bytes = state.acceptArray(body);
    if (Array.isArray(bytes)) return null;
    const head = state.head!;
    if (head.length >= 0 && state.sent < head.length && state.hasBody()) {
      state.sent -= bytes.byteLength; // too short: `#respond` finds out the hard way
      return null;
    }
    const final = this.#final(body);
    const first = state.takeHead();
    state.complete = true;
    return this.#transport.send(first, bytes.byteLength === 0 ? null : bytes, final);
  }

  /** The last thing was sent, or failed: what is left is `close`. */
  #settle(body: unknown, wait: Promise<void> | undefined): void {
    this.#ender = RUN;
    if (wait === undefined) {
      if (!this.#over || this.#close === UNKNOWN) this.#closeBody(body);
      return;
    }
    wait.then(
      () => this.#settle(body, undefined),
      (error) => this.#settle(body, this.#fail('the response could not be sent', error)),
    );
  }

  /** A body that takes several steps. Never rejects. */
  async #respond(body: unknown): Promise<void> {
    try {
      // After a `write` that had to wait, an array is still sent as one: how fast the client reads changes no response.
      const afterWrite = this.#sending !== null;
      while (this.#sending !== null) await this.#sending;
      if (!this.#state.gone) {
        const array = afterWrite && isPlainArray(body) ? this.#array(body) : null;
        const sent = array === null ? this.#file(body) : array;
        if (sent === null) await this.#iterate(body);
        else if (sent !== undefined) await sent;
      }
    } catch (error) {
      if (this.#ender === DISCONNECT) {
        this.#closingFailed('the body failed after the client had gone', error);
        return;
      }
      this.#ender = RUN;
      try {
        await this.#fail('the body failed', error);
      } catch (failure) {
        if (!isDisconnect(failure)) this.#state.logError('the error page could not be sent', failure);
      }
    }
    if (this.#ender === DISCONNECT) return;
    this.#ender = RUN;
    if (!this.#over) await this.#closeBody(body);
  }

  /** The file sent by the transport, where the body is an untouched file wrapper (G-161); null for other bodies. */
  #file(body: unknown): Promise<void> | null {
    const state = this.#state;
    const file = state.headSent ? null : fileOf(body);
    if (file === null) return null;
    if (file.length >= 0) state.setLength(file.length);
    const transport = this.#transport;
    if (transport.sendFile === undefined || transport.takesFile?.(file.descriptor) === false) return null;
    if (!state.hasBody()) return null;
    const head = state.takeHead()!;
    state.complete = true;
    return transport.sendFile(head, file.descriptor, head.length) ?? Promise.resolve();
  }

  async #iterate(body: unknown): Promise<void> {
    refuseNoBody(body, 'an async application');
    const asyncMethod: unknown = (body as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    const waits = typeof asyncMethod === 'function';
    const method: unknown = waits ? asyncMethod : (body as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof method !== 'function') {
      throw notIterable(body);
    }
    const iterator = Reflect.apply(method, body, []) as AnyIterator; // once (G-108)
    // Ends: with `disconnect`; nobody waits for it otherwise.
    new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).then(() => this.#abandon(iterator, body));

    const state = this.#state;
    try {
      for (;;) {
        this.#finished = true;
        let step: unknown = iterator.next();
        if (waits) {
          this.#step = isPromise(step) ? step : null;
          step = await step;
          this.#step = null;
          if (this.#ender === DISCONNECT) return;
        }
        if (typeof step !== 'object' || step === null) {
          throw faultError(noStepFault(step));
        }
        if ((step as IteratorResult<unknown>).done) break;
        const value = (step as IteratorResult<unknown>).value;
        this.#finished = false;
        while (this.#sending !== null) await this.#sending; // a `write` inside the body
        if (this.#ender === DISCONNECT || state.gone) return; // B-35
        const action = state.accept(value);
        if (action === SKIP) continue;
        if (action === STOP) return;
        const wait = this.#send(action === SEND ? MORE : END);
        if (wait !== undefined) {
          this.#track(wait);
          await wait; // G-105
          if (this.#ender === DISCONNECT || state.gone) return;
        }
        if (action === SEND_LAST_AND_STOP) return;
      }
      while (this.#sending !== null) await this.#sending;
      if (this.#ender === DISCONNECT || state.gone) return;
      const wait = this.#end(body);
      if (wait !== undefined) await wait;
    } catch (error) {
      if (isDisconnect(error)) this.#lost(error as Error); // the signal comes before `return` (B-36)
      throw error;
    } finally {
      this.#step = null;
      this.#wake = null;
      if (!this.#finished && this.#ender === NOBODY) {
        this.#ender = RUN;
        await this.#return(iterator);
      }
    }
  }

  #send(final: Final): Promise<void> | undefined {
    const head = this.#state.takeHead();
    if (final !== MORE) this.#state.complete = true;
    return this.#transport.send(head, this.#state.piece, final);
  }

  /** After the last chunk. */
  #end(body: unknown): Promise<void> | undefined {
    const state = this.#state;
    if (state.complete) return undefined;
    if (state.end()) {
      const final = this.#final(body);
      state.complete = true;
      return this.#transport.send(state.takeHead(), null, final);
    }
    const head = state.takeHead();
    const wait = head === null ? undefined : this.#transport.send(head, null, MORE);
    state.complete = true;
    if (wait === undefined) {
      this.#transport.abort();
      return undefined;
    }
    return wait.then(() => {
      if (!state.gone) this.#transport.abort();
    });
  }

  #writeChunk(chunk: Uint8Array): Promise<void> {
    const written = this.#writeNext(chunk);
    disregard(written); // G-146: the application may not look at it
    return written;
  }

  async #writeNext(chunk: Uint8Array): Promise<void> {
    const state = this.#state;
    const any = state.write(chunk);
    const surplus = state.writeSurplus();
    if (any) {
      const head = state.takeHead();
      const piece = state.piece;
      let wait: Promise<void> | undefined;
      const before = this.#sending;
      if (before === null) {
        wait = this.#transport.send(head, piece, MORE);
      } else {
        const copy = piece === null ? null : Uint8Array.prototype.slice.call(piece); // B-09
        wait = before.then(() => (state.gone || state.complete ? undefined : this.#transport.send(head, copy, MORE)));
      }
      if (wait !== undefined) {
        this.#track(wait);
        await wait;
      }
    }
    if (surplus !== null) throw surplus;
  }

  /** Makes later sends wait for this one, whether it succeeds or not. */
  #track(wait: Promise<void>): void {
    const settled: Promise<void> = wait.then(nothing, (error) => {
      if (isDisconnect(error)) this.#lost(error);
    });
    this.#sending = settled;
    settled.then(() => {
      if (this.#sending === settled) this.#sending = null;
    });
  }

  /** The client has gone: counted once, and the signal aborted before anything else happens. */
  #lost(reason: Error): void {
    if (!this.#state.complete) this.#state.disconnect();
    this.#abort.abort(reason);
  }

  disconnect(reason: Error): void {
    if (this.#over) return;
    this.#context.runInAsyncScope(this.#lost, this, reason);
    if (this.#wake !== null) {
      this.#state.disconnect();
      this.#wake();
    } else if (this.#ender === NOBODY) {
      // The application has not returned yet; the connection does not wait for it any longer than for a body.
      this.#timer ??= setTimeout(() => this.#tellDone(), this.#options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT);
    }
  }

  /** Ends a request whose client has gone while its body was being taken (B-36). */
  async #abandon(iterator: AnyIterator, body: unknown): Promise<void> {
    if (this.#ender !== NOBODY) return;
    this.#ender = DISCONNECT;
    const step = this.#step;
    if (step !== null || !this.#finished) await this.#return(iterator, step);
    await this.#closeBody(body);
  }

  /** Calls `return()`, once, and waits for it and for the outstanding step. Never rejects. */
  async #return(iterator: AnyIterator, step: Promise<unknown> | null = null): Promise<void> {
    const what = 'return() of the body failed';
    try {
      const method = iterator.return;
      let result: unknown;
      if (typeof method === 'function') result = Reflect.apply(method, iterator, []);
      disregard(result); // whatever becomes of the rest
      if (isPromise(result) || step !== null)
        await this.#limited(what, Promise.all([result, step?.then(nothing, nothing)]));
    } catch (error) {
      this.#closingFailed(what, error);
    }
  }

  /** Closes the body, exactly once, and ends the request (G-111, G-112). Never rejects. */
  async #closeBody(body: unknown): Promise<void> {
    this.#state.complete = true;
    this.#lookUpClose(body);
    try {
      const close = this.#close;
      this.#close = undefined;
      if (typeof close === 'function') {
        const result: unknown = Reflect.apply(close, body, []);
        if (isPromise(result)) await this.#limited(CLOSE_FAILED, result); // B-13
      }
    } catch (error) {
      this.#closingFailed(CLOSE_FAILED, error);
    }
    this.#tellDone();
  }

  #tellDone(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#over) return;
    this.#over = true;
    try {
      this.#transport.done();
    } catch (error) {
      this.#state.logError('the transport failed', error);
    }
  }

  /**
   * Its failure is reported whenever it comes. Never rejects. Ends: when the promise settles, and at the close timeout.
   */
  #limited(what: string, promise: Promise<unknown>): Promise<void> {
    const limit = this.#options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#state.warn(`${what}: still not over after ${limit} ms, the request ends without it (B-13, B-36)`);
        resolve();
      }, limit);
      const over = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const failed = (error: unknown): void => {
        this.#closingFailed(what, error);
        over();
      };
      try {
        whenSettled(promise, over, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** The request failed: a page if nothing was sent (G-140), else a broken connection (G-141). Does not throw. */
  #fail(what: string, error: unknown): Promise<void> | undefined {
    const state = this.#state;
    // A DONE that failed did not arrive.
    this.#over = false;
    if (isDisconnect(error)) {
      state.disconnect();
      this.#lost(error as Error);
    } else if (!isClientFault(error) && !(state.gone && isAbortError(error))) {
      state.fail();
      state.logError(what, error);
    }
    if (state.complete) return undefined;
    state.complete = true;
    try {
      if (state.headSent || state.gone) {
        this.#transport.abort();
        return undefined;
      }
      state.headSent = true;
      const page = plainPage(statusFor(error), state.forHead);
      const done = this.#close === undefined;
      if (done) this.#over = true;
      return this.#transport.send(page.head, page.body, done ? DONE : END);
    } catch (failure) {
      this.#over = false;
      state.logError('the error page could not be sent', failure);
      return undefined;
    }
  }

  /** G-113: logged, nothing else changes. */
  #closingFailed(what: string, error: unknown): void {
    if (isDisconnect(error) || (this.#state.gone && isAbortError(error))) return;
    this.#state.fail();
    this.#state.logError(what, error);
  }
}

/**
 * Runs an async application, in a context of its own (G-190): calls it, sends what it returns, closes it, and tells the
 * transport when the request is over (`send` with DONE, or `done`). Sets `quaich.signal` in the environ. Neither throws
 * nor leaves a promise that rejects, whatever the application does (G-145, G-146).
 *
 * @returns the running request, to be told of a disconnect; undefined when it is over already
 */
export function runAsync(
  app: AsyncApplication,
  environ: AsyncEnviron,
  transport: Transport<true>,
  options: EngineOptions = DEFAULTS,
): RunningRequest | undefined {
  const run = new AsyncRun(environ, transport, options);
  run.start(app, environ);
  return run.over ? undefined : run;
}
