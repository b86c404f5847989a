import { RequestBodyError } from '../interface/errors.ts';

/**
 * What the client sent cannot be used: malformed (400), larger than a limit (413), or of a type that is not understood
 * (415). An application may answer it in its own way; where it lets it pass before the head is sent, the server answers
 * `status`. The message holds no data of the client, so it may be shown to them.
 */
export class RequestDataError extends RequestBodyError {
  override readonly code = 'QUAICH_REQUEST_DATA';
}

/** 400: malformed. */
export function malformed(message: string): RequestDataError {
  return new RequestDataError(message, 400);
}

/** 413: above a limit. */
export function tooLarge(message: string): RequestDataError {
  return new RequestDataError(message, 413);
}

/** 415: not of a type that is understood. */
export function unsupported(message: string): RequestDataError {
  return new RequestDataError(message, 415);
}

/**
 * A limit that the caller gave, or the default.
 *
 * @throws TypeError for anything but a number of at least 0 (Infinity included)
 */
export function limit(value: number | undefined, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= 0)) throw new TypeError(`${name} must be a number of at least 0`);
  return value;
}
