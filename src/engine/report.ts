/**
 * What is written to `wsgi.errors` about failures of applications (G-140, G-145). Nothing in here throws, whatever was
 * thrown: `undefined`, frozen objects, errors whose `stack` getter throws.
 */
import { inspect } from 'node:util';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../interface/errors.ts';
import type { ErrorStream } from '../interface/types.ts';

/** Errors that are shown of one that was thrown: its causes, those it is the sum of, and theirs. */
const MOST_ERRORS = 10;
/** Characters of one of them. */
const LONGEST = 16384;
const MOST_PROPERTIES = 20;
/** Properties of an error that are shown in ways of their own. */
const KNOWN_PROPERTIES = new Set(['name', 'message', 'stack', 'cause', 'errors']);

function property(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** What `inspect` makes of a value without running anything of the application's. */
function inspected(value: unknown, depth: number, maxStringLength: number): string {
  return inspect(value, { depth, maxStringLength, customInspect: false, breakLength: Number.POSITIVE_INFINITY });
}

/** Properties such as `code`, one level of them: what lies deeper may be a whole request with its secrets. */
function ownProperties(error: object): string {
  try {
    const names = Object.keys(error).filter((name) => !KNOWN_PROPERTIES.has(name));
    if (names.length === 0) return '';
    const own = {};
    for (const name of names.slice(0, MOST_PROPERTIES)) {
      // As it is: a getter is shown as one, not called.
      const descriptor = Object.getOwnPropertyDescriptor(error, name);
      if (descriptor !== undefined) Object.defineProperty(own, name, descriptor);
    }
    return `\n    with ${inspected(own, 0, 200)}`;
  } catch {
    return '';
  }
}

/**
 * An error with its class and its message, which `stack` has as they were when the error was made, and its properties.
 */
function describeObject(error: object): string | null {
  const stack = property(error, 'stack');
  const message = property(error, 'message');
  if ((typeof stack !== 'string' || stack === '') && typeof message !== 'string') return null;
  const name = property(error, 'name');
  const named = typeof name === 'string' && name !== '' ? name : 'Error';
  const head = typeof message === 'string' && message !== '' ? `${named}: ${message}` : named;
  let text = typeof stack === 'string' && stack !== '' ? stack : head;
  if (typeof message === 'string' && !text.includes(message)) text = `${head}\n${text}`;
  const made = property(property(error, 'constructor'), 'name');
  if (typeof made === 'string' && !text.split('\n', 1)[0].includes(made)) {
    text = text.startsWith('Error') ? made + text.slice('Error'.length) : `${made}: ${text}`;
  }
  return text + ownProperties(error);
}

function describeOne(value: unknown): string {
  let text: string | null = null;
  try {
    if (typeof value === 'object' && value !== null) text = describeObject(value);
    text ??= `thrown value: ${inspected(value, 2, 1000)}`;
  } catch {
    return 'a thrown value that cannot be shown';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}

/** The errors of an AggregateError. */
function sumOf(error: unknown): unknown[] {
  try {
    const errors = property(error, 'errors');
    return Array.isArray(errors) ? errors.slice(0, MOST_ERRORS) : [];
  } catch {
    return []; // a proxy
  }
}

/**
 * A thrown value for a log: class, message, stack, properties such as `code`, the errors that it is the sum of, and its
 * causes. Bounded; never throws.
 */
export function describeError(error: unknown): string {
  const shown = new Set<unknown>();
  const parts: string[] = [];
  const add = (lead: string, value: unknown): void => {
    if (shown.size === MOST_ERRORS || shown.has(value)) return;
    shown.add(value);
    parts.push(lead + describeOne(value));
    if (typeof value !== 'object' || value === null) return;
    for (const one of sumOf(value)) add('one of them: ', one);
    const cause = property(value, 'cause');
    if (cause !== undefined && cause !== null) add('caused by: ', cause);
  };
  add('', error);
  return parts.join('\n');
}

/** `instanceof` for anything that was thrown: a Proxy may throw there too. */
export function isInstance<T>(error: unknown, of: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof of;
  } catch {
    return false;
  }
}

/**
 * Whether an error only says that the client has gone or that the server gave the request up: counted, not logged
 * (G-143, B-38).
 */
export function isDisconnect(error: unknown): boolean {
  return isInstance(error, ClientDisconnected) || isInstance(error, RequestAborted);
}

/** Whether the client is at fault: its request body broke off or a limit. Answered, but no failure of the application. */
export function isClientFault(error: unknown): boolean {
  return isInstance(error, RequestBodyError);
}

/** What a signal with our reason makes of the calls that listen to it: no failures of the application. */
export function isAbortError(error: unknown): boolean {
  return isInstance(error, Error) && property(error, 'name') === 'AbortError';
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
