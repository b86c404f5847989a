/** Transports that write down what the engine sends (`src/interface/transport.ts`). */
import { DONE, type Final, MORE, type ResponseHead, type Transport, type Wait } from '../interface/transport.ts';
import { copyOfPart } from '../rules/bytes.ts';
import { Gate } from '../rules/gate.ts';
import { type Recording, responseStart } from './response.ts';

/** Called after a chunk was taken; may set `gone`. */
type OnChunk = (chunk: Uint8Array) => void;

function record(
  recording: Recording,
  head: ResponseHead | null,
  chunk: Uint8Array | null,
  size: number,
): Uint8Array | null {
  if (head !== null) recording.start = responseStart(head);
  if (chunk === null || size === 0) return null;
  const copy = copyOfPart(chunk, 0, size); // G-115: the application may refill its buffer
  recording.chunks.push(copy);
  return copy;
}

/** For sync applications: takes everything at once, until the client leaves. */
export class SyncTransport implements Transport<false> {
  private readonly recording: Recording;
  private readonly onChunk: OnChunk;

  constructor(recording: Recording, onChunk: OnChunk) {
    this.recording = recording;
    this.onChunk = onChunk;
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): undefined {
    const { recording } = this;
    if (recording.gone === null) {
      const taken = record(recording, head, chunk, size);
      if (final !== MORE) recording.complete = true;
      if (taken !== null) this.onChunk(taken);
    }
    if (recording.gone !== null && final === MORE) throw recording.gone;
  }

  abort(): void {}

  done(): void {}
}

/** For async applications: wants the next chunk when the client asks for it, or always. */
export class AsyncTransport implements Transport<true> {
  private readonly recording: Recording;
  /** The client asks chunk by chunk. */
  private readonly pulling: boolean;
  private readonly onDone: () => void;
  /** Told of everything that happens. */
  private readonly onEvent: () => void;
  private readonly gate = new Gate();
  broken = false;

  constructor(recording: Recording, pulling: boolean, onEvent: () => void, onDone: () => void) {
    this.recording = recording;
    this.pulling = pulling;
    this.onEvent = onEvent;
    this.onDone = onDone;
  }

  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Wait<true> {
    const { recording } = this;
    let taken: Uint8Array | null = null;
    if (recording.gone === null) {
      taken = record(recording, head, chunk, size);
      if (final !== MORE) recording.complete = true;
      this.onEvent();
    }
    if (final === DONE) this.onDone();
    if (final !== MORE) return undefined;
    if (recording.gone !== null) return Promise.reject(recording.gone);
    if (!this.pulling || taken === null) return undefined;
    // Ends: when the client wants more, and when it goes (rejected).
    return this.gate.wait();
  }

  /** The client wants the next chunk. */
  want(): void {
    this.gate.release();
  }

  /** The client has gone: a send that waits rejects. */
  disconnect(reason: Error): void {
    this.recording.gone = reason;
    this.gate.refuse(reason);
  }

  abort(): void {
    this.broken = true;
    this.onEvent();
  }

  done(): void {
    this.onDone();
  }
}
