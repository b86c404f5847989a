/**
 * The way of a head through a middleware, for both conventions: `startResponse` early, late, again with an error, or
 * held back until the body is known.
 */
import { ApplicationError } from '../../interface/errors.ts';
import type { HeaderFields } from '../../interface/types.ts';
import { isDisconnect, isError } from '../../rules/failures.ts';
import { argumentError, checkFields, checkStatus, givenError, headError } from '../../rules/head.ts';
import { refusePromisedAnswer } from '../decision.ts';
import { Head, isHeaderList } from '../head.ts';
import { type BodyMapping, DROP, type Handling } from '../types.ts';

export type Start<W> = (status: string, headers: HeaderFields, error?: unknown) => W;

type Decision = BodyMapping | typeof DROP | null;

/** `startResponse` takes nothing but an Error (G-85); anything may be thrown. */
function asError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  return new Error('the application threw a value that is no Error', { cause: thrown });
}

function release(decision: Decision): void {
  if (decision !== null && decision !== DROP) decision.close?.();
}

/** @typeParam W the `write` of the convention */
export class HeadStage<W> {
  readonly #handling: Handling;
  readonly #outer: Start<W>;
  #deferring: boolean;
  #called = false;
  #pending: Head | null = null;
  #decision: Decision = null;
  /** A head was given to the gateway. */
  started = false;
  /** The gateway's `write`, from its last `startResponse`. */
  outerWrite: W | null = null;

  constructor(handling: Handling, outer: Start<W>) {
    this.#handling = handling;
    this.#outer = outer;
    this.#deferring = handling.deferHead === true && handling.mapBody !== undefined;
  }

  /** @throws ApplicationError where every head so far was refused */
  requireWrite(): W {
    if (this.outerWrite !== null) return this.outerWrite;
    throw new ApplicationError('write was called although startResponse had refused the head (G-102)');
  }

  get deferring(): boolean {
    return this.#deferring;
  }

  /** What `mapBody` said to the head in force. */
  get decision(): Decision {
    return this.#decision;
  }

  /** The application's call of `startResponse`. */
  start(status: string, headers: HeaderFields, error: unknown): void {
    if (this.#deferring) {
      const again = this.#called;
      this.#called = true;
      if (again && (error === undefined || error === null)) {
        throw new ApplicationError('startResponse was called a second time without an error as third argument (G-82)');
      }
      this.#pending = null; // nothing of an earlier head remains (G-83)
      // So that the application learns of its mistakes during the call (G-87); the gateway checks the head again.
      givenError(error, argumentError);
      checkStatus(status, headError);
      checkFields(headers, headError);
      this.#pending = new Head(status, headers, error);
      return;
    }
    if (typeof status !== 'string' || !isHeaderList(headers)) {
      this.#pass(status, headers, error, null); // refused there (G-87)
      return;
    }
    this.#begin(new Head(status, headers, error), null);
  }

  /** Lets a head that waits go; later ones do not wait. */
  settle(chunks: readonly Uint8Array[] | null): void {
    if (!this.#deferring) return;
    this.#deferring = false;
    const head = this.#pending;
    this.#pending = null;
    if (head !== null) this.#begin(head, chunks);
  }

  #begin(head: Head, chunks: readonly Uint8Array[] | null): void {
    refusePromisedAnswer('onHead', this.#handling.onHead?.(head));
    const decision = this.#handling.mapBody?.(head, chunks) ?? null;
    refusePromisedAnswer('mapBody', decision);
    this.#pass(head.status, head.headers, head.error, decision);
  }

  /** The decision about an earlier head stays in force where the gateway refuses this one. */
  #pass(status: string, headers: HeaderFields, error: unknown, decision: Decision): void {
    try {
      this.outerWrite = this.#outer(status, headers, error);
    } catch (refusal) {
      release(decision);
      throw refusal;
    }
    this.started = true;
    release(this.#decision);
    this.#decision = decision;
  }

  /**
   * The chunk of the answer that takes the place of a failed response.
   *
   * @throws the error itself where there is no answer, or the head is sent (G-84)
   */
  answer(error: unknown): Uint8Array {
    const answer = isDisconnect(error) ? null : this.#handling.onError?.(error);
    if (answer === null || answer === undefined) throw error;
    refusePromisedAnswer('onError', answer);
    const given = asError(error);
    this.#deferring = false;
    this.#pending = null;
    try {
      this.#pass(answer.status, answer.headers, given, null);
    } catch (refusal) {
      if (refusal === given) throw error;
      // Neither says anything about the other: both are to be reported.
      throw new ApplicationError(`the head of the answer to an error was refused: ${asError(refusal).message}`, {
        cause: error,
      });
    }
    this.#handling.onAnswered?.(error);
    return answer.body;
  }

  /** Frees the mapping. */
  close(): void {
    const decision = this.#decision;
    this.#decision = null;
    release(decision);
  }
}
