/** Conditional requests (RFC 9110, 13). */
import fresh from 'fresh';
import type { AnyEnviron } from './types.ts';

export interface Validators {
  /** `"..."` or `W/"..."` */
  etag?: string;
  /** An HTTP date. */
  lastModified?: string;
}

export const PROCEED = 0;
/** 304 for GET and HEAD. */
export const NOT_MODIFIED = 1;
/** 412 */
export const FAILED = 2;
export type Outcome = typeof PROCEED | typeof NOT_MODIFIED | typeof FAILED;

/** If-Match compares strongly: a weak tag matches nothing (RFC 9110, 13.1.1). */
function matches(field: string, etag: string | undefined): boolean {
  if (field.trim() === '*') return true;
  if (etag === undefined || etag.startsWith('W/')) return false;
  const tags: readonly string[] = field.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.includes(etag);
}

/**
 * What becomes of a GET or HEAD request, by the order of RFC 9110, 13.2.2. Dates that cannot be read are ignored.
 *
 * @param environ of a request that would be answered with 200
 */
export function evaluate(environ: AnyEnviron, { etag, lastModified }: Validators): Outcome {
  const match = environ.HTTP_IF_MATCH;
  if (match !== undefined) {
    if (!matches(match, etag)) return FAILED;
  } else if (environ.HTTP_IF_UNMODIFIED_SINCE !== undefined && lastModified !== undefined) {
    if (Date.parse(lastModified) > Date.parse(environ.HTTP_IF_UNMODIFIED_SINCE)) return FAILED;
  }
  const request = {
    'if-none-match': environ.HTTP_IF_NONE_MATCH,
    'if-modified-since': environ.HTTP_IF_MODIFIED_SINCE,
    'cache-control': environ.HTTP_CACHE_CONTROL,
  };
  return fresh(request, { etag, 'last-modified': lastModified }) ? NOT_MODIFIED : PROCEED;
}
