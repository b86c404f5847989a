/**
 * The far side on a thread that blocks: a sync application, for an async gateway on another thread. One request at a
 * time, all of its steps here (B-62, B-63).
 */
import { runSync } from '../../engine/run-sync.ts';
import { SyncInput } from '../../engine/sync-input.ts';
import { RequestAborted, requestOver } from '../../interface/errors.ts';
import type { BodySource, Final, ResponseHead, Transport } from '../../interface/transport.ts';
import type { Application, Environ } from '../../interface/types.ts';
import { withContext } from '../link/context.ts';
import type { BlockingEnd } from '../link/link.ts';
import { errorFromWire, type FarMessage, type NearMessage } from '../link/wire.ts';
import { type Call, type FarThread, Relay } from './relay.ts';

export type BlockingFarEnd = BlockingEnd<NearMessage, FarMessage>;
type Reply = Extract<NearMessage, { type: 'input' } | { type: 'written' }>;

/** Milliseconds after which a wait looks around, whether it was woken or not. */
const LOOK_AROUND = 1000;

export class BlockingTransport extends Relay implements Transport<false>, BodySource<false> {
  /** The thread was told to stop. */
  stopped = false;
  readonly mayStep = (): undefined => {
    this.announce();
    this.#look();
    for (;;) {
      if (this.ending) this.stop();
      if (this.credit > 0) return;
      this.#wait();
    }
  };
  readonly #end: BlockingFarEnd;
  #reply: Reply | null = null;
  #inputEnded = false;
  /** What is left of a block that was larger than what was asked for. */
  #block: Uint8Array | null = null;

  /** @throws whatever a state throws that cannot be copied */
  constructor(call: Call, end: BlockingFarEnd, thread: FarThread) {
    super(call, end, thread);
    this.#end = end;
    this.environ['wsgi.input'] = new SyncInput(this);
    const disconnected = (): boolean => this.#disconnected();
    this.environ['quaich.client_disconnected'] = disconnected;
  }

  /** Runs the request from start to end; never throws. */
  run(app: Application): void {
    // Built from that of the near side, and what differs here.
    const environ = this.environ as Environ;
    withContext(this.call.context, () => runSync(app, environ, this, this));
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): undefined {
    const { sending } = this.response;
    if (sending === 'write') {
      this.#look();
      if (this.aborted !== null) throw this.aborted.error;
      this.relay(head, chunk, final);
      this.#awaitReply(); // B-26: returns when the near side wants more
      return;
    }
    if (sending === 'chunk') {
      this.#look();
      if (this.aborted !== null || this.response.gone) this.stop(); // B-35
    }
    this.relay(head, chunk, final);
  }

  closing(closes: boolean): undefined {
    this.sayEnd(closes);
    if (!closes) return;
    while (!this.closeAsked && this.aborted === null) this.#wait();
    if (this.aborted !== null) this.response.disconnectAtClose();
  }

  protected finished(): void {}

  /** See `BodySource`. */
  read(max: number, line = false): Uint8Array | null {
    if (this.over) throw requestOver();
    const block = this.#block ?? this.#ask(max, line);
    this.#block = null;
    if (block === null || block.byteLength <= max) return block;
    this.#block = block.subarray(max);
    return block.slice(0, max);
  }

  #ask(max: number, line: boolean): Uint8Array | null {
    if (this.#inputEnded) return null; // B-55
    this.#look();
    if (this.aborted !== null) throw this.aborted.error;
    this.post({ type: 'read', id: this.call.id, max, line });
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
      if (this.aborted !== null) throw this.aborted.error;
      this.#wait();
    }
  }

  /** Polls without an event loop (B-37). Nobody is there any more when the request is over. */
  #disconnected(): boolean {
    if (this.over) return true;
    this.#look();
    return this.aborted !== null;
  }

  /** Takes in what has come, waits for nothing. */
  #look(): void {
    for (let message = this.#end.receive(0); message !== undefined; message = this.#end.receive(0)) this.#hear(message);
  }

  /** Ends: with a message, and with the limit, after which whoever waits looks again. */
  #wait(): void {
    const message = this.#end.receive(LOOK_AROUND);
    if (message !== undefined) this.#hear(message);
  }

  #hear(message: NearMessage): void {
    if (message.type === 'stop') {
      this.aborted ??= { error: new RequestAborted('the bridge is being shut down') };
      this.stopped = true;
      return;
    }
    if (!('id' in message) || message.type === 'call' || message.id !== this.call.id) return;
    this.note(message);
    if (message.type === 'input' || message.type === 'written') this.#reply = message;
    else if (message.type === 'abort') this.aborted ??= { error: errorFromWire(message.error) };
  }
}
