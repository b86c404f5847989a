/** What a server answers itself, whatever its protocol. */
import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import { statusLine } from '../rules/status-line.ts';

/** For a request to which no worker came in time. */
export const BUSY = 'all workers are busy';
/** For a request body above the limit, announced (413) or found while it is read (G-65). */
export const TOO_LARGE = 'the request body is larger than this server accepts';

/**
 * A plain page, and its bytes (none for HEAD).
 *
 * @param retryAfter seconds, for 503 (RFC 9110, 10.2.3)
 */
export function errorHead(status: number, message: string, isHead: boolean, retryAfter = 1): [ResponseHead, Buffer] {
  const line = statusLine(status);
  const body = Buffer.from(`${message === '' ? line : `${line}: ${message}`}\n`, 'latin1');
  let text = `${line}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
  if (status === 503) text += `Retry-After: ${retryAfter}\r\n`;
  const flags = HEAD_HAS_LENGTH | (isHead ? HEAD_NO_BODY : 0);
  return [{ status, text, length: body.length, flags }, isHead ? Buffer.alloc(0) : body];
}
