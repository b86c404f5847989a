/** The far side on an event loop: an async application, for a sync gateway that blocks on another thread (B-50). */
import { AsyncInput } from '../../engine/async-input.ts';
import { asyncFileWrapper } from '../../engine/file-wrapper.ts';
import { type RunningRequest, runAsync } from '../../engine/run-async.ts';
import { RequestAborted, requestOver } from '../../interface/errors.ts';
import type { Final, ResponseHead, Transport } from '../../interface/transport.ts';
import type { AsyncApplication, AsyncEnviron } from '../../interface/types.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { withContext } from '../link/context.ts';
import type { LoopEnd } from '../link/link.ts';
import { errorFromWire, type FarMessage } from '../link/wire.ts';
import { type Call, type FarThread, Relay, type Word } from './relay.ts';
import { RemoteSource } from './remote-source.ts';

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

export class LoopTransport extends Relay implements Transport<true> {
  readonly #call: Call;
  readonly #closeTimeout: number;
  readonly #source: RemoteSource;
  readonly #onOver: (id: number) => void;
  #running: RunningRequest | undefined;
  /** The `write` that the near side has not answered yet. */
  #written: Waiting | null = null;
  /** Woken by any message about this request. */
  #wake: (() => void) | null = null;

  /**
   * @param closeTimeout milliseconds for `return()` and `close()` of the body
   * @param onOver called once, when nothing is left to do for this request
   * @throws whatever a state throws that cannot be copied
   */
  constructor(
    call: Call,
    end: LoopEnd<FarMessage>,
    thread: FarThread,
    closeTimeout: number,
    onOver: (id: number) => void,
  ) {
    super(call, thread, true, asyncFileWrapper, (message) => end.post(message));
    this.#call = call;
    this.#closeTimeout = closeTimeout;
    this.#onOver = onOver;
    this.#source = new RemoteSource((max, line) => this.post({ type: 'read', id: call.id, max, line }));
    this.environ['wsgi.input'] = new AsyncInput(this.#source);
  }

  /** Starts the request; never throws. */
  start(app: AsyncApplication): void {
    const options = { ...this.options, closeTimeout: this.#closeTimeout };
    // Built from that of the near side, and what differs here.
    const environ = this.environ as AsyncEnviron;
    withContext(this.#call.context, () => {
      this.#running = runAsync(app, environ, this, options);
    });
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Promise<void> | undefined {
    this.relay(head, chunk, final);
    if (this.response.sending !== 'write') return undefined;
    // Ends: when the near side has taken it, with an abort, and with the request.
    return new Promise((resolve, reject) => {
      this.#written = { resolve, reject };
    });
  }

  protected mayStep(): Promise<void> | undefined {
    this.announce();
    if (this.ending) this.stop();
    return this.credit > 0 ? undefined : this.#untilMayStep();
  }

  async #untilMayStep(): Promise<void> {
    while (this.credit <= 0 && !this.ending) await this.#news();
    if (this.ending) this.stop();
  }

  protected async closing(closes: boolean): Promise<void> {
    while (this.response.writes > 0 && this.aborted === null && !this.over) await this.#news();
    this.sayEnd(closes);
    if (!closes) return;
    while (!this.closeAsked && this.aborted === null && !this.over) await this.#news();
    if (this.aborted !== null) this.response.disconnectAtClose();
  }

  /** Ends: with any message about this request, also an abort; with the other thread, whose end is that of this one. */
  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  protected finished(): void {
    this.#source.fail(requestOver);
    this.#written?.reject(requestOver());
    this.#wake?.();
    this.#onOver(this.id);
  }

  /** A message about this request. */
  hear(word: Word): void {
    this.note(word);
    switch (word.type) {
      case 'input':
        if (word.error === undefined) this.#source.answer(word.value);
        else this.#refused(errorFromWire(word.error), (error) => this.#source.refuse(error));
        break;
      case 'written': {
        const written = this.#written;
        this.#written = null;
        if (word.error === undefined) written?.resolve();
        else this.#refused(errorFromWire(word.error), (error) => written?.reject(error));
        break;
      }
      case 'abort':
        this.abandon(errorFromWire(word.error));
        break;
      case 'return':
      case 'close':
        if (!this.ended) this.#interrupt();
    }
    this.#wake?.();
  }

  /** A read or a write has failed; where it has found the client gone, so do all that wait. */
  #refused(error: unknown, refuse: (error: unknown) => void): void {
    if (isDisconnect(error)) {
      this.aborted ??= { error };
      this.#source.fail(() => error);
    }
    refuse(error);
  }

  /** Aborts the signal, then calls `return()` and `close()`, also while a step is under way (B-36, B-54). */
  #interrupt(): void {
    const { response } = this;
    const reason = this.endReason();
    response.early = this.aborted === null;
    response.stopped = { error: reason };
    this.#running?.disconnect(reason as Error); // `abandon` and `isDisconnect` see to it
  }

  /** The client has gone, or the bridge ends. */
  abandon(reason: unknown): void {
    this.aborted ??= { error: reason instanceof Error ? reason : new RequestAborted(String(reason)) };
    const { error } = this.aborted;
    this.#interrupt();
    this.#source.fail(() => error);
    this.#written?.reject(error);
    this.#written = null;
    this.#wake?.();
  }
}
