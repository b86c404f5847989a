import {
  CARRY_SIZE,
  LIMIT_CHUNK_EXTENSIONS,
  LIMIT_CHUNK_LINE,
  LIMIT_FIELD_LINE,
  LIMIT_FIELDS,
  LIMIT_HEAD,
  LIMIT_LEADING,
  LIMIT_REQUEST_LINE,
  LIMIT_TRAILER,
  MAX_FIELDS,
} from '../../../assembly/layout.ts';

/** What a request must not exceed. Lengths are bytes and do not count a line's CR LF. */
export interface ParserLimits {
  /** Longest request line (414); at most 65535. */
  requestLine: number;
  /** Longest field line, of a head or of a trailer section (431); at most 65535. */
  fieldLine: number;
  /** Most fields of a head, and most trailer fields of a body (431); at most 2048. */
  fields: number;
  /** Largest head, from the method to the end of the empty line (431); at most 262144. */
  head: number;
  /** Longest chunk size line, extensions included (400). */
  chunkLine: number;
  /** Bytes of all chunk extensions of one body (400). */
  chunkExtensions: number;
  /** Largest trailer section (431); at most 262144. */
  trailer: number;
  /** Most empty lines before a request line (400). */
  leadingLines: number;
}

/** Those of a parser that is given none; a server's own defaults are made of them. */
export const DEFAULT_LIMITS: Readonly<ParserLimits> = {
  requestLine: 8190,
  fieldLine: 16384,
  fields: 100,
  head: 65536,
  chunkLine: 4096,
  chunkExtensions: 16384,
  trailer: 16384,
  leadingLines: 4,
};

/** For each limit: its word, and the largest value that the memory map allows. */
export const LIMIT_TABLE: Record<keyof ParserLimits, readonly [word: number, most: number]> = {
  requestLine: [LIMIT_REQUEST_LINE, 65535],
  fieldLine: [LIMIT_FIELD_LINE, 65535],
  fields: [LIMIT_FIELDS, MAX_FIELDS],
  head: [LIMIT_HEAD, CARRY_SIZE],
  chunkLine: [LIMIT_CHUNK_LINE, 65535],
  chunkExtensions: [LIMIT_CHUNK_EXTENSIONS, 0x7fffffff],
  trailer: [LIMIT_TRAILER, CARRY_SIZE],
  leadingLines: [LIMIT_LEADING, 65535],
};
