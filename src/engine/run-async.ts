/**
 * Runs one async application against one request, by rows G-80 to G-146, B-04 to B-14 and B-35 to B-38.
 *
 * AsyncLocalStorage (B-60): all that follows the call runs in continuations of promises that were awaited, or `then`ed,
 * inside the call, so that Node itself brings the context back. `disconnect` is called from elsewhere: it resolves such
 * a promise, and aborts the signal in the context of the request, since the listeners belong to the application.
 */
import { MORE, type Transport } from '../interface/transport.ts';
import type { AsyncApplication, AsyncEnviron, AsyncStartResponse, AsyncWrite } from '../interface/types.ts';
import {
  checkBytes,
  checkChunks,
  isAwaitable,
  isPlainArray,
  noStepFault,
  notIterable,
  refuseNoBody,
} from '../rules/body.ts';
import { bytesOf, copyOfPart } from '../rules/bytes.ts';
import { isDisconnect } from '../rules/failures.ts';
import { faultError } from '../rules/fault.ts';
import { disregard, mayBeThenable, nothing, whenSettled } from '../rules/promises.ts';
import { type Context, KEEPS_ENTERED, newContext } from './context.ts';
import type { IteratorLike, StepLike } from './iterator-like.ts';
import { DEFAULT_CLOSE_TIMEOUT, type EngineOptions } from './options.ts';
import { PooledText } from './pooled-text.ts';
import {
  type Action,
  APPLICATION_THREW,
  BODY_FAILED,
  BREAK,
  CLOSE_FAILED,
  RETURN_FAILED,
  ResponseState,
  SEND_LAST,
  SEND_LAST_AND_STOP,
  SKIP,
  STOP,
} from './response.ts';
import { type AbortSource, RequestAbort } from './signal.ts';
import { RequestTrace, requestChannel } from './trace.ts';

const DEFAULTS: EngineOptions = {};

/** Whether a body is taken as a whole: an array that is no async iterable (B-04). */
function isArray(body: unknown): body is readonly unknown[] {
  return isPlainArray(body) && !(Symbol.asyncIterator in body);
}

/** A request that is still running. */
export interface RunningRequest {
  /**
   * The client has gone (ClientDisconnected) or the server gives up (RequestAborted): aborts `quaich.signal` with the
   * reason, then returns the iterator and closes the body, waiting no longer than the close timeout (B-36). The
   * transport is told `done` at the end. Does nothing to a request that is over.
   */
  disconnect(reason: Error): void;
}

// Who ends the request, that is, returns the iterator, closes the body and tells the transport. The first claim holds.
const NOBODY = 0;
const RUN = 1;
const DISCONNECT = 2;

class AsyncRun implements RunningRequest {
  private readonly state: ResponseState;
  private readonly transport: Transport<true>;
  private readonly options: EngineOptions;
  private readonly abortSource: AbortSource = new RequestAbort();
  private context: Context;
  private ender: number = NOBODY;
  /** Settles, and never rejects, when the last send that had to wait is through: sends do not overlap. */
  private sending: Promise<void> | null = null;
  /** Tells the run, in its own context, that the client has gone; null while there is no iterator. */
  private wake: (() => void) | null = null;
  /** The iterator is done, threw, or takes a step. If not, `return()` is due when the body is abandoned (G-110). */
  private finished = true;
  /** Ends the wait for an application that has not returned and whose client has gone. */
  private timer: NodeJS.Timeout | null = null;
  /** While a step is outstanding: to be called when it is over. */
  private stepped: (() => void) | null = null;

  constructor(environ: AsyncEnviron, transport: Transport<true>, options: EngineOptions) {
    this.state = options.response ?? new ResponseState(environ, options.counters, true, options.application);
    this.transport = transport;
    this.options = options;
    this.context = options.contexts?.next() ?? newContext();
    environ['quaich.signal'] = this.abortSource.signal;
  }

  get done(): boolean {
    return this.state.done;
  }

  start(app: AsyncApplication, environ: AsyncEnviron): void {
    this.context.runInAsyncScope(this.begin, this, app, environ);
  }

  /** For `runInAsyncScope`: with one function of several V8 inlines less. */
  private begin(app: AsyncApplication, environ: AsyncEnviron): void {
    if (requestChannel.hasSubscribers) this.callTraced(app, environ);
    else this.call(app, environ);
  }

