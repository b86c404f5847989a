/**
 * Runs a sync application on a thread that may block, for a gateway on another thread. One request at a time, all of
 * its steps here (B-62, B-63).
 */
import { isPromise } from 'node:util/types';
import { inOwnContext } from '../../engine/context.ts';
import { fileWrapper } from '../../engine/file-wrapper.ts';
import { SyncInput } from '../../engine/sync-input.ts';
import { ApplicationError, RequestAborted } from '../../interface/errors.ts';
import type { BodySource } from '../../interface/transport.ts';
import type { Application, Environ, StartResponse } from '../../interface/types.ts';
import { chunkOf, refusePromise } from '../../rules/body.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { disregard } from '../../rules/promises.ts';
import { closeLate, closeOf, reportReturn } from '../closing.ts';
import { iteratorOf } from '../here.ts';
import { withContext } from '../link/context.ts';
import type { BlockingEnd } from '../link/link.ts';
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
import { RemoteErrors, RunnerResponse } from './runner.ts';

export type SyncEnd = BlockingEnd<NearMessage, FarMessage>;
type Call = Extract<NearMessage, { type: 'call' }>;
type Reply = Extract<NearMessage, { type: 'input' } | { type: 'written' }>;

/** Milliseconds after which a wait looks around, whether it was woken or not. */
const LOOK_AROUND = 1000;

/** What the runner's thread gives every request. */
export interface RunnerSite {
  state: Record<string, unknown>;
  multithread: boolean;
  /** Whether there are more threads with this application. */
  multiprocess: boolean;
}

/** Runs one request from start to end; never throws. Returns whether the thread was told to stop meanwhile. */
export function runSyncCall(app: Application, call: Call, end: SyncEnd, site: RunnerSite): boolean {
  let running: SyncCall;
  try {
    running = new SyncCall(call, end, site);
  } catch (error) {
    end.post({ type: 'failed', id: call.id, error: errorToWire(error), over: true }); // a state that cannot be copied
    return false;
  }
  running.run(app);
  return running.stopped;
}

class SyncCall implements BodySource<false> {
  stopped = false;
  readonly #call: Call;
  readonly #end: SyncEnd;
  readonly #environ: Environ;
  readonly #response: RunnerResponse;
  readonly #errors: RemoteErrors;
  #credit: number;
  #aborted: unknown = null;
  #isAborted = false;
  #returnAsked = false;
  #closeAsked = false;
  #reply: Reply | null = null;
  /** The line belongs to another request, or to none: whatever the application still asks, it is not touched. */
  #over = false;
  #inputEnded = false;
  /** What is left of a block that was larger than what was asked for. */
  #block: Uint8Array | null = null;

  constructor(call: Call, end: SyncEnd, site: RunnerSite) {
    this.#call = call;
    this.#end = end;
    this.#credit = call.credit;
    this.#errors = new RemoteErrors(call.id, (message) => end.post(message));
    const environ = environFromWire(call.environ);
    environ['wsgi.multithread'] = site.multithread;
    environ['wsgi.multiprocess'] = site.multiprocess || environ['wsgi.multiprocess'] === true;
    environ['wsgi.input'] = new SyncInput(this);
    environ['wsgi.errors'] = this.#errors.stream;
    if (call.flags.fileWrapper) environ['wsgi.file_wrapper'] = fileWrapper;
    environ['quaich.async'] = false;
    environ['quaich.client_disconnected'] = () => this.#disconnected();
    environ['quaich.state'] = { ...site.state };
    this.#environ = environ as Environ;
    this.#response = new RunnerResponse(environ);
  }

