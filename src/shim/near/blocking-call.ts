/**
 * One request of a sync gateway that an async application on a bridge's thread answers: the gateway's side, which blocks.
 */

import { ApplicationError, ClientDisconnected, RequestAborted } from '../../interface/errors.ts';
import { READ_BLOCK, readsBlocks } from '../../interface/read-block.ts';
import type { Body, Environ, StartResponse, Write } from '../../interface/types.ts';
import { chunkOf } from '../../rules/body.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { BridgeError } from '../errors.ts';
import { cost, reportClose } from '../far/runner.ts';
import { contextToWire } from '../link/context.ts';
import {
  type CallerMessage,
  entriesToWire,
  errorFromWire,
  errorToWire,
  privateBytes,
  type RunnerMessage,
  type WireError,
  type WireHead,
} from '../link/wire.ts';
import { readableBytes } from '../spool.ts';
import { noHead, startWith } from './async-call.ts';

/** What the body brings, and writes that must not overtake it. */
type Item = Extract<RunnerMessage, { type: 'chunk' } | { type: 'end' } | { type: 'failed' } | { type: 'write' }>;

/** Milliseconds that the bridge's thread has to say that its own limit has passed. */
const GRACE = 1000;

export interface WaitOptions {
  done(): boolean;
  /** Called every now and then; what it throws ends the wait. */
  check(): void;
  /** Does what may block for long, when nothing else is to be done; false where there is no such thing. */
  idle(): boolean;
  /** Milliseconds, then BridgeError; 0: no limit. */
  limit: number;
  /**
   * The request is being ended: signs of life do not begin the limit anew, and a thread whose event loop is found stuck when it
   * has passed is terminated (B-40).
   */
  ending: boolean;
  /** For reports: the request that waits. */
  request: string;
}

/** What a request needs of the line to its bridge's thread. */
export interface Line {
  post(message: CallerMessage): void;
  /** Blocks until `done`. When the thread has died, its calls are told. */
  wait(options: WaitOptions): void;
  /** Throws where this thread must not block (B-23, B-41). */
  assertMayBlock(): void;
  forget(id: number): void;
  readonly ahead: number;
  /** Milliseconds for one step of the application; 0: no limit. */
  readonly timeout: number | undefined;
  readonly closeTimeout: number;
}

/** For a gateway that cannot tell whether the client has gone: nothing else would end the wait. */
const DEFAULT_TIMEOUT = 60_000;

export class BlockingCall {
  readonly #id: number;
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #line: Line;
  readonly #disconnected: (() => boolean) | undefined;
  readonly #timeout: number;
  #left: number;
  #write: Write | null = null;
  #started = false;
  readonly #queue: Item[] = [];
  #queuedCost = 0;
  #credit: number;
  #over = false;
  #lost: BridgeError | null = null;
  #aborted: unknown = null;
  /** Blocks of the request body that the application waits for. */
  readonly #reads: Extract<RunnerMessage, { type: 'read' }>[] = [];
  #returned: Extract<RunnerMessage, { type: 'returned' }> | null = null;
  readonly #closing: { return?: WireError; close?: WireError } = {};
  /** `return()` was called, or is not due any more: the body is ahead of us, and has ended. */
  #returnDone = false;

  constructor(id: number, environ: Environ, startResponse: StartResponse, line: Line) {
    this.#id = id;
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#line = line;
    this.#credit = line.ahead;
    this.#left = readableBytes(environ);
    const polled: unknown = environ['quaich.client_disconnected'];
    this.#disconnected = typeof polled === 'function' ? (polled as () => boolean) : undefined;
    this.#timeout = line.timeout ?? (this.#disconnected === undefined ? DEFAULT_TIMEOUT : 0);
  }

