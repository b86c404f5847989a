/**
 * Runs an async application on an event loop of its own, for a caller that blocks on another thread (B-50).
 */
import { isPromise } from 'node:util/types';
import { disregard, nothing, refuseNoBody } from '../engine/body.ts';
import { DEFAULT_CLOSE_TIMEOUT } from '../engine/response.ts';
import { type AbortSource, RequestAbort } from '../engine/signal.ts';
import { ApplicationError, RequestAborted } from '../interface/errors.ts';
import type { AsyncApplication, AsyncEnviron, AsyncStartResponse } from '../interface/types.ts';
import { asyncFileWrapper } from '../toolbox/file-wrapper.ts';
import { keepContext, type Within, withContext } from './context.ts';
import type { LoopEnd } from './link.ts';
import { RemoteInput } from './remote-input.ts';
import { chunkOf, cost, RemoteErrors, RunnerHead, wholeArray } from './runner.ts';
import type { RunnerSite } from './sync-runner.ts';
import {
  type CallerMessage,
  environFromWire,
  errorFromWire,
  errorToWire,
  privateBytes,
  type RunnerMessage,
  type WireError,
} from './wire.ts';

type Call = Extract<CallerMessage, { type: 'call' }>;
type Closable = { close?: unknown };
type AnyIterator = { next(): unknown; return?: unknown };

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** An async request that is under way. */
export class AsyncCall {
  readonly #call: Call;
  readonly #end: LoopEnd<RunnerMessage>;
  readonly #closeTimeout: number;
  readonly #environ: AsyncEnviron;
  readonly #head: RunnerHead;
  readonly #errors: RemoteErrors;
  readonly #input: RemoteInput;
  readonly #abort: AbortSource = new RequestAbort();
  /** Brings the context of the call back for what a message leads to (B-60). */
  #within: Within = (step) => step();
  #credit: number;
  #aborted = false;
  #isOver = false;
  /** Runs from an abort to the end of the request. */
  #abandon: NodeJS.Timeout | undefined;
  #returnAsked = false;
  #closeAsked = false;
  /** Woken by any message that may let the body go on or end. */
  #wake: (() => void) | null = null;
  readonly #writes: Waiting[] = [];
  readonly #over: () => void;

  /** `over` is called once, when nothing is left to do for this request. */
  constructor(call: Call, end: LoopEnd<RunnerMessage>, site: RunnerSite, closeTimeout: number, over: () => void) {
    this.#call = call;
    this.#end = end;
    this.#closeTimeout = closeTimeout || DEFAULT_CLOSE_TIMEOUT;
    this.#credit = call.credit;
    this.#over = over;
    this.#errors = new RemoteErrors(call.id, (message) => end.post(message));
    this.#input = new RemoteInput((method, size) => end.post({ type: 'read', id: call.id, method, size }));
    const environ = environFromWire(call.environ);
    environ['wsgi.multithread'] = site.multithread;
    environ['wsgi.multiprocess'] = site.multiprocess || environ['wsgi.multiprocess'] === true;
    environ['wsgi.input'] = this.#input;
    environ['wsgi.errors'] = this.#errors.stream;
    if (call.flags.fileWrapper) environ['wsgi.file_wrapper'] = asyncFileWrapper;
    environ['quaich.async'] = true;
    environ['quaich.signal'] = this.#abort.signal;
    environ['quaich.state'] = { ...site.state };
    this.#environ = environ as AsyncEnviron;
    this.#head = new RunnerHead(environ);
  }

