/**
 * Runs one sync application against one request, by rows G-80 to G-146 and B-35 to B-38.
 */
import { isPromise } from 'node:util/types';
import { ClientDisconnected } from '../interface/errors.ts';
import { DONE, END, type Final, MORE, type Transport } from '../interface/transport.ts';
import type { Application, Environ, StartResponse, Write } from '../interface/types.ts';
import {
  closeLate,
  isPlainArray,
  noStepFault,
  notIterable,
  notSyncFault,
  refuseNoBody,
  refusePromise,
} from '../rules/body.ts';
import { isClientFault, isDisconnect } from '../rules/failures.ts';
import { faultError } from '../rules/fault.ts';
import { disregard } from '../rules/promises.ts';
import { Context } from './context.ts';
import { plainPage, statusFor } from './error-page.ts';
import { type FileRange, fileOf } from './file-wrapper.ts';
import { type EngineOptions, ResponseState, SEND, SEND_LAST_AND_STOP, SKIP, STOP } from './response.ts';

const DEFAULTS: EngineOptions = {};

type Closable = { close?: unknown };

/** Not looked up yet. */
const UNKNOWN = Symbol('unknown');
const CLOSE_FAILED = 'close() of the body failed';

class SyncRun {
  readonly state: ResponseState;
  readonly #transport: Transport<false>;
  readonly #options: EngineOptions;
  /** `close` of the body, read once (G-109). */
  #close: unknown = UNKNOWN;
  /** The transport knows that the request is over. */
  #done = false;
  #write: Write | null = null;

  constructor(environ: Environ, transport: Transport<false>, options: EngineOptions) {
    this.state = new ResponseState(environ, options.counters);
    this.#transport = transport;
    this.#options = options;
  }

  run(app: Application, environ: Environ): void {
    let body: unknown;
    const startResponse: StartResponse = (status, headers, error) => {
      this.state.start(status, headers, error);
      this.#write ??= (chunk) => this.write(chunk);
      return this.#write;
    };
    try {
      body = app(environ, startResponse); // G-01
    } catch (error) {
      this.#close = undefined; // nothing was returned, nothing is to be closed (G-114)
      this.#fail('the application threw', error);
      this.#finish(undefined);
      return;
    }
    try {
      if (!this.state.gone) this.#respond(body);
      else disregard(body);
    } catch (error) {
      this.#fail('the body failed', error);
    }
    this.#finish(body);
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
    this.#done = true;
    return DONE;
  }

  #respond(body: unknown): void {
    if (isPlainArray(body)) {
      this.#array(body);
      return;
    }
    refuseNoBody(body, 'a sync application');
    if (isPromise(body)) {
      this.#close = undefined;
      closeLate(body, (error) => this.#closingFailed(CLOSE_FAILED, error));
      throw faultError(notSyncFault('a promise'));
    }
    const iterate = (body as Iterable<unknown>)[Symbol.iterator];
    if (typeof iterate !== 'function') {
      if (typeof (body as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function') {
        throw faultError(notSyncFault('an async iterable'));
      }
      throw notIterable(body);
    }
    const file = this.state.headSent ? null : fileOf(body);
    if (file !== null && this.#sendFile(file)) return;
    this.#iterate(iterate, body);
  }

  #array(body: readonly unknown[]): void {
    const state = this.state;
    const bytes = state.acceptArray(body);
    if (Array.isArray(bytes)) {
      for (let i = 0; i < bytes.length; i++) {
        const action = state.accept(bytes[i]);
        if (action === STOP) break;
        if (action !== SKIP) this.#send(action === SEND ? MORE : END);
        if (action === SEND_LAST_AND_STOP) break;
      }
      this.#end(body);
      return;
    }
    const head = state.head!;
    if (head.length >= 0 && state.sent < head.length && state.hasBody()) {
      state.piece = bytes;
      if (bytes.byteLength > 0) this.#send(MORE);
      this.#end(body);
      return;
    }
    const final = this.#final(body);
    const first = state.takeHead();
    state.complete = true;
    this.#transport.send(first, bytes.byteLength === 0 ? null : bytes, final);
  }

  /** Lets the transport send a file (G-161); false where it cannot, or nothing is to be sent. */
  #sendFile(file: FileRange): boolean {
    const state = this.state;
    if (file.length >= 0) state.setLength(file.length);
    const transport = this.#transport;
    if (transport.sendFile === undefined || transport.takesFile?.(file.descriptor) === false) return false;
    if (!state.hasBody()) return false;
    const head = state.takeHead()!;
    state.complete = true;
    transport.sendFile(head, file.descriptor, head.length);
    return true;
  }

