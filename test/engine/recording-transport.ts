/**
 * A transport in memory that writes down what the engine sends and fails the test when the engine breaks the order of
 * calls that `src/interface/transport.ts` promises.
 */

import { ClientDisconnected } from '../../src/interface/errors.ts';
import {
  DONE,
  END,
  type Final,
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  MORE,
  type ResponseHead,
  type Transport,
} from '../../src/interface/transport.ts';
import { latin1Slice } from '../../src/rules/latin1.ts';

export interface RecordedSend {
  head: boolean;
  /** Native string of the chunk; null where none was sent. */
  chunk: string | null;
  final: Final;
}

/** A wait that the test ends. */
export interface Gate {
  open(): void;
  refuse(error: Error): void;
}

export class Recorder {
  readonly sends: RecordedSend[] = [];
  head: ResponseHead | null = null;
  body = '';
  /** The transport was told that the response is complete. */
  complete = false;
  aborted = false;
  /** `done` calls plus DONE. */
  dones = 0;
  /** Breaches of the seam by the engine; a test expects none. */
  readonly breaches: string[] = [];
  /** The client is gone for the send with this number, counted from 0, and all later ones. */
  disconnectAt = Number.POSITIVE_INFINITY;
  /** Called before a send is recorded, with its number. */
  onSend: ((index: number) => void) | null = null;
  /** Settles when the request is over. */
  readonly over: Promise<void>;
  #resolve: () => void = () => {};
  #calls = 0;
  #gone = false;
  #given: ResponseHead | null = null;
  /** The wait for an earlier send is not over. */
  protected waiting = false;

  constructor() {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Status line and field lines, without the last CR LF. */
  get headLines(): string[] {
    return this.head === null ? [] : this.head.text.split('\r\n').slice(0, -1);
  }

  get status(): number {
    return this.head?.status ?? 0;
  }

  get flagNames(): string[] {
    const flags = this.head?.flags ?? 0;
    const names: string[] = [];
    if ((flags & HEAD_HAS_DATE) !== 0) names.push('date');
    if ((flags & HEAD_HAS_SERVER) !== 0) names.push('server');
    if ((flags & HEAD_HAS_LENGTH) !== 0) names.push('length');
    if ((flags & HEAD_NO_BODY) !== 0) names.push('no body');
    return names;
  }

  protected record(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): void {
    const index = this.#calls++;
    this.onSend?.(index);
    if (this.waiting) this.breaches.push('send while an earlier send waits');
    if (this.dones > 0) this.breaches.push('send after the request was over');
    else if (this.complete || this.aborted) this.breaches.push('send after the end');
    if (head !== null && this.head !== null) this.breaches.push('a second head');
    if (head === null && this.head === null) this.breaches.push('a chunk before the head');
    if ((chunk === null) !== (size === 0)) this.breaches.push('an empty chunk, or bytes of none');
    if (index >= this.disconnectAt) {
      this.#gone = true;
      throw new ClientDisconnected();
    }
    if (head !== null) {
      this.head = { ...head };
      this.#given = head;
    }
    if (JSON.stringify(this.#given) !== JSON.stringify(this.head))
      this.breaches.push('the head changed after it was sent');
    const text = chunk === null ? null : latin1Slice.call(chunk, 0, size); // copied, as G-115 demands
    this.sends.push({ head: head !== null, chunk: text, final });
    if (text !== null) {
      if (head !== null && (head.flags & HEAD_NO_BODY) !== 0) this.breaches.push('a chunk of a response without body');
      this.body += text;
    }
    if (final !== MORE) {
      this.complete = true;
      const length = this.head?.length ?? -1;
      if (((this.head?.flags ?? 0) & HEAD_NO_BODY) === 0 && length >= 0 && length !== this.body.length) {
        this.breaches.push(`complete with ${this.body.length} of ${length} bytes`);
      }
    }
    if (final === DONE) this.#finish();
    if (final !== DONE && final !== END && final !== MORE) this.breaches.push('no such final');
  }

  abort(): void {
    if (this.complete) this.breaches.push('abort of a complete response');
    if (this.dones > 0) this.breaches.push('abort after the request was over');
    this.aborted = true;
  }

  done(): void {
    if (!this.complete && !this.aborted && !this.#gone && !this.abandoned) this.breaches.push('done without an end');
    this.#finish();
  }

  /** Set by a test that plays the disconnected client itself. */
  abandoned = false;

  #finish(): void {
    this.dones++;
    if (this.dones > 1) this.breaches.push('done twice');
    this.#resolve();
  }
}

export class SyncRecorder extends Recorder implements Transport<false> {
  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): undefined {
    this.record(head, chunk, final, size);
  }
}

export class AsyncRecorder extends Recorder implements Transport<true> {
  /** Sends with these numbers wait for the test. */
  readonly gates = new Map<number, Gate>();
  #gated = new Set<number>();
  #count = 0;
  /** Every send waits for a turn of the event loop. */
  slow = false;

  gate(...indexes: number[]): void {
    for (const index of indexes) this.#gated.add(index);
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Promise<void> | undefined {
    const index = this.#count++;
    try {
      this.record(head, chunk, final, size);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!this.slow && !this.#gated.has(index)) return undefined;
    this.waiting = true;
    return new Promise<void>((resolve, reject) => {
      if (this.#gated.has(index)) this.gates.set(index, { open: resolve, refuse: reject });
      else setImmediate(resolve);
    }).finally(() => {
      this.waiting = false;
    });
  }
}
