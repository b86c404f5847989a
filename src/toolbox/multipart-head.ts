/** What the head of one part of a form says (RFC 7578, 4). */
import type { HeaderField } from '../interface/types.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { trimmed } from '../rules/trimmed.ts';
import { Headers } from './headers.ts';
import { type ParameterizedValue, parseParameterized } from './media-type.ts';
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

/** Fields that a part has once; which of two counts would be anybody's guess. */
const SINGLE = new Set(['content-disposition', 'content-type', 'content-transfer-encoding']);

/** Encodings that change nothing (RFC 2045, 6.2). */
const IDENTITY = /^(?:7bit|8bit|binary)?$/i;

/** The escapes of browsers in names (HTML standard, multipart/form-data). */
function unescaped(native: string): string {
  return nativeToText(native.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n'));
}

/**
 * The head of a part.
 *
 * @param fields native strings by name in lower case; several where a field is repeated
 * @throws RequestDataError
 */
export function partHead(fields: Readonly<Record<string, string | readonly string[]>>): PartHead {
  const list: HeaderField[] = [];
  for (const [name, given] of Object.entries(fields)) {
    const values = typeof given === 'string' ? [given] : given;
    if (SINGLE.has(name) && values.length > 1) throw malformed(`a part has more than one ${name}`);
    for (const value of values) {
      // The parser lets a CR through that stands alone.
      if (value.includes('\r')) throw malformed('the head of a part has a control character');
      list.push([name, trimmed(value)]);
    }
  }
  if (list.length > MOST_FIELDS) throw tooLarge(`a part has more than ${MOST_FIELDS} header fields`);
  const headers = new Headers(list);
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

function filenameOf({ parameters }: ParameterizedValue): string | undefined {
  const filename = parameters.get('filename');
  if (filename !== undefined) return unescaped(filename).replace(/^.*[/\\]/s, '');
  // It has no place in a form (RFC 7578, 4.2). Beside a plain one, as some clients send it, it may be passed over;
  // alone it would turn a file into a field.
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
