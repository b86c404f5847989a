/**
 * Runs an async application on an event loop of its own, for a caller that blocks on another thread (B-50).
 */
import { isPromise } from 'node:util/types';
import { AsyncInput } from '../../engine/async-input.ts';
import { asyncFileWrapper } from '../../engine/file-wrapper.ts';
import { type AbortSource, RequestAbort } from '../../engine/signal.ts';
import { ApplicationError, RequestAborted } from '../../interface/errors.ts';
import type { AsyncApplication, AsyncEnviron, AsyncStartResponse } from '../../interface/types.ts';
import { chunkOf, hasMethod, isAwaitable, notIterable, refuseNoBody } from '../../rules/body.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { disregard, nothing } from '../../rules/promises.ts';
import { closedEarly, closeOf, reportReturn } from '../closing.ts';
import { keepContext, type Within, withContext } from '../link/context.ts';
import type { LoopEnd } from '../link/link.ts';
import {
  cost,
  environFromWire,
  errorFromWire,
  errorToWire,
  type FarMessage,
  type NearMessage,
  privateBytes,
  type WireError,
} from '../link/wire.ts';
import type { RunnerSite } from './blocking-transport.ts';
import { RemoteSource } from './remote-source.ts';
import { RemoteErrors, RunnerResponse } from './runner.ts';