  /** As `call`, told of by the channel (L-48). */
  private callTraced(app: AsyncApplication, environ: AsyncEnviron): void {
    this.state.trace = new RequestTrace(environ, this.state);
    this.state.trace.call(() => {
      this.call(app, environ);
      this.context = newContext(); // with the stores that are bound, for the listeners of the signal
    });
  }

  private call(app: AsyncApplication, environ: AsyncEnviron): void {
    const write: AsyncWrite = (chunk) => this.writeChunk(chunk);
    const startResponse: AsyncStartResponse = (status, headers, error) => {
      this.state.start(status, headers, error);
      return write;
    };
    let result: unknown;
    try {
      result = app(environ, startResponse); // G-01
      if (!KEEPS_ENTERED) this.context = newContext(); // for the listeners of the signal (B-60)
      if (isAwaitable(result)) {
        whenSettled(
          result,
          (body) => this.returned(body),
          (error) => this.threw(error),
        );
        return;
      }
    } catch (error) {
      this.threw(error);
      return;
    }
    this.returned(result);
  }

  /** The application failed before it returned a body. */
  private threw(error: unknown): void {
    this.state.noBody();
    this.settle(undefined, this.fail(APPLICATION_THREW, error));
  }

  private returned(body: unknown): void {
    if (this.sending === null) this.take(body);
    else this.returnedBehind(body);
  }

  /** Takes a body behind a `write`: how fast the client reads changes no response. Never rejects. */
  private async returnedBehind(body: unknown): Promise<void> {
    let chunks: readonly Uint8Array[] | null = null;
    let failure: { error: unknown } | null = null;
    try {
      if (isArray(body)) chunks = this.state.readArray(body);
    } catch (error) {
      failure = { error };
    }
    while (this.sending !== null) await this.sending;
    if (failure === null || this.state.gone) this.take(body, chunks);
    else this.settle(body, this.fail(BODY_FAILED, failure.error));
  }

  /** @param chunks those of an array that has been read */
  private take(body: unknown, chunks: readonly Uint8Array[] | null = null): void {
    const state = this.state;
    if (state.done || state.gone) {
      this.settle(body, undefined); // no step is taken (B-35)
      return;
    }
    try {
      if (chunks !== null) checkChunks(chunks);
      const array = chunks ?? body;
      if (!isArray(array)) {
        if (PooledText.is(body)) this.take(body.lent);
        else this.respond(body, body);
        return;
      }
      const steps = state.takeArray(array);
      if (steps === null) this.settle(body, this.send());
      else this.respond(steps, body);
    } catch (error) {
      this.settle(body, this.fail(BODY_FAILED, error));
    }
  }

  /** Nothing more is sent, or only what `wait` waits for: closes the body. */
  private settle(body: unknown, wait: Promise<void> | undefined): void {
    this.ender = RUN;
    if (wait === undefined) {
      this.finish(body);
      return;
    }
    wait.then(
      () => this.settle(body, undefined),
      (error) => {
        this.state.sendFailed(error, null);
        this.settle(body, this.fail('the response could not be sent', error));
      },
    );
  }

  /** Takes several steps of `source`: the body, or the chunks of one that is an array. */
  private respond(source: unknown, body: unknown): void {
    const { state } = this;
    const descriptor = state.takeFile(source, this.transport);
    const wait = descriptor < 0 ? this.iterate(source, body) : this.sendFile(descriptor);
    if (wait === undefined) {
      this.settle(body, undefined);
      return;
    }
    wait.then(
      () => {
        if (this.ender !== DISCONNECT) this.settle(body, undefined);
      },
      (error) => {
        if (this.ender !== DISCONNECT) this.settle(body, this.fail(BODY_FAILED, error));
        else state.closingFailed('the body failed after the client had gone', error);
      },
    );
  }

  /** Closes the body, unless there is nothing left to close, and ends the request. */
  private finish(body: unknown): void {
    if (this.state.closed) this.tellDone();
    else this.closeBody(body);
  }

  /** Lets the transport send a file (G-161). */
  private sendFile(descriptor: number): Promise<void> | undefined {
    const head = this.state.requireHead();
    this.state.headSent = true;
    return this.transport.sendFile?.(head, descriptor, head.length);
  }

