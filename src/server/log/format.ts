import { pino } from 'pino';
import type { ResolvedOptions } from '../options.ts';

/** The facts of a finished request. The log keeps nothing of it, so one record may be used again and again. */
export interface AccessRecord {
  /** `''` for a peer without one, as on a Unix socket. */
  remoteAddress: string;
  method: string;
  /** As received. */
  target: string;
  /** `HTTP/1.1` */
  protocol: string;
  status: number;
  /** Bytes of the body, framing not counted. */
  bytes: number;
  /** Milliseconds from the head of the request to the last byte of the response; fractions are kept. */
  durationMs: number;
  /** Native strings; `''` where the field is absent. */
  referer: string;
  userAgent: string;
  /** Milliseconds since 1970. */
  time: number;
}

/**
 * What turns records into lines of a format, each with its line feed, and hands them to `add`. The formats common and
 * combined are those of the Apache server with the duration in milliseconds as one more field at the end; JSON lines
 * come from pino.
 */
export function formatter(
  format: ResolvedOptions['accessLogFormat'],
  add: (line: string) => void,
): (record: AccessRecord) => void {
  if (format !== 'json') {
    const combined = format === 'combined';
    return (record) => add(commonLine(record, combined));
  }
  // The time is the record's own. Level and time stay numbers, as pino's tools expect them: half the cost of text.
  const lines = { write: (line: string) => add(visibleControls(line)) };
  const json = pino({ base: null, timestamp: false }, lines);
  return (record) => json.info(jsonFields(record));
}

/** Apache's way (G-73): quotes, backslashes and all that is not printable ASCII as `\"`, `\\` and `\xHH`. */
function escaped(text: string): string {
  if (text === '') return '-';
  if (!/[^ -~]|["\\]/.test(text)) return text;
  return text.replace(/[^ -~]|["\\]/g, (found) => {
    const unit = found.charCodeAt(0);
    if (unit === 0x22 || unit === 0x5c) return `\\${found}`;
    return unit < 0x100 ? `\\x${hex(unit, 2)}` : `\\u${hex(unit, 4)}`;
  });
}

/** For a place without quotes: no blanks either. */
function escapedWord(text: string): string {
  return escaped(text).replaceAll(' ', '\\x20');
}

function hex(unit: number, digits: number): string {
  return unit.toString(16).padStart(digits, '0');
}

function commonLine(record: AccessRecord, combined: boolean): string {
  const { remoteAddress, method, target, protocol, status, bytes, durationMs } = record;
  const visitor = combined ? ` "${escaped(record.referer)}" "${escaped(record.userAgent)}"` : '';
  return `${escapedWord(remoteAddress)} - - ${clfTime(record.time)} "${escaped(method)} ${escaped(target)} ${escaped(
    protocol,
  )}" ${status} ${bytes || '-'}${visitor} ${milliseconds(durationMs)}\n`;
}

function milliseconds(duration: number): number {
  return Math.round(duration * 1000) / 1000;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let clfSecond = Number.NaN;
let clfText = '';

/** `[10/Oct/2000:13:55:36 -0700]`, in the zone of the machine; made once a second. */
function clfTime(time: number): string {
  const second = Math.floor(time / 1000);
  if (second !== clfSecond) {
    clfSecond = second;
    const at = new Date(second * 1000);
    const offset = -at.getTimezoneOffset();
    const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    clfText = `[${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}:${clock} ${zone}]`;
  }
  return clfText;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

function jsonFields(record: AccessRecord): Record<string, unknown> {
  return {
    time: record.time,
    remoteAddress: record.remoteAddress || undefined,
    method: record.method,
    target: unicode(record.target),
    protocol: record.protocol,
    status: record.status,
    bytes: record.bytes,
    durationMs: milliseconds(record.durationMs),
    referer: record.referer ? unicode(record.referer) : undefined,
    userAgent: record.userAgent ? unicode(record.userAgent) : undefined,
  };
}

/** A native string stands for bytes; people read what those bytes mean in UTF-8. */
function unicode(native: string): string {
  return /[\x80-\xff]/.test(native) ? Buffer.from(native, 'latin1').toString() : native;
}

/**
 * JSON escapes C0 controls only. A terminal obeys DEL and C1 as well, some readers end a line at U+2028, and what is
 * invisible or turns the direction of text makes a line look like another (G-73).
 */
function visibleControls(line: string): string {
  if (!/[^\n -~]/.test(line)) return line;
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${hex(found.charCodeAt(at), 4)}`).join(''),
  );
}