type Call = Extract<NearMessage, { type: 'call' }>;
type AnyIterator = { next(): unknown; return?: unknown };

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** An async request that is under way. */
export class AsyncCall {
  readonly #call: Call;
  readonly #end: LoopEnd<FarMessage>;
  readonly #closeTimeout: number;
  readonly #environ: AsyncEnviron;
  readonly #response: RunnerResponse;
  readonly #errors: RemoteErrors;
  readonly #source: RemoteSource;
  readonly #abort: AbortSource = new RequestAbort();
  /** Brings the context of the call back for what a message leads to (B-60). */
  #within: Within = (step) => step();
  #credit: number;
  #aborted = false;
  /** A step that is under way is returned at once, and not when it has settled. */
  #interrupted = false;
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
  constructor(call: Call, end: LoopEnd<FarMessage>, site: RunnerSite, closeTimeout: number, over: () => void) {
    this.#call = call;
    this.#end = end;
    this.#closeTimeout = closeTimeout;
    this.#credit = call.credit;
    this.#over = over;
    this.#errors = new RemoteErrors(call.id, (message) => end.post(message));
    this.#source = new RemoteSource((max, line) => end.post({ type: 'read', id: call.id, max, line }));
    const environ = environFromWire(call.environ);
    environ['wsgi.multithread'] = site.multithread;
    environ['wsgi.multiprocess'] = site.multiprocess || environ['wsgi.multiprocess'] === true;
    environ['wsgi.input'] = new AsyncInput(this.#source);
    environ['wsgi.errors'] = this.#errors.stream;
    if (call.flags.fileWrapper) environ['wsgi.file_wrapper'] = asyncFileWrapper;
    environ['quaich.async'] = true;
    environ['quaich.signal'] = this.#abort.signal;
    environ['quaich.state'] = { ...site.state };
    this.#environ = environ as AsyncEnviron;
    this.#response = new RunnerResponse(environ);
  }

  /** Starts the request; never throws. */
  start(app: AsyncApplication): void {
    withContext(this.#call.context, () => {
      this.#within = keepContext();
      // What the application enters stays in there (G-190). Whatever has gone wrong on the way: the caller gets an answer.
      this.#within(() => this.#run(app)).catch((error) => {
        this.#post({ type: 'failed', id: this.#call.id, error: errorToWire(error), over: true });
      });
    });
  }

  #post(message: FarMessage): void {
    if (this.#isOver) return; // abandoned: nobody listens any more
    this.#end.post(message);
    if (message.over !== true) return;
    this.#isOver = true;
    clearTimeout(this.#abandon);
    this.#errors.end();
    this.#response.complete();
    const over = new RequestAborted('the request is over');
    this.#source.fail(over);
    for (const write of this.#writes.splice(0)) write.reject(over);
    this.#over();
  }

  async #run(app: AsyncApplication): Promise<void> {
    const { id } = this.#call;
    const write = (chunk: Uint8Array): Promise<void> => this.#write(chunk);
    const startResponse: AsyncStartResponse = (status, headers, error) => {
      this.#response.start(status, headers, error);
      return write;
    };
    let body: unknown;
    try {
      body = app(this.#environ, startResponse); // G-01
      if (isPromise(body) || (!Array.isArray(body) && isAwaitable(body))) body = await body; // B-06
    } catch (error) {
      this.#post({ type: 'failed', id, error: errorToWire(error), over: true });
      return;
    }
    const close = closeOf(body);
    const closes = close !== undefined;
    if (!this.#array(body, closes)) {
      this.#post({ type: 'returned', id, chunks: null, head: null, close: closes });
      await this.#iterate(body, closes);
    }
    if (!closes) return;
    while (!this.#closeAsked && !this.#aborted) await this.#news();
    await this.#close(close);
  }

  /** Passes a body on as a whole, or what is wrong with it, where it is an array. Earlier writes are before it on the line. */
  #array(body: unknown, closes: boolean): boolean {
    const { id } = this.#call;
    const over = !closes;
    try {
      if (Array.isArray(body) && hasMethod(body, Symbol.asyncIterator)) return false; // B-04
      const chunks = this.#response.takeArray(body);
      if (chunks === null) return false;
      this.#post({ type: 'returned', id, chunks, head: this.#response.takeHead(), close: closes, over });
    } catch (error) {
      this.#response.failed(error);
      this.#post({ type: 'returned', id, chunks: null, head: null, close: closes });
      this.#post({ type: 'failed', id, error: errorToWire(error), over });
    }
    return true;
  }

  async #iterate(body: unknown, closes: boolean): Promise<void> {
    const { id } = this.#call;
    // Whether the iterator is done or threw, or there is none: then `return` is not called (G-110).
    let finished = true;
    let iterator: AnyIterator | null = null;
    let waits = false;
    let pending: Promise<unknown> | null = null;
    try {
      while (await this.#mayStep()) {
        finished = true;
        if (iterator === null) ({ iterator, waits } = iteratorOf(body));
        let step: unknown = iterator.next();
        if (waits) {
          pending = Promise.resolve(step);
          step = await this.#unlessEnded(pending);
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
          while (this.#writes.length > 0 && !this.#ending) await this.#news();
          if (this.#ending) break;
          this.#response.end();
          this.#post({ type: 'end', id, head: this.#response.takeHead(), over: !closes });
          return;
        }
        const value = (step as IteratorResult<unknown>).value;
        disregard(value);
        finished = false;
        while (this.#writes.length > 0 && !this.#ending) await this.#news(); // a `write` inside the body
        if (this.#ending) break;
        const chunk = this.#response.accept(value);
        const { enough } = this.#response;
        this.#credit = enough ? 0 : this.#credit - cost(chunk);
        const head = chunk.byteLength > 0 ? this.#response.takeHead() : null; // G-81
        this.#post({ type: 'chunk', id, chunk, head, enough });
      }
    } catch (error) {
      const failure = finished ? undefined : await this.#return(iterator, null);
      if (failure !== undefined) this.#reportReturn(failure.error);
      this.#response.failed(error);
      this.#post({ type: 'failed', id, error: errorToWire(error), over: !closes });
      return;
    }
    // The signal before `return()` (B-54).
    if (!this.#aborted) this.#within(() => this.#abort.abort(closedEarly()));
    const failure = finished ? undefined : await this.#return(iterator, pending);
    // Who has asked for it is told.
    if (failure !== undefined && !this.#returnAsked) this.#reportReturn(failure.error);
    const error = failure && this.#returnAsked ? errorToWire(failure.error) : undefined;
    this.#post({ type: 'closing', id, step: 'return', error, over: !closes });
  }

  #reportReturn(error: unknown): void {
    // The environ as it came, whatever the application has made of its own.
    const environ = { ...environFromWire(this.#call.environ), 'wsgi.errors': this.#errors.stream };
    reportReturn(environ, error, this.#aborted);
  }

  /** Waits until the body may take a step; false when it is to end instead. */
  async #mayStep(): Promise<boolean> {
    for (;;) {
      if (this.#ending) return false;
      // No step before what was written is through.
      if (this.#credit > 0 && this.#writes.length === 0) return true;
      await this.#news();
    }
  }

  get #ending(): boolean {
    return this.#aborted || this.#returnAsked || this.#closeAsked;
  }

  /** Ends: with any message about this request, also an abort; with the other thread, whose end is that of this one. */
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
    while (!settled && !this.#interrupted) await this.#news();
    return settled ? result : ENDED;
  }

  /** Calls `return()` and waits for it, and for a step that is still running (B-36), up to the limit. */
  async #return(
    iterator: AnyIterator | null,
    pending: Promise<unknown> | null,
  ): Promise<{ error: unknown } | undefined> {
    try {
      const method: unknown = iterator?.return;
      const result: unknown = typeof method === 'function' ? Reflect.apply(method, iterator, []) : undefined;
      if (isPromise(result) || pending !== null) {
        await this.#limited('return()', Promise.all([result, pending?.then(nothing, nothing)]));
      }
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  async #close(close: () => unknown): Promise<void> {
    this.#response.close(this.#aborted);
    let failure: WireError | undefined;
    try {
      const result = close();
      if (isPromise(result)) await this.#limited('close()', result); // B-13
    } catch (error) {
      failure = errorToWire(error);
    }
    this.#post({ type: 'closing', id: this.#call.id, step: 'close', error: failure, over: true });
  }

  /** Waits for what an application leaves behind, but not for ever (B-56). Ends: with that, and with the limit. */
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
    // Ends: when the gateway has taken it, with an abort, and with the request.
    const written = new Promise<void>((resolve, reject) => {
      if (this.#response.write(chunk) === 'discarded') {
        resolve(); // the client has gone: discarded (B-38)
        return;
      }
      const head = this.#response.takeHead();
      this.#post({ type: 'write', id: this.#call.id, chunk: privateBytes(chunkOf(chunk, -1)), head });
      this.#writes.push({ resolve, reject });
    });
    disregard(written); // the application may not look at it
    return written;
  }

  /** A message about this request. */
  hear(message: Exclude<NearMessage, { type: 'call' | 'canary' | 'ping' | 'stop' }>): void {
    switch (message.type) {
      case 'pull':
        this.#credit += message.credit;
        break;
      case 'input':
      case 'written': {
        const input = message.type === 'input';
        if (message.error === undefined) {
          if (input) this.#source.answer(message.value);
          else this.#writes.shift()?.resolve();
          break;
        }
        const error = errorFromWire(message.error);
        // What finds the client gone aborts the signal first, as it does without a bridge; that fails all that waits.
        if (isDisconnect(error)) this.#abortWith(error);
        else if (input) this.#source.refuse(error);
        else this.#writes.shift()?.reject(error);
        break;
      }
      case 'logged':
        this.#errors.logged(message.length);
        return;
      case 'abort':
        this.abort(errorFromWire(message.error));
        break;
      case 'return':
        this.#returnAsked = true;
        this.#interrupted = true;
        break;
      case 'close':
        this.#closeAsked = true;
        this.#interrupted = true;
        break;
    }
    this.#wake?.();
  }

  /** The client has gone, or the bridge ends: signal, then `return`, then `close` (B-36). */
  abort(reason: unknown): void {
    this.#interrupted = true;
    this.#abortWith(reason);
  }

  /** The same, as far as it is due when a read or a write of the application has found the client gone. */
  #abortWith(reason: unknown): void {
    if (this.#aborted) {
      this.#wake?.();
      return;
    }
    this.#aborted = true;
    this.#response.lose();
    const error = reason instanceof Error ? reason : new RequestAborted(String(reason));
    this.#within(() => this.#abort.abort(error));
    this.#source.fail(error);
    // The first is the one that the transport has; those behind it are discarded (B-38).
    const [first, ...others] = this.#writes.splice(0);
    first?.reject(error);
    for (const write of others) write.resolve();
    this.#wake?.();
    // A step that never ends, or a call: after `return()` and `close()` had their time, the request ends without (B-56).
    const end = (): void => this.#post({ type: 'closing', id: this.#call.id, step: 'close', over: true });
    if (!this.#isOver) this.#abandon = setTimeout(end, 3 * this.#closeTimeout);
  }
}

const ENDED = Symbol('ended');

/** By the async method where the body has one (B-04), whose steps are waited for. */
function iteratorOf(body: unknown): { iterator: AnyIterator; waits: boolean } {
  refuseNoBody(body, 'an async application');
  const asyncMethod: unknown = (body as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  const waits = typeof asyncMethod === 'function';
  const method: unknown = waits ? asyncMethod : (body as Partial<Iterable<unknown>>)[Symbol.iterator];
  if (typeof method !== 'function') {
    throw notIterable(body);
  }
  return { iterator: Reflect.apply(method, body, []) as AnyIterator, waits };
}
