import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import { isClientFault } from '../rules/failures.ts';
import { property } from '../rules/property.ts';
import { statusLine } from '../rules/status-line.ts';

/** A page and its head, made anew for each use: a transport may keep what it is given. */
interface ErrorPage {
  head: ResponseHead;
  /** Null for HEAD (G-144). */
  body: Uint8Array | null;
}

/**
 * The page of a server in place of a response, of one line: for a request that failed fixed, without details (G-140);
 * with the framing of any other response (G-144).
 *
 * @param status 400 to 599; 200 for a health check
 * @param message behind the reason phrase, for a request that was refused: ISO-8859-1
 * @param retryAfter seconds (RFC 9110, 10.2.3); 0 for no such field
 */
export function plainPage(status: number, forHead: boolean, message = '', retryAfter = 0): ErrorPage {
  const line = statusLine(status);
  const body = Buffer.from(`${message === '' ? line : `${line}: ${message}`}\n`, 'latin1');
  let text = `${line}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
  if (retryAfter > 0) text += `Retry-After: ${retryAfter}\r\n`;
  return {
    head: { status, text, length: body.length, flags: HEAD_HAS_LENGTH | (forHead ? HEAD_NO_BODY : 0) },
    body: forHead ? null : new Uint8Array(body),
  };
}

/** The status for an error of the application: what fits a request body that broke off, else 500. */
export function statusFor(error: unknown): number {
  if (!isClientFault(error)) return 500;
  const status = property(error, 'status'); // anybody may have made it (G-145)
  return typeof status === 'number' && status >= 400 && status <= 599 && Number.isInteger(status) ? status : 500;
}