  #iterate(iterate: Iterable<unknown>[typeof Symbol.iterator], body: unknown): void {
    const state = this.state;
    const disconnected = this.#options.disconnected;
    // Whether the iterator is done or threw: then `return` is not called (G-110).
    let finished = true;
    let iterator: Iterator<unknown> | null = null;
    try {
      for (;;) {
        // B-35. A client that has got all of the response may well go: the body runs to its end (G-112).
        if (!state.complete && disconnected?.() === true) throw new ClientDisconnected();
        finished = true;
        iterator ??= Reflect.apply(iterate, body, []);
        const step: unknown = iterator.next();
        if (typeof step !== 'object' || step === null) {
          throw faultError(noStepFault(step));
        }
        if ((step as IteratorResult<unknown>).done) break;
        const value = (step as IteratorResult<unknown>).value;
        if (value === undefined) refusePromise(step);
        finished = false;
        const action = state.accept(value);
        if (action === SKIP) continue;
        if (action === STOP) return;
        this.#send(action === SEND ? MORE : END);
        if (action === SEND_LAST_AND_STOP) return;
      }
    } finally {
      if (!finished && iterator !== null) this.#return(iterator);
    }
    this.#end(body);
  }

  #send(final: Final): void {
    const head = this.state.takeHead();
    if (final !== MORE) this.state.complete = true;
    this.#transport.send(head, this.state.piece, final);
  }

  /** After the last chunk. */
  #end(body: unknown): void {
    const state = this.state;
    if (state.complete) return;
    if (state.end()) {
      const final = this.#final(body);
      state.complete = true;
      this.#transport.send(state.takeHead(), null, final);
    } else {
      const head = state.takeHead();
      if (head !== null) this.#transport.send(head, null, MORE);
      state.complete = true;
      this.#transport.abort();
    }
  }

  #return(iterator: Iterator<unknown>): void {
    try {
      const method: unknown = iterator.return;
      if (typeof method === 'function') disregard(Reflect.apply(method, iterator, []));
    } catch (error) {
      this.#closingFailed('return() of the body failed', error);
    }
  }

  write(chunk: Uint8Array): void {
    const state = this.state;
    if (!state.write(chunk)) {
      const surplus = state.writeSurplus();
      if (surplus !== null) throw surplus;
      return;
    }
    try {
      this.#transport.send(state.takeHead(), state.piece, MORE);
    } catch (error) {
      state.disconnect();
      throw error;
    }
    const surplus = state.writeSurplus();
    if (surplus !== null) throw surplus;
  }

  /** The request failed: a page if nothing was sent (G-140), else a broken connection (G-141). */
  #fail(what: string, error: unknown): void {
    const state = this.state;
    // A DONE that threw did not arrive.
    this.#done = false;
    if (isDisconnect(error)) {
      state.disconnect();
    } else if (!isClientFault(error)) {
      state.fail();
      state.logError(what, error);
    }
    if (state.complete) return;
    state.complete = true;
    try {
      if (state.headSent || state.gone) {
        this.#transport.abort();
        return;
      }
      state.headSent = true;
      const page = plainPage(statusFor(error), state.forHead);
      if (this.#close === undefined) this.#done = true;
      this.#transport.send(page.head, page.body, this.#done ? DONE : END);
    } catch (failure) {
      this.#done = false;
      if (isDisconnect(failure)) state.disconnect();
      else state.logError('the error page could not be sent', failure);
    }
  }

  /** Closes the body, exactly once, and ends the request (G-111, G-112). */
  #finish(body: unknown): void {
    this.state.complete = true;
    this.#lookUpClose(body);
    try {
      if (typeof this.#close === 'function') disregard(Reflect.apply(this.#close, body, []));
    } catch (error) {
      this.#closingFailed(CLOSE_FAILED, error);
    }
    if (this.#done) return;
    this.#done = true;
    try {
      this.#transport.done();
    } catch (error) {
      this.state.logError('the transport failed', error);
    }
  }

  /** G-113: logged, nothing else changes. */
  #closingFailed(what: string, error: unknown): void {
    if (!isDisconnect(error)) this.state.fail();
    this.state.logError(what, error);
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
  const run = new SyncRun(environ, transport, options);
  new Context().runInAsyncScope(run.run, run, app, environ);
}
