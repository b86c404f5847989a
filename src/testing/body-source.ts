/** Request bodies of tests, pulled piece by piece as the application reads. */
import { bodyBeyond, ClientDisconnected } from '../interface/errors.ts';
import type { BodySource } from '../interface/transport.ts';
import { disregard, nothing } from '../rules/promises.ts';
import { awaitSteps, runSteps, type Steps, wait } from '../rules/steps.ts';
import { type BodyPiece, toBytes } from './request.ts';

/**
 * The state of a body: what was announced, what came, what was read. The pieces are cut to what a read asks for, and
 * the body to its announced length (G-54); one that ends before that is broken off (G-63).
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
      this.failure = bodyBeyond(this.limit);
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

/** What both kinds of bodies have in common. `next` is the part that waits. */
abstract class TestBody<I extends Iterator<BodyPiece> | AsyncIterator<BodyPiece>> {
  readonly pieces: Pieces;
  protected readonly iterator: I;

  constructor(iterator: I, length: number, limit: number) {
    this.pieces = new Pieces(length, limit);
    this.iterator = iterator;
  }

  protected abstract next(): IteratorResult<BodyPiece> | Promise<IteratorResult<BodyPiece>>;

  /** The client has gone: reads throw or reject (G-63). */
  disconnect(reason: Error): void {
    if (!this.pieces.complete) this.pieces.failure ??= reason;
  }

  /** The request is over: what was not read is not asked for. */
  close(): void {
    disregard(this.iterator.return?.());
  }

  /** At most `max` bytes; the iterator is asked for a piece when none is at hand. */
  protected *steps(max: number): Steps<Uint8Array | null> {
    const { pieces } = this;
    for (;;) {
      const block = pieces.cut(max);
      if (block !== null) return block;
      if (pieces.failure !== null) throw pieces.failure;
      if (pieces.complete) return null;
      let step: IteratorResult<BodyPiece>;
      try {
        step = yield* wait(this.next());
      } catch (error) {
        // Whatever the test threw is thrown to the application as it is.
        pieces.failure ??= error as Error;
        throw pieces.failure;
      }
      if (step.done) pieces.end();
      else pieces.add(step.value);
    }
  }
}

/** A body for a sync application. */
export class SyncBodySource extends TestBody<Iterator<BodyPiece>> implements BodySource<false> {
  constructor(source: Iterable<BodyPiece>, length: number, limit: number) {
    super(source[Symbol.iterator](), length, limit);
  }

  protected override next(): IteratorResult<BodyPiece> {
    return this.iterator.next();
  }

  read(max: number): Uint8Array | null {
    return runSteps(this.steps(max));
  }
}

/** A body for an async application. */
export class AsyncBodySource
  extends TestBody<Iterator<BodyPiece> | AsyncIterator<BodyPiece>>
  implements BodySource<true>
{
  /** Ends the wait for a piece. */
  private leave: (reason: Error) => void = nothing;

  constructor(source: AsyncIterable<BodyPiece> | Iterable<BodyPiece>, length: number, limit: number) {
    super(Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator](), length, limit);
  }

  override disconnect(reason: Error): void {
    super.disconnect(reason);
    this.leave(reason);
  }

  /**
   * The next piece, or a rejection when the client goes first. No race with one promise for all pieces: it would keep
   * them.
   */
  protected override next(): Promise<IteratorResult<BodyPiece>> {
    // Ends: with the piece; rejects when the client goes.
    return new Promise((resolve, reject) => {
      this.leave = reject;
      Promise.resolve(this.iterator.next()).then(resolve, reject);
    });
  }

  read(max: number): Promise<Uint8Array | null> {
    return awaitSteps(this.steps(max));
  }
}
