import { getSystemErrorName } from 'node:util';
import { FLAG_EXPECT_CONTINUE, FLAG_HTTP_1_0, HEAD_FLAGS } from '../../assembly/layout.ts';
import { ClientDisconnected, RequestAborted, RequestBodyError, requestOver, shortFile } from '../interface/errors.ts';
import { DONE, type Final, MORE, type ResponseHead } from '../interface/transport.ts';
import { checkBytes } from '../rules/body.ts';
import { copyBytes } from '../rules/bytes.ts';
import { noteClaim, timeSinceArrival } from './clock.ts';
import {
  ACKNOWLEDGED,
  BODY_END,
  BODY_HEAD,
  BODY_OPEN,
  BODY_SIZE,
  BODY_START,
  BODY_STATE,
  BODY_TAIL,
  BODY_WANTED,
  CANCEL,
  CANCEL_ABORTED,
  CANCEL_DISCONNECTED,
  CONNECTION_LENGTH,
  FILE_DONE,
  FILE_SENT,
  FILE_SHORT,
  FLAGS,
  GENERATION,
  MOUNT,
  RECORD,
  type RingLayout,
  TEXT_LENGTH,
  TEXT_START,
} from './layout.ts';
import {
  EXTRA_HEADER,
  HEAD_PRESENT,
  highWord,
  KIND_BLOCKS,
  KIND_CONTINUE,
  KIND_FILE,
  KIND_HINT,
  KIND_SEND,
  KIND_WANT_BODY,
  lowWord,
  MESSAGE_CHUNK,
  MESSAGE_GENERATION,
  MESSAGE_HEADER,
  MESSAGE_KIND,
  MESSAGE_LENGTH_HIGH,
  MESSAGE_LENGTH_LOW,
  MESSAGE_SLOT,
  MESSAGE_TEXT,
  type ResponseWriter,
} from './response-ring.ts';

/** More of the response may be sent. */
export const OPEN = 0;
/** The response is complete or given up, so nothing more of it is sent; the application still has to close its body. */
export const COMPLETE = 1;
/** DONE was sent: the slot is no longer ours. */
export const REQUEST_DONE = 2;

/** Bytes from which on clearing memory first costs more than a second view of it. */
const UNCLEARED = 4096;

/** Private bytes, with a buffer of their own, to be written over whole. */
function unshared(size: number): Uint8Array {
  return size < UNCLEARED ? new Uint8Array(size) : new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}

function unreadFile(errno: number): Error {
  return new Error(`the file could not be read: ${getSystemErrorName(errno)}`);
}

/** A request as a worker sees it. One object for each request, so that an application may keep it without harm. */
export abstract class RingRequest {
  readonly slot: number;
  readonly generation: number;
  /** As given to `fill`. */
  readonly mount: number;
  /** As given to `fill`. */
  readonly flags: number;
  /** Where the head begins in `text()`. */
  readonly headStart: number;
  /** The shared memory as words; the head record (assembly/layout.ts) begins at index `record`. */
  readonly words: Int32Array;
  readonly record: number;
  protected readonly writer: ResponseWriter;
  protected readonly layout: RingLayout;
  /** Index of the slot's first word. */
  protected readonly header: number;
  protected state: typeof OPEN | typeof COMPLETE | typeof REQUEST_DONE = OPEN;
  /** Response bytes sent so far, modulo 2^32. */
  #sent = 0;
  /** The last chunk, or the last part of it, went in blocks. */
  #lent = false;
  #bodyHead = 0;
  #continueSent = false;

  constructor(writer: ResponseWriter, layout: RingLayout, slot: number) {
    const { words } = writer;
    const header = layout.slot + slot * layout.slotWords;
    this.slot = slot;
    // Plain reads here and below: the exchange or load of OWNER acquired what the gateway wrote before the dispatch.
    this.generation = words[header + GENERATION];
    this.mount = words[header + MOUNT];
    this.flags = words[header + FLAGS];
    this.headStart = words[header + CONNECTION_LENGTH];
    this.words = words;
    this.record = header + RECORD;
    this.writer = writer;
    this.layout = layout;
    this.header = header;
  }

