/** A calling thread's line to the thread of the async application behind an `asyncToSync` bridge. */
import { createErrorStream } from '../../engine/error-stream.ts';
import { ApplicationError } from '../../interface/errors.ts';
import { isAsyncEnviron } from '../../interface/kind.ts';
import type { Body, Environ, StartResponse } from '../../interface/types.ts';
import { HEALTHY_AFTER } from '../../pool/delays.ts';
import { StartDelay } from '../../pool/start-delay.ts';
import { atThreadEnd } from '../../pool/this-thread.ts';
import { BridgeError } from '../errors.ts';
import type { FarMessage } from '../link/wire.ts';
import { BlockingCall, type Line, type Waiter } from '../near/blocking-call.ts';
import { assertMayBlock, assertNoRecursion } from './deadlock.ts';
import { LOOK_EVERY, LoopThread } from './loop-thread.ts';
import { BridgeTarget, type ThreadOptions } from './target.ts';

/** Milliseconds for an event loop to show that it still turns. */
const PING_TIMEOUT = 1000;

export class BridgeLine implements Line {
  readonly timeout: number | undefined;
  readonly closeTimeout: number;
  readonly #target: BridgeTarget;
  /** As its owner wrote it, for messages. */
  readonly #bridge: string;
  readonly #calls = new Map<number, BlockingCall>();
  #thread: LoopThread | null = null;
  #lastId = 0;
  /** When a message came last (milliseconds). */
  #heard = 0;
  #answered = false;
  #shutDown = false;
  /** Whether a thread has ever taken requests. */
  #everReady = false;
  readonly #delay = new StartDelay();
  #restart: NodeJS.Timeout | undefined;
  #forgetEnd: () => void = () => {};

  constructor(reference: string, options: ThreadOptions & { timeout?: number }) {
    this.#bridge = `asyncToSync('${reference}')`;
    this.timeout = options.timeout;
    this.#target = new BridgeTarget(reference, 'async', 1, options);
    this.closeTimeout = this.#target.data.closeTimeout;
  }

  /**
   * The startup hook: starts the thread, once; rejects with what kept it from starting, and may be called again then.
   */
  async start(): Promise<void> {
    this.#shutDown = false;
    this.#thread ??= this.#begin();
    const thread = this.#thread;
    try {
      await thread.holdUntil(thread.ready);
      this.#everReady = true;
    } catch (error) {
      await thread.holdUntil(thread.gone);
      throw error;
    }
  }

  /**
   * The shutdown hook. Rejects when a hook of the application failed, or its thread had to be terminated (L-09, L-10).
   */
  async stop(): Promise<void> {
    this.#shutDown = true;
    await this.#end();
  }

  /** Answers a request; blocks until the application has returned its body. */
  run(environ: Environ, startResponse: StartResponse): Body {
    this.assertMayBlock();
    if (isAsyncEnviron(environ)) {
      throw new ApplicationError(
        `the application of ${this.#bridge} was called with an async environ; call the async application itself (M-18)`,
      );
    }
    const thread = this.#ensureThread();
    thread.used = true;
    const id = ++this.#lastId;
    const { ahead } = this.#target;
    const call = new BlockingCall({ id, environ, startResponse, ahead, link: thread.end, line: this });
    this.#calls.set(id, call);
    return call.start();
  }

  assertMayBlock(): void {
    assertMayBlock(this.#bridge);
  }

  forget(id: number): void {
    this.#calls.delete(id);
  }

  wait(waiter: Waiter, done: () => boolean, limit: number, ending: boolean): void {
    let began = performance.now();
    let looked = began;
    while (!done()) {
      const thread = this.#thread;
      if (thread === null) throw this.#death();
      let message = thread.end.receive(0);
      const busy = message === undefined && waiter.idle();
      if (message === undefined && !busy) message = thread.end.receive(LOOK_EVERY);
      if (message !== undefined) this.#hear(message);
      const now = performance.now();
      const life = busy || message !== undefined;
      if (life && !ending) began = now;
      if (life && now - looked < LOOK_EVERY) continue;
      looked = now;
      if (done()) return;
      if (!ending) waiter.check();
      if (!thread.alive()) {
        this.#lose(thread);
      } else if (limit > 0 && now - began > limit) {
        if (ending) this.#probe(thread, waiter.request);
        throw new BridgeError(`${this.#bridge}: no answer for ${limit} ms (B-22)`);
      }
    }
  }

  #death(): BridgeError {
    return new BridgeError(`the thread of ${this.#bridge} has died`);
  }

