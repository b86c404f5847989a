/**
 * One request of an async gateway that a sync application on another thread answers: the gateway's side.
 */
import { ApplicationError, RequestAborted } from '../../interface/errors.ts';
import type { AsyncBody, AsyncEnviron, AsyncStartResponse, AsyncWrite, HeaderField } from '../../interface/types.ts';
import type { BridgeError } from '../errors.ts';
import { cost, tellsDisconnect } from '../far/runner.ts';
import { contextToWire, keepContext, type Within } from '../link/context.ts';
import type { LoopEnd } from '../link/link.ts';
import {
  type CallerMessage,
  entriesToWire,
  errorFromWire,
  errorToWire,
  privateBytes,
  type RunnerMessage,
  realErrorFromWire,
  type WireError,
  type WireHead,
} from '../link/wire.ts';
import { blocksOf, type NextBlock, readableBytes } from '../spool.ts';

/** What the body brings, and writes that must not overtake it. */
type Item = Extract<RunnerMessage, { type: 'chunk' } | { type: 'end' } | { type: 'failed' } | { type: 'write' }>;

export interface CallEvents {
  /** The worker is free. Called once. */
  over(): void;
  /** The request is to end: from now on the worker's time is limited. Called at most once. */
  ending(): void;
}

/** Calls `startResponse` of the gateway with a head that crossed. */
export function startWith<W>(
  startResponse: (status: string, headers: HeaderField[], error?: Error | null) => W,
  { status, headers, error }: WireHead,
): W {
  return error === undefined
    ? startResponse(status, headers)
    : startResponse(status, headers, realErrorFromWire(error));
}

/** The error that any gateway has for it; never an endless wait (B-52). */
export function noHead(): ApplicationError {
  return new ApplicationError(
    'startResponse was not called before the first non-empty chunk or the end of the body (G-102)',
  );
}

export class RemoteCall {
  readonly #id: number;
  readonly #environ: AsyncEnviron;
  readonly #startResponse: AsyncStartResponse;
  readonly #end: LoopEnd<CallerMessage>;
  readonly #ahead: number;
  readonly #events: CallEvents;
  /** Brings the context of the gateway's call back for what a message leads to (B-60). */
  readonly #within: Within = keepContext();
  readonly #nextBlock: NextBlock;
  #left: number;
  readonly #onAbort: () => void;
  #resolve: (body: AsyncBody) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #write: AsyncWrite | null = null;
  #started = false;
  readonly #queue: Item[] = [];
  #queuedCost = 0;
  /** What the runner may still spend. */
  #credit: number;
  /** `next` may wait while `return` does (B-36). */
  readonly #waiting: (() => void)[] = [];
  #over = false;
  /** Set when the worker died. */
  #lost: BridgeError | null = null;
  #ending = false;
  readonly #closing: { return?: WireError; close?: WireError } = {};
  #returned = false;
  /** `return()` was called, or is not due any more: the body is ahead of us, and has ended. */
  #returnDone = false;

