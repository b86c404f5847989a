/**
 * The rules for status, headers and third argument of `startResponse` (G-85 to G-94), each with its words. The engine
 * checks every head, a middleware that holds a head back checks it too (G-87), and so does the validator: each with an
 * error of its own, and all with the same words.
 */
import { ApplicationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { isError } from './failures.ts';
import { type Fault, type Refusal, wordsOf } from './fault.ts';
import { CONNECTION_FIELDS, DIGITS, FIELD_VALUE, STATUS, TOKEN } from './grammar.ts';
import { shown } from './show.ts';

/** The rules, by what of the arguments breaks them. */
export type HeadRule =
  | 'status: type'
  | 'status: length of the code'
  | 'status: digits'
  | 'status: below 100'
  | 'status: space'
  | 'status: range'
  | 'status: reason'
  | 'headers'
  | 'header: no array'
  | 'header: size'
  | 'name: type'
  | 'name: split'
  | 'name: token'
  | 'name: hop-by-hop'
  | 'name: Status'
  | 'value: type'
  | 'value: control character'
  | 'value: unit'
  | 'Content-Length'
  | 'error';
type HeadFault = Fault<HeadRule>;
export type HeadRefusal = Refusal<HeadRule>;

const OF_STATUS = 'G-88, G-89, G-91';
const OF_FIELDS = 'G-90, G-91';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\0-\x08\x0a-\x1f]/;

/** What `startResponse` throws for a head that is refused. */
export function headError(fault: HeadFault): ApplicationError {
  return new ApplicationError(`startResponse: ${wordsOf(fault)}`);
}

/** What a body runs into that needs a head before `startResponse` was called. */
export function noHead(): ApplicationError {
  return new ApplicationError(
    'startResponse was not called before the first non-empty chunk or the end of the body (G-102)',
  );
}

/** What `startResponse` throws for a third argument that is no Error (G-85). */
export function argumentError(fault: HeadFault): TypeError {
  return new TypeError(`startResponse: ${wordsOf(fault)}`);
}

function statusFault(status: unknown): Omit<HeadFault, 'rows'> {
  if (typeof status !== 'string') {
    return { what: 'status: type', seen: `the status is ${shown(status)}`, advice: "give a string such as '200 OK'" };
  }
  const [first] = status.split(/\s/, 1);
  const advice = "write '200 OK'";
  if (first.length !== 3) {
    return {
      what: 'status: length of the code',
      seen: `the status ${shown(status)} does not begin with three digits`,
      advice,
    };
  }
  if (!DIGITS.test(first)) {
    return { what: 'status: digits', seen: `the code of the status ${shown(status)} is no number`, advice };
  }
  const code = Number(first);
  if (code < 100) {
    return {
      what: 'status: below 100',
      seen: `the code of the status ${shown(status)} is below 100`,
      advice: 'use a code of RFC 9110',
    };
  }
  if (status[3] !== ' ') {
    return {
      what: 'status: space',
      seen: `in the status ${shown(status)} no space follows the code`,
      advice: "write '200 OK', or '200 ' for an empty reason",
    };
  }
  if (code < 200 || code > 599) {
    return {
      what: 'status: range',
      seen: `the status ${shown(status)} is not from 200 to 599`,
      advice: 'leave interim responses to the server, and use a final status',
    };
  }
  return {
    what: 'status: reason',
    seen: `the reason phrase of ${shown(status)} has a control character, a unit above U+00FF, or a blank at its end`,
    advice: 'use printable native characters',
  };
}

/** Checks the status (G-88, G-89, G-91). */
export function checkStatus(status: unknown, refusal: HeadRefusal): asserts status is string {
  if (typeof status === 'string' && STATUS.test(status)) return;
  throw refusal({ rows: OF_STATUS, ...statusFault(status) });
}

/** The fault of headers that are no plain array. */
export function noList(headers: unknown): HeadFault {
  const advice = 'give an array of [name, value] arrays';
  return { rows: 'G-90', what: 'headers', seen: `the headers are ${shown(headers)}`, advice };
}

function pairFault(field: unknown, index: number): HeadFault {
  return Array.isArray(field)
    ? {
        rows: 'G-90',
        what: 'header: size',
        seen: `header ${index} has ${field.length} elements`,
        advice: 'give a name and a value',
      }
    : {
        rows: 'G-90',
        what: 'header: no array',
        seen: `header ${index} is ${shown(field)}`,
        advice: 'give a [name, value] array',
      };
}

