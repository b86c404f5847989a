/**
 * The response of an application whose gateway is on the other side of a bridge, kept where the application runs: the
 * engine's own rules, applied to what passes by. So `startResponse` and `write` answer there as the gateway would
 * (B-25), also where asking it would take a promise. But what passes by is passed on whole, and told of by nobody here:
 * the gateway cuts, frames and reports, once.
 */
import { type Action, ResponseState, SEND, SEND_LAST, SEND_LAST_AND_STOP, STOP } from '../engine/response.ts';
import { MORE, type ResponseHead } from '../interface/transport.ts';
import { sizeOf } from '../rules/bytes.ts';
import { isDisconnect } from '../rules/failures.ts';

export class ShadowResponse extends ResponseState {
  /** What is sent next: the two sides of a bridge know these apart, as the bytes of a response are not. */
  sending: 'chunk' | 'write' | 'array' | 'end' = 'chunk';
  /** The gateway has seen enough of the body, and will return it (G-120, G-129). */
  enough = false;

  override takeHead(): ResponseHead | null {
    const empty = this.sending === 'chunk' && this.piece !== null && this.size === 0;
    return empty ? null : super.takeHead(); // G-81
  }

  /** An empty chunk is one, too (B-24). */
  protected override acceptChunk(chunk: Uint8Array): Action {
    const action = super.acceptChunk(chunk);
    if (action === SEND_LAST_AND_STOP || action === STOP) this.enough = true;
    this.sending = 'chunk';
    this.pass(chunk);
    this.final = MORE;
    return SEND;
  }

  /** All of this is sent next. */
  protected pass(piece: Uint8Array | null): void {
    this.piece = piece;
    this.size = piece === null ? 0 : sizeOf(piece);
  }

  override end(body: unknown): Action {
    this.requireHead();
    this.sending = 'end';
    this.pass(null);
    this.final = this.last(body);
    this.complete = true;
    return SEND_LAST;
  }

  /** The application has thrown: the gateway sends a page in place of the response, or breaks it off. */
  failWith(error: unknown): void {
    if (isDisconnect(error)) this.disconnect();
    if (!this.gone) this.headSent = true;
    this.complete = true;
  }

  override disconnect(): void {
    if (!this.complete) super.disconnect();
  }

  /**
   * The client has gone by the time that the body is closed. It has probably not got the end of the response either,
   * which only the gateway knows: it is taken as gone.
   */
  disconnectAtClose(): void {
    super.disconnect();
  }

  /** The gateway says it. */
  override warn(): void {}
}
