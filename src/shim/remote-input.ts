/**
 * `wsgi.input` of an async application whose gateway is sync and on another thread. Each call is asked of the gateway's own
 * input, so that no more is read than was wanted (B-55); answers come in the order of the questions (B-10).
 */
import { sizeArgument } from '../engine/input-buffer.ts';
import type { AsyncInputStream } from '../interface/types.ts';
import type { InputMethod } from './wire.ts';

type Answer = Uint8Array | Uint8Array[] | null;

interface Question {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export class RemoteInput implements AsyncInputStream {
  readonly #ask: (method: InputMethod, size: number | null) => void;
  readonly #questions: Question[] = [];
  /** Every read fails with this from now on; boxed, since anything may be thrown. */
  #failure: { error: unknown } | null = null;
  #ended = false;

  constructor(ask: (method: InputMethod, size: number | null) => void) {
    this.#ask = ask;
  }

  async read(size?: number | null): Promise<Uint8Array> {
    return bytes(await this.#question('read', size));
  }

  async readline(size?: number | null): Promise<Uint8Array> {
    return bytes(await this.#question('readline', size));
  }

  async readlines(hint?: number | null): Promise<Uint8Array[]> {
    const answer = await this.#question('readlines', hint);
    return Array.isArray(answer) ? answer : [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let line = await this.readline(); line.byteLength !== 0; line = await this.readline()) yield line;
  }

  /** Blocks of 64 KiB, the last one smaller: a sync input cannot say what has arrived so far. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let block = await this.#block(); block.byteLength !== 0; block = await this.#block()) yield block;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const block = await this.#block();
          if (block.byteLength === 0) controller.close();
          else controller.enqueue(block);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #block(): Promise<Uint8Array> {
    return bytes(await this.#question('chunks', null));
  }

  async #question(method: InputMethod, size: number | null | undefined): Promise<Answer> {
    sizeArgument(size); // throws here, for the caller
    if (this.#failure !== null) throw this.#failure.error;
    if (size === 0 && method !== 'readlines') return null; // without waiting (G-57)
    if (this.#ended) return null;
    return this.#send(method, size ?? null);
  }

  #send(method: InputMethod, size: number | null): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#questions.push({ resolve, reject });
      this.#ask(method, size);
    });
  }

  answer(answer: Answer): void {
    // The end is asked for once (B-55).
    if (answer === null) this.#ended = true;
    this.#questions.shift()?.resolve(answer);
  }

  /** A read failed, and with it the body; or the request is over. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const question of this.#questions.splice(0)) question.reject(error);
  }
}

/** Empty at the end, new each time (G-53, G-66). */
function bytes(answer: Answer): Uint8Array {
  return answer instanceof Uint8Array ? answer : new Uint8Array(0);
}
