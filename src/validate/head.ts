/**
 * Status, headers and the error argument of `startResponse`.
 */
import { types } from 'node:util';
import type { CheckedExchange, CheckedHead } from './exchange.ts';
import { shown } from './values.ts';

/** G-88, after the code: nothing, or a text without control characters and without a blank at either end. */
const REASON = /^(?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const ABOVE_LATIN1 = /[^\0-\xff]/;
const HOP_BY_HOP =
  /^(?:connection|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|te|trailers?|transfer-encoding|upgrade)$/i;

//: @in status
//: A-07: The application MUST give status and headers in the form of the clauses below. Text outside of ISO-8859-1 goes through
//: an encoding that belongs to the field (RFC 8187, RFC 2047), applied by the application.

/** @returns the code */
function checkStatus(exchange: CheckedExchange, status: unknown): number {
  //: G-88, G-89, V-40, V-41, V-42, V-43, V-44, V-104: The status MUST be a primitive string: three digits, one space, and a reason phrase,
  //: from 200 to 599. The space is there even when the reason is empty (`'200 '`; `'200'` is refused). The reason consists of the
  //: characters 0x20 to 0x7E and 0x80 to 0xFF and neither starts nor ends with a space; no control character, HTAB
  //: included, no CR or LF, no unit above U+00FF. Codes below 200 belong to the server. As a pattern:
  //:
  //: ```js
  //: /^[2-5][0-9]{2} (?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/
  //: ```
  if (typeof status !== 'string') {
    throw exchange.inside('V-40', `the status is ${shown(status)}`, "give a string such as '200 OK'");
  }
  const first = /^\S*/.exec(status)![0];
  if (first.length !== 3) {
    throw exchange.inside('V-41', `the status ${shown(status)} does not begin with three digits`, "write '200 OK'");
  }
  if (!/^[0-9]{3}$/.test(first)) {
    throw exchange.inside('V-42', `the code of the status ${shown(status)} is no number`, "write '200 OK'");
  }
  const code = Number(first);
  if (code < 100) {
    throw exchange.inside('V-43', `the code of the status ${shown(status)} is below 100`, 'use a code of RFC 9110');
  }
  if (status[3] !== ' ') {
    throw exchange.inside(
      'V-44',
      `in the status ${shown(status)} no space follows the code`,
      "write '200 OK', or '200 ' for an empty reason",
    );
  }
  if (code < 200 || code > 599) {
    throw exchange.inside(
      'V-104',
      `the status ${shown(status)} is not from 200 to 599`,
      'leave interim responses to the server, and use a final status',
    );
  }
  if (!REASON.test(status.slice(4))) {
    throw exchange.inside(
      'V-104',
      `the reason phrase of ${shown(status)} has a control character, a unit above U+00FF, or a blank at its end`,
      'use printable native characters',
    );
  }
  return code;
}

function checkName(exchange: CheckedExchange, name: string): void {
  //: @in headers
  //: G-93, V-55: A header MUST NOT be named `Status`, in any case of letters: CGI would take it for the status.
  if (/^status$/i.test(name)) {
    throw exchange.inside('V-55', 'a header is named "Status"', 'the status is the first argument of startResponse');
  }
  //: V-56, V-57, V-58, V-105: A name MUST be a token (RFC 9110, 5.6.2), thus without newline, colon or any unit above U+007F, and MUST NOT end in `-`
  //: or `_`. A name that is a token but does not begin with a letter, or has other characters than letters,
  //: digits, `-` and `_`, is a warning.
  if (/[\n:]/.test(name)) {
    throw exchange.inside('V-56', `the header name ${shown(name)} has a newline or a colon`, 'give the bare name');
  }
  if (!TOKEN.test(name)) {
    throw exchange.inside('V-105', `the header name ${shown(name)} is no token`, 'use letters, digits and hyphens');
  }
  if (/[-_]$/.test(name)) {
    throw exchange.inside('V-58', `the header name ${shown(name)} ends in "${name.at(-1)}"`, 'cut it off');
  }
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) {
    exchange.warn(
      'V-57',
      exchange.link.inside,
      `the header name ${shown(name)} is unusual`,
      'begin with a letter and use letters, digits, - and _ only',
    );
  }
  //: G-92, A-08, V-106: Hop-by-hop fields are the server's. An application MUST NOT give Connection, Keep-Alive,
  //: Proxy-Authenticate, Proxy-Authorization, Proxy-Connection, TE, Trailer, Trailers, Transfer-Encoding or Upgrade, in any case of
  //: letters; nor apply a transfer coding, nor rely on such fields of the request. A server MUST throw on
  //: them. Upgrading the connection (WebSocket) is outside of this interface.
  if (HOP_BY_HOP.test(name)) {
    throw exchange.inside('V-106', `the header ${shown(name)} is hop-by-hop`, 'leave the connection to the server');
  }
}

