/** What an error says of whose failure it is. Nothing in here throws, whatever was thrown. */
import { isNativeError } from 'node:util/types';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../interface/errors.ts';
import { property } from './property.ts';

/** `instanceof` for anything that was thrown: a Proxy may throw there too. */
export function isInstance<T>(error: unknown, of: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof of;
  } catch {
    return false;
  }
}

/** Whether a value is an Error, also one of another realm. */
export function isError(value: unknown): value is Error {
  return isInstance(value, Error) || isNativeError(value);
}

/**
 * Whether an error only says that the client has gone or that the server gave the request up: counted, not logged
 * (G-143, B-38).
 */
export function isDisconnect(error: unknown): error is ClientDisconnected | RequestAborted {
  return isInstance(error, ClientDisconnected) || isInstance(error, RequestAborted);
}

/**
 * Whether the client is at fault: its request body ended early, had bad framing or went beyond a limit. It gets an
 * answer; the application has not failed.
 */
export function isClientFault(error: unknown): boolean {
  return isInstance(error, RequestBodyError);
}

/** What a signal with our reason makes of the calls that listen to it: no failures of the application. */
export function isAbortError(error: unknown): boolean {
  return isInstance(error, Error) && property(error, 'name') === 'AbortError';
}
