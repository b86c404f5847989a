/**
 * Status, headers and the error argument of `startResponse`.
 */
import {
  checkName,
  checkNameType,
  checkPair,
  checkStatus,
  checkValue,
  givenError,
  type HeadRefusal,
  type HeadRule,
  lengthOf,
  noList,
} from '../rules/head.ts';
import { shown } from '../rules/show.ts';
import type { CheckedExchange, CheckedHead } from './exchange.ts';

/** The row of each rule that gateways check, too. */
const ROWS: Readonly<Record<HeadRule, string>> = {
  'status: type': 'V-40',
  'status: length of the code': 'V-41',
  'status: digits': 'V-42',
  'status: below 100': 'V-43',
  'status: space': 'V-44',
  'status: range': 'V-104',
  'status: reason': 'V-104',
  headers: 'V-50',
  'header: no array': 'V-51',
  'header: size': 'V-52',
  'name: type': 'V-53',
  'name: split': 'V-56',
  'name: token': 'V-105',
  'name: hop-by-hop': 'V-106',
  'name: Status': 'V-55',
  'value: type': 'V-54',
  'value: control character': 'V-59',
  'value: unit': 'V-105',
  'Content-Length': 'V-107',
  error: 'V-62',
};

function refusal(exchange: CheckedExchange): HeadRefusal {
  return (fault) => exchange.refused(ROWS[fault.what], fault);
}

//: @in status
//: A-07: The application MUST give status and headers in the form of the clauses below. Text outside of ISO-8859-1 goes
//: through an encoding that belongs to the field (RFC 8187, RFC 2047), applied by the application.

/** @returns the code */
function codeOf(exchange: CheckedExchange, status: unknown): number {
  //: G-88, G-89, V-40, V-41, V-42, V-43, V-44, V-104: The status MUST be a primitive string: three digits, one space,
  //: and a reason phrase, from 200 to 599. The space is there even when the reason is empty (`'200 '`; `'200'` is
  //: refused). The reason consists of the characters 0x20 to 0x7E and 0x80 to 0xFF and neither starts nor ends with a
  //: space; no control character, HTAB included, no CR or LF, no unit above U+00FF. Codes below 200 belong to the
  //: server. As a pattern:
  //:
  //: ```js
  //: /^[2-5][0-9]{2} (?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/
  //: ```
  checkStatus(status, refusal(exchange));
  return Number(status.substring(0, 3));
}

function checkFieldName(exchange: CheckedExchange, name: string): void {
  //: @in headers
  //: G-93, V-55: A header MUST NOT be named `Status`, in any case of letters: CGI would take it for the status.
  checkName(name, refusal(exchange));
  //: V-56, V-57, V-58, V-105: A name MUST be a token (RFC 9110, 5.6.2), thus without newline, colon or any unit above
  //: U+007F, and MUST NOT end in `-` or `_`. A name that is a token but does not begin with a letter, or has other
  //: characters than letters, digits, `-` and `_`, is a warning.
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
  //: Proxy-Authenticate, Proxy-Authorization, Proxy-Connection, TE, Trailer, Trailers, Transfer-Encoding or Upgrade, in
  //: any case of letters; nor apply a transfer coding, nor rely on such fields of the request. A server MUST throw on
  //: them. Upgrading the connection (WebSocket) is outside of this interface.
}

function checkFieldValue(exchange: CheckedExchange, name: string, value: string): void {
  //: V-59: A value MUST NOT contain a character below 0x20. HTAB inside a value is the exception, and a warning: RFC
  //: 9110, 5.5 has it, and the servers of this project accept it (G-90), but PEP 3333 forbids it to applications, and
  //: other servers refuse it.
  if (/[^\t ].*[^\t ]/s.exec(value)?.[0].includes('\t')) {
    exchange.warn(
      'V-59',
      exchange.link.inside,
      `the value of the header ${shown(name)} has a HTAB inside: ${shown(value)}`,
      'write a space: not every server takes it',
    );
  }
  //: G-91, V-105: Name and value MUST NOT contain a unit above U+00FF, and a value no DEL. A server MUST throw on them;
  //: cutting such a unit to its low byte turns U+010D U+010A into CR LF and lets others write the response. Leading and
  //: trailing blanks of a value are a warning.
  if (/^[\t ]|[\t ]$/.test(value)) {
    exchange.warn('V-105', exchange.link.inside, `the value ${shown(value)} has a blank at its end`, 'trim it');
  }
}

/** @returns the length, or the earlier one */
function checkLength(exchange: CheckedExchange, value: string, earlier: number, code: number): number {
  //: @in length
  //: G-94, V-107: A Content-Length given by the application MUST be digits. Fields that differ, and a comma list, are
  //: refused; equal ones are sent once. It MUST be absent with 204.
  //:
  //: ```js
  //: ['Content-Length', String(bytes.byteLength)]
  //: ```
  const length = lengthOf(value, earlier, refusal(exchange));
  if (code === 204) {
    throw exchange.inside('V-107', 'a 204 response has a Content-Length', 'leave it out');
  }
  return length;
}

/** @returns Content-Length, -1 without one, and whether there is a Content-Type */
function checkHeaders(exchange: CheckedExchange, headers: unknown, code: number): { length: number; hasType: boolean } {
  //: @in headers
  //: G-90, V-50, V-51, V-52, V-53, V-54: The headers MUST be an array (no subclass, no object, `Map` or `Headers`) of
  //: arrays of exactly two primitive strings, name and value.
  //:
  //: ```js
  //: [['Content-Type', 'text/html'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]
  //: ```
  // The prototype of an array of any realm is an array itself; that of a subclass is not.
  if (!Array.isArray(headers) || !Array.isArray(Object.getPrototypeOf(headers)))
    throw exchange.refused(ROWS.headers, noList(headers));
  let length = -1;
  let hasType = false;
  // By index: a hole is no header.
  for (let i = 0; i < headers.length; i++) {
    const field: unknown = headers[i];
    checkPair(field, i, refusal(exchange));
    const [name, value] = field;
    checkNameType(name, i, refusal(exchange));
    checkFieldName(exchange, name);
    checkValue(name, value, refusal(exchange));
    checkFieldValue(exchange, name, value);
    const lower = name.toLowerCase();
    if (lower === 'content-length') length = checkLength(exchange, value, length, code);
    if (lower === 'content-type') hasType = true;
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

/** Checks in the order of V-07; changes nothing. */
export function checkStartArguments(
  exchange: CheckedExchange,
  status: unknown,
  headers: unknown,
  errorArgument: unknown,
): { head: CheckedHead; error: Error | null } {
  //: @in start-response
  //: V-07: Status, headers, Content-Type and error argument are checked in this order, before the outer `startResponse`
  //: is called.
  const code = codeOf(exchange, status);
  const { length, hasType } = checkHeaders(exchange, headers, code);
  checkType(exchange, code, hasType, length);
  //: G-85, V-62: The third argument MUST be an `Error` object. Absent, `undefined` and `null` mean "no error"; anything
  //: else is refused with a `TypeError`. JavaScript can throw any value: wrap one that is no Error in an Error with a
  //: `cause`.
  const error = givenError(errorArgument, refusal(exchange));
  return { head: { code, length, hasType }, error };
}
