import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';

/** A response head in the form of CGI (RFC 3875, 6): with a length where it is known, and no framing besides (G-170). */
export function cgiHead(head: ResponseHead): string {
  const announced = head.length < 0 || (head.flags & (HEAD_HAS_LENGTH | HEAD_NO_BODY)) !== 0;
  return `Status: ${head.text}${announced ? '' : `Content-Length: ${head.length}\r\n`}\r\n`;
}
