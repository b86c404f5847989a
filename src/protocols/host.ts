import type { Exchange } from './exchange.ts';

/** The first line of a request that does not come to an application, as far as it can be read. */
export interface RefusedLine {
  method: string;
  target: string;
  /** `HTTP/1.1` */
  protocol: string;
  /** Where a front server tells it. */
  remoteAddress?: string;
}

/** The world around a connection: a socket with its timers, or a test. */
export interface ConnectionHost {
  /**
   * Takes a request whose head record and bytes lie in the parser's memory, and sets `exchange.owner`, or answers it at
   * once. Returns false when there is no room now: the connection keeps the bytes and waits for `Connection.retry`.
   */
  request(exchange: Exchange): boolean;
  /** The request of this exchange is refused: what is known of it, for the access log. */
  refused(exchange: Exchange, line: RefusedLine): void;
  /** The exchange is done: status and counters are final. */
  finished(exchange: Exchange): void;
  /** Sends text (one byte a unit) or bytes; false when the transport is over its high-water mark. */
  write(data: string | Uint8Array): boolean;
  /**
   * Sends `before`, bytes that stay the caller's, and `after`. Calls `free` once when the bytes are no longer in use,
   * also where the socket is gone. True when that is so on return: the system has taken all. Else
   * `Connection.drained` follows, as after a `write` that returned false.
   */
  lend(before: string, bytes: Uint8Array, after: string, free: () => void): boolean;
  /** Output waits, or work: call `Connection.flush` at the end of this turn. */
  schedule(): void;
  pause(): void;
  resume(): void;
  /**
   * The client has ended its side and waits for an answer, or has gone: `closed` is to be called when that turns out.
   */
  halfClosed(): void;
  /** No more output: send FIN after what was written, and call `Connection.flushed` when it is out. */
  end(): void;
  /**
   * Drops the socket; with `reset`, so that the client sees an error even where the end of the stream ends the
   * response.
   */
  destroy(reset: boolean): void;
  /** The present `Date` field line with its CR LF. */
  date(): string;
}

// What a connection waits for; the host puts a deadline to each.
export const WAIT_REQUEST = 0;
export const WAIT_HEAD = 1;
export const WAIT_BODY = 2;
export const WAIT_CLIENT = 3;
export const WAIT_APPLICATION = 4;
export const WAIT_HALF_CLOSED = 5;
export const WAIT_LINGERING = 6;
/** For room for the next request: `ConnectionHost.request` returned false. */
export const WAIT_ROOM = 7;
