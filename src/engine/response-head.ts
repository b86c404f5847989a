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

/** What was made of a status and the first fields of a head, the last of which has this name and value. */
interface KnownHead {
  readonly name: string;
  readonly value: string;
  /** Their lines. */
  readonly text: string;
  /** The Content-Length; -1 without one. */
  readonly length: number;
  readonly flags: number;
  /** With one field more, the last that followed twice. */
  next: KnownHead | null;
}

/** A status that passed the check, ahead of all fields. */
interface KnownStatus extends KnownHead {
  readonly code: number;
}

// What passed the check before. A head that comes again is only compared: three fields take 30 ns in place of 570, and
// its text, in one piece by then, is written in 45 ns in place of 150. From the first field on that is another than the
// last time, names are looked up: 130 ns.
const KNOWN_NAMES = new Memo<KnownName>();
const KNOWN_STATUSES = new Memo<KnownStatus>();
/** Units of a value that is kept. */
const LONGEST_KNOWN = 256;
/** Units of a head that is kept. */
const LONGEST_HEAD = 2048;

/**
 * The largest head, its status line and field lines as bytes: what a response ring of the usual size takes at once,
 * with room for the lines of the server. The same wherever the application runs (G-181).
 */
const MOST_BYTES = 262144;

function knownStatus(status: unknown): KnownStatus {
  checkStatus(status, headError);
  const code = Number(status.substring(0, 3));
  const flags = code === 204 || code === 304 ? HEAD_NO_BODY : 0;
  const nothing = { name: '', value: '', length: -1, next: null };
  return KNOWN_STATUSES.keep(status, { ...nothing, code, text: `${status}\r\n`, flags });
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
  const first = KNOWN_STATUSES.get(status as string) ?? knownStatus(status);
  if (!Array.isArray(headers)) throw headError(noList(headers));
  const { code } = first;
  let { text, length, flags } = first;
  let head: KnownHead | null = first;
  for (let i = 0, count = headers.length; i < count; i++) {
    const field: unknown = headers[i];
    checkPair(field, i, headError);
    const name: unknown = field[0];
    const value: unknown = field[1];
    const next: KnownHead | null = head === null ? null : head.next;
    if (next !== null && name === next.name && value === next.value) {
      head = next;
      text = next.text;
      length = next.length;
      flags = next.flags;
      read?.push([next.name, next.value]);
      continue;
    }
    checkNameType(name, i, headError);
    const known = KNOWN_NAMES.get(name) ?? knownName(name);
    const again = value === known.value;
    const line = again ? known.line : lineOf(name, known, value);
    read?.push([name, value as string]); // checked just now, or when it was remembered
    const meaning = known.meaning;
    let sent = true;
    if (meaning === CONTENT_LENGTH) {
      // Equal ones are sent once (G-94); 204 has none and that of 205 is 0 (G-129).
      sent = length < 0 && code !== 204 && code !== 205;
      length = lengthOf(value as string, length, headError); // a string, as above
      if (sent) flags |= HEAD_HAS_LENGTH;
    } else if (meaning !== PLAIN) {
      flags |= meaning === DATE ? HEAD_HAS_DATE : HEAD_HAS_SERVER;
    }
    if (sent) text += line;
    if (head === null) continue;
    let grown: KnownHead | null = null;
    if (again && text.length <= LONGEST_HEAD) {
      grown = { name, value: known.value, text, length, flags, next: null };
      head.next = grown;
    }
    head = grown;
  }
  if (text.length > MOST_BYTES) {
    throw new ApplicationError(`startResponse: the head has ${text.length} bytes, more than ${MOST_BYTES} (G-191)`);
  }
  if (code === 204 || code === 205) length = 0;
  const made: ResponseHead = { status: code, text, length, flags: forHead ? flags | HEAD_NO_BODY : flags };
  if (code === 205 && forHead) writeLength(made, 0);
  return made;
}

/** Adds a Content-Length line: for a response whose framing the transport leaves alone, HEAD (G-123, G-128). */
export function writeLength(head: ResponseHead, length: number): void {
  head.text += `Content-Length: ${length}\r\n`;
  head.length = length;
  head.flags |= HEAD_HAS_LENGTH;
}