  private async iterate(source: unknown, body: unknown): Promise<void> {
    refuseNoBody(source, 'an async application');
    // An object or a function, which may be asked for any property.
    const asyncMethod: unknown = (source as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
    const waits = typeof asyncMethod === 'function';
    const method: unknown = waits ? asyncMethod : (source as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof method !== 'function') {
      throw notIterable(source);
    }
    const iterator: IteratorLike = Reflect.apply(method, source, []); // once (G-108)
    // Ends: with `disconnect`; nobody waits for it otherwise. It has what the body entered just now (B-60).
    new Promise<void>((resolve) => {
      this.wake = resolve;
    }).then(() => this.abandon(iterator, body));

    const state = this.state;
    const { mayStep } = this.options;
    let isSending = false;
    try {
      for (;;) {
        const mayWait = mayStep?.();
        if (mayWait !== undefined) {
          await mayWait;
          if (this.ender === DISCONNECT) return;
        }
        this.finished = true;
        let step: unknown = iterator.next();
        if (waits) {
          this.stepped = nothing;
          step = await step;
          if (this.ender === DISCONNECT) return;
          this.stepped = null;
        }
        if (typeof step !== 'object' || step === null) {
          throw faultError(noStepFault(step));
        }
        const result: StepLike = step;
        if (result.done) break;
        this.finished = false;
        const value = this.sending === null ? result.value : await this.behindWrites(result.value);
        if (this.ender === DISCONNECT || state.gone) return; // B-35
        const action = state.accept(value);
        if (action === SKIP) continue;
        if (action === STOP) return;
        const wait = this.send();
        if (wait !== undefined) {
          this.track(wait);
          isSending = true;
          await wait; // G-105
          isSending = false;
          if (this.ender === DISCONNECT || state.gone) return;
        }
        if (action === SEND_LAST_AND_STOP) return;
      }
      while (this.sending !== null) await this.sending;
      if (this.ender === DISCONNECT || state.gone) return;
      const wait = this.end(body);
      isSending = true;
      if (wait !== undefined) await wait;
    } catch (error) {
      if (isDisconnect(error)) this.lost(error); // the signal comes before `return` (B-36)
      if (isSending) state.sendFailed(error, null);
      throw error;
    } finally {
      this.stepped?.();
      this.wake = null;
      if (!this.finished && this.ender === NOBODY) {
        this.ender = RUN;
        await this.return(iterator);
      }
    }
  }

  /** Waits for a `write` inside the body, and gives the step's chunk as it is now, or whatever else it is. */
  private async behindWrites(value: unknown): Promise<unknown> {
    const chunk = bytesOf(value);
    const size = chunk === null ? 0 : chunk.length;
    while (this.sending !== null) await this.sending;
    if (chunk === null) return value;
    if (!this.state.gone) checkBytes(chunk, size);
    return chunk;
  }

  /** Where it rejects, who waits for it says so to the state. */
  private send(): Promise<void> | undefined {
    const { state } = this;
    const head = state.takeHead();
    try {
      return this.transport.send(head, state.piece, state.final, state.size);
    } catch (error) {
      state.sendFailed(error, head);
      throw error;
    }
  }

  /** After the last chunk. */
  private end(body: unknown): Promise<void> | undefined {
    const state = this.state;
    const action = state.end(body);
    if (action === STOP) return undefined;
    if (action === SEND_LAST) return this.send();
    const wait = state.headSent ? undefined : this.send();
    state.complete = true;
    if (wait === undefined) {
      this.transport.abort();
      return undefined;
    }
    return wait.then(() => {
      if (!state.gone) this.transport.abort();
    });
  }

  private writeChunk(chunk: Uint8Array): Promise<void> {
    const written = this.writeNext(chunk);
    disregard(written); // G-146: the application may not look at it
    return written;
  }

  private async writeNext(chunk: Uint8Array): Promise<void> {
    const state = this.state;
    const any = state.write(chunk);
    const surplus = state.writeSurplus();
    if (any) {
      const head = state.takeHead();
      const { piece, size } = state;
      const before = this.sending;
      const kept = before === null && this.transport.lends !== true;
      const copy = piece === null || kept ? piece : copyOfPart(piece, 0, size); // B-09
      const send = (): Promise<void> | undefined => this.transport.send(head, copy, MORE, size);
      let isSending = false;
      try {
        const wait = before === null ? send() : before.then(() => (state.discards ? undefined : send()));
        isSending = true;
        if (wait !== undefined) {
          this.track(wait);
          await wait;
        }
      } catch (error) {
        await this.act(state.writeFailed(error, isSending ? null : head));
        throw error;
      }
    }
    if (surplus !== null) throw surplus;
  }

  /** Makes later sends wait for this one, whether it succeeds or not. */
  private track(wait: Promise<void>): void {
    const settled: Promise<void> = wait.then(nothing, (error) => {
      if (isDisconnect(error)) this.lost(error);
    });
    this.sending = settled;
    settled.then(() => {
      if (this.sending === settled) this.sending = null;
    });
  }

  /** The client has gone: counts it once, and aborts the signal before anything else happens. */
  private lost(reason: Error): void {
    if (!this.state.complete) this.state.disconnect();
    this.abortSource.abort(reason);
  }

  disconnect(reason: Error): void {
    if (this.state.done) return;
    this.context.runInAsyncScope(this.lost, this, reason);
    if (this.wake !== null) {
      this.state.disconnect();
      this.wake();
    } else if (this.ender === NOBODY) {
      // The application has not returned yet; the connection does not wait for it any longer than for a body.
      this.timer ??= setTimeout(() => this.tellDone(), this.options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT);
    }
  }

  /** Ends a request whose client has gone while its body was being taken (B-36). */
  private async abandon(iterator: IteratorLike, body: unknown): Promise<void> {
    if (this.ender !== NOBODY) return;
    this.ender = DISCONNECT;
    const isStepping = this.stepped !== null;
    // Ends: with the step, or at the close timeout.
    const step = isStepping
      ? new Promise<void>((resolve) => {
          this.stepped = resolve;
        })
      : undefined;
    if (isStepping || !this.finished) await this.return(iterator, step);
    await this.closeBody(body);
  }

  /** Calls `return()`, once, and waits for it and for the outstanding step. Never rejects. */
  private async return(iterator: IteratorLike, step?: Promise<void>): Promise<void> {
    try {
      const method = iterator.return;
      let result: unknown;
      if (typeof method === 'function') result = Reflect.apply(method, iterator, []);
      disregard(result); // whatever becomes of the rest
      if (mayBeThenable(result) || step !== undefined) await this.limited(RETURN_FAILED, Promise.all([result, step]));
    } catch (error) {
      this.state.closingFailed(RETURN_FAILED, error);
    }
  }

  /** Closes the body, and ends the request. Never rejects. */
  private async closeBody(body: unknown): Promise<void> {
    const state = this.state;
    const closes = state.closes(body);
    const wait = this.options.closing?.(closes);
    if (wait !== undefined) await wait;
    if (closes) {
      const result = state.close(body);
      if (mayBeThenable(result)) await this.limited(CLOSE_FAILED, result); // B-13
    }
    this.tellDone();
  }

  private tellDone(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.state.tellDone(this.transport);
    this.state.trace?.over();
  }

  /** Waits for what `return()` or `close()` gave. Its failure is reported whenever it comes. Never rejects. */
  private limited(what: string, promise: unknown): Promise<void> {
    const limit = this.options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    // Ends: when the promise settles, and at the close timeout.
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.state.late(what, limit);
        resolve();
      }, limit);
      const settled = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const failed = (error: unknown): void => {
        this.state.closingFailed(what, error);
        settled();
      };
      try {
        whenSettled(promise, settled, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** The request failed: does what is left to do for it. Neither throws nor gives a promise that rejects. */
  private fail(what: string, error: unknown): Promise<void> | undefined {
    if (isDisconnect(error)) this.lost(error);
    return this.act(this.state.fail(what, error));
  }

  private act(action: Action): Promise<void> | undefined {
    try {
      if (action === BREAK) this.transport.abort();
      else if (action === SEND_LAST) return this.send()?.then(undefined, (failure) => this.failedAgain(failure));
    } catch (failure) {
      this.failedAgain(failure);
    }
    return undefined;
  }

  private failedAgain(error: unknown): void {
    if (isDisconnect(error)) this.lost(error);
    this.state.failedAgain(error);
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
  return run.done ? undefined : run;
}
