import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';

/** A response head as the interfaces of other servers want it. */
interface HeadParts {
  /** Native string, perhaps empty. */
  reason: string;
  /**
   * Names and values in turn, in the application's order and spelling; with Content-Length where it is known (G-123).
   */
  fields: string[];
}

/** Takes a checked head apart. */
export function headParts({ text, length, flags }: ResponseHead): HeadParts {
  const end = text.indexOf('\r\n');
  const reason = text.substring(4, end);
  const fields: string[] = [];
  for (let at = end + 2; at < text.length; ) {
    const colon = text.indexOf(':', at);
    const last = text.indexOf('\r\n', colon);
    fields.push(text.substring(at, colon), text.substring(colon + 2, last));
    at = last + 2;
  }
  if (length >= 0 && (flags & (HEAD_HAS_LENGTH | HEAD_NO_BODY)) === 0) fields.push('Content-Length', String(length));
  return { reason, fields };
}

/**
 * A response head in the form of CGI (RFC 3875, 6): with a length where it is known, and no framing besides (G-170).
 */
export function cgiHead(head: ResponseHead): string {
  const announced = head.length < 0 || (head.flags & (HEAD_HAS_LENGTH | HEAD_NO_BODY)) !== 0;
  return `Status: ${head.text}${announced ? '' : `Content-Length: ${head.length}\r\n`}\r\n`;
}
