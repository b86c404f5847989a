/** The answer of an open file: conditions, ranges, and the fields that follow from them (RFC 9110, 13 and 14). */
import { closeSync } from 'node:fs';
import { extname } from 'node:path';
import { mimes } from 'mrmime';
import { isAsyncEnviron } from '../../interface/kind.ts';
import type { HeaderField, HeaderFields } from '../../interface/types.ts';
import { statusLine } from '../../rules/status-line.ts';
import { Head, standFor } from '../head.ts';
import { evaluate, FAILED, NOT_MODIFIED, PROCEED } from '../preconditions.ts';
import type { Answer, AnyEnviron } from '../types.ts';
import { asyncFileBody, type FilePart, syncFileBody } from './file.ts';
import type { OpenedFile } from './file-system.ts';
import { rangeOf, rangeStillValid, strongTag } from './range.ts';

/** What is said of a file besides what it and the request say. */
export interface FileDescription {
  /** Media type. */
  type: string;
  /** Content coding of its bytes; null: as they are. */
  coding: string | null;
  /** Fields that a 304 has too. */
  headers: HeaderFields;
}

interface FileHead {
  code: number;
  headers: HeaderField[];
  /** What of the file is the body; null for none. */
  part: FilePart | null;
}

/**
 * The media type of a name, by its ending.
 *
 * @param types by ending in lower case, such as `.foo`; ahead of the built-in ones
 */
export function mediaType(name: string, types?: ReadonlyMap<string, string>): string {
  const ending = extname(name).toLowerCase();
  const known = Object.hasOwn(mimes, ending.slice(1)) ? mimes[ending.slice(1)] : 'application/octet-stream';
  const type = types?.get(ending) ?? known;
  return /^text\/[^;]+$/.test(type) ? `${type}; charset=utf-8` : type;
}

/** Fields of what is sent, which a 304 does not have. */
function contentFields({ type, coding }: FileDescription, length: number): HeaderField[] {
  return [
    ['Content-Type', type],
    ['Content-Length', String(length)],
    ['Accept-Ranges', 'bytes'],
    ['X-Content-Type-Options', 'nosniff'],
    ...(coding === null ? [] : [['Content-Encoding', coding] satisfies HeaderField]),
  ];
}

function headOf(environ: AnyEnviron, { stat, descriptor }: OpenedFile, description: FileDescription): FileHead {
  const etag = strongTag(stat, description.coding);
  const lastModified = stat.mtime.toUTCString();
  const headers: HeaderField[] = [
    ['Last-Modified', lastModified],
    ['ETag', etag],
    ...description.headers.map(([name, value]): HeaderField => [name, value]),
  ];
  const reads = environ.REQUEST_METHOD === 'GET' || environ.REQUEST_METHOD === 'HEAD';
  const outcome = reads ? evaluate(environ, { etag, lastModified }) : PROCEED;
  if (outcome === NOT_MODIFIED) {
    const whole = new Head('200 OK', [...headers, ...contentFields(description, stat.size)]);
    standFor(headers, { head: whole, chunks: null });
    return { code: 304, headers, part: null };
  }
  if (outcome === FAILED) return { code: 412, headers: [['Content-Length', '0']], part: null };

  let [code, start, length] = [200, 0, stat.size];
  const field = environ.REQUEST_METHOD === 'GET' ? environ.HTTP_RANGE : undefined;
  if (field !== undefined && rangeStillValid(environ.HTTP_IF_RANGE, etag)) {
    const range = rangeOf(field, stat.size);
    if (range === 'unsatisfiable') {
      const fields: HeaderField[] = [
        ['Content-Range', `bytes */${stat.size}`],
        ['Content-Length', '0'],
      ];
      return { code: 416, headers: fields, part: null };
    }
    if (range !== null) {
      code = 206;
      start = range.start;
      length = range.end - range.start + 1;
      headers.push(['Content-Range', `bytes ${range.start}-${range.end}/${stat.size}`]);
    }
  }
  headers.push(...contentFields(description, length));
  const part = environ.REQUEST_METHOD === 'HEAD' ? null : { descriptor, start, length, whole: code === 200 };
  return { code, headers, part };
}

/**
 * Answers with a file; GET and HEAD by their conditions. The descriptor is closed here, or by the body.
 *
 * @param describe may throw
 */
export function answerFile(environ: AnyEnviron, file: OpenedFile, describe: () => FileDescription): Answer {
  let owned = true;
  try {
    const { code, headers, part } = headOf(environ, file, describe());
    const status = statusLine(code);
    if (part === null) return { status, headers, body: [] };
    const body = isAsyncEnviron(environ) ? asyncFileBody(environ, part) : syncFileBody(environ, part);
    owned = false;
    return { status, headers, body };
  } finally {
    if (owned) closeSync(file.descriptor);
  }
}
