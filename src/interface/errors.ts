/** Base of all errors of this project; `code` is stable, the message is for people. */
export class QuaichError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * The client went away: the reason of `quaich.signal`, and what blocked reads and writes throw (B-37, B-38). Not a
 * fault.
 */
export class ClientDisconnected extends QuaichError {
  constructor(message = 'the client closed the connection') {
    super('QUAICH_CLIENT_DISCONNECTED', message);
  }
}

/** The server gave up on the request: shutdown or a passed limit (G-48, G-148). */
export class RequestAborted extends QuaichError {
  constructor(message = 'the server gave up on the request') {
    super('QUAICH_REQUEST_ABORTED', message);
  }
}

/** The request body broke its framing or a limit, so it will never be complete (G-63). */
export class RequestBodyError extends QuaichError {
  /** The status that fits, when the application has not answered yet: 400, 408, 413; 500 where the server failed. */
  readonly status: number;

  constructor(message: string, status = 400, options?: ErrorOptions) {
    super('QUAICH_REQUEST_BODY', message, options);
    this.status = status;
  }
}

/** The application broke a rule of the interface; the message names the row. */
export class ApplicationError extends QuaichError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUAICH_APPLICATION', message, options);
  }
}

/** An option, an argument or a configuration file is wrong. */
export class ConfigurationError extends QuaichError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUAICH_CONFIGURATION', message, options);
  }
}

/** What a read or write gets that comes, or still waits, when the request is over (G-154). */
export function requestOver(): RequestAborted {
  return new RequestAborted('the request is over');
}

/** What the requests of a worker get that is ended while they wait. */
export function serverStopping(): RequestAborted {
  return new RequestAborted('the server is stopping');
}

/** What reads get of a body beyond a limit of `most` bytes (G-65). */
export function bodyBeyond(most: number): RequestBodyError {
  return new RequestBodyError(`the request body is larger than ${most} bytes`, 413);
}

/** What is told of a file that turned out shorter than was announced (G-122, G-164). */
export function shortFile(length: number): Error {
  return new Error(`the file ended before the ${length} bytes that were announced (G-122)`);
}
