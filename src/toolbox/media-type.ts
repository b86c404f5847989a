import { PARAMETER, VALUE_WITH_PARAMETERS } from '../rules/grammar.ts';

/** A value with parameters: Content-Type (RFC 9110, 8.3.1), Content-Disposition (RFC 6266, 4.1). */
export interface ParameterizedValue {
  /** In lower case, such as `text/html` or `form-data`. */
  readonly value: string;
  /** By name in lower case; of repeated ones the first. */
  readonly parameters: ReadonlyMap<string, string>;
  /** A parameter stands there twice. */
  readonly repeated: boolean;
}

/**
 * Reads a value with parameters. Backslashes escape a quote or a backslash inside a quoted string; before anything else
 * they stand for themselves, as in the Windows paths that some clients send.
 *
 * @returns null where it is malformed
 */
export function parseParameterized(text: string): ParameterizedValue | null {
  const start = VALUE_WITH_PARAMETERS.exec(text);
  if (start === null) return null;
  const parameters = new Map<string, string>();
  let repeated = false;
  PARAMETER.lastIndex = start[0].length;
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text);
    if (match === null) return null;
    const [, name, token, quoted] = match;
    if (name === undefined) continue;
    if (parameters.has(name.toLowerCase())) repeated = true;
    else parameters.set(name.toLowerCase(), token ?? quoted.replace(/\\(["\\])/g, '$1'));
  }
  return { value: start[1].toLowerCase(), parameters, repeated };
}
