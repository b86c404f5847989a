/**
 * Runs one sync application against one request, by rows G-80 to G-146 and B-35 to B-38.
 */
import { isPromise } from 'node:util/types';
import { ClientDisconnected } from '../interface/errors.ts';
import { MORE, type Transport } from '../interface/transport.ts';
import type { Application, Environ, StartResponse, Write } from '../interface/types.ts';
import { closeLate, isPlainArray, iterateOf, noStepFault, notSyncFault, refusePromise } from '../rules/body.ts';
import { faultError } from '../rules/fault.ts';
import { disregard } from '../rules/promises.ts';
import { newContext } from './context.ts';
import type { IteratorLike, StepLike } from './iterator-like.ts';
import type { EngineOptions } from './options.ts';
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
import { RequestTrace, requestChannel } from './trace.ts';

const DEFAULTS: EngineOptions = {};

/**
 * One request. With arguments to `runInAsyncScope`, or one function of several, V8 inlines less, which costs 0.03 µs
 * each (Node 20).
 */
class SyncRun {
  readonly state: ResponseState;
  private readonly app: Application;
  private readonly environ: Environ;
  private readonly transport: Transport<false>;
  private readonly options: EngineOptions;

  constructor(app: Application, environ: Environ, transport: Transport<false>, options: EngineOptions) {
    this.app = app;
    this.environ = environ;
    this.state = options.response ?? new ResponseState(environ, options.counters, false, options.application);
    this.transport = transport;
    this.options = options;
  }

  start(): void {
    if (requestChannel.hasSubscribers) this.runTraced();
    else this.run();
  }

  /** As `run`, told of by the channel (L-48). */
  private runTraced(): void {
    this.state.trace = new RequestTrace(this.environ, this.state);
    this.state.trace.call(() => this.run());
  }

  private run(): void {
    const { state, app, environ } = this;
    let body: unknown;
    const write: Write = (chunk) => this.write(chunk);
    const startResponse: StartResponse = (status, headers, error) => {
      state.start(status, headers, error);
      return write;
    };
    try {
      body = app(environ, startResponse); // G-01
    } catch (error) {
      state.noBody();
      this.fail(APPLICATION_THREW, error);
      this.finish(undefined);
      return;
    }
    try {
      if (!state.gone) this.respond(body);
      else disregard(body);
    } catch (error) {
      this.fail(BODY_FAILED, error);
    }
    this.finish(body);
  }

  private respond(body: unknown): void {
    const { state } = this;
    if (isPlainArray(body)) {
      const chunks = state.takeArray(body);
      if (chunks === null) this.send();
      else this.iterate(chunks, chunks[Symbol.iterator], body);
      return;
    }
    if (isPromise(body)) {
      state.noBody();
      closeLate(body, (error) => state.closingFailed(CLOSE_FAILED, error));
      throw faultError(notSyncFault('a promise'));
    }
    const iterate = iterateOf(body);
    const descriptor = state.takeFile(body, this.transport);
    if (descriptor < 0) this.iterate(body, iterate, body);
    else this.sendFile(descriptor);
  }

  /** Lets the transport send a file (G-161). */
  private sendFile(descriptor: number): void {
    const head = this.state.requireHead();
    this.state.headSent = true;
    this.transport.sendFile?.(head, descriptor, head.length);
  }

  /** Takes the steps of `source`: the body, or the chunks of one that is an array. */
  private iterate(source: unknown, iterate: Iterable<unknown>[typeof Symbol.iterator], body: unknown): void {
    const { state } = this;
    const { disconnected, mayStep } = this.options;
    // The iterator is done, threw, or takes a step. If not, `return()` is due when the body is abandoned (G-110).
    let finished = true;
    let iterator: IteratorLike | null = null;
    try {
      for (;;) {
        // B-35. A client may go once it has all of the response: the body runs to its end (G-112).
        if (!state.complete && disconnected?.() === true) throw new ClientDisconnected();
        iterator ??= Reflect.apply(iterate, source, []);
        mayStep?.();
        finished = true;
        const step: unknown = iterator.next();
        if (typeof step !== 'object' || step === null) {
          throw faultError(noStepFault(step));
        }
        const result: StepLike = step;
        if (result.done) break;
        const value = result.value;
        if (value === undefined) refusePromise(step);
        finished = false;
        const action = state.accept(value);
        if (action === SKIP) continue;
        if (action === STOP) return;
        this.send();
        if (action === SEND_LAST_AND_STOP) return;
      }
    } finally {
      if (!finished && iterator !== null) this.return(iterator);
    }
    this.end(body);
  }

  private send(): void {
    const { state } = this;
    const head = state.takeHead();
    try {
      this.transport.send(head, state.piece, state.final, state.size);
    } catch (error) {
      state.sendFailed(error, head);
      throw error;
    }
  }

  /** After the last chunk. */
  private end(body: unknown): void {
    const { state } = this;
    const action = state.end(body);
    if (action === STOP) return;
    if (action === SEND_LAST) {
      this.send();
      return;
    }
    if (!state.headSent) this.send();
    state.complete = true;
    this.transport.abort();
  }

  private return(iterator: IteratorLike): void {
    try {
      const method = iterator.return;
      if (typeof method === 'function') disregard(Reflect.apply(method, iterator, []));
    } catch (error) {
      this.state.closingFailed(RETURN_FAILED, error);
    }
  }

  write(chunk: Uint8Array): void {
    const { state } = this;
    if (state.write(chunk)) {
      const head = state.takeHead();
      try {
        this.transport.send(head, state.piece, MORE, state.size);
      } catch (error) {
        this.act(state.writeFailed(error, head));
        throw error;
      }
    }
    const surplus = state.writeSurplus();
    if (surplus !== null) throw surplus;
  }

  /** The request failed: does what is left to do for it. Does not throw. */
  private fail(what: string, error: unknown): void {
    this.act(this.state.fail(what, error));
  }

  private act(action: Action): void {
    try {
      if (action === BREAK) this.transport.abort();
      else if (action === SEND_LAST) this.send();
    } catch (failure) {
      this.state.failedAgain(failure);
    }
  }

  /** Closes the body, and ends the request. */
  private finish(body: unknown): void {
    const { state } = this;
    if (state.closed) return;
    const closes = state.closes(body);
    this.options.closing?.(closes);
    if (closes) disregard(state.close(body));
    state.tellDone(this.transport);
  }
}

/**
 * Runs a sync application, in a context of its own (G-190): calls it, sends what it returns, closes it. When this
 * returns, the request is over and the transport knows it. Never throws, whatever the application does (G-145, G-146).
 */
export function runSync(
  app: Application,
  environ: Environ,
  transport: Transport<false>,
  options: EngineOptions = DEFAULTS,
): void {
  const run = new SyncRun(app, environ, transport, options);
  const context = options.contexts?.next() ?? newContext();
  context.runInAsyncScope(run.start, run);
}