  /** Blocks until the application has returned its body. */
  start(): Body {
    const environ = this.#environ;
    try {
      this.#line.post({
        type: 'call',
        id: this.#id,
        environ: entriesToWire(environ),
        context: contextToWire(),
        flags: { fileWrapper: environ['wsgi.file_wrapper'] !== undefined },
        credit: this.#credit,
      });
    } catch (error) {
      this.#line.forget(this.#id); // the thread has not got it (B-66)
      throw error;
    }
    try {
      this.#wait(() => this.#returned !== null || this.#queue.length > 0);
    } catch (error) {
      this.#leave(); // no body, so nobody will close it
      throw error;
    }
    const returned = this.#returned;
    if (returned === null) {
      const [item] = this.#queue;
      throw item?.type === 'failed' ? errorFromWire(item.error) : noHead();
    }
    if (returned.chunks === null) return this.#body();
    try {
      if (returned.head !== null) this.#start(returned.head);
    } catch (error) {
      if (!this.#over) this.#line.post({ type: 'close', id: this.#id });
      this.#line.forget(this.#id);
      throw error;
    }
    return returned.close ? Object.assign(returned.chunks, { close: () => this.#close() }) : returned.chunks;
  }

  /** Waits for the application; ends with a disconnect, a passed limit, and the death of its thread (B-22). */
  #wait(done: () => boolean): void {
    try {
      this.#line.wait({
        done: () => done() || this.#lost !== null,
        check: () => this.#checkDisconnect(),
        idle: () => this.#passRead(),
        limit: this.#timeout,
        ending: false,
        request: this.#request,
      });
    } catch (error) {
      if (error instanceof BridgeError) this.#abort(new RequestAborted(error.message));
      throw error;
    }
    if (this.#lost !== null && !done()) throw this.#lost;
  }

  get #request(): string {
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO } = this.#environ;
    return `${REQUEST_METHOD} ${JSON.stringify(`${SCRIPT_NAME}${PATH_INFO}`)}`;
  }

  /** Gives the application, which was told, the time to end before its caller goes on without it (B-39, B-56). */
  #leave(): void {
    try {
      if (!this.#over) this.#await(() => false, this.#line.closeTimeout);
    } catch {
      // Abandoned. What the caller hears is why it left.
    }
    this.#line.forget(this.#id);
    const { close } = this.#closing;
    if (close !== undefined) reportClose(this.#environ, errorFromWire(close));
  }

  #checkDisconnect(): void {
    if (this.#disconnected?.() !== true) return;
    const gone = new ClientDisconnected();
    this.#abort(gone);
    throw gone;
  }

  #abort(reason: Error): void {
    if (this.#aborted !== null || this.#over) return;
    this.#aborted = reason;
    this.#line.post({ type: 'abort', id: this.#id, error: errorToWire(reason) });
  }

  /** A message of the application's thread about this request. */
  hear(message: RunnerMessage): void {
    switch (message.type) {
      case 'returned':
        this.#returned = message;
        break;
      case 'chunk':
        this.#credit = message.enough ? 0 : this.#credit - cost(message.chunk);
        this.#queuedCost += cost(message.chunk);
        this.#queue.push(message);
        break;
      case 'end':
      case 'failed':
        this.#returnDone = true;
        this.#queue.push(message);
        break;
      case 'write':
        // Behind chunks that wait, it waits with them; it comes with the step that it belongs to.
        if (this.#queue.length > 0) this.#queue.push(message);
        else this.#passWrite(message.chunk, message.head);
        break;
      case 'read':
        this.#reads.push(message);
        break;
      case 'errors':
        this.#passErrors(message.text);
        break;
      case 'closing':
        if (message.error !== undefined) this.#closing[message.step] = message.error;
        if (message.step === 'return') this.#returnDone = true;
        break;
    }
    if (message.over !== true) return;
    this.#over = true;
    this.#line.forget(this.#id);
  }

  /** The thread has died (G-147). */
  lost(error: BridgeError): void {
    this.#lost = error;
    this.#over = true;
  }

  #start(head: WireHead): void {
    this.#started = true;
    this.#write = startWith(this.#startResponse, head);
  }

  #passWrite(chunk: Uint8Array, head: WireHead | null): void {
    let error: WireError | undefined;
    try {
      if (head !== null) this.#start(head);
      if (this.#write === null) throw noHead();
      this.#write(chunk);
    } catch (thrown) {
      error = this.#heard(thrown);
    }
    this.#line.post({ type: 'written', id: this.#id, error });
  }

  /** Reads for the application, if it waits for that; may block until the client sends. */
  #passRead(): boolean {
    const question = this.#reads.shift();
    if (question === undefined) return false;
    let value: Uint8Array | null = null;
    let error: WireError | undefined;
    try {
      value = this.#read(question.max, question.line);
    } catch (thrown) {
      error = this.#heard(thrown);
    }
    this.#line.post({ type: 'input', id: this.#id, value, error });
    return true;
  }

  /** Not beyond CONTENT_LENGTH where the input does not end by itself (B-55). Null at the end. */
  #read(max: number, line: boolean): Uint8Array | null {
    const input = this.#environ['wsgi.input'];
    const most = Math.min(max, this.#left);
    if (most === 0) return null;
    let block: Uint8Array | null;
    if (readsBlocks(input)) block = input[READ_BLOCK](most);
    else block = line ? input.readline(most) : input.read(most);
    const bytes = block === null ? null : privateBytes(chunkOf(block, -1));
    if (bytes === null || bytes.byteLength === 0) return null;
    this.#left = Math.max(0, this.#left - bytes.byteLength);
    return bytes;
  }

  /** Something that the gateway threw, for the other side, which aborts its signal where it says that the client has gone. */
  #heard(thrown: unknown): WireError {
    if (isDisconnect(thrown)) this.#aborted ??= thrown;
    return errorToWire(thrown);
  }

  #passErrors(text: string): void {
    try {
      this.#environ['wsgi.errors'].write(text);
    } catch {
      // A broken error stream is no reason to fail (G-145).
    }
    this.#line.post({ type: 'logged', id: this.#id, length: text.length });
  }

  #body(): Body {
    return {
      [Symbol.iterator]: () => ({
        next: () => this.#next(),
        return: () => {
          this.#return();
          return { done: true, value: undefined };
        },
      }),
      close: () => this.#close(),
    };
  }

  #next(): IteratorResult<Uint8Array> {
    const item = this.#take();
    if (item.type === 'failed') throw errorFromWire(item.error);
    if (item.head !== null) this.#start(item.head);
    if (item.type === 'end') {
      if (!this.#started) throw noHead();
      return { done: true, value: undefined };
    }
    this.#queuedCost -= cost(item.chunk);
    if (!item.enough && this.#queuedCost + Math.max(this.#credit, 0) < this.#line.ahead / 2) this.#grant();
    return { done: false, value: item.chunk };
  }

  /** What the body brings next; blocks until it does. */
  #take(): Exclude<Item, { type: 'write' }> {
    const queue = this.#queue;
    for (;;) {
      const item = queue.shift();
      if (item === undefined) {
        if (this.#aborted !== null) throw this.#aborted;
        if (this.#lost !== null) throw this.#lost;
        if (this.#over) throw new ApplicationError('next() was called after the end of the body (G-112)');
        this.#line.assertMayBlock();
        if (this.#credit <= 0) this.#grant();
        this.#wait(() => queue.length > 0 || this.#over);
      } else if (item.type === 'write') this.#passWrite(item.chunk, item.head);
      else return item;
    }
  }

  /** Nobody wants what is there any more. */
  #dropQueue(): void {
    for (const item of this.#queue.splice(0)) {
      if (item.type === 'write') this.#line.post({ type: 'written', id: this.#id });
    }
  }

  /** Lets the body go on: as far as it may be ahead, or by one step. */
  #grant(): void {
    if (this.#over) return;
    const credit = Math.max(1, this.#line.ahead - this.#queuedCost) - this.#credit;
    if (credit <= 0) return;
    this.#credit += credit;
    this.#line.post({ type: 'pull', id: this.#id, credit });
  }

  /** B-54: signal, `return()`, `close()` on the other side, in this order. */
  #return(): void {
    this.#dropQueue();
    this.#end('return', () => this.#returnDone);
    this.#throwClosing('return');
  }

  #close(): void {
    this.#dropQueue();
    this.#end('close', () => false);
    this.#throwClosing('return');
    this.#throwClosing('close');
  }

  #end(type: 'return' | 'close', done: () => boolean): void {
    if (this.#over || done()) return;
    this.#line.assertMayBlock();
    // The client may have gone since the last look: that is the reason then, and not that the gateway wants no more.
    if (this.#disconnected?.() === true) this.#abort(new ClientDisconnected());
    this.#line.post({ type, id: this.#id });
    try {
      // `return()` and `close()` may each take as long as their limit.
      this.#await(done, 2 * this.#line.closeTimeout + GRACE);
    } catch (error) {
      // Abandoned (B-56).
      this.#over = true;
      this.#line.forget(this.#id);
      throw error;
    }
  }

  /** Waits for the end of the request, or `done`, whatever the client does. */
  #await(done: () => boolean, limit: number): void {
    this.#line.wait({
      done: () => this.#over || done(),
      check: () => {},
      idle: () => this.#passRead(),
      limit,
      ending: true,
      request: this.#request,
    });
  }

  #throwClosing(step: 'return' | 'close'): void {
    const error = this.#closing[step];
    delete this.#closing[step];
    if (error !== undefined) throw errorFromWire(error);
  }
}
