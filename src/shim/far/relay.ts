/**
 * The far side of one request: to the application it is a gateway, and like any gateway it runs the engine. This is the
 * transport that the engine sends by. It posts what is sent to the near side, and lets the body take a step when the
 * near side has given credit for it (B-27).
 *
 * Every way of a body ends in one message: `returned` with an array, `end`, `failed`, or `closing` of `return`, where
 * the near side has ended it early or the client has gone. Then the body waits for the near side to close it (B-30),
 * and `closing` of `close` says that it is done. The last of these messages has `over`; after it, nothing is posted.
 *
 * What differs is how the far side waits: `BlockingTransport` sleeps on the link, `LoopTransport` gets its messages as
 * events.
 *
 * `wsgi.errors` goes the same way: its text is out of this thread when the call returns (G-72), and goes on to the
 * error stream of the near side.
 */
import { createErrorStream } from '../../engine/error-stream.ts';
import { asyncFileWrapper, fileWrapper } from '../../engine/file-wrapper.ts';
import type { EngineOptions } from '../../engine/options.ts';
import { DONE, type Final, type ResponseHead } from '../../interface/transport.ts';
import { errorStream } from '../../rules/error-text.ts';
import { closedEarly } from '../closing.ts';
import { cost, environFromWire, errorToWire, type FarMessage, type NearMessage, type WireError } from '../link/wire.ts';
import type { BridgeData } from '../threads/target.ts';
import { RelayedResponse, type Thrown } from './relayed-response.ts';

export type Call = Extract<NearMessage, { type: 'call' }>;
/** A message about a request that is under way. */
export type Word = Exclude<NearMessage, { type: 'call' | 'canary' | 'ping' | 'stop' }>;

/** Leads to the near side. */
interface FarLink {
  post(message: FarMessage): void;
}

/** What a thread of a bridge gives every request. */
export interface FarThread extends Pick<BridgeData, 'kind' | 'multiprocess' | 'closeTimeout'> {
  /** What startup has left; each request gets a copy (L-06). */
  readonly state: Record<string, unknown>;
}

/** Characters of error text on their way to the gateway's thread; more goes to standard error directly. */
const MOST_LOGGED = 1048576;

const toWire = (thrown: Thrown | null): WireError | undefined =>
  thrown === null ? undefined : errorToWire(thrown.error);

/** To the engine, which it runs, a relay is transport and options in one. */
export abstract class Relay implements EngineOptions {
  readonly response: RelayedResponse;
  /** Milliseconds for `return()` and `close()` of an async body. */
  readonly closeTimeout: number;
  /** A body takes a step when it may. */
  abstract readonly mayStep: () => Promise<void> | undefined;
  protected readonly call: Call;
  protected readonly environ: Record<string, unknown>;
  /** Nobody listens to this request any more, whatever the application still does. */
  protected over = false;
  /** The client has gone, or the bridge ends. */
  protected aborted: Thrown | null = null;
  protected credit: number;
  protected closeAsked = false;
  /** What the near side knows: that the application has returned, or also how the body ended. */
  protected told: 'nothing' | 'body' | 'end' = 'nothing';
  readonly #link: FarLink;
  /** Characters of error text that are on their way. */
  #logged = 0;

  /** @throws whatever a state throws that cannot be copied */
  constructor(call: Call, link: FarLink, thread: FarThread) {
    this.call = call;
    this.credit = call.credit;
    this.closeTimeout = thread.closeTimeout;
    this.#link = link;
    const async = thread.kind === 'async';
    const environ = environFromWire(call.environ);
    environ['wsgi.multithread'] = async;
    environ['wsgi.multiprocess'] = thread.multiprocess || environ['wsgi.multiprocess'] === true;
    environ['wsgi.errors'] = errorStream((text) => this.#log(text));
    if (call.fileWrapper) environ['wsgi.file_wrapper'] = async ? asyncFileWrapper : fileWrapper;
    environ['quaich.async'] = async;
    environ['quaich.state'] = { ...thread.state };
    this.environ = environ;
    this.response = new RelayedResponse(environ, async, () => this.aborted !== null);
  }

  /** A body is closed when the near side asks for it. */
  abstract closing(closes: boolean): Promise<void> | undefined;
  /** Nothing is posted any more. Called once. */
  protected abstract finished(): void;

  protected post(message: FarMessage): void {
    if (this.over) return;
    this.#link.post(message);
    if (message.over !== true) return;
    this.over = true;
    this.response.complete = true;
    this.finished();
  }

  #log(text: string): void {
    if (this.over || this.#logged + text.length > MOST_LOGGED) {
      createErrorStream().write(text);
      return;
    }
    this.#logged += text.length;
    this.post({ type: 'errors', id: this.call.id, text });
  }

  /** Posts what the engine sends. */
  protected relay(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): void {
    const { id } = this.call;
    const { sending, given, enough, chunks } = this.response;
    const wireHead = head === null ? null : given;
    const over = final === DONE;
    const bytes = chunk ?? new Uint8Array(0);
    switch (sending) {
      case 'write':
        this.post({ type: 'write', id, chunk: bytes, head: wireHead });
        break;
      case 'chunk':
        this.credit = enough ? 0 : this.credit - cost(bytes);
        this.post({ type: 'chunk', id, chunk: bytes, head: wireHead, enough });
        break;
      case 'array':
        this.told = 'end';
        this.post({ type: 'returned', id, chunks, head: wireHead, close: !over, over });
        break;
      case 'end':
        this.told = 'end';
        this.post({ type: 'end', id, head: wireHead, over });
    }
  }

  /** Says that the application has returned a body to be taken in steps. */
  protected announce(): void {
    if (this.told !== 'nothing') return;
    this.told = 'body';
    this.post({ type: 'returned', id: this.call.id, chunks: null, head: null, close: true });
  }

  /** Whether the body is to take no more steps. */
  protected get ending(): boolean {
    const { returnAsked, gone } = this.response;
    return this.aborted !== null || gone || returnAsked || this.closeAsked;
  }

  /** Why the body is to take no more steps. */
  protected endReason(): unknown {
    return this.aborted === null ? closedEarly() : this.aborted.error;
  }

  /** Ends the body before a step: throws into the engine, which knows what to do then. */
  protected stop(): never {
    const error = this.endReason();
    this.response.stopped = { error };
    throw error;
  }

  /** Says how the body ended, where that has not been said. */
  protected sayEnd(closes: boolean): void {
    if (this.told === 'end') return;
    const { id } = this.call;
    const over = !closes;
    const { failure, returnFailure, threw } = this.response;
    if (!threw) this.announce();
    this.told = 'end';
    if (failure !== null) this.post({ type: 'failed', id, error: errorToWire(failure.error), over });
    else this.post({ type: 'closing', id, step: 'return', error: toWire(returnFailure), over });
  }

  /** Never: the engine breaks nothing off, since `fail` tells it to do nothing. */
  abort(): void {}

  done(): void {
    const error = toWire(this.response.closeFailure);
    this.post({ type: 'closing', id: this.call.id, step: 'close', error, over: true });
  }

  /** Takes in what is common to both ways of waiting. */
  protected note(word: Word): void {
    switch (word.type) {
      case 'pull':
        this.credit += word.credit;
        break;
      case 'logged':
        this.#logged -= word.length;
        break;
      case 'written':
        this.response.writes--;
        break;
      case 'return':
        this.response.returnAsked = true;
        break;
      case 'close':
        this.closeAsked = true;
    }
  }
}
