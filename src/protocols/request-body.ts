import { READ_AREA } from '../../assembly/layout.ts';
import type { Exchange } from './exchange.ts';
import '../rules/latin1.ts';
import type { Parser } from './http/parser.ts';

export const TOO_LARGE = 'the request body is larger than this server accepts';

/** The body of the request in progress, on its way from a front server to the owner of the exchange. */
export class RequestBody {
  /** The owner takes body bytes. */
  receiving = false;
  private readonly parser: Parser;
  private readonly limit: number;
  private exchange: Exchange | null = null;
  /** Bytes that are still to come; -1: the sender says when it ends. */
  private left = -1;
  private size = 0;
  /** Bytes that the owner had no room for. */
  private refused: Buffer | null = null;

  /** @param limit largest body in bytes; above it 413 (G-65) */
  constructor(parser: Parser, limit: number) {
    this.parser = parser;
    this.limit = limit;
  }

  /** Nothing more may be read until the owner has room. */
  get held(): boolean {
    return this.refused !== null;
  }

  /** @param length CONTENT_LENGTH; -1 where the sender says when the body ends */
  begin(exchange: Exchange, length: number): void {
    this.exchange = exchange;
    this.left = length;
    this.size = 0;
    this.receiving = length !== 0;
  }

  /** Nobody takes any more. */
  stop(): void {
    this.receiving = false;
    this.refused = null;
    this.exchange = null;
  }

  /** Bytes from address `at`. What the owner has no room for is put aside; what nobody wants, or is too much, is dropped. */
  deliver(at: number, length: number): void {
    const { exchange } = this;
    if (exchange === null || !this.receiving) return;
    const size = this.left < 0 ? length : Math.min(length, this.left); // G-54
    this.size += size;
    if (this.size > this.limit) {
      this.fail(413, TOO_LARGE);
      return;
    }
    if (this.left > 0) this.left -= size;
    const taken = size === 0 ? 0 : (exchange.owner?.body(at, size) ?? size);
    if (taken < size) this.refused = this.parser.copy(at + taken, at + size);
    else if (this.left === 0) this.complete();
  }

  /** Offers again what the owner had no room for. Writes to READ_AREA. */
  offer(): void {
    const { refused, exchange } = this;
    if (refused === null || exchange === null) return;
    refused.copy(this.parser.bytes, READ_AREA);
    const taken = exchange.owner?.body(READ_AREA, refused.length) ?? refused.length;
    this.refused = taken < refused.length ? refused.subarray(taken) : null;
    if (this.refused === null && this.left === 0) this.complete();
  }

  /** The sender says that the body is over. */
  end(): void {
    if (!this.receiving) return;
    if (this.left > 0) this.fail(400, 'the request body is shorter than CONTENT_LENGTH');
    else this.complete();
  }

  /** The body will never be complete; `status` as in `ExchangeOwner.bodyFailed`. Its connection ends with the response. */
  fail(status: number, message: string): void {
    const { exchange } = this;
    this.receiving = false;
    this.refused = null;
    if (exchange === null) return;
    exchange.persist = false;
    exchange.owner?.bodyFailed(status, message);
  }

  private complete(): void {
    this.receiving = false;
    this.exchange?.owner?.bodyEnd();
  }
}