  /** Notes that the worker takes the request now, for a gateway that times requests (`claimTime`). */
  claim(): void {
    noteClaim(this.words, this.header);
  }

  /** Milliseconds since the request came, from a gateway that notes that (`noteArrival`). */
  waited(): number {
    return timeSinceArrival(this.words, this.header);
  }

  /**
   * Native string: the text about the connection, directly followed by the head. Not to be asked for once the request
   * is over.
   */
  text(): string {
    this.#assertOurs();
    const start = this.words[this.header + TEXT_START] >>> 0;
    return this.writer.bytes.latin1Slice(start, start + this.words[this.header + TEXT_LENGTH]);
  }

  /** Whether there is a body at all: false only for a request without one (G-55). */
  get hasBody(): boolean {
    // Both final once BODY_END is seen; acquires nothing that is read here.
    return (
      Atomics.load(this.words, this.header + BODY_STATE) !== BODY_END ||
      Atomics.load(this.words, this.header + BODY_TAIL) !== this.#bodyHead
    );
  }

  /** Whether the client has gone or the server has given up (B-37): needs no event loop. */
  disconnected(): boolean {
    return !this.#ours || Atomics.load(this.words, this.header + CANCEL) !== 0;
  }

  /** Whether the server has given up, and not just the client gone. */
  get isGivenUp(): boolean {
    return this.#ours && Atomics.load(this.words, this.header + CANCEL) === CANCEL_ABORTED;
  }

