/** The body of a Response that is a stream, as an application returns it. */

/** What is read ahead of a body at most. A form of two fields is five chunks. */
const MOST_AHEAD_BYTES = 65_536;
const MOST_AHEAD_CHUNKS = 8;

/**
 * The body of a Response: one read is outstanding at most, and only when the gateway wants a chunk. But its beginning
 * is read ahead as long as it is there at once: nothing else tells a text, whose length is known, from a stream.
 */
export class ReadAheadBody implements AsyncIterableIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Why the body is cancelled, if the client has gone. */
  readonly #reason: () => unknown;
  #over = false;
  /** Read ahead, in order. */
  readonly #ahead: Uint8Array[] = [];
  #outstanding: ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']> | null = null;

  constructor(stream: ReadableStream<Uint8Array>, reason: () => unknown) {
    this.#reader = stream.getReader();
    this.#reason = reason;
  }

  /** Whether there is a chunk that need not be waited for. */
  get ready(): boolean {
    return this.#ahead.length > 0;
  }

  /** Reads ahead. Returns all chunks where the stream has ended with them, else null. */
  async whole(): Promise<Uint8Array[] | null> {
    const ahead = this.#ahead;
    // Ends: when nothing else is left to run, one turn of the event loop later: a Blob takes that turn to tell its end.
    const later = new Promise<null>((resolve) => {
      process.nextTick(() => {
        if (!this.#over) setImmediate(resolve, null);
      });
    });
    // A text is one chunk, however large.
    for (let size = 0; ahead.length < 2 || (size < MOST_AHEAD_BYTES && ahead.length < MOST_AHEAD_CHUNKS); ) {
      const read = this.#reader.read();
      const result = await Promise.race([read, later]);
      if (result === null) {
        this.#outstanding = read;
        return null;
      }
      if (result.done) {
        this.#over = true;
        return ahead;
      }
      ahead.push(result.value);
      size += result.value.byteLength;
    }
    return null;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const first = this.#ahead.shift();
    if (first !== undefined) return { done: false, value: first };
    const read = this.#outstanding ?? this.#reader.read();
    this.#outstanding = null;
    const { done, value } = await read;
    if (!done) return { done: false, value };
    this.#over = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Cancels what was not read; rejects when the source does. A read that is outstanding ends with it. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#reader.cancel(this.#reason());
  }
}
