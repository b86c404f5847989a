/** Which part of which version of a file is asked for (RFC 9110, 13 and 14). */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import parseRange from 'range-parser';

/** The part of a file that a Range field asks for; null: all of it; `'unsatisfiable'`: 416. */
export function rangeOf(field: string, size: number): { start: number; end: number } | null | 'unsatisfiable' {
  // The name of the unit is of either case (RFC 9110, 14.1). A suffix longer than the file means all of it (14.1.2),
  // which range-parser takes for unsatisfiable.
  const limited = field
    .replace(/^bytes=/i, 'bytes=')
    .replace(/([=,][ \t]*)-([0-9]+)/g, (range, before: string, suffix: string) =>
      Number(suffix) > size ? `${before}-${size}` : range,
    );
  const ranges = parseRange(size, limited);
  if (ranges === -1) return limited.startsWith('bytes=') ? 'unsatisfiable' : null;
  if (ranges === -2 || ranges.type !== 'bytes') return null;
  // Several ranges may be answered by the whole (RFC 9110, 14.2), which costs less than many small parts.
  return ranges.length === 1 ? ranges[0] : null;
}

/**
 * A strong tag (RFC 9110, 8.8.1): size and time of modification do not make one, as tools that copy and build set the
 * time. The time of change cannot be set, and a file put in the place of another has another number.
 */
export function strongTag({ dev, ino, size, mtimeMs, ctimeMs }: Stats, coding: string | null): string {
  const identity = [dev, ino, size, mtimeMs, ctimeMs, coding].join();
  return `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`;
}

/**
 * If-Range: the tag has to be the very same (RFC 9110, 13.1.5). A date never is: clients have the tag, and two versions
 * may have the same time of modification.
 */
export function rangeStillValid(field: string | undefined, etag: string): boolean {
  return field === undefined || field === etag;
}