  constructor(
    id: number,
    environ: AsyncEnviron,
    startResponse: AsyncStartResponse,
    end: LoopEnd<CallerMessage>,
    ahead: number,
    events: CallEvents,
  ) {
    this.#id = id;
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#end = end;
    this.#ahead = ahead;
    this.#credit = ahead;
    this.#events = events;
    this.#left = readableBytes(environ);
    this.#nextBlock = blocksOf(environ['wsgi.input'], this.#left);
    const signal = environ['quaich.signal'];
    this.#onAbort = () => {
      // Where the gateway wants no more, `return()` and `close()` say so (B-54); nobody has gone.
      if (signal !== undefined && !tellsDisconnect(signal)) return;
      this.#post({ type: 'abort', id, error: errorToWire(signal?.reason) });
      this.#limit();
    };
  }

  /** Fulfils with the body once the application has returned one. */
  start(): Promise<AsyncBody> {
    const environ = this.#environ;
    const signal = environ['quaich.signal'];
    // Ends: with the answer to the call, and with the end of the thread (`lost`).
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      try {
        this.#post({
          type: 'call',
          id: this.#id,
          environ: entriesToWire(environ),
          context: contextToWire(),
          flags: { fileWrapper: environ['wsgi.file_wrapper'] !== undefined },
          credit: this.#credit,
        });
      } catch (error) {
        this.#finish(); // the thread has not got it (B-66)
        throw error;
      }
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    });
  }

  #post(message: CallerMessage): void {
    if (!this.#over) this.#end.post(message);
  }

  #limit(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    this.#events.ending();
  }

  /** A message of the worker about this request. */
  hear(message: RunnerMessage): void {
    if (message.id !== this.#id) return;
    switch (message.type) {
      case 'returned':
        this.#bodyReturned(message);
        break;
      case 'chunk':
        this.#credit = message.enough ? 0 : this.#credit - cost(message.chunk);
        this.#queuedCost += cost(message.chunk);
        this.#queue.push(message);
        break;
      case 'end':
        this.#returnDone = true;
        this.#queue.push(message);
        break;
      case 'failed':
        this.#returnDone = true;
        if (this.#returned) this.#queue.push(message);
        else this.#reject(errorFromWire(message.error));
        break;
      case 'write':
        // Behind chunks that wait, it waits with them; it comes with the step that it belongs to.
        if (this.#queue.length > 0) this.#queue.push(message);
        else this.#within(() => this.#passWrite(message.chunk, message.head));
        break;
      case 'read':
        this.#within(() => this.#passRead(message.max, message.line));
        break;
      case 'errors':
        this.#passErrors(message.text);
        break;
      case 'closing':
        if (message.error !== undefined) this.#closing[message.step] = message.error;
        if (message.step === 'return') this.#returnDone = true;
        break;
    }
    if (message.over === true) this.#finish();
    this.#wake();
  }

  #bodyReturned({ chunks, head, close, over }: Extract<RunnerMessage, { type: 'returned' }>): void {
    this.#returned = true;
    if (chunks === null) {
      this.#resolve(this.#body());
      return;
    }
    try {
      if (head !== null) this.#within(() => this.#start(head));
    } catch (error) {
      // Nobody gets the body, so closing it is due here (G-114).
      if (over !== true) this.#post({ type: 'close', id: this.#id });
      this.#reject(error);
      return;
    }
    this.#resolve(close ? Object.assign(chunks, { close: () => this.#closeBody() }) : chunks);
  }

  /** The worker is through with the request, or dead. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#environ['quaich.signal']?.removeEventListener('abort', this.#onAbort);
    this.#events.over();
  }

  /** The worker has died: whoever waits gets an error (G-147). */
  lost(error: BridgeError): void {
    if (this.#over) return;
    this.#lost = error;
    this.#finish();
    if (!this.#returned) this.#reject(error);
    this.#wake();
  }

  #start(head: WireHead): void {
    this.#started = true;
    this.#write = startWith(this.#startResponse, head);
  }

  async #passWrite(chunk: Uint8Array, head: WireHead | null): Promise<void> {
    let error: WireError | undefined;
    try {
      if (head !== null) this.#start(head);
      if (this.#write === null) throw noHead();
      await this.#write(chunk);
    } catch (thrown) {
      error = errorToWire(thrown);
    }
    this.#post({ type: 'written', id: this.#id, error });
  }

  async #passRead(max: number, line: boolean): Promise<void> {
    let value: Uint8Array | null = null;
    let error: WireError | undefined;
    try {
      const block = await this.#nextBlock(Math.min(max, this.#left), line);
      if (block !== null) {
        value = privateBytes(block);
        this.#left = Math.max(0, this.#left - value.byteLength);
      }
    } catch (thrown) {
      error = errorToWire(thrown);
    }
    this.#post({ type: 'input', id: this.#id, value, error });
  }

  #passErrors(text: string): void {
    try {
      this.#environ['wsgi.errors'].write(text);
    } catch {
      // A broken error stream is no reason to fail (G-145).
    }
    this.#post({ type: 'logged', id: this.#id, length: text.length });
  }

  #body(): AsyncBody {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => this.#next(),
        return: async () => {
          await this.#returnBody();
          return { done: true, value: undefined };
        },
      }),
      close: () => this.#closeBody(),
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const item = this.#queue.shift();
      if (item?.type === 'write') {
        await this.#passWrite(item.chunk, item.head);
        continue;
      }
      if (item !== undefined) return this.#deliver(item);
      if (this.#lost !== null) throw this.#lost;
      if (this.#over) throw this.#environ['quaich.signal']?.reason ?? new RequestAborted('the request is over');
      if (this.#credit <= 0) this.#grant();
      await this.#news();
    }
  }

  #deliver(item: Exclude<Item, { type: 'write' }>): IteratorResult<Uint8Array> {
    if (item.type === 'failed') throw errorFromWire(item.error);
    if (item.head !== null) this.#start(item.head);
    if (item.type === 'end') {
      if (!this.#started) throw noHead();
      return { done: true, value: undefined };
    }
    this.#queuedCost -= cost(item.chunk);
    if (!item.enough && this.#queuedCost + Math.max(this.#credit, 0) < this.#ahead / 2) this.#grant();
    return { done: false, value: item.chunk };
  }

  /** Lets the body go on: as far as it may be ahead, or by one step. */
  #grant(): void {
    const credit = Math.max(1, this.#ahead - this.#queuedCost) - this.#credit;
    if (credit <= 0) return;
    this.#credit += credit;
    this.#post({ type: 'pull', id: this.#id, credit });
  }

  /** Ends: with any message about this request, and with the end of its thread (`lost`). */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Nobody wants what is there any more. */
  #dropQueue(): void {
    for (const item of this.#queue.splice(0)) {
      if (item.type === 'write') this.#post({ type: 'written', id: this.#id });
    }
  }

  async #returnBody(): Promise<void> {
    this.#dropQueue();
    if (!this.#over && !this.#returnDone) {
      this.#post({ type: 'return', id: this.#id });
      this.#limit();
      while (!this.#over && !this.#returnDone) await this.#news();
    }
    this.#throwClosing('return');
  }

  /** Does not fulfil before the application's own `close` is done (B-39). */
  async #closeBody(): Promise<void> {
    this.#dropQueue();
    if (!this.#over) {
      this.#post({ type: 'close', id: this.#id });
      this.#limit();
      while (!this.#over) await this.#news();
    }
    this.#throwClosing('return');
    this.#throwClosing('close');
  }

  #throwClosing(step: 'return' | 'close'): void {
    const error = this.#closing[step];
    delete this.#closing[step];
    if (error !== undefined) throw errorFromWire(error);
  }
}
