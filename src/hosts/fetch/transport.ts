/** A response as a fetch `Response` (G-104, G-105, G-141, G-179). */
import type { ReadableByteStreamController } from 'node:stream/web';
import { ClientDisconnected, QuaichError } from '../../interface/errors.ts';
import { type Final, MORE, type ResponseHead, type Wait } from '../../interface/transport.ts';
import { headParts } from '../../rules/head-parts.ts';
import { MountTransport, type TransportOwner } from '../mount-transport.ts';

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

/** Carries one response to the caller of the handler. */
export class FetchTransport extends MountTransport {
  /** Fulfils with the head. */
  readonly response: Promise<Response>;
  #fulfil: (response: Response) => void = () => {};
  #answered = false;
  /** Of the body that is being sent; null before, after, and where there is none. */
  #stream: ReadableByteStreamController | null = null;
  /** The reader of the body has asked for a chunk that has not come yet. */
  #wanted = false;
  /** Tells that the client is gone. */
  #signal: AbortSignal | null = null;

  constructor(method: string, owner: TransportOwner) {
    super(owner, method);
    // Ends: with the head, or a page in its place: also when the engine breaks off, is done, or the mount gives up.
    this.response = new Promise((fulfil) => {
      this.#fulfil = fulfil;
    });
  }

  /** Goes by the signal of the request from now on. */
  watch(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', this.#disconnected);
  }

  protected get headSent(): boolean {
    return this.#answered;
  }

  protected get complete(): boolean {
    return this.#answered && this.#stream === null;
  }

  protected carry(head: ResponseHead | null, chunk: Uint8Array | null, final: Final): Wait<true> {
    // A copy, with a buffer that the byte stream may take away (G-115, G-116).
    const bytes = chunk === null || chunk.byteLength === 0 ? null : new Uint8Array(chunk);
    if (head !== null) {
      const whole = final !== MORE || this.forHead || isBodyless(head.status);
      this.#fulfil(responseOf(head, whole ? (isBodyless(head.status) ? null : bytes) : this.#open()));
      this.#answered = true;
      if (whole) return undefined;
    }
    const stream = this.#stream;
    if (bytes !== null && stream !== null) {
      this.#wanted = false;
      stream.enqueue(bytes);
    }
    if (final !== MORE) {
      this.#close();
      return undefined;
    }
    if (stream === null || this.#wanted) return undefined;
    // Ends: when the reader of the body asks for more, cancels it, or goes, and with `giveUp`.
    return this.gate.wait();
  }

  abort(): void {
    if (!this.#answered) this.answer(500);
    this.breakOff(new QuaichError('QUAICH_RESPONSE_BROKEN', 'the application failed within its response (G-141)'));
  }

  protected breakOff(reason: Error): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.error(reason);
  }

  /** The client is gone: the signal of the request says so, or the body of the response was cancelled. */
  readonly #disconnected = (): void => this.giveUp(new ClientDisconnected());

  /** A stream that asks for a chunk when its reader asks for one, and keeps none in store. */
  #open(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#stream = controller as ReadableByteStreamController; // by `type` (streams standard, 4.7.3)
        },
        pull: () => {
          this.#wanted = true;
          this.gate.release();
        },
        cancel: () => {
          this.#stream = null;
          this.#disconnected();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #close(): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    stream.close();
    stream.byobRequest?.respond(0); // a reader that brought its own buffer is not told of the end otherwise
  }

  protected override finish(): void {
    this.#signal?.removeEventListener('abort', this.#disconnected);
    super.finish();
  }
}
