/** The near side on an event loop: an async gateway's request that a sync application on another thread answers. */
import { requestOver } from '../../interface/errors.ts';
import type { AsyncBody, AsyncEnviron, AsyncStartResponse } from '../../interface/types.ts';
import { awaitSteps, type Steps } from '../../rules/steps.ts';
import { tellsDisconnect } from '../closing.ts';
import { keepContext, type Within } from '../link/context.ts';
import { errorToWire, type FarMessage } from '../link/wire.ts';
import { blocksOf, type NextBlock, readableBytes } from './input.ts';
import { type Called, type Question, Replay } from './replay.ts';

interface AsyncCalled extends Called {
  readonly environ: AsyncEnviron;
  readonly startResponse: AsyncStartResponse;
  /** The worker is free. Called once. */
  over(): void;
  /** The request is to end: from now on the worker's time is limited. Called at most once. */
  ending(): void;
}

export class AsyncCall extends Replay<AsyncCalled> {
  protected readonly run = awaitSteps;
  protected readonly iterator = Symbol.asyncIterator;
  protected readonly read: NextBlock;
  readonly #signal: AbortSignal | undefined;
  /** Brings the context of the gateway's call back for what a message leads to (B-60). */
  readonly #within: Within = keepContext();
  /** `next` may wait while `return` does (B-36). */
  readonly #waiting: (() => void)[] = [];
  #ending = false;

  constructor(called: AsyncCalled) {
    super(called);
    const { environ } = called;
    this.#signal = environ['quaich.signal'];
    this.read = blocksOf(environ['wsgi.input'], readableBytes(environ));
  }

  /** Fulfils with the body once the application has returned one. */
  start(): Promise<AsyncBody> {
    const body = this.run(this.call());
    if (!this.over) this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    return body as Promise<AsyncBody>; // an array of chunks, or what `Replay` makes of our `iterator`
  }

  protected async runAtOnce<T>(step: () => T): Promise<T> {
    return step();
  }

  readonly #onAbort = (): void => {
    // Where the gateway wants no more, `return()` and `close()` say so (B-54); nobody has gone.
    if (!tellsDisconnect(this.#signal)) return;
    this.post({ type: 'abort', id: this.called.id, error: errorToWire(this.#signal?.reason) });
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

  protected question(question: Question): void {
    this.overtake(this.answer(question));
  }

  protected overtake(steps: Steps<void>): void {
    void this.#within(() => this.run(steps));
  }

  protected refuseStep(): void {
    if (this.lost !== null) throw this.lost;
    if (this.over) throw this.#signal?.reason ?? requestOver();
  }

  protected ending(): void {
    if (this.#ending || this.over) return;
    this.#ending = true;
    this.called.ending();
  }

  protected finished(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.called.over();
    this.#wake();
  }
}
