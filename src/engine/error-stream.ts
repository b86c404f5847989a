/**
 * `wsgi.errors` (G-70 to G-74, B-12): text goes to a descriptor, standard error by default, and is out when the call
 * returns. `process.stderr` of a worker thread would not do: it goes through the main thread's event loop, late or
 * never when the worker blocks.
 */
import { writeSync } from 'node:fs';
import type { ErrorStream } from '../interface/types.ts';
import { errorStream } from '../rules/error-text.ts';
import { forDescriptor } from '../rules/stack-frame.ts';
import { isNotReady, whenReady } from './descriptors.ts';

/**
 * A pipe whose reader does not read: how long one write may wait for it before the text is dropped, in milliseconds.
 */
const LONGEST_WAIT = 250;

/** Descriptors that nobody reads: until one takes something again, no write to it waits. */
const stuck = new Set<number>();

/** Control characters other than newline and tab, which could forge lines or drive a terminal (G-73). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

function visible(control: string): string {
  return control === '\r' ? '\\r' : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/**
 * Writes to a descriptor; what it does not take, soon and without an error, is dropped.
 *
 * @returns the bytes that it has taken
 */
export function writeFully(descriptor: number, bytes: Uint8Array): number {
  let patience = stuck.has(descriptor) ? 0 : LONGEST_WAIT;
  let at = 0;
  try {
    while (at < bytes.byteLength) {
      at += whenReady(() => writeSync(descriptor, bytes, at, bytes.byteLength - at), patience);
      patience = LONGEST_WAIT;
      stuck.delete(descriptor);
    }
  } catch (error) {
    if (isNotReady(error)) stuck.add(descriptor);
  }
  return at;
}

/** Takes the output of this thread in the place of descriptors; null: nobody does. */
let elsewhere: ((bytes: Uint8Array) => void) | null = null;

/** Has the output of this thread (`wsgi.errors`, the console) go elsewhere, from now on. */
export function redirectOutput(write: (bytes: Uint8Array) => void): void {
  elsewhere = write;
}

/** Writes to a descriptor, such as standard error (2), or where output is redirected to. */
export function writeOutput(descriptor: number, bytes: Uint8Array): void {
  if (elsewhere !== null) elsewhere(bytes);
  else writeFully(descriptor, bytes);
}

/**
 * An error stream over a descriptor. Text is UTF-8, lone surrogates become U+FFFD (G-71); control characters other than
 * newline and tab are shown as `\x1b`. Nothing is held back. A descriptor that is closed or full is no error for the
 * application: the text is dropped.
 *
 * @param client takes the text in place of the descriptor, for a client with a stream for it (G-174), unless it returns
 *   false
 */
export function createErrorStream(descriptor = 2, client?: (text: Uint8Array) => boolean): ErrorStream {
  return errorStream((text) => {
    const shown = text.replace(CONTROLS, visible);
    if (client?.(Buffer.from(shown, 'utf8'))) return;
    writeOutput(descriptor, Buffer.from(elsewhere === null ? forDescriptor(descriptor, shown) : shown, 'utf8'));
  });
}
