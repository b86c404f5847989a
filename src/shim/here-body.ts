/** The bodies of a sync application on an event loop, as an async gateway takes them. */
import type { IteratorLike, StepLike } from '../engine/iterator-like.ts';
import { RETURN_FAILED } from '../engine/response.ts';
import type { AsyncBody } from '../interface/types.ts';
import { checkBytes, closeOf, iterateOf, noStepFault, refusePromise } from '../rules/body.ts';
import { isBytes, sizeOf } from '../rules/bytes.ts';
import { turn } from '../rules/event-loop.ts';
import { isAbortError } from '../rules/failures.ts';
import { faultError } from '../rules/fault.ts';
import { disregard } from '../rules/promises.ts';
import { reportClosing } from './closing.ts';
import type { HereCall } from './here-call.ts';

/**
 * Reads an array now, and gives it to the gateway when what was written is through. Its elements go there as they are,
 * and the gateway does with them what it always does (G-123). Only its `close` is ours.
 */
export function arrayHere(body: readonly unknown[], call: HereCall): () => AsyncBody {
  const chunks: unknown[] = [];
  const sizes: number[] = [];
  let failure: { thrown: unknown } | null = null;
  const close = call.step(() => {
    try {
      for (let i = 0, count = body.length; i < count; i++) {
        const chunk = body[i];
        chunks.push(chunk);
        // The gateway gets no further, and there may be billions of them.
        if (!isBytes(chunk)) break;
        sizes.push(sizeOf(chunk));
      }
    } catch (thrown) {
      failure = { thrown };
    }
    return closeOf(body);
  });
  return () => {
    failure ??= call.failure ?? lost(chunks, sizes);
    // The gateway comes upon it, too, and closes the body.
    if (failure !== null) Object.defineProperty(chunks, chunks.length, { get: thrower(failure.thrown) });
    call.response.headSent = true;
    call.response.complete = true;
    if (close === undefined) call.spool.close();
    else Object.assign(chunks, { close: () => call.close(close) });
    return chunks as Uint8Array[]; // checked by the gateway
  };
}

const thrower = (thrown: unknown) => (): never => {
  throw thrown;
};

/** What to throw where one of these chunks has no longer its size (G-118); null: all have. */
function lost(chunks: readonly unknown[], sizes: readonly number[]): { thrown: unknown } | null {
  try {
    for (let i = 0; i < sizes.length; i++) checkBytes(chunks[i] as Uint8Array, sizes[i]); // those with a size are bytes
    return null;
  } catch (thrown) {
    return { thrown };
  }
}

/** A sync body as an async one: one step for each pull (B-27), with the loop's turn between two. */
export class SteppedBody implements AsyncIterable<Uint8Array> {
  readonly #body: unknown;
  readonly #call: HereCall;
  #iterator: IteratorLike | null = null;
  /** `return` or `close` was called: a step that waits for its turn is not taken any more (B-35, G-112). */
  #ended = false;
  /** What the gateway will say about the last chunk, once it has called `return()`; boxed. */
  #refused: { error: unknown } | null = null;

  constructor(body: unknown, call: HereCall) {
    this.#body = body;
    this.#call = call;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#ended = true;
        this.#return();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const call = this.#call;
    if (this.#iterator !== null) await turn();
    await call.settle();
    if (this.#ended) return { done: true, value: undefined };
    if (call.failure !== null) {
      // The gateway, which is told of the failure, will not call `return()`.
      try {
        this.#return();
      } catch (error) {
        if (!isAbortError(error)) reportClosing(call.environ, RETURN_FAILED, error);
      }
      throw call.failure.thrown;
    }
    try {
      return this.#take();
    } catch (error) {
      call.response.failWith(error);
      throw error;
    }
  }

  /** One step of the application's body. */
  #take(): IteratorResult<Uint8Array> {
    const { response } = this.#call;
    this.#iterator ??= this.#call.step(() => Reflect.apply(iterateOf(this.#body), this.#body, []));
    const iterator = this.#iterator;
    const step: unknown = this.#call.step(() => iterator.next());
    if (typeof step !== 'object' || step === null) throw faultError(noStepFault(step));
    const result: StepLike = step;
    if (result.done) {
      response.end(undefined);
      response.headSent = true;
      return { done: true, value: undefined };
    }
    const { value } = result;
    if (value === undefined) refusePromise(step);
    try {
      response.accept(value);
      response.takeHead();
    } catch (error) {
      this.#refused = { error };
    }
    return { done: false, value: value as Uint8Array }; // checked by the gateway
  }

  #return(): void {
    const iterator = this.#iterator;
    const method: unknown = iterator?.return;
    if (typeof method === 'function') disregard(this.#call.step((): unknown => Reflect.apply(method, iterator, [])));
  }

  close(): void {
    this.#ended = true;
    if (this.#refused !== null) this.#call.response.failWith(this.#refused.error);
    this.#call.close(closeOf(this.#body));
  }
}
