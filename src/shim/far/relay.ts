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
 */
import type { EngineOptions } from '../../engine/options.ts';
import { DONE, type Final, type ResponseHead } from '../../interface/transport.ts';
import { closedEarly } from '../closing.ts';
import { cost, environFromWire, errorToWire, type FarMessage, type NearMessage, type WireError } from '../link/wire.ts';
import { RelayedResponse, type Thrown } from './relayed-response.ts';
import { RemoteErrors } from './remote-errors.ts';

export type Call = Extract<NearMessage, { type: 'call' }>;
/** A message about a request that is under way. */
export type Word = Exclude<NearMessage, { type: 'call' | 'canary' | 'ping' | 'stop' }>;

/** What a thread of a bridge gives every request. */
export interface FarThread {
  state: Record<string, unknown>;
  multithread: boolean;
  /** Whether there are more threads with this application. */
  multiprocess: boolean;
}

const toWire = (thrown: Thrown | null): WireError | undefined =>
  thrown === null ? undefined : errorToWire(thrown.error);

export abstract class Relay {
  readonly id: number;
  protected readonly environ: Record<string, unknown>;
  protected readonly response: RelayedResponse;
  protected readonly errors: RemoteErrors;
  /** Nobody listens to this request any more, whatever the application still does. */
  protected over = false;
  /** The client has gone, or the bridge ends. */
  protected aborted: Thrown | null = null;
  protected credit: number;
  protected closeAsked = false;
  /** The near side knows that the application has returned. */
  #announced = false;
  /** The near side knows how the body ended. */
  protected ended = false;
  readonly #send: (message: FarMessage) => void;

  /** @throws whatever a state throws that cannot be copied */
  constructor(
    call: Call,
    thread: FarThread,
    async: boolean,
    fileWrapper: unknown,
    send: (message: FarMessage) => void,
  ) {
    this.id = call.id;
    this.credit = call.credit;
    this.#send = send;
    this.errors = new RemoteErrors(call.id, send);
    const environ = environFromWire(call.environ);
    environ['wsgi.multithread'] = thread.multithread;
    environ['wsgi.multiprocess'] = thread.multiprocess || environ['wsgi.multiprocess'] === true;
    environ['wsgi.errors'] = this.errors.stream;
    if (call.fileWrapper) environ['wsgi.file_wrapper'] = fileWrapper;
    environ['quaich.async'] = async;
    environ['quaich.state'] = { ...thread.state };
    this.environ = environ;
    this.response = new RelayedResponse(environ, this.errors.stream, async, () => this.aborted !== null);
  }

  /** What the engine is told: a body takes a step when it may, and is closed when the near side asks for it. */
  protected get options(): EngineOptions {
    return {
      response: this.response,
      mayStep: () => this.mayStep(),
      closing: (closes) => this.closing(closes),
    };
  }

  protected abstract mayStep(): Promise<void> | undefined;
  protected abstract closing(closes: boolean): Promise<void> | undefined;
  /** Nothing is posted any more. Called once. */
  protected abstract finished(): void;

  protected post(message: FarMessage): void {
    if (this.over) return;
    this.#send(message);
    if (message.over !== true) return;
    this.over = true;
    this.errors.end();
    this.response.complete = true;
    this.finished();
  }

  /** Posts what the engine sends. */
  protected relay(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): void {
    const { id, response } = this;
    const { enough, chunks } = response;
    const given = head === null ? null : response.given;
    const over = final === DONE;
    const bytes = chunk ?? new Uint8Array(0);
    switch (response.sending) {
      case 'write':
        this.post({ type: 'write', id, chunk: bytes, head: given });
        break;
      case 'chunk':
        this.credit = enough ? 0 : this.credit - cost(bytes);
        this.post({ type: 'chunk', id, chunk: bytes, head: given, enough });
        break;
      case 'array':
        this.#announced = true;
        this.ended = true;
        this.post({ type: 'returned', id, chunks, head: given, close: !over, over });
        break;
      case 'end':
        this.ended = true;
        this.post({ type: 'end', id, head: given, over });
    }
  }

  /** Says that the application has returned a body to be taken in steps. */
  protected announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.post({ type: 'returned', id: this.id, chunks: null, head: null, close: true });
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
    const { id, response } = this;
    if (this.ended) return;
    const over = !closes;
    const { failure, returnFailure, threw } = response;
    if (!threw) this.announce();
    this.ended = true;
    if (failure !== null) this.post({ type: 'failed', id, error: errorToWire(failure.error), over });
    else this.post({ type: 'closing', id, step: 'return', error: toWire(returnFailure), over });
  }

  /** Never: the engine breaks nothing off, since `fail` tells it to do nothing. */
  abort(): void {}

  done(): void {
    this.post({ type: 'closing', id: this.id, step: 'close', error: toWire(this.response.closeFailure), over: true });
  }

  /** Takes in what is common to both ways of waiting. */
  protected note(word: Word): void {
    switch (word.type) {
      case 'pull':
        this.credit += word.credit;
        break;
      case 'logged':
        this.errors.logged(word.length);
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
