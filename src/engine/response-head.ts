/**
 * Checks of `startResponse`'s arguments, during the call and always (G-85 to G-96), and the head made of them.
 */
import { ApplicationError } from '../interface/errors.ts';
import {
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  type ResponseHead,
} from '../interface/transport.ts';
import type { HeaderField } from '../interface/types.ts';
import {
  checkName,
  checkNameType,
  checkPair,
  checkStatus,
  checkValue,
  headError,
  lengthOf,
  noList,
} from '../rules/head.ts';
import { Memo } from '../rules/memo.ts';

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

// What passed the check before: three fields take 150 ns in place of 570.
const KNOWN_NAMES = new Memo<KnownName>();
const KNOWN_STATUSES = new Memo<KnownStatus>();
/** Units of a value that is kept. */
const LONGEST_KNOWN = 256;

/**
 * The largest head, its status line and field lines as bytes: what a response ring of the usual size takes at once,
 * with room for the lines of the server. The same wherever the application runs (G-181).
 */
const MOST_BYTES = 262144;

function knownStatus(status: unknown): KnownStatus {
  checkStatus(status, headError);
  return KNOWN_STATUSES.keep(status, { code: Number(status.substring(0, 3)), line: `${status}\r\n` });
}

function knownName(name: string): KnownName {
  checkName(name, headError);
  const lower = name.toLowerCase();
  const meaning =
    lower === 'content-length' ? CONTENT_LENGTH : lower === 'date' ? DATE : lower === 'server' ? SERVER : PLAIN;
  return KNOWN_NAMES.keep(name, { meaning, value: '', line: `${name}: \r\n` });
}

/** The line of a field whose value has not been seen with this name just before. */
function lineOf(name: string, known: KnownName, value: unknown): string {
  checkValue(name, value, headError);
  const line = `${name}: ${value}\r\n`;
  if (value.length <= LONGEST_KNOWN) {
    known.value = value;
    known.line = line;
  }
  return line;
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
  // Whatever is looked up: only strings are in the map.
  const { code, line } = KNOWN_STATUSES.get(status as string) ?? knownStatus(status);
  if (!Array.isArray(headers)) throw headError(noList(headers));
  let text = line;
  let length = -1;
  let flags = forHead || code === 204 || code === 304 ? HEAD_NO_BODY : 0;
  for (let i = 0, count = headers.length; i < count; i++) {
    const field: unknown = headers[i];
    checkPair(field, i, headError);
    const name: unknown = field[0];
    const value: unknown = field[1];
    checkNameType(name, i, headError);
    const known = KNOWN_NAMES.get(name) ?? knownName(name);
    const fieldLine = value === known.value ? known.line : lineOf(name, known, value);
    read?.push([name, value as string]); // checked just now, or when it was remembered
    const meaning = known.meaning;
    if (meaning !== PLAIN) {
      if (meaning === CONTENT_LENGTH) {
        const first = length < 0;
        length = lengthOf(value as string, length, headError); // a string, as above
        // Equal ones are sent once (G-94); 204 has none and that of 205 is 0 (G-129).
        if (!first || code === 204 || code === 205) continue;
        flags |= HEAD_HAS_LENGTH;
      } else {
        flags |= meaning === DATE ? HEAD_HAS_DATE : HEAD_HAS_SERVER;
      }
    }
    text += fieldLine;
  }
  if (text.length > MOST_BYTES) {
    throw new ApplicationError(`startResponse: the head has ${text.length} bytes, more than ${MOST_BYTES} (G-191)`);
  }
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
