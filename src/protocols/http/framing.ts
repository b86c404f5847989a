import { FLAG_HTTP_1_0 } from '../../../assembly/layout.ts';
import {
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  type ResponseHead,
} from '../../interface/transport.ts';
import type { Exchange } from '../exchange.ts';

/** The zero-size chunk that ends a chunked body without trailers (RFC 9112 7.1). */
export const LAST_CHUNK = '0\r\n\r\n';

const SIZE_LINES: string[] = [];

/** The line before a chunk of `length` bytes (RFC 9112 7.1). Lines of small sizes are kept. */
export function chunkSizeLine(length: number): string {
  if (length >= 4096) return `${length.toString(16)}\r\n`;
  SIZE_LINES[length] ??= `${length.toString(16)}\r\n`;
  return SIZE_LINES[length];
}

/** Field lines of the server, each with CR LF, or ''. */
export interface ServerLines {
  /** `Server`. */
  readonly serverLine: string;
  /** `Connection` and `Keep-Alive`, where the connection stays and its owner wants clients to know for how long. */
  readonly keepAliveLines?: string;
}

/**
 * The response head as it goes on the wire (RFC 9112 4 to 6), and the framing of the body noted in the exchange:
 * a length where it is known, else the chunked coding, else (HTTP/1.0) the end of the connection (G-125).
 *
 * @param date the `Date` line, with CR LF
 */
export function frameHead(
  exchange: Exchange,
  head: ResponseHead,
  persist: boolean,
  date: string,
  { serverLine, keepAliveLines = '' }: ServerLines,
): string {
  const { flags, length } = head;
  const old = (exchange.flags & FLAG_HTTP_1_0) !== 0;
  let text = `HTTP/1.1 ${head.text}`;
  if ((flags & HEAD_HAS_DATE) === 0) text += date;
  if ((flags & HEAD_HAS_SERVER) === 0) text += serverLine;
  if ((flags & HEAD_NO_BODY) !== 0) {
    exchange.left = 0;
  } else if (length >= 0) {
    exchange.left = length;
    if ((flags & HEAD_HAS_LENGTH) === 0) text += `Content-Length: ${length}\r\n`;
  } else if (old) {
    persist = false;
  } else {
    exchange.chunked = true;
    text += 'Transfer-Encoding: chunked\r\n';
  }
  exchange.persist = persist;
  if (!persist) text += 'Connection: close\r\n';
  else if (keepAliveLines !== '') text += keepAliveLines;
  else if (old) text += 'Connection: keep-alive\r\n';
  return `${text}\r\n`;
}
