import { REQUEST_LINE } from '../../rules/grammar.ts';
import type { RefusedLine } from '../host.ts';

/** Longest part (bytes) of a request line that is kept. */
const LONGEST = 8192;

/** What can be read of the request line that a head begins with, whole or not; null where it does not look like one. */
export function refusedLine(head: string): RefusedLine | null {
  const text = head.slice(0, LONGEST);
  const end = text.search(/[\r\n]/);
  const match = REQUEST_LINE.exec(end < 0 ? text : text.slice(0, end));
  return match === null ? null : { method: match[1], target: match[2], protocol: match[3] ?? 'HTTP/1.1' };
}