function checkValue(exchange: CheckedExchange, name: string, value: string): void {
  //: V-59: A value MUST NOT contain a character below 0x20. HTAB inside a value is the exception, and a warning: RFC 9110, 5.5 has
  //: it, and the servers of this project accept it (G-90), but PEP 3333 forbids it to applications, and other servers refuse it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const control = /[\0-\x08\x0a-\x1f]/.exec(value);
  if (control !== null) {
    throw exchange.inside(
      'V-59',
      `the value of the header ${shown(name)} has the control character ${shown(control[0])}: ${shown(value)}`,
      'never put text from outside into a header unchecked',
    );
  }
  if (/[^\t ].*[^\t ]/s.exec(value)?.[0].includes('\t')) {
    exchange.warn(
      'V-59',
      exchange.link.inside,
      `the value of the header ${shown(name)} has a HTAB inside: ${shown(value)}`,
      'write a space: not every server takes it',
    );
  }
  //: G-91, V-105: Name and value MUST NOT contain a unit above U+00FF, and a value no DEL. A server MUST throw on them; cutting such a unit to its
  //: low byte turns U+010D U+010A into CR LF and lets others write the response. Leading and trailing blanks of a value are a
  //: warning.
  if (ABOVE_LATIN1.test(value) || value.includes('\x7f')) {
    throw exchange.inside(
      'V-105',
      `the value of the header ${shown(name)} has a unit above U+00FF or DEL: ${shown(value)}`,
      'encode the text as the field prescribes (RFC 8187)',
    );
  }
  if (/^[\t ]|[\t ]$/.test(value)) {
    exchange.warn('V-105', exchange.link.inside, `the value ${shown(value)} has a blank at its end`, 'trim it');
  }
}

/** @returns the length, or the earlier one */
function checkLength(exchange: CheckedExchange, value: string, earlier: number, code: number): number {
  //: @in length
  //: G-94, V-107: A Content-Length given by the application MUST be digits. Fields that differ, and a comma list, are refused;
  //: equal ones are sent once. It MUST be absent with 204.
  //:
  //: ```js
  //: ['Content-Length', String(bytes.byteLength)]
  //: ```
  const length = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(length)) {
    throw exchange.inside('V-107', `Content-Length is ${shown(value)}`, 'give digits: String(bytes.byteLength)');
  }
  if (earlier >= 0 && earlier !== length) {
    throw exchange.inside('V-107', `Content-Length is given as ${earlier} and as ${length}`, 'give it once');
  }
  if (code === 204) {
    throw exchange.inside('V-107', 'a 204 response has a Content-Length', 'leave it out');
  }
  return length;
}

/** @returns Content-Length, -1 without one, and whether there is a Content-Type */
function checkHeaders(exchange: CheckedExchange, headers: unknown, code: number): { length: number; hasType: boolean } {
  //: @in headers
  //: G-90, V-50, V-51, V-52, V-53, V-54: The headers MUST be an array (no subclass, no object, `Map` or `Headers`) of arrays of exactly
  //: two primitive strings, name and value.
  //:
  //: ```js
  //: [['Content-Type', 'text/html'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]
  //: ```
  // The prototype of an array of any realm is an array itself; that of a subclass is not.
  if (!Array.isArray(headers) || !Array.isArray(Object.getPrototypeOf(headers))) {
    throw exchange.inside('V-50', `the headers are ${shown(headers)}`, 'give an array of [name, value] arrays');
  }
  let length = -1;
  let hasType = false;
  // By index: a hole is no header.
  for (let i = 0; i < headers.length; i++) {
    const field: unknown = headers[i];
    if (!Array.isArray(field)) {
      throw exchange.inside('V-51', `header ${i} is ${shown(field)}`, 'give a [name, value] array');
    }
    if (field.length !== 2) {
      throw exchange.inside('V-52', `header ${i} has ${field.length} elements`, 'give a name and a value');
    }
    const [name, value]: unknown[] = field;
    if (typeof name !== 'string') {
      throw exchange.inside('V-53', `the name of header ${i} is ${shown(name)}`, 'names are strings');
    }
    if (typeof value !== 'string') {
      throw exchange.inside(
        'V-54',
        `the value of the header ${shown(name)} is ${shown(value)}`,
        typeof value === 'number' ? `header values are strings: String(${value})` : 'header values are strings',
      );
    }
    checkName(exchange, name);
    checkValue(exchange, name, value);
    if (/^content-length$/i.test(name)) length = checkLength(exchange, value, length, code);
    if (/^content-type$/i.test(name)) hasType = true;
  }
  return { length, hasType };
}

function checkType(exchange: CheckedExchange, code: number, hasType: boolean, length: number): void {
  //: V-61: There MUST be no Content-Type with 204; with 304 it is a warning.
  if (hasType && code === 204) {
    throw exchange.inside('V-61', 'a 204 response has a Content-Type', 'leave it out: there is no content');
  }
  if (hasType && code === 304) {
    exchange.warn('V-61', exchange.link.inside, 'a 304 response has a Content-Type', 'leave it out');
  }
  // Where the head says so itself, there is no body to have a type.
  if (!hasType && code >= 300 && code !== 304 && length !== 0) {
    exchange.warn(
      'V-60',
      exchange.link.inside,
      `a ${code} response has no Content-Type`,
      'give the field if there is a body',
    );
  }
}

/** The third argument as an Error; null for none. */
function checkError(exchange: CheckedExchange, error: unknown): Error | null {
  //: @in start-response
  //: G-85, V-62: The third argument MUST be an `Error` object. Absent, `undefined` and `null` mean "no error"; anything else is refused
  //: with a `TypeError`. JavaScript can throw any value: wrap one that is no Error in an Error with a `cause`.
  if (error === undefined || error === null) return null;
  if (error instanceof Error || types.isNativeError(error)) return error;
  throw exchange.inside('V-62', `the third argument is ${shown(error)}`, 'give the Error that was caught');
}

/** Checks in the order of V-07; changes nothing. */
export function checkHead(
  exchange: CheckedExchange,
  status: unknown,
  headers: unknown,
  errorArgument: unknown,
): { head: CheckedHead; error: Error | null } {
  //: V-07: Status, headers, Content-Type and error argument are checked in this order, before the outer `startResponse` is called.
  const code = checkStatus(exchange, status);
  const { length, hasType } = checkHeaders(exchange, headers, code);
  checkType(exchange, code, hasType, length);
  const error = checkError(exchange, errorArgument);
  return { head: { code, length, hasType }, error };
}
