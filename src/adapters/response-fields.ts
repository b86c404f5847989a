/** Status and header fields of responses that were made for node:http or fetch, as `startResponse` takes them. */
import { STATUS_CODES } from 'node:http';
import type { HeaderField } from '../interface/types.ts';
import { HOP_BY_HOP } from '../toolbox/hop-by-hop.ts';

const HTAB = 0x09;
const SP = 0x20;

/** Without the blanks around it. Not `trim`, which takes U+00A0 too, a byte of UTF-8 here (G-34); linear in the length. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  const blank = (at: number): boolean => text.charCodeAt(at) === SP || text.charCodeAt(at) === HTAB;
  while (start < end && blank(start)) start++;
  while (end > start && blank(end - 1)) end--;
  return text.substring(start, end);
}

/**
 * Adds a field, unless it belongs to the connection, which is the gateway's (G-92), or is named `Status`, which no gateway may
 * send (G-93). Blanks around the value are no part of it (RFC 9110, 5.5).
 */
export function addField(headers: HeaderField[], name: string, value: string): void {
  const lower = name.toLowerCase();
  if (HOP_BY_HOP.has(lower) || lower === 'status') return;
  headers.push([name, trimmed(value)]);
}

/** The status line: the given reason, or else that of the registry. Blanks that G-88 refuses become plain ones or go. */
export function statusOf(code: number, reason: string): string {
  return `${code} ${trimmed(reason.replaceAll('\t', ' ')) || (STATUS_CODES[code] ?? 'Unknown')}`;
}