  /** Starts the request; never throws. */
  start(app: AsyncApplication): void {
    withContext(this.#call.context, () => {
      this.#within = keepContext();
      this.#run(app).catch(nothing);
    });
  }

  #post(message: RunnerMessage): void {
    if (this.#isOver) return; // abandoned: nobody listens any more
    this.#end.post(message);
    if (message.over !== true) return;
    this.#isOver = true;
    clearTimeout(this.#abandon);
    this.#errors.end();
    this.#head.complete();
    const over = new RequestAborted('the request is over');
    this.#input.fail(over);
    for (const write of this.#writes.splice(0)) write.reject(over);
    this.#over();
  }

  async #run(app: AsyncApplication): Promise<void> {
    const { id } = this.#call;
    const write = (chunk: Uint8Array): Promise<void> => this.#write(chunk);
    const startResponse: AsyncStartResponse = (status, headers, error) => {
      this.#head.start(status, headers, error);
      return write;
    };
    let body: unknown;
    let close: unknown;
    try {
      body = app(this.#environ, startResponse); // G-01
      if (isPromise(body) || isThenable(body)) body = await body; // B-06
      close = body === null || body === undefined ? undefined : (body as Closable).close; // once (G-109)
    } catch (error) {
      this.#post({ type: 'failed', id, error: errorToWire(error), over: true });
      return;
    }
    const closes = typeof close === 'function';
    const chunks = hasMethod(body, Symbol.asyncIterator) || this.#writes.length > 0 ? null : wholeArray(body);
    if (chunks !== null) {
      this.#head.complete();
      this.#post({ type: 'returned', id, chunks, head: this.#head.take(), close: closes, over: !closes });
      if (!closes) return;
    } else {
      this.#post({ type: 'returned', id, chunks: null, head: null, close: closes });
      await this.#iterate(body, closes);
      if (!closes) return;
    }
    while (!this.#closeAsked && !this.#aborted) await this.#news();
    await this.#close(body, close);
  }

  async #iterate(body: unknown, closes: boolean): Promise<void> {
    const { id } = this.#call;
    // Whether the iterator is done or threw, or there is none: then `return` is not called (G-110).
    let finished = true;
    let iterator: AnyIterator | null = null;
    let pending: Promise<unknown> | null = null;
    try {
      while (await this.#mayStep()) {
        finished = true;
        iterator ??= iteratorOf(body);
        let step: unknown = iterator.next();
        if (isPromise(step)) {
          pending = step;
          step = await this.#unlessEnded(step);
          if (step === ENDED) {
            finished = false;
            break;
          }
          pending = null;
        }
        if (typeof step !== 'object' || step === null) {
          throw new ApplicationError(`next() of the body gave ${typeof step}, not an object (G-100)`);
        }
        if ((step as IteratorResult<unknown>).done) {
          this.#head.complete();
          this.#post({ type: 'end', id, head: this.#head.take(), over: !closes });
          return;
        }
        finished = false;
        const value = (step as IteratorResult<unknown>).value;
        disregard(value);
        const chunk = chunkOf(value);
        this.#credit -= cost(chunk);
        const head = chunk.byteLength > 0 ? this.#head.take() : null; // G-81
        this.#post({ type: 'chunk', id, chunk: privateBytes(chunk), head });
      }
    } catch (error) {
      if (!finished) await this.#return(iterator, null);
      this.#post({ type: 'failed', id, error: errorToWire(error), over: !closes });
      return;
    }
    // The signal before `return()` (B-54).
    this.#abort.abort(new RequestAborted('the gateway closed the body before its end'));
    const error = finished ? undefined : await this.#return(iterator, pending);
    this.#post({ type: 'closing', id, step: 'return', error, over: !closes });
  }

  /** Waits until the body may take a step; false when it is to end instead. */
  async #mayStep(): Promise<boolean> {
    for (;;) {
      if (this.#ending) return false;
      if (this.#credit > 0) return true;
      await this.#news();
    }
  }

  get #ending(): boolean {
    return this.#aborted || this.#returnAsked || this.#closeAsked;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The result of a step, or ENDED as soon as nobody waits for it any more. */
  async #unlessEnded(step: Promise<unknown>): Promise<unknown> {
    let settled = false;
    const result = step.finally(() => {
      settled = true;
      this.#wake?.();
    });
    disregard(result);
    while (!settled && !this.#ending) await this.#news();
    return settled ? result : ENDED;
  }

  /** Calls `return()` and waits for it, and for a step that is still running (B-36), up to the limit. */
  async #return(iterator: AnyIterator | null, pending: Promise<unknown> | null): Promise<WireError | undefined> {
    try {
      const method: unknown = iterator?.return;
      const result: unknown = typeof method === 'function' ? Reflect.apply(method, iterator, []) : undefined;
      if (isPromise(result) || pending !== null) {
        await this.#limited('return()', Promise.all([result, pending?.then(nothing, nothing)]));
      }
      return undefined;
    } catch (error) {
      return errorToWire(error);
    }
  }

  async #close(body: unknown, close: unknown): Promise<void> {
    let failure: WireError | undefined;
    try {
      const result: unknown = typeof close === 'function' ? Reflect.apply(close, body, []) : undefined;
      if (isPromise(result)) await this.#limited('close()', result); // B-13
    } catch (error) {
      failure = errorToWire(error);
    }
    this.#post({ type: 'closing', id: this.#call.id, step: 'close', error: failure, over: true });
  }

  /** Waits for what an application leaves behind, but not for ever (B-56). */
  #limited(what: string, promise: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#errors.stream.write(
          `quaich: ${what} of the body is not over after ${this.#closeTimeout} ms, the request ends without it (B-56)\n`,
        );
        resolve();
      }, this.#closeTimeout);
      promise.then(
        () => {
          clearTimeout(timer);
          resolve();
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  /** Calls take effect in call order: so do messages (B-09). */
  #write(chunk: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      if (this.#aborted) throw this.#abort.signal.reason;
      const bytes = privateBytes(chunkOf(chunk));
      this.#post({ type: 'write', id: this.#call.id, chunk: bytes, head: this.#head.take() });
      this.#writes.push({ resolve, reject });
    });
    disregard(written); // the application may not look at it
    return written;
  }

  /** A message about this request. */
  hear(message: Exclude<CallerMessage, { type: 'call' | 'canary' | 'stop' }>): void {
    switch (message.type) {
      case 'pull':
        this.#credit += message.credit;
        break;
      case 'input':
        if (message.error !== undefined) this.#input.fail(errorFromWire(message.error));
        else this.#input.answer(message.value);
        return;
      case 'written': {
        const write = this.#writes.shift();
        if (message.error !== undefined) write?.reject(errorFromWire(message.error));
        else write?.resolve();
        return;
      }
      case 'logged':
        this.#errors.logged(message.length);
        return;
      case 'abort':
        this.abort(errorFromWire(message.error));
        break;
      case 'return':
        this.#returnAsked = true;
        break;
      case 'close':
        this.#closeAsked = true;
        break;
    }
    this.#wake?.();
  }

  /** The client has gone, or the bridge ends: signal, then `return`, then `close` (B-36). */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#input.fail(reason);
    for (const write of this.#writes.splice(0)) write.reject(reason);
    const error = reason instanceof Error ? reason : new RequestAborted(String(reason));
    this.#within(() => this.#abort.abort(error));
    this.#wake?.();
    // A step that never ends, or a call: after `return()` and `close()` had their time, the request ends without (B-56).
    const end = (): void => this.#post({ type: 'closing', id: this.#call.id, step: 'close', over: true });
    if (!this.#isOver) this.#abandon = setTimeout(end, 3 * this.#closeTimeout);
  }
}

const ENDED = Symbol('ended');

function hasMethod(object: unknown, key: symbol | string): boolean {
  return typeof object === 'object' && object !== null && typeof Reflect.get(object, key) === 'function';
}

/** Whether a result is to be awaited; a body is asked for nothing but its iterator method (G-109). */
function isThenable(result: unknown): boolean {
  return !hasMethod(result, Symbol.asyncIterator) && !hasMethod(result, Symbol.iterator) && hasMethod(result, 'then');
}

function iteratorOf(body: unknown): AnyIterator {
  refuseNoBody(body, 'an async application');
  const asyncMethod: unknown = (body as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  const method: unknown =
    typeof asyncMethod === 'function' ? asyncMethod : (body as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (typeof method !== 'function') {
    throw new ApplicationError('the application returned an object that is not iterable; return [chunk] (G-100)');
  }
  return Reflect.apply(method, body, []) as AnyIterator;
}
