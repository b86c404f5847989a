/** Conditional requests (RFC 9110, 13). */
import { trimmed } from '../rules/trimmed.ts';
import type { AnyEnviron } from './types.ts';

interface Validators {
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
type Outcome = typeof PROCEED | typeof NOT_MODIFIED | typeof FAILED;

/** The tags of a list. A comma may stand in one (RFC 9110, 8.8.3). */
export function entityTags(field: string): readonly string[] {
  return field.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** If-Match compares strongly: a weak tag matches nothing (RFC 9110, 13.1.1). */
function matchesStrongly(field: string, etag: string | undefined): boolean {
  if (trimmed(field) === '*') return true;
  return etag !== undefined && !etag.startsWith('W/') && entityTags(field).includes(etag);
}

/** If-None-Match compares weakly: a weak tag is as good as a strong one (RFC 9110, 13.1.2). */
function matchesWeakly(field: string, etag: string | undefined): boolean {
  if (trimmed(field) === '*') return true;
  if (etag === undefined) return false;
  const opaque = etag.startsWith('W/') ? etag.slice(2) : etag;
  return entityTags(field).some((tag) => tag === opaque || tag === `W/${opaque}`);
}

/**
 * What becomes of a GET or HEAD request, by the order of RFC 9110, 13.2.2. Dates that cannot be read are ignored.
 * `Cache-Control: no-cache` of the request changes nothing: it asks caches on the way to validate what they hold (RFC
 * 9111, 5.2.1.4), and this is the validation.
 *
 * @param environ of a request that would be answered with 200
 */
export function evaluate(environ: AnyEnviron, { etag, lastModified }: Validators): Outcome {
  const match = environ.HTTP_IF_MATCH;
  const modified = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
  if (match !== undefined) {
    if (!matchesStrongly(match, etag)) return FAILED;
  } else if (environ.HTTP_IF_UNMODIFIED_SINCE !== undefined) {
    if (modified > Date.parse(environ.HTTP_IF_UNMODIFIED_SINCE)) return FAILED;
  }
  const noneMatch = environ.HTTP_IF_NONE_MATCH;
  if (noneMatch !== undefined) return matchesWeakly(noneMatch, etag) ? NOT_MODIFIED : PROCEED;
  const since = environ.HTTP_IF_MODIFIED_SINCE;
  return since !== undefined && modified <= Date.parse(since) ? NOT_MODIFIED : PROCEED;
}