  run(app: Application): void {
    const { id, context } = this.#call;
    try {
      inOwnContext(() => withContext(context, () => this.#run(app))); // G-190
    } catch (error) {
      this.#post({ type: 'failed', id, error: errorToWire(error), over: true });
    } finally {
      this.#over = true;
      this.#errors.end();
      this.#response.complete();
    }
  }

  #post(message: FarMessage): void {
    this.#end.post(message);
  }

  #run(app: Application): void {
    const { id } = this.#call;
    const write = (chunk: Uint8Array): void => this.#write(chunk);
    const startResponse: StartResponse = (status, headers, error) => {
      this.#response.start(status, headers, error);
      return write;
    };
    let body: unknown;
    try {
      body = app(this.#environ, startResponse); // G-01
      if (isPromise(body)) {
        closeLate(body, this.#reporting);
        throw new ApplicationError('a sync application returned a promise: declare it with markAsync (B-02)');
      }
    } catch (error) {
      this.#post({ type: 'failed', id, error: errorToWire(error), over: true });
      return;
    }
    const close = closeOf(body);
    const closes = close !== undefined;
    if (!this.#array(body, closes)) {
      this.#post({ type: 'returned', id, chunks: null, head: null, close: closes });
      this.#iterate(body, closes);
    }
    if (!closes) return;
    while (!this.#closeAsked && !this.#isAborted) this.#wait();
    this.#close(close);
  }

  /** Passes a body on as a whole, or what is wrong with it, where it is an array. */
  #array(body: unknown, closes: boolean): boolean {
    const { id } = this.#call;
    const over = !closes;
    try {
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

  #iterate(body: unknown, closes: boolean): void {
    const { id } = this.#call;
    // Whether the iterator is done or threw, or there is none: then `return` is not called (G-110).
    let finished = true;
    let iterator: Iterator<unknown> | null = null;
    try {
      while (this.#mayStep()) {
        finished = true;
        iterator ??= iteratorOf(body);
        const step: unknown = iterator.next();
        if (typeof step !== 'object' || step === null) {
          throw new ApplicationError(`next() of the body returned ${typeof step}, not an object (G-100)`);
        }
        if ((step as IteratorResult<unknown>).done) {
          this.#response.end();
          this.#post({ type: 'end', id, head: this.#response.takeHead(), over: !closes });
          return;
        }
        const value = (step as IteratorResult<unknown>).value;
        if (value === undefined) refusePromise(step);
        finished = false;
        this.#look();
        if (this.#isAborted || this.#response.gone) break; // B-35
        const chunk = this.#response.accept(value);
        const { enough } = this.#response;
        this.#credit = enough ? 0 : this.#credit - cost(chunk);
        const head = chunk.byteLength > 0 ? this.#response.takeHead() : null; // G-81, B-24
        this.#post({ type: 'chunk', id, chunk, head, enough });
      }
    } catch (error) {
      const failure = finished ? undefined : this.#return(iterator);
      if (failure !== undefined) this.#reportReturn(failure.error);
      this.#response.failed(error);
      this.#post({ type: 'failed', id, error: errorToWire(error), over: !closes });
      return;
    }
    const failure = finished ? undefined : this.#return(iterator);
    // Who has asked for it is told.
    if (failure !== undefined && !this.#returnAsked) this.#reportReturn(failure.error);
    const error = failure && this.#returnAsked ? errorToWire(failure.error) : undefined;
    this.#post({ type: 'closing', id, step: 'return', error, over: !closes });
  }

  #reportReturn(error: unknown): void {
    reportReturn(this.#reporting, error, this.#isAborted);
  }

  /** The environ for reports: as it came, whatever the application has made of its own. */
  get #reporting(): Record<string, unknown> {
    return { ...environFromWire(this.#call.environ), 'wsgi.errors': this.#errors.stream };
  }

  /** Waits until the body may take a step; false when it is to end instead. */
  #mayStep(): boolean {
    this.#look();
    for (;;) {
      if (this.#isAborted || this.#response.gone || this.#returnAsked || this.#closeAsked) return false;
      if (this.#credit > 0) return true;
      this.#wait();
    }
  }

  /** Calls `return()`; what it threw comes boxed, since anything may be thrown. */
  #return(iterator: Iterator<unknown> | null): { error: unknown } | undefined {
    try {
      const method: unknown = iterator?.return;
      if (typeof method === 'function') disregard(Reflect.apply(method, iterator, []));
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** On the thread where the body was made (B-30). */
  #close(close: () => unknown): void {
    let failure: WireError | undefined;
    this.#response.close(this.#isAborted);
    try {
      disregard(close());
    } catch (error) {
      failure = errorToWire(error);
    }
    this.#post({ type: 'closing', id: this.#call.id, step: 'close', error: failure, over: true });
  }

  /** B-26: returns when the gateway's side wants more. */
  #write(chunk: Uint8Array): void {
    const fate = this.#response.write(chunk);
    if (fate === 'discarded') return;
    try {
      this.#look();
      if (this.#isAborted) {
        if (fate === 'nothing') return;
        throw this.#aborted;
      }
      const head = this.#response.takeHead();
      this.#post({ type: 'write', id: this.#call.id, chunk: privateBytes(chunkOf(chunk, -1)), head });
      this.#awaitReply();
    } catch (error) {
      if (isDisconnect(error)) this.#response.lose(); // said once (B-38)
      throw error;
    }
  }

  /** See `BodySource`. */
  read(max: number, line = false): Uint8Array | null {
    if (this.#over) throw new RequestAborted('the request is over');
    const block = this.#block ?? this.#ask(max, line);
    this.#block = null;
    if (block === null || block.byteLength <= max) return block;
    this.#block = block.subarray(max);
    return block.slice(0, max);
  }

  #ask(max: number, line: boolean): Uint8Array | null {
    if (this.#inputEnded) return null; // B-55
    this.#look();
    if (this.#isAborted) throw this.#aborted;
    this.#post({ type: 'read', id: this.#call.id, max, line });
    const reply = this.#awaitReply();
    const block = reply.type === 'input' ? reply.value : null;
    if (block === null) this.#inputEnded = true;
    return block;
  }

  /** The answer to a question; throws what it brought, and the reason of an abort (B-37). */
  #awaitReply(): Reply {
    for (;;) {
      const reply = this.#reply;
      if (reply !== null) {
        this.#reply = null;
        if (reply.error !== undefined) throw errorFromWire(reply.error);
        return reply;
      }
      if (this.#isAborted) throw this.#aborted;
      this.#wait();
    }
  }

  /** Polls without an event loop (B-37). Nobody is there any more when the request is over. */
  #disconnected(): boolean {
    if (this.#over) return true;
    this.#look();
    return this.#isAborted;
  }

  /** Takes in what has come, waits for nothing. */
  #look(): void {
    for (let message = this.#end.receive(0); message !== undefined; message = this.#end.receive(0)) this.#hear(message);
  }

  #wait(): void {
    const message = this.#end.receive(LOOK_AROUND);
    if (message !== undefined) this.#hear(message);
  }

  #hear(message: NearMessage): void {
    if (message.type === 'stop') {
      this.#abort(new RequestAborted('the bridge is being shut down'));
      this.stopped = true;
      return;
    }
    if (!('id' in message) || message.id !== this.#call.id) return;
    switch (message.type) {
      case 'pull':
        this.#credit += message.credit;
        break;
      case 'input':
      case 'written':
        this.#reply = message;
        break;
      case 'logged':
        this.#errors.logged(message.length);
        break;
      case 'abort':
        this.#abort(errorFromWire(message.error));
        break;
      case 'return':
        this.#returnAsked = true;
        break;
      case 'close':
        this.#closeAsked = true;
        break;
    }
  }

  #abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#aborted = reason;
  }
}
