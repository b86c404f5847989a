/**
 * How a response of a mount ends. The engine ends it in one of two ways: it sends the last byte and closes the body
 * (`done`), or it breaks the response off (`abort`, then `done`). The host may end it before: the client is gone
 * (`leave`), or the mount gives the request up (`giveUp`). The engine is told then, and calls `done` in its turn.
 */
import { plainPage } from '../engine/error-page.ts';
import type { RunningRequest } from '../engine/run-async.ts';
import {
  type BodySource,
  DONE,
  END,
  type Final,
  MORE,
  type ResponseHead,
  type Transport,
  type Wait,
} from '../interface/transport.ts';
import { partOf } from '../rules/bytes.ts';
import { Gate } from '../rules/gate.ts';

/** The request body of a mount: reads wait for the host. */
export interface MountBody extends BodySource<true> {
  /** The body will never be complete: reads in progress and those to come reject (G-63). */
  fail(reason: Error): void;
  /** The request is done: reads in progress and those to come reject. */
  abandon(): void;
}

/** What is told of the end of a request. */
export interface TransportOwner {
  /** Called once for each transport. */
  done(transport: MountTransport): void;
}

/** Carries one response of an application that runs inside another server. */
export abstract class MountTransport implements Transport<true> {
  /** Woken when the client goes; null for a request without a body. */
  body: MountBody | null = null;
  /** The run of the engine; null before and after. */
  running: RunningRequest | null = null;
  /** Why nobody takes the response any more: the client has left, or the mount has given up. */
  protected gone: Error | null = null;
  /** Held by a send until the next chunk is wanted. */
  protected readonly gate = new Gate();
  protected readonly forHead: boolean;
  readonly #owner: TransportOwner;
  #done = false;

  constructor(owner: TransportOwner, method: string | undefined) {
    this.#owner = owner;
    this.forHead = method === 'HEAD';
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Wait<true> {
    let wait: Wait<true>; // undefined: there is nothing to wait for
    if (this.gone === null) wait = this.carry(head, chunk === null ? null : partOf(chunk, 0, size), final);
    else if (final === MORE) wait = Promise.reject(this.gone);
    if (final === DONE && wait === undefined) this.finish();
    return wait;
  }

  abstract abort(): void;

  done(): void {
    if (this.gone === null && !this.complete) this.abort();
    this.finish();
  }

  /** Answers the request with a page of the mount, in place of the application's response. */
  answer(status: number): void {
    this.#sendPage(status, DONE);
  }

  /** Ends the response somehow, aborts the signal of the request, and wakes what waits. */
  giveUp(reason: Error): void {
    if (this.#done || this.gone !== null) return;
    if (!this.headSent) this.#sendPage(503, END);
    else if (!this.complete) this.breakOff(reason);
    this.leave(reason);
  }

  /** Nobody takes the response any more. */
  protected leave(reason: Error): void {
    if (this.#done || this.gone !== null) return;
    this.gone = reason;
    this.body?.fail(reason);
    this.gate.refuse(reason);
    this.running?.disconnect(reason);
  }

  protected finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.running = null;
    this.body?.abandon();
    this.#owner.done(this);
  }

  /** As `send`, to a client that is there; of the chunk all is true. The end of a response has nothing to wait for. */
  protected abstract carry(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Wait<true>;

  /** Breaks a response off that has begun, so that nobody takes it for complete (G-141). */
  protected abstract breakOff(reason: Error): void;

  protected abstract get headSent(): boolean;

  /** Whether the last byte has been handed to the host. */
  protected abstract get complete(): boolean;

  #sendPage(status: number, final: Final): void {
    const { head, body } = plainPage(status, this.forHead);
    this.send(head, body, final, body?.length ?? 0)?.catch(() => {
      this.abort(); // the host's own code has failed
      if (final === DONE) this.finish();
    });
  }
}
