/** The near side on an event loop: an async gateway's request that a sync application on another thread answers. */
import { requestOver } from '../../interface/errors.ts';
import type { AsyncBody, AsyncEnviron, AsyncStartResponse, AsyncWrite } from '../../interface/types.ts';
import { awaitSteps } from '../../rules/steps.ts';
import { tellsDisconnect } from '../closing.ts';
import { keepContext, type Within } from '../link/context.ts';
import type { LoopEnd } from '../link/link.ts';
import { errorToWire, type FarMessage, type NearMessage } from '../link/wire.ts';
import { blocksOf, type NextBlock, readableBytes } from './input.ts';
import { type Question, Replay, type ReplaySteps } from './replay.ts';

interface CallEvents {
  /** The worker is free. Called once. */
  over(): void;
  /** The request is to end: from now on the worker's time is limited. Called at most once. */
  ending(): void;
}

export class AsyncCall extends Replay<AsyncWrite, true> {
  readonly #events: CallEvents;
  readonly #signal: AbortSignal | undefined;
  /** Brings the context of the gateway's call back for what a message leads to (B-60). */
  readonly #within: Within = keepContext();
  readonly #nextBlock: NextBlock;
  /** `next` may wait while `return` does (B-36). */
  readonly #waiting: (() => void)[] = [];
  #ending = false;

  constructor(
    id: number,
    environ: AsyncEnviron,
    startResponse: AsyncStartResponse,
    end: LoopEnd<NearMessage>,
    ahead: number,
    events: CallEvents,
  ) {
    super({ id, environ, startResponse, ahead, post: (message) => end.post(message) });
    this.#events = events;
    this.#signal = environ['quaich.signal'];
    this.#nextBlock = blocksOf(environ['wsgi.input'], readableBytes(environ));
  }

  /** Fulfils with the body once the application has returned one. */
  start(): Promise<AsyncBody> {
    const body = awaitSteps(this.call());
    if (!this.over) this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    return body as Promise<AsyncBody>; // an array of chunks, or our own `body`
  }

  readonly #onAbort = (): void => {
    // Where the gateway wants no more, `return()` and `close()` say so (B-54); nobody has gone.
    if (this.#signal === undefined || !tellsDisconnect(this.#signal)) return;
    this.post({ type: 'abort', id: this.called.id, error: errorToWire(this.#signal.reason) });
    this.ending();
  };

  override hear(message: FarMessage): void {
    if (message.id !== this.called.id) return;
    super.hear(message);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends: with any message about this request, and with the end of its thread (`lose`). */
  protected async pause(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  protected passChunk(write: AsyncWrite, chunk: Uint8Array): Promise<void> {
    return Promise.resolve(write(chunk));
  }

  protected read(max: number, line: boolean): Promise<Uint8Array | null> {
    return this.#nextBlock(max, line);
  }

  protected question(question: Question): void {
    this.overtake(this.answer(question));
  }

  protected overtake(steps: ReplaySteps<void>): void {
    void this.#within(() => awaitSteps(steps));
  }

  protected refuseStep(): void {
    if (this.lost !== null) throw this.lost;
    if (this.over) throw this.#signal?.reason ?? requestOver();
  }

  protected ending(): void {
    if (this.#ending || this.over) return;
    this.#ending = true;
    this.#events.ending();
  }

  protected finished(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#events.over();
    this.#wake();
  }

  protected body(): AsyncBody & { close(): Promise<void> } {
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => awaitSteps(this.next()),
        return: () => awaitSteps(this.return()),
      }),
      close: () => awaitSteps(this.close()),
    };
  }
}
