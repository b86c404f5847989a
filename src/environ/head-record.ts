import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_ESCAPED_PATH,
  FLAG_HTTP_1_0,
  FLAG_HTTP_2,
  FLAG_VARIABLES,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_RECORD,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
} from '../../assembly/layout.ts';
import '../rules/latin1.ts';
import { percentDecode } from '../rules/native-strings.ts';

/** Index of the first word of the record that the parser, or who stands in for it, has made of the present head. */
export const PARSED_HEAD = HEAD_RECORD >> 2;

/** The version of HTTP that a request came by, from the FLAG_* bits of its head. */
export function versionOf(flags: number): 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0' {
  if ((flags & FLAG_HTTP_2) !== 0) return 'HTTP/2.0';
  return (flags & FLAG_HTTP_1_0) !== 0 ? 'HTTP/1.0' : 'HTTP/1.1';
}

/** A field that is looked for in many heads (`HeadReader.find`), and where these are CGI variables, a variable. */
export interface SoughtField {
  /** The upper half of its FIELD_NAME; 0 for a name that the parser does not know. */
  readonly number: number;
  /** In lower case; `''`: only the variable is looked for. */
  readonly name: string;
  /** `''`: only the field. */
  readonly variable: string;
}

/**
 * A request head where it lies in memory, for those who need a few things of it and no environ (`EnvironBuilder`): a
 * record of offsets (assembly/layout.ts), and the bytes that they point to. One object reads many heads, one after the
 * other: nothing is allocated but the strings that are asked for. All of them are native strings.
 */
export class HeadReader {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  #record = PARSED_HEAD;
  #start = 0;

  constructor(words: Int32Array, bytes: Buffer) {
    this.#words = words;
    this.#bytes = bytes;
  }

  /**
   * Turns to another head.
   *
   * @param record index of the first word of its record
   * @param start address of its first byte
   */
  at(record: number, start: number): this {
    this.#record = record;
    this.#start = start;
    return this;
  }

  /** The method as an index of METHODS; 0 for any other. */
  get methodNumber(): number {
    return this.#words[this.#record + HEAD_METHOD];
  }

  get method(): string {
    return this.#text(0, this.#words[this.#record + HEAD_METHOD_LENGTH]);
  }

  /** As received. */
  get target(): string {
    return this.#part(HEAD_TARGET_START, HEAD_TARGET_LENGTH);
  }

  /** The target where it is another than this one, else that: a look at its bytes costs less than a new string. */
  targetOr(usual: string): string {
    const { length } = usual;
    if (this.#words[this.#record + HEAD_TARGET_LENGTH] !== length) return this.target;
    const bytes = this.#bytes;
    const start = this.#start + this.#words[this.#record + HEAD_TARGET_START];
    for (let i = 0; i < length; i++) if (bytes[start + i] !== usual.charCodeAt(i)) return this.target;
    return usual;
  }

  /** Whether there is a field whose number (the upper half of FIELD_NAME) has a mark. */
  hasMarked(marks: Uint8Array): boolean {
    const words = this.#words;
    const first = this.#record + HEAD_WORDS;
    const end = first + FIELD_WORDS * words[this.#record + HEAD_FIELD_COUNT];
    for (let field = first; field < end; field += FIELD_WORDS) {
      if (marks[words[field + FIELD_NAME] >>> 16] !== 0) return true;
    }
    return false;
  }

  /** Decoded; `''` for a target that is an authority alone. */
  get path(): string {
    const path = this.#part(HEAD_PATH_START, HEAD_PATH_LENGTH);
    return (this.#words[this.#record + HEAD_FLAGS] & FLAG_ESCAPED_PATH) !== 0 ? percentDecode(path) : path;
  }

  get protocol(): string {
    return versionOf(this.#words[this.#record + HEAD_FLAGS]);
  }

  /** Whether a front server has sent it, as variables. */
  get hasVariables(): boolean {
    return (this.#words[this.#record + HEAD_FLAGS] & FLAG_VARIABLES) !== 0;
  }

  /** The values of all fields with a number, as an environ joins them (G-30); undefined where there is none. */
  joinedField(number: number): string | undefined {
    const words = this.#words;
    const first = this.#record + HEAD_WORDS;
    const end = first + FIELD_WORDS * words[this.#record + HEAD_FIELD_COUNT];
    let joined: string | undefined;
    for (let field = first; field < end; field += FIELD_WORDS) {
      if (words[field + FIELD_NAME] >>> 16 !== number) continue;
      const value = this.#text(words[field + FIELD_VALUE_START], words[field + FIELD_VALUE_LENGTH]);
      joined = joined === undefined ? value : `${joined},${value}`;
    }
    return joined;
  }

  /** The value of the last field with a number (the upper half of FIELD_NAME); undefined where there is none. */
  field(number: number): string | undefined {
    const words = this.#words;
    const first = this.#record + HEAD_WORDS;
    const last = first + FIELD_WORDS * (words[this.#record + HEAD_FIELD_COUNT] - 1);
    for (let field = last; field >= first; field -= FIELD_WORDS) {
      if (words[field + FIELD_NAME] >>> 16 === number) {
        return this.#text(words[field + FIELD_VALUE_START], words[field + FIELD_VALUE_LENGTH]);
      }
    }
    return undefined;
  }

  /** The values of all fields of a name, separated by commas (RFC 9110, 5.3); `''` where there is none. */
  find({ number, name, variable }: SoughtField): string {
    const words = this.#words;
    const isVariables = this.hasVariables;
    const sought = isVariables ? variable : name;
    let values = '';
    if (sought === '') return values;
    const first = this.#record + HEAD_WORDS;
    const end = first + FIELD_WORDS * words[this.#record + HEAD_FIELD_COUNT];
    for (let field = first; field < end; field += FIELD_WORDS) {
      const found = words[field + FIELD_NAME];
      if ((found & 0xffff) !== sought.length || (!isVariables && found >>> 16 !== number)) continue;
      if (isVariables || number === 0) {
        const text = this.#text(words[field + FIELD_NAME_START], sought.length);
        if ((isVariables ? text : text.toLowerCase()) !== sought) continue;
      }
      const value = this.#text(words[field + FIELD_VALUE_START], words[field + FIELD_VALUE_LENGTH]);
      values = values === '' ? value : `${values}, ${value}`;
    }
    return values;
  }

  #part(start: number, length: number): string {
    return this.#text(this.#words[this.#record + start], this.#words[this.#record + length]);
  }

  #text(start: number, length: number): string {
    return this.#bytes.latin1Slice(this.#start + start, this.#start + start + length);
  }
}
