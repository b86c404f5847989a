/** Request bodies of tests, pulled piece by piece as the application reads. */
import { isPromise } from 'node:util/types';
import { ClientDisconnected, RequestBodyError } from '../interface/errors.ts';
import type { BodySource } from '../interface/transport.ts';
import { type BodyPiece, toBytes } from './request.ts';

/**
 * The state of a body: what was announced, what came, what was read. The pieces are cut to what a read asks for, and the
 * body to its announced length (G-54); one that ends before that is broken off (G-63).
 */
class Pieces {
  /** Bytes that the application has read. */
  taken = 0;
  /** Set when the client has gone: nothing more comes. */
  failure: Error | null = null;
  private rest: Uint8Array | null = null;
  private ended = false;
  private readonly length: number;
  private readonly limit: number;
  private came = 0;

  /**
   * @param length announced bytes, -1 for a chunked body
   * @param limit most bytes of a chunked body, above which it fails with 413 (G-65)
   */
  constructor(length: number, limit: number) {
    this.length = length;
    this.limit = limit;
  }

  /** The announced length is reached, or the source has ended: no piece is asked for. */
  get complete(): boolean {
    return this.ended || (this.length >= 0 && this.came === this.length);
  }

  /** At most `max` bytes of the current piece, private to the caller; null when it is used up. */
  cut(max: number): Uint8Array | null {
    if (this.rest === null) return null;
    const block = new Uint8Array(this.rest.subarray(0, max));
    this.rest = this.rest.byteLength > max ? this.rest.subarray(max) : null;
    this.taken += block.byteLength;
    return block;
  }

  add(piece: BodyPiece): void {
    let bytes = toBytes(piece);
    if (this.length >= 0) bytes = bytes.subarray(0, this.length - this.came);
    if (bytes.byteLength === 0) return;
    this.came += bytes.byteLength;
    if (this.came > this.limit) {
      this.failure = new RequestBodyError(`the request body is larger than ${this.limit} bytes`, 413);
      throw this.failure;
    }
    this.rest = bytes;
  }

  end(): void {
    this.ended = true;
    if (this.came >= this.length) return;
    this.failure = new ClientDisconnected('the client ended the connection within the request body');
    throw this.failure;
  }
}

/** A body for a sync application. The iterator is asked for a piece when a read needs one. */
export class SyncBody implements BodySource<false> {
  readonly pieces: Pieces;
  private readonly iterator: Iterator<BodyPiece>;

  constructor(source: Iterable<BodyPiece>, length: number, limit: number) {
    this.pieces = new Pieces(length, limit);
    this.iterator = source[Symbol.iterator]();
  }

  /** The client has gone: reads throw (G-63). */
  disconnect(reason: Error): void {
    if (!this.pieces.complete) this.pieces.failure ??= reason;
  }

  /** The request is over: what was not read is not asked for. */
  close(): void {
    this.iterator.return?.();
  }

  read(max: number): Uint8Array | null {
    const { pieces } = this;
    for (;;) {
      const block = pieces.cut(max);
      if (block !== null) return block;
      if (pieces.failure !== null) throw pieces.failure;
      if (pieces.complete) return null;
      let step: IteratorResult<BodyPiece>;
      try {
        step = this.iterator.next();
      } catch (error) {
        pieces.failure = error as Error;
        throw error;
      }
      if (step.done) pieces.end();
      else pieces.add(step.value);
    }
  }
}

/** A body for an async application. */
export class AsyncBodySource implements BodySource<true> {
  readonly pieces: Pieces;
  private readonly iterator: AsyncIterator<BodyPiece> | Iterator<BodyPiece>;
  /** Ends the wait for a piece. */
  private leave: (reason: Error) => void = () => {};

  constructor(source: AsyncIterable<BodyPiece> | Iterable<BodyPiece>, length: number, limit: number) {
    this.pieces = new Pieces(length, limit);
    this.iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The client has gone: reads in progress and those to come reject (G-63). */
  disconnect(reason: Error): void {
    if (!this.pieces.complete) this.pieces.failure ??= reason;
    this.leave(reason);
  }

  /** The request is over: what was not read is not asked for. */
  close(): void {
    const returned: unknown = this.iterator.return?.();
    if (isPromise(returned)) returned.catch(() => {});
  }

  async read(max: number): Promise<Uint8Array | null> {
    const { pieces } = this;
    for (;;) {
      const block = pieces.cut(max);
      if (block !== null) return block;
      if (pieces.failure !== null) throw pieces.failure;
      if (pieces.complete) return null;
      let step: IteratorResult<BodyPiece>;
      try {
        step = await this.next();
      } catch (error) {
        pieces.failure ??= error as Error;
        throw pieces.failure;
      }
      if (step.done) pieces.end();
      else pieces.add(step.value);
    }
  }

  /** The next piece, or a rejection when the client goes first. No race with one promise for all pieces: it would keep them. */
  private next(): Promise<IteratorResult<BodyPiece>> {
    // Ends: with the piece; rejects when the client goes.
    return new Promise((resolve, reject) => {
      this.leave = reject;
      Promise.resolve(this.iterator.next()).then(resolve, reject);
    });
  }
}
