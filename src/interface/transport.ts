/**
 * The seam between the engine, which knows the rules of the interface, and whatever carries a response away: the
 * connection on the same thread, a ring to the gateway's thread, or another protocol.
 */

/** The application gave a Date field. */
export const HEAD_HAS_DATE = 1;
/** The application gave a Server field. */
export const HEAD_HAS_SERVER = 2;
/** The field lines contain a Content-Length, which equals `length`. */
export const HEAD_HAS_LENGTH = 4;
/** No body follows and no framing field may be added: HEAD, 204, 304 (G-128, G-129). */
export const HEAD_NO_BODY = 8;

/** A response head as the engine has checked it. */
export interface ResponseHead {
  /** 200 to 599. */
  status: number;
  /** Native string: `200 OK`, CR LF, then every field line with its CR LF, in the application's order and spelling. */
  text: string;
  /** Bytes of the body; -1 when only its end will tell. */
  length: number;
  /** HEAD_* bits. */
  flags: number;
}

/** More bytes of this response follow. */
export const MORE = 0;
/** The response is complete; the body is still to be closed. */
export const END = 1;
/** The response is complete, its body closed, the request over. */
export const DONE = 2;
export type Final = typeof MORE | typeof END | typeof DONE;

/**
 * Result of a wait: nothing on a thread that blocks, a promise (or nothing, when there is no need to wait) elsewhere.
 */
export type Wait<Async extends boolean> = Async extends true ? Promise<void> | undefined : undefined;

/**
 * Carries one response. Calls come in this order: `send` with a head once, `send` without any number of times, one of
 * them with END or DONE (or `abort`); after END, after `abort`, and after a `send` that failed, DONE or not, the engine
 * closes the body and calls `done`.
 *
 * A client that has gone shows as a `ClientDisconnected` thrown (sync) or rejected (async) by `send`; after that
 * everything but `done` is ignored.
 */
export interface Transport<Async extends boolean> {
  /**
   * Chunks are in use until the wait for them is over, after END and DONE too, and are copied meanwhile. Nothing tells
   * the application of a body without `close` when that ends.
   */
  readonly lends?: Async extends true ? boolean : false;
  /**
   * Sends the head and the first `size` bytes of a chunk (either may be null). The chunk is what the application gave,
   * of which nothing is to be believed: `copyBytes` and `partOf` take its bytes (G-103). They are copied or handed over
   * before the call returns or throws, or, by a transport that lends, before the returned promise fulfils (G-115).
   * Returns, or fulfils, when the next chunk is wanted (G-105). Where it throws, nothing was sent; where it rejects,
   * part of it may have been.
   */
  send(head: ResponseHead | null, chunk: Uint8Array | null, final: Final, size: number): Wait<Async>;
  /**
   * Sends `length` bytes (to the end of the file where -1) from the current position of a descriptor, which stays
   * open until the returned wait is over. Ends the response as `send(..., END)` does; a file that turns out shorter
   * breaks the connection (G-122). Absent where the transport cannot.
   */
  sendFile?(head: ResponseHead, descriptor: number, length: number): Wait<Async>;
  /** Whether `sendFile` takes this descriptor; it takes all where absent. */
  takesFile?(descriptor: number): boolean;
  /**
   * Sends a 103 with these field lines, each with its CR LF (G-152). Never waits: ignored once a head was sent, where
   * there is no room, and for HTTP/1.0. Absent where the protocol has no such thing.
   */
  hint?(lines: string): void;
  /** Breaks the connection, so that the client cannot take the response for complete (G-141). */
  abort(): void;
  /** The request is over and its body closed (G-131). Not called after a DONE that arrived. */
  done(): void;
}

/** The bytes of a request body as they arrive. */
export interface BodySource<Async extends boolean> {
  /**
   * The next bytes: never empty, never more than `max`, private to the caller. `null` at the end, then always. With
   * `line` set only bytes up to a newline are wanted: a source that cannot tell what has arrived may stop there. A
   * source that need not wait by a promise may put them into `target`, which has room for `max` bytes, and give the
   * part of it that it has filled. Throws (rejects) with `ClientDisconnected` or `RequestBodyError` when the body will
   * never be complete (G-63).
   */
  read(
    max: number,
    line?: boolean,
    target?: Uint8Array,
  ): Async extends true ? Uint8Array | null | Promise<Uint8Array | null> : Uint8Array | null;
}
