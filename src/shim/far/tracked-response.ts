/**
 * What becomes of a response, known where the application runs: the gateway's own rules, applied to what passes by. So
 * `startResponse` and `write` answer there as the gateway would (B-25), also where asking it would take a promise.
 */

import { ResponseState, SEND_LAST, SKIP } from '../../engine/response.ts';
import type { ResponseHead } from '../../interface/transport.ts';
import type { ErrorStream, HeaderField } from '../../interface/types.ts';
import { chunkOf } from '../../rules/body.ts';
import { isDisconnect } from '../../rules/failures.ts';

/** What is to be said about a response, the gateway says. */
const SILENT: ErrorStream = { write() {}, writelines() {}, flush() {} };

export class TrackedResponse {
  readonly #state: ResponseState;
  /** The gateway has seen enough of the body, and will return it (G-120, G-129). */
  enough = false;

  constructor({ REQUEST_METHOD }: Record<string, unknown>) {
    this.#state = new ResponseState({ REQUEST_METHOD, 'wsgi.errors': SILENT }, undefined);
  }

  get head(): ResponseHead | null {
    return this.#state.head;
  }

  /** The client has gone, and the application knows (B-38). */
  get gone(): boolean {
    return this.#state.gone;
  }

  /** Whether `startResponse` was called, perhaps in vain. */
  get called(): boolean {
    return this.#state.called;
  }

  /** `startResponse` (G-80 to G-98). @param read takes the fields, which are read once: to be passed on (G-96) */
  start(status: string, headers: HeaderField[], error?: Error | null, read?: HeaderField[]): void {
    this.#state.start(status, headers, error, read);
  }

  /** The head goes now. */
  sendHead(): void {
    this.#state.headSent = true;
  }

  /**
   * A chunk that the body yields, as it was checked.
   *
   * @throws ApplicationError where it is none (G-103) or has no head (G-102)
   */
  accept(value: unknown): Uint8Array {
    const chunk = chunkOf(value, -1);
    const action = this.#state.accept(chunk);
    if (action !== SKIP) this.#state.headSent = true;
    if (action >= SEND_LAST) this.#state.complete = true;
    if (action > SEND_LAST) this.enough = true;
    return chunk;
  }

  /**
   * The chunks of an array body, all of them good; each is read once.
   *
   * @throws ApplicationError as `accept`
   */
  acceptArray(body: readonly unknown[]): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    for (let i = 0, count = body.length; i < count; i++) chunks.push(chunkOf(body[i], i));
    this.#state.requireHead();
    this.#state.headSent = true;
    this.complete();
    return chunks;
  }

  /** The body has ended. Throws ApplicationError where there is no head (G-102). */
  end(): void {
    if (!this.#state.complete) this.#state.end(undefined);
    this.#state.headSent = true;
    this.complete();
  }

  /**
   * A chunk for `write`, and what becomes of it: it may be discarded, since the client has gone and the application knows
   * (B-38), or change nothing, or be sent.
   *
   * @throws ApplicationError as `accept`, and after the end (G-98)
   */
  write(chunk: Uint8Array): 'discarded' | 'nothing' | 'sent' {
    if (this.#state.gone) return 'discarded';
    return this.#state.write(chunk) ? 'sent' : 'nothing';
  }

  /** What a `write` that was just accepted has left over: to be thrown when the rest is on its way (G-121). */
  surplus(): Error | null {
    return this.#state.writeSurplus();
  }

  /** The response is complete: `startResponse` and `write` throw from now on (G-98). */
  complete(): void {
    this.#state.complete = true;
  }

  /** The application has thrown: the gateway sends a page in place of the response, or breaks it off. */
  failed(error: unknown): void {
    if (isDisconnect(error)) this.lose();
    if (!this.#state.gone) this.#state.headSent = true;
    this.complete();
  }

  /**
   * The body is being closed. A client that has gone by then has probably not got the end of the response either, which
   * only the gateway knows: it is taken as gone.
   */
  close(gone: boolean): void {
    if (gone) this.#state.disconnect();
    this.complete();
  }

  /** What comes is discarded from now on, without an error. */
  lose(): void {
    if (!this.#state.complete) this.#state.disconnect();
  }
}
