/** Status and header fields of responses that were made for node:http or fetch, as `startResponse` takes them. */
import { usualReason } from '../rules/status-line.ts';
import { trimmed } from '../rules/trimmed.ts';

/**
 * The status line; an empty reason stays empty (RFC 9112, 4). Blanks that G-88 refuses become plain ones or go, and
 * nothing but blanks becomes the usual reason.
 */
export function statusOf(code: number, reason: string): string {
  return `${code} ${reason === '' ? '' : trimmed(reason.replaceAll('\t', ' ')) || usualReason(code)}`;
}
