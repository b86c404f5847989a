/**
 * The steps of a body, in both conventions: the order of calls on its iterator, and what each step gave. Nothing in
 * here waits.
 */

import { noStepFault } from '../rules/body.ts';
import { sizeOf } from '../rules/bytes.ts';
import { shown } from '../rules/show.ts';
import { ChunkComparison, checkChunk } from './chunk.ts';
import type { Closing } from './closing.ts';
import type { CheckedExchange } from './exchange.ts';

/** What `next()` gave, looked at once. */
export type CheckedStep = { done: boolean; value: unknown };

/** Belongs to one iterator of a checked body. */
export class StepOrder {
  readonly #exchange: CheckedExchange;
  readonly #closing: Closing;
  readonly #comparison: ChunkComparison | null;
  /** Chunks that an array still has to yield; negative for other bodies. */
  #left: number;
  /** The iterator is done or has thrown. */
  #finished = false;
  #returned = false;
  /** A violation leaves `next()`: nobody else will return the iterator inside now. */
  due = false;

  constructor(exchange: CheckedExchange, closing: Closing, length = -1) {
    this.#exchange = exchange;
    this.#closing = closing;
    this.#comparison = exchange.settings.compareChunks ? new ChunkComparison(exchange) : null;
    this.#left = length;
    if (this.#comparison === null) return;
    const check = (): void => this.#comparison?.check();
    closing.before = check;
  }

  /** A step is asked for: until `left`, the application runs, and an error counts as its own. */
  begin(args: readonly unknown[]): void {
    const exchange = this.#exchange;
    const finished = this.#finished;
    try {
      this.#checkCall(args);
      this.#comparison?.check();
      this.#finished = true;
      this.#closing.unfinished = false;
      exchange.beginStep();
    } catch (violation) {
      if (!finished) this.#refuse();
      throw violation;
    }
    exchange.link.enter();
  }

  #checkCall(args: readonly unknown[]): void {
    const exchange = this.#exchange;
    if (this.#closing.closed) {
      throw exchange.outside('V-85', 'next() was called after close()', 'close the body last');
    }
    if (this.#finished || this.#returned) {
      throw exchange.outside(
        'V-128',
        `next() was called after ${this.#returned ? 'return()' : 'the iterator was done or had thrown'}`,
        'stop there',
      );
    }
    if (args.length > 0 && args[0] !== undefined) {
      throw exchange.outside('V-128', `next() got the argument ${shown(args[0])}`, 'call it without an argument');
    }
  }

  /** The step has thrown. */
  threw(): void {
    this.#exchange.ended = true;
  }

  /** The step is over, however it was. */
  left(): void {
    this.#exchange.stepping = false;
    this.#exchange.link.leave();
  }

  /** What the step gave, for the server. */
  take(step: unknown): CheckedStep {
    const exchange = this.#exchange;
    let done = false;
    try {
      const checked = this.#checkStep(step);
      done = checked.done;
      // Given up while this step was running (async): what it brought is nobody's concern.
      if (this.#returned) {
        exchange.ended = true;
        return checked;
      }
      if (done) {
        this.#checkLength(0);
        exchange.end();
        exchange.link.ended();
        return { done, value: undefined };
      }
      const chunk = checkChunk(exchange, checked.value, `chunk ${exchange.steps - 1} of the body`);
      this.#checkLength(1);
      exchange.pass(sizeOf(chunk));
      exchange.link.yielded();
      this.#comparison?.remember(chunk);
      this.#finished = false;
      this.#closing.unfinished = true;
      return { done, value: chunk };
    } catch (violation) {
      if (done) exchange.ended = true;
      else this.#refuse();
      throw violation;
    }
  }

  /** What `next()` gave, or a violation. */
  #checkStep(step: unknown): CheckedStep {
    this.#exchange.cameBack();
    if (typeof step !== 'object' || step === null) {
      throw this.#exchange.refused('A-02', noStepFault(step));
    }
    const { done, value }: { done?: unknown; value?: unknown } = step;
    return { done: Boolean(done), value };
  }

  #checkLength(yielded: 0 | 1): void {
    if (this.#left < 0) return;
    //: @in body
    //: A-09, G-124, V-125: The `length` of a body that is an array is the true number of its chunks, which the server
    //: trusts. It MUST yield exactly so many, and MUST NOT be changed after it was returned. (Chunks are checked all
    //: the same.)
    if (yielded === 0 ? this.#left > 0 : this.#left === 0) {
      throw this.#exchange.inside(
        'V-125',
        `an array body yielded ${yielded === 0 ? 'fewer' : 'more'} chunks than its length`,
        'return an array of its true length',
      );
    }
    this.#left -= yielded;
  }

  /** The server calls `return()`. */
  return(): void {
    this.#comparison?.check();
    if (this.#returned) {
      throw this.#exchange.outside('V-130', 'return() was called a second time', 'call it once');
    }
    this.#returned = true;
    this.#closing.unfinished = false;
    // A step that is still running (async) may call `startResponse`; the server knows what to make of it.
    if (!this.#exchange.stepping) this.#exchange.ended = true;
  }

  /** To the server it looks as if the iterator had thrown. */
  #refuse(): void {
    this.due = true;
    this.#finished = true;
    this.#closing.unfinished = false;
    this.#exchange.ended = true;
  }
}
