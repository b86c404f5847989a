/**
 * The head of one part of a form (RFC 7578, 4; RFC 2046, 5.1; RFC 5322, 2.2), line by line. Every line is understood or
 * refused: a field that were dropped here might be the one that another program on the way went by.
 */
import type { HeaderField } from '../interface/types.ts';
import { Headers } from './headers.ts';
import { type ParameterizedValue, parseParameterized } from './media-type.ts';
import { nativeToText } from './native-strings.ts';
import { malformed, tooLarge, unsupported } from './request-data-error.ts';

/** What is known of a part before its data. */
export interface PartHead {
  /** Of the form control. */
  readonly name: string;
  /** The last segment of the name that the client gave, which may be `''`; absent for parts that are no files. */
  readonly filename: string | undefined;
  /** Media type without parameters, in lower case; `text/plain` where the part names none. */
  readonly type: string;
  /** All fields of the part, as native strings with names in lower case. */
  readonly headers: Headers;
}

/** Fields of one part. */
const MOST_FIELDS = 32;

/** Name and value (RFC 5322, 2.2). */
const FIELD = /^([\x21-\x39\x3b-\x7e]+):(.*)$/s;

// HTAB is allowed; CR and LF are left over only where they do not stand together.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Fields that a part has once; which of two counts would be anybody's guess. */
const SINGLE = new Set(['content-disposition', 'content-type', 'content-transfer-encoding']);

/** Encodings that change nothing (RFC 2045, 6.2). */
const IDENTITY = /^(?:7bit|8bit|binary)?$/i;

/** The escapes of browsers in names (HTML standard, multipart/form-data). */
function unescaped(native: string): string {
  return nativeToText(native.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n'));
}

/** The fields of one part as they arrive. */
export class PartFields {
  readonly #list: HeaderField[] = [];

  /**
   * One more line, a native string without its CR LF.
   *
   * @throws RequestDataError
   */
  add(line: string): void {
    if (CONTROL.test(line)) throw malformed('the head of a part has a control character');
    if (line.startsWith(' ') || line.startsWith('\t')) {
      const last = this.#list.at(-1);
      if (last === undefined) throw malformed('the head of a part begins with a blank');
      last[1] += line; // folded (RFC 5322, 2.2.3)
      return;
    }
    const field = FIELD.exec(line);
    if (field === null) throw malformed('the head of a part has a line that is no header field');
    if (this.#list.length === MOST_FIELDS) throw tooLarge(`a part has more than ${MOST_FIELDS} header fields`);
    const name = field[1].toLowerCase();
    if (SINGLE.has(name) && this.#list.some(([each]) => each === name)) {
      throw malformed(`a part has more than one ${name}`);
    }
    this.#list.push([name, field[2]]);
  }

  /**
   * The head, when all of it has arrived.
   *
   * @throws RequestDataError
   */
  head(): PartHead {
    const headers = new Headers(this.#list.map(([name, value]) => [name, value.replace(/^[ \t]+|[ \t]+$/g, '')]));
    const disposition = parseParameterized(headers.get('content-disposition', ''));
    const name = disposition?.parameters.get('name');
    if (disposition?.value !== 'form-data' || name === undefined) {
      throw malformed('a part has no Content-Disposition: form-data with a name');
    }
    if (disposition.repeated) throw malformed('a Content-Disposition has a parameter twice');
    const encoding = headers.get('content-transfer-encoding', '');
    if (!IDENTITY.test(encoding)) throw unsupported('a part has a Content-Transfer-Encoding'); // RFC 7578, 4.7
    return { name: unescaped(name), filename: filenameOf(disposition), type: typeOf(headers), headers };
  }
}

function filenameOf({ parameters }: ParameterizedValue): string | undefined {
  const filename = parameters.get('filename');
  if (filename !== undefined) return unescaped(filename).replace(/^.*[/\\]/s, '');
  // It has no place in a form (RFC 7578, 4.2). Beside a plain one, as some clients send it, it may be passed over; alone it
  // would turn a file into a field.
  if (parameters.has('filename*')) throw malformed('a part has a file name in the form filename* alone');
  return undefined;
}

function typeOf(headers: Headers): string {
  const text = headers.get('content-type');
  if (text === null || text === '') return 'text/plain';
  const type = parseParameterized(text);
  if (type === null) throw malformed('a part has a malformed Content-Type');
  return type.value;
}