  /** Whether the slot still holds this request: it does not after DONE, nor after this worker was given up for lost. */
  get #ours(): boolean {
    return this.state !== REQUEST_DONE && this.words[this.header + GENERATION] === this.generation;
  }

  #assertOurs(): void {
    if (!this.#ours) throw requestOver();
  }

  /** The error of a cancelled request, or null. */
  protected cancelled(): Error | null {
    // No data hangs on this flag; atomic so that it is read anew.
    const reason = Atomics.load(this.words, this.header + CANCEL);
    if (reason === 0) return null;
    return reason === CANCEL_DISCONNECTED ? new ClientDisconnected() : new RequestAborted();
  }

  /** How the sending of a file of `length` bytes has ended: null, or its error; undefined while it goes on. */
  protected fileEnd(length: number): Error | null | undefined {
    // Acquires nothing: the number is all there is.
    const end = Atomics.load(this.words, this.header + FILE_DONE);
    if (end === 0) return undefined;
    if (end === FILE_SENT) return this.cancelled();
    // Which also broke the response, so that the request is cancelled: the cause goes first.
    return end === FILE_SHORT ? shortFile(length) : unreadFile(end);
  }

  /** Response bytes that may be sent now. */
  protected credit(): number {
    // A number that only grows: an old value is merely too small.
    return this.layout.window - ((this.#sent - Atomics.load(this.words, this.header + ACKNOWLEDGED)) | 0);
  }

  /** The most bytes that fit into one message beside a head, or beside none. */
  protected room(head: ResponseHead | null): number {
    return this.writer.largest - MESSAGE_HEADER - (head === null ? 0 : head.text.length);
  }

  /**
   * A head has to fit into half the ring, which `startResponse` sees to in rings of the usual size (G-191);
   * EXTRA_HEADER bytes are kept for `putFile`.
   */
  protected assertFits(head: ResponseHead | null): void {
    if (head !== null && this.room(head) <= EXTRA_HEADER) {
      throw new RangeError(
        `a response head of ${head.text.length} bytes; at most ${this.room(null) - EXTRA_HEADER - 1} fit`,
      );
    }
  }

  /** Sends `count` bytes of the chunk from `from`; false, and nothing is sent, when the ring has no room now. */
  protected put(
    head: ResponseHead | null,
    chunk: Uint8Array | null,
    from: number,
    count: number,
    final: Final,
  ): boolean {
    const { writer } = this;
    const text = head === null ? 0 : head.text.length;
    const address = writer.reserve(MESSAGE_HEADER + text + count);
    if (address < 0) return false;
    this.#header(address, KIND_SEND | (final << 4), head, count);
    const start = address + MESSAGE_HEADER;
    if (head !== null) writer.bytes.latin1Write(head.text, start, text);
    if (chunk !== null && count > 0) {
      copyBytes(writer.bytes, start + text, chunk, from, from + count);
    }
    writer.publish(address);
    this.#lent = false;
    this.#count(count, final);
    return true;
  }

  /** Whether so many bytes may go in one message through the ring: only room there may still be lacking. */
  protected fits(head: ResponseHead | null, length: number): boolean {
    // Behind blocks the window may be overdrawn; the end of a response does not wait for it.
    if (length === 0) return true;
    return !this.isLarge(length) && length <= this.credit() && length <= this.room(head);
  }

  /** Whether so many bytes are worth blocks. */
  protected isLarge(size: number): boolean {
    return size >= this.layout.blockSize / 2;
  }

  /**
   * Sends what it can of the `left` bytes of a large chunk from `from` in blocks, which the gateway gives to the socket
   * as they are; returns how many bytes. 0, and nothing is sent, where the chunk is not large, and where there are no
   * blocks, no room in the ring or too many bytes on their way already.
   */
  protected putBlocks(head: ResponseHead | null, chunk: Uint8Array, from: number, left: number, final: Final): number {
    const { writer, words, layout } = this;
    const most = Math.min(left, this.credit() + layout.blockWindow - layout.window);
    if (!this.isLarge(left) || !this.isLarge(most)) return 0;
    checkBytes(chunk, from + left);
    const { first, taken } = writer.takeBlocks(Math.ceil(most / layout.blockSize));
    if (taken === 0) return 0;
    const text = head === null ? 0 : head.text.length;
    const address = writer.reserve(MESSAGE_HEADER + EXTRA_HEADER + text);
    if (address < 0) {
      writer.freeBlocks(first, taken);
      return 0;
    }
    const count = Math.min(most, taken * layout.blockSize);
    this.#header(address, KIND_BLOCKS | ((count === left ? final : MORE) << 4), head, count);
    const extra = (address + MESSAGE_HEADER) >>> 2;
    words[extra] = first;
    words[extra + 1] = taken;
    if (head !== null) writer.bytes.latin1Write(head.text, address + MESSAGE_HEADER + EXTRA_HEADER, text);
    copyBytes(writer.bytes, layout.block + first * layout.blockSize, chunk, from, from + count);
    writer.publish(address);
    this.#lent = true;
    this.#count(count, count === left ? final : MORE);
    return count;
  }

  #count(sent: number, final: Final): void {
    this.#sent = (this.#sent + sent) | 0;
    if (final === DONE) this.finish();
    else if (final !== MORE) this.state = COMPLETE;
  }

  /** Response bytes that may be on their way beyond the window, since the last of them lie in blocks. */
  protected get slack(): number {
    return this.#lent ? this.layout.blockWindow - this.layout.window : 0;
  }

  protected putFile(head: ResponseHead, descriptor: number, length: number): boolean {
    const { writer, words } = this;
    const address = writer.reserve(MESSAGE_HEADER + EXTRA_HEADER + head.text.length);
    if (address < 0) return false;
    this.#header(address, KIND_FILE, head, descriptor);
    const extra = (address + MESSAGE_HEADER) >>> 2;
    words[extra] = lowWord(length);
    words[extra + 1] = highWord(length);
    writer.bytes.latin1Write(head.text, address + MESSAGE_HEADER + EXTRA_HEADER, head.text.length);
    writer.publish(address);
    this.state = COMPLETE;
    return true;
  }

  /** See `Transport.hint`. */
  hint(lines: string): void {
    const { writer, slot, generation } = this;
    if (this.state !== OPEN || MESSAGE_HEADER + lines.length > writer.largest) return;
    // Where there is no room, it is left out.
    writer.payload(KIND_HINT, slot, generation, Buffer.from(lines, 'latin1'));
  }

  #header(address: number, kind: number, head: ResponseHead | null, chunk: number): void {
    const { words } = this;
    const index = address >>> 2;
    words[index + MESSAGE_SLOT] = this.slot;
    words[index + MESSAGE_GENERATION] = this.generation;
    words[index + MESSAGE_CHUNK] = chunk;
    if (head === null) {
      words[index + MESSAGE_KIND] = kind;
      words[index + MESSAGE_TEXT] = 0;
      return;
    }
    words[index + MESSAGE_KIND] = kind | (HEAD_PRESENT << 4) | (head.flags << 8) | (head.status << 16);
    words[index + MESSAGE_TEXT] = head.text.length;
    words[index + MESSAGE_LENGTH_LOW] = lowWord(head.length);
    words[index + MESSAGE_LENGTH_HIGH] = highWord(head.length);
  }

  /**
   * The next bytes of the body, in `target` or in memory of their own; null at its end; undefined when they are yet to
   * come, after which EVENT changes. Throws as BodySource does.
   */
  protected takeBody(max: number, target?: Uint8Array): Uint8Array | null | undefined {
    this.#assertOurs();
    const { words, header } = this;
    // Before BODY_TAIL: once the state is final, so is the tail.
    const state = Atomics.load(words, header + BODY_STATE);
    // Acquires the bytes.
    const available = (Atomics.load(words, header + BODY_TAIL) - this.#bodyHead) | 0;
    if (available > 0) return this.#copyBody(Math.min(available, max), available, target);
    if (state === BODY_END) return null;
    if (state !== BODY_OPEN) throw new RequestBodyError('the request body will never be complete', state);
    const error = this.cancelled();
    if (error !== null) throw error;
    if (!this.#continueSent) {
      this.#continueSent = true;
      const flags = words[this.record + HEAD_FLAGS];
      if ((flags & (FLAG_EXPECT_CONTINUE | FLAG_HTTP_1_0)) === FLAG_EXPECT_CONTINUE) this.tell(KIND_CONTINUE);
    }
    return undefined;
  }

  #copyBody(count: number, available: number, target?: Uint8Array): Uint8Array {
    const { words, header } = this;
    const size = words[header + BODY_SIZE];
    const area = words[header + BODY_START] >>> 0;
    const offset = this.#bodyHead & (size - 1);
    const { bytes } = this.writer;
    const first = Math.min(count, size - offset);
    const block = target?.subarray(0, count) ?? unshared(count);
    copyBytes(block, 0, bytes, area + offset, area + offset + first);
    if (first < count) copyBytes(block, first, bytes, area, area + count - first);
    this.#bodyHead = (this.#bodyHead + count) | 0;
    // Releases the room, and comes before the look at BODY_WANTED (see BodyRings).
    Atomics.store(words, header + BODY_HEAD, this.#bodyHead);
    // Not before half of the ring is free, so that the gateway is not told for every few bytes.
    if (Atomics.load(words, header + BODY_WANTED) === 1 && available - count <= size / 2) {
      // Before the message: the gateway sets it again after that, if at all.
      Atomics.store(words, header + BODY_WANTED, 0);
      this.tell(KIND_WANT_BODY);
    }
    return block;
  }

  /** Sends a message without payload, now or as soon as there is room. */
  protected abstract tell(kind: number): void;

  /** Text of `wsgi.errors` for the client (G-174), UTF-8; false when the request is over. */
  errors(text: Uint8Array): boolean {
    const most = this.writer.largest - MESSAGE_HEADER;
    for (let at = 0; at < text.length; at += most) {
      if (!this.#ours) return false;
      this.tellErrors(text.subarray(at, at + most));
    }
    return true;
  }

  /** Sends a KIND_ERRORS message, now or as soon as there is room. */
  protected abstract tellErrors(text: Uint8Array): void;

  /** After DONE was sent. */
  protected finish(): void {
    this.state = REQUEST_DONE;
  }
}
