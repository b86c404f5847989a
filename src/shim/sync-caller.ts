/**
 * One request of a sync gateway that an async application on a bridge's thread answers: the gateway's side, which blocks.
 */
import { ApplicationError, ClientDisconnected, RequestAborted } from '../interface/errors.ts';
import type { Body, Environ, StartResponse, Write } from '../interface/types.ts';
import { noHead, startWith } from './async-caller.ts';
import { contextToWire } from './context.ts';
import { BridgeError } from './errors.ts';
import { cost } from './runner.ts';
import { readableBytes } from './spool.ts';
import {
  type CallerMessage,
  entriesToWire,
  errorFromWire,
  errorToWire,
  privateBytes,
  type RunnerMessage,
  type WireError,
  type WireHead,
} from './wire.ts';

type Item = Extract<RunnerMessage, { type: 'chunk' } | { type: 'end' } | { type: 'failed' }>;

const BLOCK = 65536;
/** Milliseconds that the bridge's thread has to say that its own limit has passed. */
const GRACE = 1000;

/** What a request needs of the line to its bridge's thread. */
export interface Line {
  post(message: CallerMessage): void;
  /**
   * Blocks until `done`. Throws what `check` throws, and BridgeError after `limit` milliseconds (0: no limit), which begin
   * anew with each sign of life where `renewed` is set. When the thread has died, its calls are told.
   */
  wait(done: () => boolean, check: () => void, limit: number, renewed: boolean): void;
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
  #aborted: Error | null = null;
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
    this.#line.post({
      type: 'call',
      id: this.#id,
      environ: entriesToWire(environ),
      context: contextToWire(),
      flags: { fileWrapper: environ['wsgi.file_wrapper'] !== undefined },
      credit: this.#credit,
    });
    try {
      this.#wait(() => this.#returned !== null || this.#queue.length > 0);
    } catch (error) {
      this.#line.forget(this.#id); // no body, so nobody will close it
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
      this.#line.wait(
        () => done() || this.#lost !== null,
        () => this.#checkDisconnect(),
        this.#timeout,
        true,
      );
    } catch (error) {
      if (error instanceof BridgeError) this.#abort(new RequestAborted(error.message));
      throw error;
    }
    if (this.#lost !== null && !done()) throw this.#lost;
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
        this.#credit -= cost(message.chunk);
        this.#queuedCost += cost(message.chunk);
        this.#queue.push(message);
        break;
      case 'end':
      case 'failed':
        this.#returnDone = true;
        this.#queue.push(message);
        break;
      case 'write':
        this.#passWrite(message.chunk, message.head);
        break;
      case 'read':
        this.#passRead(message);
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
      error = errorToWire(thrown);
    }
    this.#line.post({ type: 'written', id: this.#id, error });
  }

  #passRead({ method, size }: Extract<RunnerMessage, { type: 'read' }>): void {
    let value: Uint8Array | Uint8Array[] | null = null;
    let error: WireError | undefined;
    try {
      value = this.#read(method, size);
    } catch (thrown) {
      error = errorToWire(thrown);
    }
    this.#line.post({ type: 'input', id: this.#id, value, error });
  }

  /** Not beyond CONTENT_LENGTH where the input does not end by itself (B-55). Null at the end. */
  #read(method: string, size: number | null): Uint8Array | Uint8Array[] | null {
    const input = this.#environ['wsgi.input'];
    const limited = this.#left !== Number.POSITIVE_INFINITY;
    if (limited && this.#left === 0) return null;
    if (method === 'readlines' && !limited) {
      const lines = input.readlines(size);
      return lines.map(privateBytes);
    }
    if (method === 'readlines') return this.#lines(size);
    const wanted = method === 'chunks' ? BLOCK : size === null || size < 0 ? -1 : size;
    const most = limited ? (wanted < 0 ? this.#left : Math.min(wanted, this.#left)) : wanted;
    const block = method === 'readline' ? input.readline(most) : input.read(most);
    this.#left -= block.byteLength;
    return block.byteLength === 0 ? null : privateBytes(block);
  }

  #lines(hint: number | null): Uint8Array[] {
    const most = hint === null || hint <= 0 ? Number.POSITIVE_INFINITY : hint;
    const lines: Uint8Array[] = [];
    for (let total = 0; total < most && this.#left > 0; ) {
      const line = this.#environ['wsgi.input'].readline(this.#left);
      if (line.byteLength === 0) break;
      this.#left -= line.byteLength;
      total += line.byteLength;
      lines.push(privateBytes(line));
    }
    return lines;
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
    const queue = this.#queue;
    if (queue.length === 0) {
      if (this.#aborted !== null) throw this.#aborted;
      if (this.#lost !== null) throw this.#lost;
      if (this.#over) throw new ApplicationError('next() was called after the end of the body (G-112)');
      this.#line.assertMayBlock();
      if (this.#credit <= 0) this.#grant();
      this.#wait(() => queue.length > 0 || this.#over);
    }
    const item = queue.shift();
    if (item === undefined) throw this.#lost ?? this.#aborted ?? noHead();
    if (item.type === 'failed') throw errorFromWire(item.error);
    if (item.head !== null) this.#start(item.head);
    if (item.type === 'end') {
      if (!this.#started) throw noHead();
      return { done: true, value: undefined };
    }
    this.#queuedCost -= cost(item.chunk);
    if (this.#queuedCost + Math.max(this.#credit, 0) < this.#line.ahead / 2) this.#grant();
    return { done: false, value: item.chunk };
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
    this.#queue.length = 0;
    this.#end('return', () => this.#returnDone);
    this.#throwClosing('return');
  }

  #close(): void {
    this.#queue.length = 0;
    this.#end('close', () => false);
    this.#throwClosing('return');
    this.#throwClosing('close');
  }

  #end(type: 'return' | 'close', done: () => boolean): void {
    if (this.#over || done()) return;
    this.#line.assertMayBlock();
    this.#line.post({ type, id: this.#id });
    try {
      // `return()` and `close()` may each take as long as their limit.
      const limit = 2 * this.#line.closeTimeout + GRACE;
      this.#line.wait(
        () => this.#over || done(),
        () => {},
        limit,
        false,
      );
    } catch (error) {
      // Abandoned (B-56).
      this.#over = true;
      this.#line.forget(this.#id);
      throw error;
    }
  }

  #throwClosing(step: 'return' | 'close'): void {
    const error = this.#closing[step];
    delete this.#closing[step];
    if (error !== undefined) throw errorFromWire(error);
  }
}
