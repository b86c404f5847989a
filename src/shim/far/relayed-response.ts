/**
 * The response of an application on the far side of a bridge, as the engine keeps it there. Whatever the application
 * gives goes on to the near side as it is; what fails is told to the near side, and not to the client.
 */
import { type Action, APPLICATION_THREW, CLOSE_FAILED, RETURN_FAILED, STOP } from '../../engine/response.ts';
import { END, type Final } from '../../interface/transport.ts';
import type { HeaderField } from '../../interface/types.ts';
import { givenChunk } from '../../rules/body.ts';
import { isDisconnect } from '../../rules/failures.ts';
import { errorToWire, privateBytes, type WireHead } from '../link/wire.ts';
import { ShadowResponse } from '../shadow-response.ts';

/** Something thrown, which may be anything, also undefined. */
export interface Thrown {
  readonly error: unknown;
}

export class RelayedResponse extends ShadowResponse {
  /** The head as the application gave it (G-96), with the third argument of `startResponse`. */
  given: WireHead | null = null;
  /**
   * An array is relayed as a whole, whatever its size: the gateway checks all of it, and knows its length (G-117,
   * G-123).
   */
  chunks: Uint8Array[] = [];
  /** Writes that the near side has not answered. */
  writes = 0;
  /** The near side has asked for `return`: it is told what that throws. */
  returnAsked = false;
  /** The gateway wants no more, though nobody has gone (B-54). */
  early = false;
  /** What the body was stopped with: no failure of the application. */
  stopped: Thrown | null = null;
  /** What the application, or its body, has thrown. */
  failure: Thrown | null = null;
  /** It threw before it returned a body. */
  threw = false;
  returnFailure: Thrown | null = null;
  closeFailure: Thrown | null = null;
  readonly #aborted: () => boolean;

  /** @param aborted whether the near side has said that the client is gone, which the application may not know yet */
  constructor(environ: Record<string, unknown>, signalled: boolean, aborted: () => boolean) {
    super(environ, undefined, signalled);
    this.#aborted = aborted;
  }

  override start(status: string, headers: HeaderField[], error?: Error | null): void {
    const read: HeaderField[] = [];
    super.start(status, headers, error, read);
    this.given = { status, headers: read };
    if (error !== undefined && error !== null) this.given.error = errorToWire(error);
  }

  /** What is counted is the copy that crosses. */
  protected override acceptChunk(chunk: Uint8Array): Action {
    return super.acceptChunk(privateBytes(chunk));
  }

  override takeArray(body: readonly unknown[]): null {
    const chunks: Uint8Array[] = [];
    for (let i = 0, count = body.length; i < count; i++) chunks.push(privateBytes(givenChunk(body[i], i)));
    this.end(body);
    this.sending = 'array';
    this.chunks = chunks;
    return null;
  }

  /** Also what is written beyond Content-Length goes on: the gateway throws for it (G-121). */
  override write(value: unknown): boolean {
    const any = super.write(value);
    if (this.gone || (!any && this.#aborted())) return false; // B-38
    this.sending = 'write';
    this.pass(privateBytes(givenChunk(value, -1)));
    this.writes++;
    return true;
  }

  /** What was written before the application failed goes on before that is told. */
  override get discards(): boolean {
    return this.gone;
  }

  override writeSurplus(): null {
    return null;
  }

  /** Why it was not taken is for the near side to say. */
  override writeFailed(error: unknown): typeof STOP {
    if (isDisconnect(error)) this.disconnect();
    return STOP;
  }

  /** A file crosses as any other body. */
  override takeFile(): number {
    return -1;
  }

  /** The near side is told, before the body is closed; it does not listen any more when the request is over (B-56). */
  override fail(what: string, error: unknown): Action {
    if (this.stopped !== null && this.stopped.error === error) return STOP;
    if (this.done) {
      super.closingFailed(what, error);
      return STOP;
    }
    this.failWith(error);
    this.failure = { error };
    this.threw = what === APPLICATION_THREW;
    return STOP;
  }

  /** The near side is told where it has asked; else it is for us to say (G-113). */
  override closingFailed(what: string, error: unknown): void {
    if (what === CLOSE_FAILED && !this.done) this.closeFailure = { error };
    else if (what === RETURN_FAILED && this.returnAsked) this.returnFailure = { error };
    else if (what === CLOSE_FAILED || what === RETURN_FAILED || !(this.early || this.stopped?.error === error)) {
      super.closingFailed(what, error);
    }
  }

  /** A `close` that throws where it is looked up has failed when the near side asks for it. */
  override last(body: unknown): Final {
    const final = super.last(body);
    if (this.closeFailure === null) return final;
    this.done = false;
    return END;
  }

  override closes(body: unknown): boolean {
    return super.closes(body) || this.closeFailure !== null;
  }

  override disconnect(): void {
    if (!this.early) super.disconnect();
  }

  override late(what: string, limit: number): void {
    this.errors.write(`quaich: ${what}: not over after ${limit} ms, the request ends without it (B-56)\n`);
  }
}
