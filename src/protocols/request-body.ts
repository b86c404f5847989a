import { READ_AREA } from '../../assembly/layout.ts';
import '../rules/latin1.ts';
import { copyBytes } from '../rules/bytes.ts';
import type { Exchange } from './exchange.ts';
import type { Parser } from './http/parser.ts';

const NOTHING = Buffer.alloc(0);

/**
 * The body of one request on its way from the client, decoded by the protocol, to the owner of its exchange. It is made
 * with the head and forgotten when its last byte has been handed on, or when nobody will read any more of the
 * connection.
 *
 * | receiver | left   | refused | what it means                                                             |
 * | -------- | ------ | ------- | ------------------------------------------------------------------------- |
 * | set      | not 0  | null    | bytes are taken as they come                                              |
 * | set      | any    | bytes   | the owner had no room for these; nothing more is read until it takes them |
 * | set      | not 0  | none    | the owner has taken all and is full; nothing more is read until it is not |
 * | null     | not 0  | null    | the owner wants no more: the rest is dropped (G-64), whatever its size    |
 *
 * With `left` 0 and nothing refused the body is complete, and its connection ends it (`end`) at once.
 */
export class IncomingBody {
  /** Whose owner takes the bytes. */
  receiver: Exchange | null;
  /** Bytes that are still to come; -1: the protocol will say when the body is complete. */
  left: number;
  private readonly parser: Parser;
  private readonly limit: number;
  /** Bytes that have come. */
  size = 0;
  /** Bytes that the owner had no room for; empty where it has taken all and is full. */
  private refused: Buffer | null = null;

  /**
   * @param length in bytes; -1: not announced
   * @param limit largest body in bytes (G-65)
   */
  constructor(receiver: Exchange, length: number, parser: Parser, limit: number) {
    this.receiver = receiver;
    this.left = length;
    this.parser = parser;
    this.limit = limit;
  }

  /** Nothing of it has come yet. */
  get untouched(): boolean {
    return this.size === 0;
  }

  /** Nothing more may be read until the owner has room. */
  get held(): boolean {
    return this.refused !== null;
  }

  /** The last byte has been received and handed on. */
  get complete(): boolean {
    return this.left === 0 && this.refused === null;
  }

  /**
   * Takes `length` bytes at address `at`, no more than are to come, and puts aside what the owner has no room for.
   * False when the body is larger than allowed, and still wanted: it fails with 413 (G-65).
   */
  deliver(at: number, length: number): boolean {
    const { receiver } = this;
    this.size += length;
    if (this.left > 0) this.left -= length;
    if (receiver === null) return true;
    if (this.size > this.limit) return false;
    if (length === 0) return true;
    const taken = receiver.owner?.body(at, length) ?? length;
    // The owner may have ended the request.
    if (this.receiver !== receiver) return true;
    if (taken < length) this.refused = this.parser.copy(at + taken, at + length);
    else if (this.left !== 0 && receiver.owner?.isFull) this.refused = NOTHING;
    return true;
  }

  /** Offers again what the owner had no room for. Writes to READ_AREA. */
  offer(): void {
    const { refused, receiver } = this;
    if (refused === null) return;
    if (refused.length === 0) {
      this.refused = null;
      return;
    }
    copyBytes(this.parser.bytes, READ_AREA, refused);
    const taken = receiver?.owner?.body(READ_AREA, refused.length) ?? refused.length;
    if (this.refused === refused) this.refused = taken < refused.length ? refused.subarray(taken) : null;
  }

  /** Nobody takes any more of it. */
  abandon(): void {
    this.receiver = null;
    this.refused = null;
  }

  /** Tells the owner that the body is complete. */
  end(): void {
    const { receiver } = this;
    this.receiver = null;
    receiver?.owner?.bodyEnd();
  }
}
