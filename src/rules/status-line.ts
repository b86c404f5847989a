/** Statuses that send a client to the place of `Location` (RFC 9110, 15.4). */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Loaded with the first reason: a worker has no other use for `node:http`, which takes longer than all that is ours.
 */
let reasons: Readonly<Record<number, string | undefined>> | null = null;

/** The reason phrase of the registry. */
export function usualReason(code: number): string {
  reasons ??= process.getBuiltinModule('node:http').STATUS_CODES;
  return reasons[code] ?? 'Unknown';
}

/** `'404 Not Found'` for 404; a code without a registered reason gives `'599 Unknown'` (U-51). */
export function statusLine(code: number): string {
  if (!Number.isInteger(code) || code < 100 || code > 999) throw new RangeError(`not a status code: ${code}`);
  return `${code} ${usualReason(code)}`;
}
