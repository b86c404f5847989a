/** Options that describe a request, as several commands have them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError } from '../interface/errors.ts';
import { FIELD_VALUE, TOKEN } from '../rules/grammar.ts';
import { trimmed } from '../rules/trimmed.ts';
import { expected } from '../server/setting-kinds.ts';

/** What `read` gives; its errors begin with the flag. */
export function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ConfigurationError ? new ConfigurationError(`--${name}: ${error.message}`) : error;
  }
}

/**
 * A header field, written as `NAME: VALUE`.
 *
 * @throws ConfigurationError
 */
export function fieldOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  const [name, value] = [text.slice(0, colon), trimmed(text.slice(colon + 1))];
  if (colon < 0 || !TOKEN.test(name) || !FIELD_VALUE.test(value)) throw expected('"NAME: VALUE"', text);
  return [name, value];
}

/**
 * The bytes of a file.
 *
 * @throws ConfigurationError
 */
export function fileAt(text: string, directory: string): Uint8Array {
  try {
    return readFileSync(resolve(directory, text));
  } catch (error) {
    throw new ConfigurationError(`cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
