import '../rules/latin1.ts';
import { copyBytes } from '../rules/bytes.ts';
import { BlockPool } from './block-pool.ts';
import type { Exchange } from './exchange.ts';
import type { ConnectionHost } from './host.ts';

/** Pieces of at most this size (bytes) travel as text with what stands before them: measured faster than a block. */
export const TEXT_PIECE = 2048;
/** Above this much output (bytes) that has not been written, owners of exchanges are asked to wait. */
export const HIGH_WATER = 65536;
/** Bytes that one connection may send in a turn of the event loop before others have theirs. */
const TURN_SIZE = 1048576;
/** Pieces of at least this size (bytes) are lent to the system: to copy smaller ones costs less than a second write. */
export const LENT_PIECE = 16384;
/** For copies of larger pieces: what one slow client holds of a chunk is a block at most. */
export const COPIES = new BlockPool(1 << 20, 16);

/** One block of text (one byte a unit), a copy of `source[start..end)`, and text again. */
export function block(before: string, source: Uint8Array, start: number, end: number, after: string): Buffer {
  const behind = before.length + end - start;
  const whole = Buffer.allocUnsafe(behind + after.length);
  whole.latin1Write(before, 0, before.length);
  copyBytes(whole, before.length, source, start, end);
  whole.latin1Write(after, behind, after.length);
  return whole;
}

/**
 * The output of one connection. Small pieces gather as text, and go out together at the end of the turn or with the
 * next block; a block goes out at once.
 */
export class Output {
  /** The transport is over its high-water mark. */
  blocked = false;
  private readonly host: ConnectionHost;
  private text = '';
  /** The host will call `Connection.flush` at the end of this turn. */
  private scheduled = false;
  /** Bytes of blocks since the last `flush`. */
  private inTurn = 0;

  constructor(host: ConnectionHost) {
    this.host = host;
  }

  /** Bytes that have gathered. */
  get size(): number {
    return this.text.length;
  }

  /** More of a response should follow at once. */
  get wantsMore(): boolean {
    return !this.blocked && this.text.length < HIGH_WATER && this.inTurn < TURN_SIZE;
  }

  /** Nothing has gathered, or the end of this turn is asked for. */
  get isDue(): boolean {
    return this.scheduled || this.text === '';
  }

  add(text: string): void {
    this.text += text;
    this.schedule();
  }

  /** Sends the text that has gathered, `before`, a copy of `source[start..end)`, and `after`. */
  addBlock(before: string, source: Uint8Array, start: number, end: number, after: string): void {
    const whole = block(this.text + before, source, start, end, after);
    this.text = '';
    this.write(whole);
    this.countBlock(end - start);
  }

  /** As `addBlock`, for so many bytes that the copy is worth a block of COPIES, and as many as it has at most. */
  addCopy(before: string, source: Uint8Array, start: number, end: number, after: string): void {
    const block = COPIES.take(end - start);
    copyBytes(block, 0, source, start, end);
    this.lendBlock(before, block.subarray(0, end - start), after, () => COPIES.giveBack(block));
  }

  /** As `addBlock`, without a copy; see `ConnectionHost.lend`. */
  lendBlock(before: string, bytes: Uint8Array, after: string, free: () => void): void {
    const lead = this.text + before;
    this.text = '';
    if (!this.host.lend(lead, bytes, after, free)) this.blocked = true;
    this.countBlock(bytes.length);
  }

  private countBlock(size: number): void {
    this.inTurn += size;
    if (this.inTurn >= TURN_SIZE) this.schedule();
  }

  /**
   * Adds what an exchange has made before its turn on the connection, and tells it at the end of this turn to go on.
   */
  addHeld(exchange: Exchange): void {
    const { held } = exchange;
    exchange.held = null;
    if (exchange.stalled) this.schedule();
    if (held === null) return;
    for (const piece of held) {
      if (typeof piece === 'string') {
        this.add(piece);
      } else {
        this.send();
        this.write(piece);
      }
    }
  }

  /** Asks for the end of this turn. */
  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.host.schedule();
  }

  /** The turn has ended. */
  flush(): void {
    this.scheduled = false;
    this.inTurn = 0;
    this.send();
  }

  /** Sends what has gathered, now. */
  send(): void {
    const { text } = this;
    if (text === '') return;
    this.text = '';
    this.write(text);
  }

  private write(data: string | Uint8Array): void {
    if (!this.host.write(data)) this.blocked = true;
  }

  /** The socket is gone. */
  discard(): void {
    this.text = '';
  }
}
