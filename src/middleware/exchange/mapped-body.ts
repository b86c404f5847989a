/**
 * A body in the place of another, without the waiting: one step for each of the inner body's steps (M-03), never ahead
 * of it (M-02, M-20). It decides; `SyncMappedBody` and `AsyncMappedBody` call the inner iterator and wait. No steps
 * (`src/rules/steps.ts`) but where a body fails or is dropped: they would make a chunk 35 to 80 % dearer. For the same
 * reason no `#` fields, which cost more to make (Node 20).
 */
import type { AsyncBody, Body } from '../../interface/types.ts';
import type { Steps } from '../../rules/steps.ts';
import { type Bytes, DROP } from '../types.ts';
import type { AnyIterator, MiddlewareExchange } from './exchange.ts';
import { innerChunkOf } from './inner-body.ts';

export const EMPTY = new Uint8Array(0);
export const NO_MORE: IteratorResult<Uint8Array> = { done: true, value: undefined };

export abstract class MappedBody<
  B extends Body | AsyncBody,
  I extends AnyIterator,
  X extends MiddlewareExchange<unknown, B, unknown, unknown>,
> {
  protected readonly exchange: X;
  /** Null when it was closed. */
  protected body: B | null;
  /** The body, or the chunks that were taken from it. */
  protected chunks: B | Iterable<Uint8Array> | null;
  protected iterator: I | null = null;
  /** No further step will be asked of the inner body. */
  protected done = false;
  /** The inner iterator is done, threw or was told to return, and gets no (further) `return()` (G-110). */
  protected finished = false;
  /** The gateway has called `return()` or `close()`. */
  protected abandoned = false;

  /** Asks the inner body for a step. Not called behind `release`. */
  protected readonly step = (): ReturnType<I['next']> => {
    this.iterator ??= this.iterate(this.chunks!); // once (G-108)
    return this.iterator.next() as ReturnType<I['next']>; // what `next` of that iterator returns
  };

  constructor(exchange: X, body: B, chunks: B | Iterable<Uint8Array>) {
    this.exchange = exchange;
    this.body = body;
    this.chunks = chunks;
  }

  protected abstract iterate(chunks: B | Iterable<Uint8Array>): I;

  /**
   * What becomes of a step. Bytes, or in the async convention a promise of them, are for `result`; null: the step goes
   * on, by `unmapped`; DROP: nothing is sent, `drop` has the rest.
   */
  protected map(step: IteratorResult<Uint8Array>): Bytes | null | typeof DROP {
    const { decision } = this.exchange.stage;
    if (decision === DROP) {
      this.done = true;
      return DROP;
    }
    if (step.done === true) {
      this.done = true;
      return decision === null || decision.end === undefined ? null : decision.end();
    }
    // What is no chunk goes on as it is, for the gateway to refuse (G-103).
    const chunk = decision === null ? null : innerChunkOf(step.value);
    return decision === null || chunk === null ? null : decision.chunk(chunk);
  }

  protected unmapped(step: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> {
    return this.done ? NO_MORE : step;
  }

  /** The step for what was mapped. A rest may be empty (no step for it), a chunk goes on in any case (M-03). */
  protected result(mapped: Uint8Array): IteratorResult<Uint8Array> {
    return this.done && mapped.byteLength === 0 ? NO_MORE : { done: false, value: mapped };
  }

  protected *drop(step: IteratorResult<Uint8Array>): Steps<IteratorResult<Uint8Array>> {
    const iterator = this.takeIterator();
    if (this.body !== null) yield* this.exchange.dropNow(this.body, iterator);
    return step.done === true ? NO_MORE : { done: false, value: EMPTY }; // a step for a step (M-03)
  }

  /** The answer to an error takes the place of the chunk, where there is one; else the error goes on. */
  protected *failed(error: unknown): Steps<IteratorResult<Uint8Array>> {
    this.done = true;
    try {
      yield this.giveBack();
    } catch {
      // The first failure is the one to report.
    }
    if (this.abandoned) throw error;
    return { done: false, value: this.exchange.stage.answer(error) };
  }

  protected takeIterator(): I | null {
    const iterator = this.finished ? null : this.iterator;
    this.finished = true;
    return iterator;
  }

  /** Calls `return()` of the inner iterator where that is due (G-110). What it gives is still to be waited for. */
  protected giveBack(): unknown {
    const iterator = this.takeIterator();
    return iterator === null ? undefined : this.exchange.around(() => iterator.return?.());
  }

  /** The gateway calls `return()`; gives what is to be waited for. */
  protected abandon(): unknown {
    this.abandoned = true;
    this.done = true;
    return this.giveBack();
  }

  /** The gateway calls `close()`. The inner body, for the first call; null for those behind it. */
  protected takeBody(): B | null {
    const body = this.body;
    if (body === null) return null;
    this.body = null;
    this.abandoned = true;
    this.done = true;
    return body;
  }

  /** Keeps nothing of a closed body (M-22). */
  protected release(): void {
    this.chunks = null;
    this.iterator = null;
  }
}
