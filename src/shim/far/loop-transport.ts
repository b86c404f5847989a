/** The far side on an event loop: an async application, for a sync gateway that blocks on another thread (B-50). */
import { AsyncInput } from '../../engine/async-input.ts';
import { type RunningRequest, runAsync } from '../../engine/run-async.ts';
import { RequestAborted, requestOver } from '../../interface/errors.ts';
import type { Final, ResponseHead, Transport } from '../../interface/transport.ts';
import type { AsyncApplication, AsyncEnviron } from '../../interface/types.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { Gate } from '../../rules/gate.ts';
import { withContext } from '../link/context.ts';
import type { LoopEnd } from '../link/link.ts';
import { errorFromWire, type FarMessage, type WireError } from '../link/wire.ts';
import { type Call, type FarThread, Relay, type Word } from './relay.ts';
import { RemoteSource } from './remote-source.ts';

export class LoopTransport extends Relay implements Transport<true> {
  readonly mayStep = (): Promise<void> | undefined => {
    this.announce();
    if (this.ending) this.stop();
    return this.credit > 0 ? undefined : this.#untilMayStep();
  };
  readonly #source: RemoteSource;
  readonly #onOver: (id: number) => void;
  #running: RunningRequest | undefined;
  /** For the `write` that the near side has not answered yet. */
  readonly #written = new Gate();
  /** Released by any message about this request. */
  readonly #news = new Gate();

  /**
   * @param onOver called once, when nothing is left to do for this request
   * @throws whatever a state throws that cannot be copied
   */
  constructor(call: Call, end: LoopEnd<FarMessage>, thread: FarThread, onOver: (id: number) => void) {
    super(call, end, thread);
    this.#onOver = onOver;
    this.#source = new RemoteSource((max, line) => this.post({ type: 'read', id: call.id, max, line }));
    this.environ['wsgi.input'] = new AsyncInput(this.#source);
  }

  /** Starts the request; never throws. */
  start(app: AsyncApplication): void {
    // Built from that of the near side, and what differs here.
    const environ = this.environ as AsyncEnviron;
    withContext(this.call.context, () => {
      this.#running = runAsync(app, environ, this, this);
    });
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Promise<void> | undefined {
    this.relay(head, chunk, final);
    // Ends: when the near side has taken it, with an abort, and with the request.
    return this.response.sending === 'write' ? this.#written.wait() : undefined;
  }

  async #untilMayStep(): Promise<void> {
    // Ends: as in `closing`.
    while (this.credit <= 0 && !this.ending) await this.#news.wait();
    if (this.ending) this.stop();
  }

  /** Ends: with any message about this request, also an abort; with the other thread, whose end is that of this one. */
  async closing(closes: boolean): Promise<void> {
    while (this.response.writes > 0 && this.aborted === null && !this.over) await this.#news.wait();
    this.sayEnd(closes);
    if (!closes) return;
    while (!this.closeAsked && this.aborted === null && !this.over) await this.#news.wait();
    if (this.aborted !== null) this.response.disconnectAtClose();
  }

  protected finished(): void {
    this.#source.fail(requestOver);
    // An error costs 5 µs.
    if (this.response.writes > 0) this.#written.refuse(requestOver());
    this.#news.release();
    this.#onOver(this.call.id);
  }

  /** A message about this request. */
  hear(word: Word): void {
    this.note(word);
    switch (word.type) {
      case 'input':
        if (word.error === undefined) this.#source.answer(word.value);
        else this.#source.refuse(this.#found(word.error));
        break;
      case 'written':
        if (word.error === undefined) this.#written.release();
        else this.#written.refuse(this.#found(word.error));
        break;
      case 'abort':
        this.abandon(errorFromWire(word.error));
        break;
      case 'return':
      case 'close':
        if (this.told !== 'end') this.#interrupt();
    }
    this.#news.release();
  }

  /** What a read or a write has failed of; where it has found the client gone, so do all that wait. */
  #found(wire: WireError): unknown {
    const error = errorFromWire(wire);
    if (isDisconnect(error)) {
      this.aborted ??= { error };
      this.#source.fail(() => error);
    }
    return error;
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
    this.#written.refuse(error);
    this.#news.release();
  }
}
