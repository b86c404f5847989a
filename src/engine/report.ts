/**
 * What is written to `wsgi.errors` about failures of applications (G-140, G-145). Nothing in here throws, whatever was
 * thrown: `undefined`, frozen objects, errors whose `stack` getter throws.
 */
import { inspect } from 'node:util';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../interface/errors.ts';
import type { ErrorStream } from '../interface/types.ts';

/** Errors in a chain of causes that are shown. */
const MOST_CAUSES = 5;

function property(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function describeOne(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    const stack = property(value, 'stack');
    const message = property(value, 'message');
    if (typeof stack === 'string' && stack !== '') return stack;
    if (typeof message === 'string') {
      const name = property(value, 'name');
      return `${typeof name === 'string' ? name : 'Error'}: ${message}`;
    }
  }
  try {
    return `thrown value: ${inspect(value, { depth: 2, maxStringLength: 1000, breakLength: Number.POSITIVE_INFINITY })}`;
  } catch {
    return 'a thrown value that cannot be shown';
  }
}

/** A thrown value with its stack and its causes, for a log. Never throws. */
export function describeError(error: unknown): string {
  let text = describeOne(error);
  let current = error;
  for (let i = 0; i < MOST_CAUSES && typeof current === 'object' && current !== null; i++) {
    const cause = property(current, 'cause');
    if (cause === undefined || cause === null) break;
    text += `\ncaused by: ${describeOne(cause)}`;
    current = cause;
  }
  return text;
}

/**
 * Whether an error only says that the client has gone or that the server gave the request up: counted, not logged
 * (G-143, B-38).
 */
export function isDisconnect(error: unknown): boolean {
  try {
    return error instanceof ClientDisconnected || error instanceof RequestAborted;
  } catch {
    return false; // a Proxy that throws in getPrototypeOf
  }
}

/** Whether the client is at fault: its request body broke off or a limit. Answered, but no failure of the application. */
export function isClientFault(error: unknown): boolean {
  try {
    return error instanceof RequestBodyError;
  } catch {
    return false;
  }
}

/** What a signal with our reason makes of the calls that listen to it: no failures of the application. */
export function isAbortError(error: unknown): boolean {
  try {
    return error instanceof Error && error.name === 'AbortError';
  } catch {
    return false;
  }
}

/** Writes one report, with details such as a stack below it; a broken error stream is no reason to fail. */
export function report(errors: ErrorStream, request: string, what: string, details = ''): void {
  try {
    errors.write(`quaich: ${request}: ${what}${details === '' ? '' : `\n${details}`}\n`);
    errors.flush();
  } catch {
    // Nowhere left to say it.
  }
}
