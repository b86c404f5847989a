/** Runs one application behind a validator, with a server that keeps the rules or with one made for the test. */
import type { Application, Kind } from '../../src/interface/index.ts';
import { type Side, ValidationError, type ValidatorOptions, validator } from '../../src/validate/index.ts';
import { asyncEnviron, syncEnviron } from './transport.ts';

/**
 * Applications and servers of these tests break the types as well: that is what they are for. This is a value that may
 * be called, iterated, and asked for any property, as in a program without types.
 */
export interface Wrong {
  /** Awaiting one gives itself. */
  then: never;
  (...args: unknown[]): Wrong;
  [key: string]: Wrong;
  [Symbol.iterator](): Iterator<Wrong> & Wrong;
  [Symbol.asyncIterator](): AsyncIterator<Wrong> & Wrong;
}

export type Serve = (app: Wrong, environ: Wrong, startResponse: Wrong) => unknown;

/** An application without types. */
export type WrongApplication = (environ: Wrong, startResponse: Wrong) => unknown;

/** The one place where the types are left behind. */
export function untyped(value: unknown): Wrong {
  return value as Wrong;
}

/** The validator around what may be no application at all. */
export function validated(app: unknown, options?: ValidatorOptions): Wrong {
  return untyped(validator(app as Application, options));
}

/** The text of a chunk. */
export const textOf = (chunk: Wrong): string => Buffer.from(bytesOf(chunk)).toString();

export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('no chunk');
}

export interface Trial {
  environ?: unknown;
  method?: string;
  /** The server's `startResponse`. */
  startResponse?: unknown;
  serve?: Serve;
  options?: ValidatorOptions;
  body?: string[];
}

export interface Seen {
  /** The row of the violation; null where none was thrown. */
  row: string | null;
  side: Side | null;
  /** What was thrown, a violation or something else. */
  error: unknown;
  /** Rows of the warnings, in order. */
  warned: string[];
  messages: string[];
}

/** A `startResponse` that keeps the rules, and its `write`. */
export function gateway(kind: Kind): (status: string, headers: unknown, error?: Error) => unknown {
  let called = false;
  return (_status: string, _headers: unknown, error?: Error) => {
    if (called && !error) throw new Error('called twice');
    called = true;
    return kind === 'async' ? async () => {} : () => {};
  };
}

/** Iterates and closes as a server does. */
export const serveSync: Serve = (app, environ, startResponse) => {
  const body = app(environ, startResponse);
  try {
    for (const _ of body);
  } finally {
    body.close?.();
  }
};

export const serveAsync: Serve = async (app, environ, startResponse) => {
  const body = await app(environ, startResponse);
  try {
    for await (const _ of body);
  } finally {
    await body.close?.();
  }
};

function prepare(kind: Kind, app: unknown, trial: Trial): { app: Wrong; seen: Seen } {
  const seen: Seen = { row: null, side: null, error: undefined, warned: [], messages: [] };
  const options: ValidatorOptions = {
    kind,
    warn: (warning) => {
      seen.warned.push(warning.row);
      seen.messages.push(warning.message);
    },
    ...trial.options,
  };
  return { app: validated(app, options), seen };
}

function note(seen: Seen, error: unknown): void {
  seen.error = error;
  if (!(error instanceof ValidationError)) return;
  seen.row = error.row;
  seen.side = error.side;
  seen.messages.push(error.message);
}

export function trySync(app: unknown, trial: Trial = {}): Seen {
  const { app: checked, seen } = prepare('sync', app, trial);
  const environ = 'environ' in trial ? trial.environ : syncEnviron(trial.method, undefined, trial.body);
  try {
    (trial.serve ?? serveSync)(checked, untyped(environ), untyped(trial.startResponse ?? gateway('sync')));
  } catch (error) {
    note(seen, error);
  }
  return seen;
}

export async function tryAsync(app: unknown, trial: Trial = {}): Promise<Seen> {
  const { app: checked, seen } = prepare('async', app, trial);
  const environ = 'environ' in trial ? trial.environ : asyncEnviron(trial.method, undefined, trial.body);
  try {
    await (trial.serve ?? serveAsync)(checked, untyped(environ), untyped(trial.startResponse ?? gateway('async')));
  } catch (error) {
    note(seen, error);
  }
  return seen;
}

export const OK: [string, [string, string][]] = ['200 OK', [['Content-Type', 'text/plain']]];

export const CHUNK = new Uint8Array([104, 105]);

/** An application that answers with these arguments of `startResponse` and this body. */
export const answering =
  (args: unknown[], body: unknown = []): WrongApplication =>
  (_environ, startResponse) => {
    startResponse(...args);
    return body;
  };

export const fine: WrongApplication = (_environ, startResponse) => {
  startResponse(...OK);
  return [CHUNK];
};

/** A body of these steps that is no array; the values may be anything. */
export function steps(values: readonly unknown[], close?: () => unknown): Iterable<unknown> & { close?(): unknown } {
  return {
    *[Symbol.iterator]() {
      yield* values;
    },
    ...(close === undefined ? {} : { close }),
  };
}
