/** Who makes the steps of a body. */
interface BodyRunner {
  /** The next chunk of the body of a request; null at its end. */
  step(request: number): Uint8Array | null;
  close(request: number): void;
}

/** The body of a response that Python makes step by step. */
export class PythonBody implements IterableIterator<Uint8Array> {
  readonly #runner: BodyRunner;
  readonly #request: number;
  /** The next chunk; null: there is none any more; undefined: it is not known yet. */
  #next: Uint8Array | null | undefined;

  /**
   * @param request its number
   * @param first a chunk that is there already; null: there is none at all; undefined: it is not known yet
   */
  constructor(runner: BodyRunner, request: number, first: Uint8Array | null | undefined) {
    this.#runner = runner;
    this.#request = request;
    this.#next = first;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Uint8Array, undefined> {
    const chunk = this.#next === undefined ? this.#runner.step(this.#request) : this.#next;
    this.#next = chunk === null ? null : undefined;
    return chunk === null ? { done: true, value: undefined } : { done: false, value: chunk };
  }

  close(): void {
    this.#runner.close(this.#request);
  }
}