  /** The thread, which is started where there is none, and waited for. */
  #ensureThread(): LoopThread {
    const idle = performance.now() - this.#heard > LOOK_EVERY;
    if (idle && this.#thread?.serves && !this.#thread.alive()) this.#lose(this.#thread);
    if (this.#thread?.serves) return this.#thread;
    if (this.#shutDown) throw new BridgeError(`${this.#bridge} has been shut down`);
    if (this.#thread === null && this.#delay.left > 0) throw this.#delay.failure;
    // Nobody has called the hooks; then they run with the first request, and at the end of this thread's applications.
    this.#thread ??= this.#begin();
    const thread = this.#thread;
    try {
      thread.waitReady();
      this.#everReady = true;
      return thread;
    } catch (error) {
      this.#lose(thread);
      throw error;
    }
  }

  #begin(): LoopThread {
    assertNoRecursion(this.#target.reference);
    clearTimeout(this.#restart);
    const thread = new LoopThread(this.#target);
    void thread.gone.then((problem) => {
      const what = thread.failure === null ? 'has ended' : 'did not start';
      if (problem !== null && this.#everReady) this.#target.report(`its thread ${what}: ${problem}`);
      this.#lose(thread);
    });
    this.#forgetEnd();
    this.#forgetEnd = atThreadEnd(() => this.#end());
    return thread;
  }

  #hear(message: FarMessage): void {
    this.#heard = performance.now();
    if (message.type === 'pong') {
      this.#answered = true;
      return;
    }
    const call = this.#calls.get(message.id);
    if (call !== undefined) call.hear(message);
    else if (message.type === 'errors') createErrorStream().write(message.text); // of a request that was abandoned
  }

  /** A thread whose event loop does not answer is stuck for good: it is terminated (B-40). */
  #probe(thread: LoopThread, request: string): void {
    this.#answered = false;
    thread.end.post({ type: 'ping' });
    const until = performance.now() + PING_TIMEOUT;
    while (!this.#answered && performance.now() < until && thread.alive()) {
      const message = thread.end.receive(LOOK_EVERY);
      if (message !== undefined) this.#hear(message);
    }
    if (this.#answered) return;
    this.#target.report(`${request} does not end, and its thread's event loop stands still: it is terminated (B-40)`);
    thread.terminate();
    this.#lose(thread);
  }

  /** The thread is gone: every request that waits for it ends, and another one is started (G-147). */
  #lose(thread: LoopThread): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    const error = this.#death();
    for (const call of this.#calls.values()) call.lose(error);
    this.#calls.clear();
    const idle = !thread.used && performance.now() - thread.began < HEALTHY_AFTER;
    if (thread.failure !== null) this.#delay.failed(thread.failure);
    else if (idle) this.#delay.failed(new BridgeError(`${error.message} and is being replaced`));
    else this.#delay.reset();
    if (!this.#shutDown && this.#everReady) this.#startLater();
  }

  #startLater(): void {
    this.#restart = setTimeout(() => {
      try {
        this.#thread ??= this.#begin();
      } catch (error) {
        // The system has no thread to give.
        this.#delay.failed(error instanceof Error ? error : this.#death());
        this.#startLater();
      }
    }, this.#delay.left);
    this.#restart.unref();
  }

  /** Ends the thread with its hooks; the next request, if any, starts another one. */
  async #end(): Promise<void> {
    this.#forgetEnd();
    clearTimeout(this.#restart);
    this.#delay.reset();
    this.#everReady = false;
    const thread = this.#thread;
    if (thread === null) return;
    let terminated = 0;
    // From here, since a thread that is still starting may take as long as it likes.
    const timer = setTimeout(() => {
      terminated = 1;
      thread.terminate();
    }, this.#target.shutdownTimeout);
    await thread.holdUntil(thread.ready.catch(() => {}));
    thread.stop();
    await thread.holdUntil(thread.gone);
    clearTimeout(timer);
    this.#lose(thread);
    this.#delay.reset();
    this.#target.assertEnded(terminated, thread.shutdownFailures);
  }
}
