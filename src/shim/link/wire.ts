/**
 * What crosses the thread boundary (B-64): strings, numbers, booleans, bytes and plain arrays of them. Errors travel as
 * strings (B-32), streams, functions and signals are rebuilt on the other side, everything else is left out.
 */
import { isUint8Array } from 'node:util/types';
import type { MessagePort } from 'node:worker_threads';
import { VERSION } from '../../environ/variables.ts';
import {
  ApplicationError,
  ClientDisconnected,
  ConfigurationError,
  RequestAborted,
  RequestBodyError,
} from '../../interface/errors.ts';
import type { HeaderField } from '../../interface/types.ts';
import { sizeOf } from '../../rules/bytes.ts';
import { isInstance } from '../../rules/failures.ts';
import { property } from '../../rules/property.ts';
import { describeError } from '../../rules/show.ts';
import { BridgeError, DeadlockError } from '../errors.ts';

/** A thrown value. `value` in place of the rest where it was no error but could be cloned (G-145). */
export interface WireError {
  name: string;
  message: string;
  stack: string;
  code?: string;
  status?: number;
  cause?: WireError;
  value?: { thrown: unknown };
}

export interface WireHead {
  status: string;
  headers: HeaderField[];
  /** The third argument of the last `startResponse`. */
  error?: WireError;
}

/**
 * Values by name: entries of an environ, contexts. One flat list of names and values in turn: cloning it takes a third
 * of the time of a list of pairs (7 µs and 21 µs for the environ of a browser's GET, Node 20).
 */
export type WireEntries = unknown[];

/** From where the gateway is to where the application runs. */
export type NearMessage =
  | { type: 'canary'; port: MessagePort }
  /** `fileWrapper`: the environ has `wsgi.file_wrapper`, which is made anew. */
  | { type: 'call'; id: number; environ: WireEntries; context: WireEntries; fileWrapper: boolean; credit: number }
  /** The body may take steps until it has spent this much more (B-27). */
  | { type: 'pull'; id: number; credit: number }
  /** What a read gave: bytes, null at the end, or an error. */
  | { type: 'input'; id: number; value: Uint8Array | null; error?: WireError }
  | { type: 'written'; id: number; error?: WireError }
  /** So many characters of `wsgi.errors` have been passed on. */
  | { type: 'logged'; id: number; length: number }
  /** The client has gone, or the server gave up (B-35). */
  | { type: 'abort'; id: number; error: WireError }
  | { type: 'return'; id: number }
  | { type: 'close'; id: number }
  /** A thread whose event loop still turns answers with `pong`. */
  | { type: 'ping' }
  | { type: 'stop' };

/** From where the application runs. `over`: the last message of this call. */
export type FarMessage = { id: number; over?: boolean } & (
  | { type: 'returned'; chunks: Uint8Array[] | null; head: WireHead | null; close: boolean }
  /** `enough`: the gateway will want no more; the body goes on when it is pulled nevertheless. */
  | { type: 'chunk'; chunk: Uint8Array; head: WireHead | null; enough: boolean }
  | { type: 'end'; head: WireHead | null }
  /** The application threw, or a step of its body. */
  | { type: 'failed'; error: WireError }
  | { type: 'write'; chunk: Uint8Array; head: WireHead | null }
  /** A block of the request body, as `BodySource` has it. */
  | { type: 'read'; max: number; line: boolean }
  | { type: 'errors'; text: string }
  /** `return` and `close`, in this order, are done as far as they were due; each with what it threw. */
  | { type: 'closing'; step: 'return' | 'close'; error?: WireError }
  /** The answer to `ping`; of no request. */
  | { type: 'pong' }
  /** An error that nobody has caught; of no request. */
  | { type: 'uncaught'; message: string }
);

/** What a chunk costs beside its bytes, so that the number of small ones is bounded too. */
const CHUNK_COST = 1024;

/** What a chunk takes from the credit of its body. */
export function cost(chunk: Uint8Array): number {
  return CHUNK_COST + chunk.byteLength;
}

/** Chains of causes are cut here: they may be circular. */
const MOST_CAUSES = 5;

function text(value: object, name: string): string {
  const found = property(value, name);
  return typeof found === 'string' ? found : '';
}

