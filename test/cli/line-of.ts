import { LineBytes } from '../../src/server/log/line-bytes.ts';
import type { AccessFormat, AccessRecord } from '../../src/server/log/record.ts';

/** The line of a format, with its line feed. */
export function lineOf(format: AccessFormat, record: AccessRecord): string {
  const lines = new LineBytes();
  format.write(record, lines);
  return lines.take().toString();
}
