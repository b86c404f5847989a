import { ApplicationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { FIELD_VALUE } from '../rules/grammar.ts';
import { latin1Encode } from '../rules/native-strings.ts';

function checked(text: unknown, what: 'name' | 'value'): string {
  if (typeof text !== 'string') throw new TypeError(`a header ${what} must be a string, got ${typeof text} (U-10)`);
  // No control characters, and nothing that is no byte (U-20); HTAB may stand in a value (G-90).
  if (!FIELD_VALUE.test(text) || (what === 'name' && text.includes('\t'))) {
    throw new ApplicationError(
      `the header ${what} ${JSON.stringify(text)} has a control character or one above U+00FF (U-20)`,
    );
  }
  return text;
}

/** A parameter of a header value, as `key`, `key=""` or `key="value"` (U-18). */
function parameter(name: string, value: string | null): string {
  const key = checked(name, 'name').replaceAll('_', '-');
  if (value === null || value === '') return key;
  return `${key}="${checked(value, 'value').replace(/[\\"]/g, '\\$&')}"`;
}

/**
 * A list of header fields, in order and with repetitions, looked up without regard to case (U-10 to U-20). It works
 * **on the very list it is given**: what is changed here shows there, and the other way round. So middleware may edit
 * the list that it passes on to `startResponse`:
 *
 * ```ts
 * new Headers(headers).set('Vary', 'Accept-Encoding');
 * startResponse(status, headers);
 * ```
 *
 * Names and values with control characters (HTAB in values excepted) or units above U+00FF are refused (U-20).
 */
export class Headers {
  /** The list itself. */
  readonly list: HeaderField[];

  /**
   * @throws TypeError for anything but an array of `[name, value]` arrays of strings; ApplicationError for a character
   *   that has no place in a header (U-20)
   */
  constructor(list: HeaderField[] = []) {
    if (!Array.isArray(list)) throw new TypeError(`Headers takes an array of pairs, got ${typeof list} (U-10)`);
    for (const field of list as unknown[]) {
      if (!Array.isArray(field) || field.length !== 2) {
        throw new TypeError('Headers takes an array of [name, value] arrays (U-10)');
      }
      checked(field[0], 'name');
      checked(field[1], 'value');
    }
    this.list = list;
  }

  /** The number of entries, repeated names included (U-11). */
  get size(): number {
    return this.list.length;
  }

  /** As `size`. */
  get length(): number {
    return this.list.length;
  }

  /** The first value of that name (U-14). */
  get(name: string): string | null;
  get<T>(name: string, fallback: T): string | T;
  get(name: string, fallback: unknown = null): unknown {
    const wanted = name.toLowerCase();
    for (const [each, value] of this.list) if (each.toLowerCase() === wanted) return value;
    return fallback;
  }

  /** Whether there is an entry of that name. */
  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** All values of that name, in order (U-15). */
  getAll(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.list.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value);
  }

  /** Deletes all entries of that name and appends this one at the end (U-12). */
  set(name: string, value: string): void {
    checked(name, 'name');
    checked(value, 'value');
    this.delete(name);
    this.list.push([name, value]);
  }

  /** Appends an entry; those of the same name stay. */
  append(name: string, value: string): void {
    this.list.push([checked(name, 'name'), checked(value, 'value')]);
  }

  /** Deletes all entries of that name, in place; none is no error (U-13). */
  delete(name: string): void {
    const wanted = name.toLowerCase();
    let kept = 0;
    for (const field of this.list) if (field[0].toLowerCase() !== wanted) this.list[kept++] = field;
    this.list.length = kept;
  }

  /** The first value of that name; where there is none, appends this one and returns it (U-17). */
  setdefault(name: string, value: string): string {
    checked(name, 'name');
    checked(value, 'value');
    const found = this.get(name);
    if (found !== null) return found;
    this.list.push([name, value]);
    return value;
  }

  /**
   * Appends an entry whose value has parameters (U-18); entries of the same name stay:
   * `addHeader('Content-Disposition', 'attachment', { filename: 'bud.gif' })` gives `attachment; filename="bud.gif"`.
   *
   * @param value null for parameters alone
   * @param params in this order; `_` in a name becomes `-`; null or `''` stands for a name without a value
   */
  addHeader(name: string, value: string | null, params: Readonly<Record<string, string | null>> = {}): void {
    checked(name, 'name');
    const parts = value === null ? [] : [checked(value, 'value')];
    for (const [key, each] of Object.entries(params)) parts.push(parameter(key, each));
    this.list.push([name, parts.join('; ')]);
  }

  /** All names in order, repeated ones included (U-16). */
  keys(): string[] {
    return this.list.map(([name]) => name);
  }

  /** All values in order (U-16). */
  values(): string[] {
    return this.list.map(([, value]) => value);
  }

  /** A copy of the list and of its pairs (U-16). */
  items(): HeaderField[] {
    return this.list.map(([name, value]) => [name, value]);
  }

  [Symbol.iterator](): Iterator<HeaderField> {
    return this.items()[Symbol.iterator]();
  }

  /** The fields as they stand in a message, with the empty line after them (U-19). */
  toString(): string {
    return `${this.list.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }

  /** `toString` in latin-1 (U-19). */
  toBytes(): Uint8Array {
    return latin1Encode(this.toString());
  }
}
