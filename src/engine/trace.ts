/**
 * The tracing channel `quaich:request` of `node:diagnostics_channel`: what a thread tells of each call of an
 * application (L-48). The engine asks `hasSubscribers` once for a request, and makes nothing while nobody listens.
 *
 *     sync:   start, call, steps of the body, close, [error], end
 *     async:  start, call up to its first wait, end, ..., [error], asyncStart, asyncEnd
 *
 * All of a sync request runs in the stores that are bound to `start` (`bindStore`). So does the call of an async one,
 * and what follows from there by promises.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import type { ResponseHead } from '../interface/transport.ts';
import type { AsyncEnviron, Environ, HeaderField } from '../interface/types.ts';

export const requestChannel = tracingChannel<unknown, RequestTrace>('quaich:request');

/** What is told of a response while it goes on. */
interface TracedResponse {
  readonly head: ResponseHead | null;
  readonly sent: number;
  readonly gone: boolean;
}

/** One request, for the subscribers of the channel `quaich:request`: the same object with each of its events. */
export class RequestTrace {
  /** As the application gets it. Its `quaich.async` tells whether `asyncEnd` or `end` is the last event. */
  readonly environ: Environ | AsyncEnviron;
  /** What the request failed by first. */
  error: unknown;
  readonly #response: TracedResponse;
  /** The application has returned for the first time. */
  #called = false;
  #over = false;

  constructor(environ: Environ | AsyncEnviron, response: TracedResponse) {
    this.environ = environ;
    this.#response = response;
  }

  /** The status code of the head as it stands; 0 while there is none. */
  get status(): number {
    return this.#response.head?.status ?? 0;
  }

  /** The fields of that head. */
  get headers(): HeaderField[] {
    const [, ...lines] = this.#response.head?.text.split('\r\n').slice(0, -1) ?? [];
    return lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  }

  /** Bytes of the body that were handed on so far. */
  get bytes(): number {
    return this.#response.sent;
  }

  /** The client left, or the server gave the request up. */
  get disconnected(): boolean {
    return this.#response.gone;
  }

  /** Calls the application, in the stores that subscribers have bound. */
  call(application: () => void): void {
    requestChannel.start.runStores(this, () => {
      application();
      requestChannel.end.publish(this);
    });
    this.#called = true;
    if (this.#over) this.#tellOver();
  }

  /** The request has failed; told of once, by the engine. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.error = error;
    requestChannel.error.publish(this);
  }

  /** An async request is over. */
  over(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#called) this.#tellOver();
  }

  #tellOver(): void {
    requestChannel.asyncStart.publish(this);
    requestChannel.asyncEnd.publish(this);
  }
}
