/** The request body of a node:http request (G-54 to G-67, G-178). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isUint8Array } from 'node:util/types';
import { bodyBeyond, ClientDisconnected, requestOver } from '../../interface/errors.ts';
import type { BodySource } from '../../interface/transport.ts';
import { Gate } from '../../rules/gate.ts';
import type { MountBody } from '../mount-transport.ts';
import type { FrameworkRequest } from './target.ts';

/**
 * Reads from the stream when the application reads, in paused mode: Node keeps what its own high-water mark allows, and
 * takes no more off the socket.
 */
export class NodeBody implements MountBody {
  readonly #request: IncomingMessage;
  /** Sends 100 Continue with the first read (G-67); null where Node has done so. */
  #response: ServerResponse | null;
  readonly #limit: number;
  #came = 0;
  #started = false;
  #failure: Error | null = null;
  /** Held by a read until something has come. */
  readonly #gate = new Gate();

  /**
   * @param limit most bytes, above which reads fail with 413 (G-65)
   * @param awaited the response, where the client still waits for 100 Continue
   */
  constructor(request: IncomingMessage, limit: number, awaited: ServerResponse | null) {
    this.#request = request;
    this.#limit = limit;
    this.#response = awaited;
  }

  read(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (!this.#started) this.#start();
    const next = this.#next(max);
    return next === undefined ? this.#wait(max) : next;
  }

  fail(reason: Error): void {
    if (!this.#request.readableEnded) this.#failure ??= reason;
    this.#wakeReader();
  }

  /** What was not read is read and thrown away, so that the next request can follow (G-64). */
  abandon(): void {
    this.fail(requestOver());
    if (!this.#started) return; // Node does it by itself for a stream that nobody has touched
    const request = this.#request;
    request.off('readable', this.#wakeReader);
    if (!request.readableEnded && !request.destroyed) request.resume();
  }

  #start(): void {
    this.#started = true;
    const request = this.#request;
    const response = this.#response;
    this.#response = null;
    if (response !== null && !response.headersSent && !response.destroyed) response.writeContinue();
    const broken = (): void => {
      if (!request.readableEnded) this.fail(new ClientDisconnected('the client left within the request body'));
    };
    request.on('readable', this.#wakeReader);
    request.on('end', this.#wakeReader);
    request.on('error', broken);
    request.on('close', broken);
    if (request.destroyed) broken();
  }

  /** A block, a rejection, or undefined where nothing has come; null at the end. */
  #next(max: number): Uint8Array | null | undefined | Promise<never> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const request = this.#request;
    const available = request.readableLength;
    if (available === 0) return request.readableEnded ? null : undefined;
    const block: unknown = request.read(Math.min(max, available));
    if (!isUint8Array(block)) return undefined;
    this.#came += block.byteLength;
    // A copy: Node gives a view on what it read from the socket, where the rest of the body lies too (G-66).
    if (this.#came <= this.#limit) return new Uint8Array(block);
    this.#failure = bodyBeyond(this.#limit);
    return Promise.reject(this.#failure);
  }

  /** Nothing may come between a look at the stream and the wait for its next event, or the event is lost. */
  async #wait(max: number): Promise<Uint8Array | null> {
    for (;;) {
      // Ends: with an event of the stream, with its error or close, with `fail`, and with `abandon`.
      const something = this.#gate.wait();
      this.#request.read(0); // asks for more; at the end, for the `end` event
      await something;
      const next = this.#next(max);
      if (next !== undefined) return next;
    }
  }

  readonly #wakeReader = (): void => this.#gate.release();
}

/** A body that another middleware has collected. */
export class BytesBody implements BodySource<true> {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Copies: the bytes are the other middleware's (G-66). */
  read(max: number): Uint8Array | null {
    const from = this.#at;
    if (from >= this.#bytes.byteLength) return null;
    this.#at = Math.min(from + max, this.#bytes.byteLength);
    return new Uint8Array(this.#bytes.subarray(from, this.#at));
  }
}

/** Whether the stream of the body is as Node made it: nobody has read from it, or asked to be given strings. */
export function isUntouched(request: IncomingMessage): boolean {
  return (
    !request.readableDidRead &&
    !request.readableEnded &&
    request.readableFlowing !== true &&
    request.readableEncoding === null
  );
}

/** The bytes that another middleware has left in the place of the stream, or null (G-178). */
export function collectedBytes({ rawBody, body }: FrameworkRequest): Uint8Array | null {
  if (isUint8Array(rawBody)) return rawBody;
  return isUint8Array(body) ? body : null;
}