/** Checks that one of the headers is an array of two (G-90). */
export function checkPair(field: unknown, index: number, refusal: HeadRefusal): asserts field is [unknown, unknown] {
  if (Array.isArray(field) && field.length === 2) return;
  throw refusal(pairFault(field, index));
}

/** Checks that the name of a header is a string (G-90). */
export function checkNameType(name: unknown, index: number, refusal: HeadRefusal): asserts name is string {
  if (typeof name === 'string') return;
  const seen = `the name of header ${index} is ${shown(name)}`;
  throw refusal({ rows: 'G-90', what: 'name: type', seen, advice: 'names are strings' });
}

/** Checks the name of a header: a token that the application may give (G-90 to G-93). */
export function checkName(name: string, refusal: HeadRefusal): void {
  if (!TOKEN.test(name)) {
    const split = name.includes('\n') || name.includes(':');
    throw refusal({
      rows: OF_FIELDS,
      what: split ? 'name: split' : 'name: token',
      seen: `the header name ${shown(name)} is no token`,
      advice: split ? 'give the bare name' : 'use letters, digits and hyphens',
    });
  }
  const lower = name.toLowerCase();
  if (CONNECTION_FIELDS.has(lower)) {
    const advice = 'leave the connection to the server';
    throw refusal({ rows: 'G-92', what: 'name: hop-by-hop', seen: `the header ${shown(name)} is hop-by-hop`, advice });
  }
  if (lower === 'status') {
    throw refusal({
      rows: 'G-93',
      what: 'name: Status',
      seen: 'a header is named "Status", which CGI would take for the status',
      advice: 'the status is the first argument of startResponse',
    });
  }
}

/** Checks the value of a header (G-90, G-91). */
export function checkValue(name: string, value: unknown, refusal: HeadRefusal): asserts value is string {
  if (typeof value !== 'string') {
    throw refusal({
      rows: 'G-90',
      what: 'value: type',
      seen: `the value of the header ${shown(name)} is ${shown(value)}`,
      advice: typeof value === 'number' ? `header values are strings: String(${value})` : 'header values are strings',
    });
  }
  if (FIELD_VALUE.test(value)) return;
  const control = CONTROL.exec(value);
  const of = `the value of the header ${shown(name)} has`;
  throw refusal(
    control === null
      ? {
          rows: OF_FIELDS,
          what: 'value: unit',
          seen: `${of} a unit above U+00FF or DEL: ${shown(value)}`,
          advice: 'encode the text as the field prescribes (RFC 8187)',
        }
      : {
          rows: OF_FIELDS,
          what: 'value: control character',
          seen: `${of} the control character ${shown(control[0])}: ${shown(value)}`,
          advice: 'never put text from outside into a header unchecked',
        },
  );
}

/**
 * The number of a Content-Length (G-94).
 *
 * @param earlier that of another such field, -1 for none
 */
export function lengthOf(value: string, earlier: number, refusal: HeadRefusal): number {
  const length = Number(value);
  if (!DIGITS.test(value) || !Number.isSafeInteger(length)) {
    const advice = 'give digits: String(bytes.byteLength)';
    throw refusal({ rows: 'G-94', what: 'Content-Length', seen: `Content-Length is ${shown(value)}`, advice });
  }
  if (earlier >= 0 && earlier !== length) {
    const seen = `two Content-Length fields differ: ${earlier} and ${length}`;
    throw refusal({ rows: 'G-94', what: 'Content-Length', seen, advice: 'give it once' });
  }
  return length;
}

/** Checks all headers, of a head that is not written down yet (G-87). */
export function checkFields(headers: unknown, refusal: HeadRefusal): asserts headers is HeaderField[] {
  if (!Array.isArray(headers)) throw refusal(noList(headers));
  let length = -1;
  for (const [index, field] of headers.entries()) {
    checkPair(field, index, refusal);
    const name: unknown = field[0];
    const value: unknown = field[1];
    checkNameType(name, index, refusal);
    checkName(name, refusal);
    checkValue(name, value, refusal);
    if (name.toLowerCase() === 'content-length') length = lengthOf(value, length, refusal);
  }
}

/** The third argument of `startResponse` (G-85): an Error, also one of another realm; null for none. */
export function givenError(error: unknown, refusal: HeadRefusal): Error | null {
  if (error === undefined || error === null) return null;
  if (isError(error)) return error;
  const seen = `the third argument is ${shown(error)}`;
  throw refusal({ rows: 'G-85', what: 'error', seen, advice: 'give the Error that was caught' });
}
