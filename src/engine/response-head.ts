/**
 * Checks of `startResponse`'s arguments, during the call and always (G-85 to G-96), and the head made of them.
 */
import { isNativeError } from 'node:util/types';
import { ApplicationError } from '../interface/errors.ts';
import {
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  type ResponseHead,
} from '../interface/transport.ts';
import type { HeaderField } from '../interface/types.ts';
import { DIGITS, FIELD_VALUE, STATUS, TOKEN } from '../rules/grammar.ts';
import { HOP_BY_HOP } from '../rules/hop-by-hop.ts';
import { shown, typeName } from '../rules/show.ts';

const PLAIN = 0;
const CONTENT_LENGTH = 1;
const DATE = 2;
const SERVER = 3;

/** A field name that passed the check, with the line that was made of it last. */
interface KnownName {
  readonly meaning: number;
  /** A value that passed the check; most applications send the same one again. */
  value: string;
  /** Name, value, CR LF. */
  line: string;
}

/** A status that passed the check, with its line. */
interface KnownStatus {
  readonly code: number;
  readonly line: string;
}

// What passed the check before: three fields take 150 ns in place of 570. Bounded, since an application may make
// names, values and statuses up as it goes.
const KNOWN_NAMES = new Map<string, KnownName>();
const KNOWN_STATUSES = new Map<string, KnownStatus>();
const MOST_KNOWN = 256;
const LONGEST_KNOWN = 256;

/**
 * The largest head, its status line and field lines as bytes: what a response ring of the usual size takes at once,
 * with room for the lines of the server. The same wherever the application runs (G-181).
 */
const MOST_BYTES = 262144;

function refuse(message: string): never {
  throw new ApplicationError(`startResponse: ${message}`);
}

/** Keeps what was checked, within bounds; starting afresh lets the common ones come back. */
function remember<T>(map: Map<string, T>, key: string, known: T): T {
  if (key.length > LONGEST_KNOWN) return known;
  if (map.size >= MOST_KNOWN) map.clear();
  map.set(key, known);
  return known;
}

function checkStatus(status: unknown): KnownStatus {
  if (typeof status !== 'string' || !STATUS.test(status)) {
    refuse(
      `the status must be three digits from 200 to 599, a space and a reason phrase of printable native characters, ` +
        `such as '200 OK'; got ${shown(status)} (G-88, G-89, G-91)`,
    );
  }
  return remember(KNOWN_STATUSES, status, { code: Number(status.substring(0, 3)), line: `${status}\r\n` });
}

function checkName(name: string): KnownName {
  if (!TOKEN.test(name)) refuse(`the header name ${shown(name)} is no token (G-90, G-91)`);
  const lower = name.toLowerCase();
  if (HOP_BY_HOP.has(lower)) {
    refuse(`the header ${shown(name)} is hop-by-hop: it belongs to the connection, which is the server's (G-92)`);
  }
  if (lower === 'status') refuse(`a header named 'Status' would be taken for the status by CGI (G-93)`);
  const meaning =
    lower === 'content-length' ? CONTENT_LENGTH : lower === 'date' ? DATE : lower === 'server' ? SERVER : PLAIN;
  return remember(KNOWN_NAMES, name, { meaning, value: '', line: `${name}: \r\n` });
}

/** The line of a field whose value has not been seen with this name just before. */
function checkValue(name: string, known: KnownName, value: unknown): string {
  if (typeof value !== 'string') {
    refuse(`the value of the header ${shown(name)} must be a string, got ${typeName(value)} (G-90)`);
  }
  if (!FIELD_VALUE.test(value)) {
    refuse(
      `the value of the header ${shown(name)} has a control character or one above U+00FF: ` +
        `${shown(value)} (G-90, G-91)`,
    );
  }
  const line = `${name}: ${value}\r\n`;
  if (value.length <= LONGEST_KNOWN) {
    known.value = value;
    known.line = line;
  }
  return line;
}

function contentLength(value: string, earlier: number): number {
  const length = Number(value);
  if (!DIGITS.test(value) || !Number.isSafeInteger(length)) {
    refuse(`Content-Length must be digits, got ${shown(value)} (G-94)`);
  }
  if (earlier >= 0 && earlier !== length) refuse(`two Content-Length fields that differ: ${earlier}, ${length} (G-94)`);
  return length;
}

/**
 * Checks status and headers and writes them down for the wire. The array is read once: what was checked is what is
 * sent, whatever becomes of it later (G-96).
 *
 * @param forHead whether the request method is HEAD (G-128)
 * @param read takes the fields that passed, for whoever passes the head on and must not read the array again
 * @throws ApplicationError naming the rule that was broken
 */
export function checkHead(status: unknown, headers: unknown, forHead: boolean, read?: HeaderField[]): ResponseHead {
  const { code, line } = KNOWN_STATUSES.get(status as string) ?? checkStatus(status);
  if (!Array.isArray(headers)) {
    refuse(`the headers must be an array of [name, value] arrays, got ${typeName(headers)} (G-90)`);
  }
  let text = line;
  let length = -1;
  let flags = forHead || code === 204 || code === 304 ? HEAD_NO_BODY : 0;
  for (let i = 0, count = headers.length; i < count; i++) {
    const field: unknown = headers[i];
    if (!Array.isArray(field) || field.length !== 2) {
      refuse(`header ${i} must be an array of a name and a value, got ${typeName(field)} (G-90)`);
    }
    const name: unknown = field[0];
    const value: unknown = field[1];
    if (typeof name !== 'string') refuse(`the name of header ${i} must be a string, got ${typeName(name)} (G-90)`);
    const known = KNOWN_NAMES.get(name) ?? checkName(name);
    const fieldLine = value === known.value ? known.line : checkValue(name, known, value);
    read?.push([name, value as string]); // checked just now, or when it was remembered
    const meaning = known.meaning;
    if (meaning !== PLAIN) {
      if (meaning === CONTENT_LENGTH) {
        const first = length < 0;
        length = contentLength(value as string, length);
        // Equal ones are sent once (G-94); 204 has none and that of 205 is 0 (G-129).
        if (!first || code === 204 || code === 205) continue;
        flags |= HEAD_HAS_LENGTH;
      } else {
        flags |= meaning === DATE ? HEAD_HAS_DATE : HEAD_HAS_SERVER;
      }
    }
    text += fieldLine;
  }
  if (text.length > MOST_BYTES) refuse(`the head has ${text.length} bytes, more than ${MOST_BYTES} (G-191)`);
  if (code === 204 || code === 205) length = 0;
  const head: ResponseHead = { status: code, text, length, flags };
  if (code === 205 && forHead) writeLength(head, 0);
  return head;
}

/** Adds a Content-Length line: for a response whose framing the transport leaves alone, HEAD (G-123, G-128). */
export function writeLength(head: ResponseHead, length: number): void {
  head.text += `Content-Length: ${length}\r\n`;
  head.length = length;
  head.flags |= HEAD_HAS_LENGTH;
}

/**
 * The third argument of `startResponse` (G-85): an Error, also one of another realm, or nothing.
 *
 * @throws TypeError for any other type
 */
export function checkError(error: unknown): Error | null {
  if (error === undefined || error === null) return null;
  if (error instanceof Error || isNativeError(error)) return error as Error;
  throw new TypeError(`startResponse: the third argument must be an Error, got ${typeName(error)} (G-85)`);
}
