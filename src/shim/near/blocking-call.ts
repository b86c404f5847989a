/**
 * The near side on a thread that blocks: a sync gateway's request that an async application on a bridge's thread
 * answers.
 */
import { CLOSE_FAILED } from '../../engine/response.ts';
import { ApplicationError, ClientDisconnected, RequestAborted } from '../../interface/errors.ts';
import type { Body, Environ, StartResponse, Write } from '../../interface/types.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { shownRequest } from '../../rules/show.ts';
import { reportClosing } from '../closing.ts';
import { BridgeError } from '../errors.ts';
import { errorFromWire, errorToWire, type NearMessage, type WireError } from '../link/wire.ts';
import { readBlock } from './input.ts';
import { type Phase, type Question, Replay, type ReplaySteps } from './replay.ts';

/** Milliseconds that the far side has to say that its own limit has passed. */
const GRACE = 1000;

/** For a gateway that cannot tell whether the client has gone: nothing else would end the wait. */
const DEFAULT_TIMEOUT = 60_000;

export interface WaitOptions {
  done(): boolean;
  /** Called every now and then; what it throws ends the wait. */
  check(): void;
  /** Does what may block for long, when nothing else is to be done; false where there is no such thing. */
  idle(): boolean;
  /** Milliseconds, then BridgeError; 0: no limit. */
  limit: number;
  /**
   * The request is being ended: signs of life do not begin the limit anew, and a thread whose event loop is found stuck
   * when it has passed is terminated (B-40).
   */
  ending: boolean;
  /** For reports: the request that waits. */
  request(): string;
}

/** What a request needs of the line to its bridge's thread. */
export interface Line {
  post(message: NearMessage): void;
  /** Blocks until `done`. When the thread has died, its calls are told. */
  wait(options: WaitOptions): void;
  /** Throws where this thread must not block (B-23, B-41). */
  assertMayBlock(): void;
  forget(id: number): void;
  readonly ahead: number;
  /** Milliseconds for one step of the application; 0: no limit. */
  readonly timeout: number | undefined;
  readonly closeTimeout: number;
}

export class BlockingCall extends Replay<Write, false> {
  readonly #environ: Environ;
  readonly #line: Line;
  readonly #disconnected: (() => boolean) | undefined;
  readonly #timeout: number;
  #aborted: unknown = null;
  /** Blocks of the request body that the application waits for. */
  readonly #questions: Question[] = [];

  constructor(id: number, environ: Environ, startResponse: StartResponse, line: Line) {
    super({ id, environ, startResponse, ahead: line.ahead, post: (message) => line.post(message) });
    this.#environ = environ;
    this.#line = line;
    const polled: unknown = environ['quaich.client_disconnected'];
    this.#disconnected = typeof polled === 'function' ? (polled as () => boolean) : undefined; // G-47
    this.#timeout = line.timeout ?? (this.#disconnected === undefined ? DEFAULT_TIMEOUT : 0);
  }

  /** Blocks until the application has returned its body. */
  start(): Body {
    return drive(this.call()) as Body; // an array of chunks, or our own `body`
  }

  /** Ends: with the application, a disconnect, a passed limit, and the death of its thread (B-22). */
  protected pause(done: () => boolean, phase: Phase): undefined {
    if (phase === 'end') {
      this.#awaitEnd(done);
      return;
    }
    try {
      this.#line.wait({
        done: () => done() || this.lost !== null,
        check: () => this.#checkDisconnect(),
        idle: () => this.#answerNext(),
        limit: this.#timeout,
        ending: false,
        request: () => this.#request(),
      });
    } catch (error) {
      if (error instanceof BridgeError) this.#abort(new RequestAborted(error.message));
      if (phase === 'call') this.#leave(); // no body, so nobody will close it
      throw error;
    }
  }

  #awaitEnd(done: () => boolean): void {
    try {
      // `return()` and `close()` may each take as long as their limit.
      this.#waitForEnd(done, 2 * this.#line.closeTimeout + GRACE);
    } catch (error) {
      this.abandon(); // B-56
      throw error;
    }
  }

  /** Waits for the end of the request, or `done`, whatever the client does. */
  #waitForEnd(done: () => boolean, limit: number): void {
    this.#line.wait({
      done: () => this.over || done(),
      check: () => {},
      idle: () => this.#answerNext(),
      limit,
      ending: true,
      request: () => this.#request(),
    });
  }

  /** Gives the application, which was told, the time to end before its caller goes on without it (B-39, B-56). */
  #leave(): void {
    try {
      if (!this.over) this.#waitForEnd(() => false, this.#line.closeTimeout);
    } catch {
      // Abandoned. What the caller hears is why it left.
    }
    this.abandon();
    const error = this.takeClosing('close');
    if (error !== undefined) reportClosing(this.#environ, CLOSE_FAILED, errorFromWire(error));
  }

  #request(): string {
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO } = this.#environ;
    return shownRequest(REQUEST_METHOD, SCRIPT_NAME, PATH_INFO);
  }

  #checkDisconnect(): void {
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

  protected passChunk(write: Write, chunk: Uint8Array): undefined {
    write(chunk);
  }

  protected read(max: number, line: boolean): Uint8Array | null {
    return readBlock(this.#environ['wsgi.input'], max, line);
  }

  /** Reading may block until the client sends: first comes everything else. */
  protected question(question: Question): void {
    this.#questions.push(question);
  }

  #answerNext(): boolean {
    const question = this.#questions.shift();
    if (question === undefined) return false;
    drive(this.answer(question));
    return true;
  }

  protected overtake(steps: ReplaySteps<void>): void {
    drive(steps);
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
    this.#line.assertMayBlock();
  }

  protected ending(): void {
    this.#line.assertMayBlock();
    // The client may have gone since the last look: that is the reason then, and not that the gateway wants no more.
    if (this.#disconnected?.() === true) this.#abort(new ClientDisconnected());
  }

  protected finished(): void {
    this.#line.forget(this.called.id);
  }

  protected body(): Body & { close(): void } {
    return {
      [Symbol.iterator]: () => ({
        next: () => drive(this.next()),
        return: () => drive(this.return()),
      }),
      close: () => drive(this.close()),
    };
  }
}

/** Runs steps that never yield: every wait of theirs has blocked. */
function drive<T>(steps: ReplaySteps<T>): T {
  const turn = steps.next();
  if (turn.done !== true) throw new Error('a step of a blocking call waits for a promise');
  return turn.value;
}
