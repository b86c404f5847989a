import { ApplicationError } from '../interface/errors.ts';
import { HEAD_HAS_LENGTH, type Transport } from '../interface/transport.ts';
import type { EarlyHints } from '../interface/types.ts';
import { checkHead } from './response-head.ts';

const ANY_STATUS = '200 OK';

/**
 * The field lines of a 103, checked as those of a response (G-90 to G-93).
 *
 * @throws ApplicationError naming the rule that was broken
 */
function hintLines(headers: unknown): string {
  let head: ReturnType<typeof checkHead>;
  try {
    head = checkHead(ANY_STATUS, headers, false);
  } catch (error) {
    if (!(error instanceof ApplicationError)) throw error;
    throw new ApplicationError(error.message.replace(/^startResponse/, 'quaich.early_hints'));
  }
  if ((head.flags & HEAD_HAS_LENGTH) !== 0) {
    throw new ApplicationError('quaich.early_hints: a 103 has no Content-Length (RFC 9110, 8.6)');
  }
  return head.text.slice(ANY_STATUS.length + '\r\n'.length);
}

/** `quaich.early_hints` of one request (G-152). */
export function earlyHints(transport: Pick<Transport<boolean>, 'hint'>): EarlyHints {
  return (headers) => {
    const lines = hintLines(headers);
    if (lines !== '') transport.hint?.(lines);
  };
}