/** Anything thrown, as strings. Never throws. */
export function errorToWire(error: unknown, depth = MOST_CAUSES): WireError {
  if (typeof error !== 'object' || error === null) {
    const thrown = typeof error === 'symbol' || typeof error === 'function' ? describeError(error) : error;
    return { name: 'Error', message: describeError(error), stack: '', value: { thrown } };
  }
  const wire: WireError = {
    name: text(error, 'name') || 'Error',
    message: text(error, 'message'),
    stack: text(error, 'stack'),
  };
  const native = wire.stack !== '' || wire.message !== '';
  if (!native) wire.message = describeError(error);
  const code = text(error, 'code');
  if (code !== '') wire.code = code;
  const status = property(error, 'status');
  if (isInstance(error, RequestBodyError) && typeof status === 'number') wire.status = status;
  const cause = property(error, 'cause');
  if (cause !== undefined && cause !== null && depth > 0) wire.cause = errorToWire(cause, depth - 1);
  return wire;
}

/** Classes by the code of their errors; RequestBodyError, which has a status too, is made apart. */
const CLASSES = new Map<string | undefined, new (message: string) => Error>([
  ['QUAICH_CLIENT_DISCONNECTED', ClientDisconnected],
  ['QUAICH_REQUEST_ABORTED', RequestAborted],
  ['QUAICH_APPLICATION', ApplicationError],
  ['QUAICH_CONFIGURATION', ConfigurationError],
  ['QUAICH_DEADLOCK', DeadlockError],
  ['QUAICH_BRIDGE', BridgeError],
]);

function errorOf({ code, message, status }: WireError): Error {
  if (code === 'QUAICH_REQUEST_BODY') return new RequestBodyError(message, status);
  const made: new (message: string) => Error = CLASSES.get(code) ?? Error;
  return new made(message);
}

/**
 * The error again: of the same class where it is one of this project's, else an Error with the name, message, stack and
 * cause of the original. A thrown value that is no error comes back as it was.
 */
export function errorFromWire(wire: WireError): unknown {
  if (wire.value !== undefined) return wire.value.thrown;
  const error = errorOf(wire);
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
  };
  if (error.name !== wire.name) define('name', wire.name);
  define('stack', wire.stack || `${wire.name}: ${wire.message}`);
  if (wire.code !== undefined && !('code' in error)) define('code', wire.code);
  if (wire.cause !== undefined) define('cause', errorFromWire(wire.cause));
  return error;
}

/** The same as an Error, for where nothing else will do: the third argument of `startResponse` (G-85). */
export function realErrorFromWire(wire: WireError): Error {
  const error = errorFromWire(wire);
  return error instanceof Error ? error : new Error(wire.message);
}

/**
 * Bytes of their own, the whole of their buffer: a view would take all that lies around it along (G-115). A chunk whose
 * memory has been transferred or cut off is empty, as it is for a gateway (G-107); copying it would throw. Nothing else
 * is believed of it.
 */
export function privateBytes(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  return sizeOf(chunk) === 0 ? new Uint8Array(0) : new Uint8Array(chunk);
}

/** Types of values that cross as they are. */
const PLAIN = new Set(['string', 'number', 'boolean', 'bigint']);

/** A value as it may cross, or undefined: it stays behind. Never throws: an array may have a trap for its elements. */
export function crossing(value: unknown): unknown {
  try {
    return copied(value, 4);
  } catch {
    return undefined;
  }
}

function copied(value: unknown, depth: number): unknown {
  if (value === null || PLAIN.has(typeof value)) return value;
  if (isUint8Array(value)) return privateBytes(value);
  if (!Array.isArray(value) || depth === 0) return undefined;
  const copy: unknown[] = [];
  for (const element of value) {
    const crossed = copied(element, depth - 1);
    if (crossed === undefined) return undefined;
    copy.push(crossed);
  }
  return copy;
}

/** Entries that the other side has to make for itself, whatever their type here. */
const REBUILT = new Set([
  'wsgi.version',
  'wsgi.input',
  'wsgi.errors',
  'wsgi.file_wrapper',
  'wsgi.input_terminated',
  'quaich.async',
  'quaich.signal',
  'quaich.client_disconnected',
  'quaich.state',
]);

/** The entries of an environ that cross (B-64). */
export function entriesToWire(environ: Record<string, unknown>): WireEntries {
  const entries: WireEntries = [];
  for (const name of Object.keys(environ)) {
    if (REBUILT.has(name)) continue;
    // Undefined where a getter throws, which is nobody's error until the application asks (G-145).
    const value = property(environ, name);
    const crossed = typeof value === 'string' ? value : crossing(value);
    if (crossed !== undefined) entries.push(name, crossed);
  }
  return entries;
}

/** An environ with null prototype (G-05), still without its streams. */
export function environFromWire(entries: WireEntries): Record<string, unknown> {
  const environ: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < entries.length; i += 2) environ[entries[i] as string] = entries[i + 1];
  environ['wsgi.version'] = VERSION;
  environ['wsgi.input_terminated'] = true;
  return environ;
}
