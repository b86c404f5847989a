/**
 * The near side on a thread that blocks: a sync gateway's request that an async application on a bridge's thread
 * answers.
 */
import { CLOSE_FAILED } from '../../engine/response.ts';
import { ApplicationError, ClientDisconnected, RequestAborted } from '../../interface/errors.ts';
import type { Body, Environ, StartResponse } from '../../interface/types.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { shownRequest } from '../../rules/show.ts';
import { runSteps, type Steps } from '../../rules/steps.ts';
import { reportClosing } from '../closing.ts';
import { BridgeError } from '../errors.ts';
import { errorFromWire, errorToWire, type WireError } from '../link/wire.ts';
import { readBlock } from './input.ts';
import { type Called, type Phase, type Question, Replay } from './replay.ts';

/** Milliseconds that the far side has to say that its own limit has passed. */
const GRACE = 1000;

/** For a gateway that cannot tell whether the client has gone: nothing else would end the wait. */
const DEFAULT_TIMEOUT = 60_000;

/** A request that waits. */
export interface Waiter {
  /** Called every now and then, unless the request is being ended; what it throws ends the wait. */
  check(): void;
  /** Does what may block for long, when nothing else is to be done; false where there is no such thing. */
  idle(): boolean;
  /** For reports. */
  readonly request: string;
}

/** What a request needs of the line to its bridge's thread. */
export interface Line {
  /**
   * Blocks until `done`. When the thread has died, its calls are told.
   *
   * @param limit milliseconds, then BridgeError; 0: no limit
   * @param ending the request is being ended: signs of life do not begin the limit anew, and a thread whose event loop
   *   is found stuck when it has passed is terminated (B-40)
   */
  wait(waiter: Waiter, done: () => boolean, limit: number, ending: boolean): void;
  /** Throws where this thread must not block (B-23, B-41). */
  assertMayBlock(): void;
  forget(id: number): void;
  /** Milliseconds for one step of the application; 0: no limit. */
  readonly timeout: number | undefined;
  readonly closeTimeout: number;
}

interface BlockingCalled extends Called {
  readonly environ: Environ;
  readonly startResponse: StartResponse;
  readonly line: Line;
}

export class BlockingCall extends Replay<BlockingCalled> implements Waiter {
  protected readonly run = runSteps;
  protected readonly iterator = Symbol.iterator;
  readonly #disconnected: (() => boolean) | undefined;
  readonly #timeout: number;
  #aborted: unknown = null;
  /** Blocks of the request body that the application waits for. */
  readonly #questions: Question[] = [];

  constructor(called: BlockingCalled) {
    super(called);
    const polled: unknown = called.environ['quaich.client_disconnected'];
    this.#disconnected = typeof polled === 'function' ? (polled as () => boolean) : undefined; // G-47
    this.#timeout = called.line.timeout ?? (this.#disconnected === undefined ? DEFAULT_TIMEOUT : 0);
  }

  /** Blocks until the application has returned its body. */
  start(): Body {
    return this.run(this.call()) as Body; // an array of chunks, or what `Replay` makes of our `iterator`
  }

  protected runAtOnce<T>(step: () => T): T {
    return step();
  }

  /** Ends: with the application, a disconnect, a passed limit, and the death of its thread (B-22). */
  protected pause(done: () => boolean, phase: Phase): undefined {
    const { line } = this.called;
    try {
      // `return()` and `close()` may each take as long as their limit.
      if (phase === 'end') line.wait(this, done, 2 * line.closeTimeout + GRACE, true);
      else line.wait(this, done, this.#timeout, false);
    } catch (error) {
      if (phase === 'end')
        this.finish(); // B-56
      else if (error instanceof BridgeError) this.#abort(new RequestAborted(error.message));
      if (phase === 'call') this.#leave(); // no body, so nobody will close it
      throw error;
    }
  }

  /** Gives the application, which was told, the time to end before its caller goes on without it (B-39, B-56). */
  #leave(): void {
    const { environ, line } = this.called;
    try {
      line.wait(this, () => this.over, line.closeTimeout + GRACE, true);
    } catch {
      // Abandoned. What the caller hears is why it left.
    }
    this.finish();
    this.dropQueue();
    const error = this.takeClosing('close');
    if (error !== undefined) reportClosing(environ, CLOSE_FAILED, errorFromWire(error));
  }

  get request(): string {
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO } = this.called.environ;
    return shownRequest(REQUEST_METHOD, SCRIPT_NAME, PATH_INFO);
  }

  check(): void {
    if (this.#disconnected?.() !== true) return;
    const gone = new ClientDisconnected();
    this.#abort(gone);
    throw gone;
  }

  #abort(reason: Error): void {
    if (this.#aborted !== null || this.over) return;
    this.#aborted = reason;
    this.post({ type: 'abort', id: this.called.id, error: errorToWire(reason) });
  }

  protected read(max: number, line: boolean): Uint8Array | null {
    return readBlock(this.called.environ['wsgi.input'], max, line);
  }

  /** Reading may block until the client sends: first comes everything else. */
  protected question(question: Question): void {
    this.#questions.push(question);
  }

  idle(): boolean {
    const question = this.#questions.shift();
    if (question === undefined) return false;
    this.run(this.answer(question));
    return true;
  }

  protected overtake(steps: Steps<void>): void {
    this.run(steps);
  }

  /** The far side aborts its signal where the gateway says that the client has gone. */
  protected override thrown(thrown: unknown): WireError {
    if (isDisconnect(thrown)) this.#aborted ??= thrown;
    return super.thrown(thrown);
  }

  protected refuseStep(): void {
    if (this.#aborted !== null) throw this.#aborted;
    if (this.lost !== null) throw this.lost;
    if (this.over) throw new ApplicationError('next() was called after the end of the body (G-112)');
    this.called.line.assertMayBlock();
  }

  protected ending(): void {
    this.called.line.assertMayBlock();
    // The client may have gone since the last look: that is the reason then, and not that the gateway wants no more.
    if (this.#disconnected?.() === true) this.#abort(new ClientDisconnected());
  }

  protected finished(): void {
    this.called.line.forget(this.called.id);
  }
}
