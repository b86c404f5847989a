/** A response as a fetch `Response` (G-104, G-105, G-141, G-179). */
import type { ReadableByteStreamController } from 'node:stream/web';
import { plainPage } from '../../engine/error-page.ts';
import type { RunningRequest } from '../../engine/run-async.ts';
import { ClientDisconnected, QuaichError, type RequestAborted } from '../../interface/errors.ts';
import { DONE, type Final, MORE, type ResponseHead, type Transport, type Wait } from '../../interface/transport.ts';
import { headParts } from '../../rules/head-parts.ts';
import type { MountedRequest } from '../mount.ts';
import type { FetchBody } from './body.ts';

/** What `new Response` takes no body for (fetch standard, null body status). */
function isBodyless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function responseOf(head: ResponseHead, body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null): Response {
  const { reason, fields } = headParts(head);
  const headers = new Headers();
  for (let i = 0; i < fields.length; i += 2) headers.append(fields[i], fields[i + 1]); // each Set-Cookie by itself
  return new Response(body, { status: head.status, statusText: reason, headers });
}

/** Carries one response to whoever called the handler. */
export class FetchTransport implements Transport<true>, MountedRequest {
  /** Fulfils with the head. */
  readonly response: Promise<Response>;
  readonly #forHead: boolean;
  readonly #onOver: (transport: FetchTransport) => void;
  /** Whoever reads the body, to be woken when the client goes. */
  body: FetchBody | null = null;
  /** Set by whoever runs the application. */
  running: RunningRequest | null = null;
  #fulfil: (response: Response) => void = () => {};
  #answered = false;
  /** Of the body that is being sent; null before, after, and where there is none. */
  #stream: ReadableByteStreamController | null = null;
  #gone: Error | null = null;
  #over = false;
  /** The reader of the body has asked for a chunk that has not come yet. */
  #wanted = false;
  #release: (() => void) | null = null;
  #refuse: ((reason: Error) => void) | null = null;

  constructor(forHead: boolean, onOver: (transport: FetchTransport) => void) {
    this.#forHead = forHead;
    this.#onOver = onOver;
    // Ends: with the head, or a page in its place: also when the engine breaks off, is done, or gives up (`#leave`).
    this.response = new Promise((fulfil) => {
      this.#fulfil = fulfil;
    });
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Wait<true> {
    if (this.#gone !== null) {
      if (final === DONE) this.#finish();
      return final === MORE ? Promise.reject(this.#gone) : undefined;
    }
    // A copy with a buffer of its own, which a byte stream takes away (G-115, G-116).
    const bytes = chunk === null || chunk.byteLength === 0 ? null : new Uint8Array(chunk);
    if (head !== null) {
      const whole = final !== MORE || this.#forHead || isBodyless(head.status);
      this.#answer(responseOf(head, whole ? (isBodyless(head.status) ? null : bytes) : this.#open()));
      if (whole) {
        if (final === DONE) this.#finish();
        return undefined;
      }
    }
    const stream = this.#stream;
    if (bytes !== null && stream !== null) {
      this.#wanted = false;
      stream.enqueue(bytes);
    }
    if (final !== MORE) {
      this.#close();
      if (final === DONE) this.#finish();
      return undefined;
    }
    return stream === null ? undefined : this.#untilWanted();
  }

  abort(): void {
    if (!this.#answered) this.answer(500);
    this.#break(new QuaichError('QUAICH_RESPONSE_BROKEN', 'the application failed within its response (G-141)'));
  }

  done(): void {
    if (!this.#answered || this.#stream !== null) this.abort();
    this.#finish();
  }

  /** A page of the mount itself. */
  answer(status: number): void {
    const { head, body } = plainPage(status, this.#forHead);
    this.send(head, body, DONE);
  }

  giveUp(reason: RequestAborted): void {
    if (!this.#over) this.#leave(reason);
  }

  /** The client has gone: the request's signal says so, or the body of the response was cancelled. */
  disconnect(): void {
    if (!this.#over) this.#leave(new ClientDisconnected());
  }

  #leave(reason: Error): void {
    if (this.#gone !== null) return;
    if (!this.#answered) {
      const { head, body } = plainPage(503, this.#forHead);
      this.#answer(responseOf(head, body === null ? null : new Uint8Array(body)));
    }
    this.#gone = reason;
    this.#break(reason);
    this.body?.fail(reason);
    const refuse = this.#refuse;
    this.#release = null;
    this.#refuse = null;
    refuse?.(reason);
    this.running?.disconnect(reason);
  }

  #answer(response: Response): void {
    this.#answered = true;
    this.#fulfil(response);
  }

  /** A stream that asks for a chunk when its reader asks for one, and keeps none in store. */
  #open(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#stream = controller as ReadableByteStreamController;
        },
        pull: () => {
          this.#wanted = true;
          const release = this.#release;
          this.#release = null;
          this.#refuse = null;
          release?.();
        },
        cancel: () => {
          this.#stream = null;
          this.disconnect();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #untilWanted(): Promise<void> | undefined {
    if (this.#wanted) return undefined;
    // Ends: when the reader of the body asks for more, cancels it, or goes (`disconnect`), and with `giveUp`.
    return new Promise((resolve, reject) => {
      this.#release = resolve;
      this.#refuse = reject;
    });
  }

  #close(): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    stream.close();
    stream.byobRequest?.respond(0); // a reader that brought its own buffer is not told of the end otherwise
  }

  #break(reason: Error): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.error(reason);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.running = null;
    this.body?.abandon();
    this.#onOver(this);
  }
}
