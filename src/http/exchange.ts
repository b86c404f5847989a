import type { Connection } from './connection.ts';
import { RESPONSE_AWAITED } from './states.ts';

/** What stands behind an exchange: an application on this thread, or a slot of the rings. Called by the connection. */
export interface ExchangeOwner {
  /**
   * Offers `length` body bytes at `address` of the parser's memory. Returns how many were taken (copied); when fewer,
   * nothing more is read from the client until `Connection.wantBody`.
   */
  body(address: number, length: number): number;
  /** The body is complete. */
  bodyEnd(): void;
  /** The body will never be complete; `status` is 400, 408 or 413, or 0 when the client has gone (G-63). */
  bodyFailed(status: number, message: string): void;
  /** The client has gone. The owner still calls `done`. */
  disconnected(): void;
  /** The client wants more of the response, after a `data` that returned false. */
  drained(): void;
}

/** One request with its response. */
export class Exchange {
  readonly connection: Connection;
  /** FLAG_* bits of the head record. */
  readonly flags: number;
  /** Set by the host while it takes the request; null for answers of the server itself. */
  owner: ExchangeOwner | null = null;
  /** For the host's own use: what the access log needs. */
  record: unknown = null;
  /** Milliseconds, set by the host. */
  startTime = 0;
  /** RESPONSE_* state. */
  state: number = RESPONSE_AWAITED;
  /** The status for the client when the owner gives up without an answer. */
  unanswered = 503;
  /** Of the response; 0 before the head. */
  status = 0;
  /** Body bytes sent to the client. */
  sent = 0;
  /** The connection may serve another request after this one. */
  persist: boolean;
  /** The method is safe (RFC 9110 9.2.1), so that the next request may be started before this one is answered. */
  readonly safe: boolean;
  /** The client waits for 100 Continue before it sends the body (G-67). */
  expectsContinue: boolean;
  /** The response uses the chunked coding. */
  chunked = false;
  /** Body bytes still owed; -1 when the length was not announced. */
  left = -1;
  /** Output made before this exchange's turn on the connection (G-131). */
  held: (string | Uint8Array)[] | null = null;
  heldSize = 0;
  /** `data` returned false, and the owner has not been told to go on. */
  stalled = false;
  next: Exchange | null = null;

  constructor(connection: Connection, flags: number, persist: boolean, safe: boolean, expectsContinue: boolean) {
    this.connection = connection;
    this.flags = flags;
    this.persist = persist;
    this.safe = safe;
    this.expectsContinue = expectsContinue;
  }
}
