import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import { soughtField } from './atoms.ts';
import { visibleControls } from './escape.ts';
import { type AccessFormat, type AccessRecord, milliseconds } from './record.ts';

/**
 * Writes objects as pino does, a line each; without the names of process and host. Level and time are numbers, as the
 * tools of pino expect them: half the cost of text.
 *
 * @param level of the least severe that are written; @param timed whether pino adds the time
 */
export function jsonLines(write: (line: string) => void, level: string, timed: boolean): Logger {
  // Loaded where JSON is asked for: it takes as long as a sixth of the server.
  const { pino }: typeof import('pino') = createRequire(import.meta.url)('pino');
  return pino({ base: null, timestamp: timed, level }, { write: (line: string) => write(visibleControls(line)) });
}

/** The format json of the access log. */
export function jsonFormat(): AccessFormat {
  let line = '';
  const json = jsonLines(
    (written) => {
      line = written;
    },
    'info',
    false, // the time is the record's own
  );
  return {
    facts: { fields: [soughtField('Referer'), soughtField('User-Agent')], responseHead: false, worker: false },
    write(record, lines) {
      json.info(jsonFields(record));
      lines.put(line);
    },
  };
}

function jsonFields(record: AccessRecord): Record<string, unknown> {
  const [referer, userAgent] = record.fields;
  return {
    time: record.time,
    remoteAddress: record.remoteAddress || undefined,
    method: record.method,
    target: unicode(record.target),
    protocol: record.protocol,
    status: record.status,
    bytes: record.bytes,
    durationMs: milliseconds(record.durationMs),
    referer: referer ? unicode(referer) : undefined,
    userAgent: userAgent ? unicode(userAgent) : undefined,
  };
}

/** A native string stands for bytes; people read what those bytes mean in UTF-8. */
function unicode(native: string): string {
  return /[\x80-\xff]/.test(native) ? Buffer.from(native, 'latin1').toString() : native;
}
