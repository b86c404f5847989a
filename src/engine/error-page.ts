import { STATUS_CODES } from 'node:http';
import { HEAD_HAS_LENGTH, HEAD_NO_BODY, type ResponseHead } from '../interface/transport.ts';
import { isClientFault } from '../rules/failures.ts';

/** A page and its head, made anew for each use: a transport may keep what it is given. */
export interface ErrorPage {
  head: ResponseHead;
  /** Null for HEAD (G-144). */
  body: Uint8Array | null;
}

/**
 * The page for a request that failed: fixed, without details (G-140), with the framing of any other response (G-144).
 *
 * @param status 400 to 599
 */
export function errorPage(status: number, forHead: boolean): ErrorPage {
  const reason = STATUS_CODES[status] ?? 'Error';
  const body = Buffer.from(`${status} ${reason}\n`, 'latin1');
  const text = `${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
  return {
    head: { status, text, length: body.length, flags: HEAD_HAS_LENGTH | (forHead ? HEAD_NO_BODY : 0) },
    body: forHead ? null : new Uint8Array(body),
  };
}

/** The status for an error of the application: what fits a request body that broke off, else 500. */
export function statusFor(error: unknown): number {
  if (!isClientFault(error)) return 500;
  try {
    const { status } = error as { status: unknown }; // anybody may have made it (G-145)
    if (typeof status === 'number' && status >= 400 && status <= 599 && Number.isInteger(status)) return status;
  } catch {
    // A getter that throws.
  }
  return 500;
}
