/** The query, and bodies of forms that are written like one (application/x-www-form-urlencoded of the URL standard). */
import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { contentType, DEFAULT_MAX_SIZE, decoded, readWhole } from './request-body.ts';
import { limit, malformed, unsupported } from './request-data-error.ts';

/** Bytes of a query: above what servers let through in a request line. */
const MOST_QUERY = 65536;

/** Pairs of name and value. */
const MOST_PAIRS = 1000;

export interface UrlencodedOptions {
  /** Most bytes: 64 KiB of a query, 1 MiB of a body by default. */
  maxSize?: number;
  /** Most pairs of name and value; 1000 by default. */
  maxPairs?: number;
}

function pairs(text: string, maxPairs: number): URLSearchParams {
  let count = 1;
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) {
    if (++count > maxPairs) throw malformed(`there are more than ${maxPairs} pairs of name and value`);
  }
  // The constructor takes one question mark off, which is part of the first name here (G-18).
  return new URLSearchParams(text.startsWith('?') ? `&${text}` : text);
}

/**
 * The query of the request, decoded.
 *
 * @throws RequestDataError 400 above a limit
 */
export function query(
  environ: Pick<Environ | AsyncEnviron, 'QUERY_STRING'> | { QUERY_STRING?: string },
  options: UrlencodedOptions = {},
): URLSearchParams {
  const text = environ.QUERY_STRING ?? '';
  const maxSize = limit(options.maxSize, MOST_QUERY, 'maxSize');
  if (text.length > maxSize) throw malformed(`the query is longer than ${maxSize} bytes`);
  return pairs(nativeToText(text), limit(options.maxPairs, MOST_PAIRS, 'maxPairs'));
}

export const URLENCODED = 'application/x-www-form-urlencoded';

/** The body of a form, once its type is known. */
export function readUrlencoded(
  environ: Environ | AsyncEnviron,
  options: UrlencodedOptions,
): URLSearchParams | Promise<URLSearchParams> {
  const maxSize = limit(options.maxSize, DEFAULT_MAX_SIZE, 'maxSize');
  const maxPairs = limit(options.maxPairs, MOST_PAIRS, 'maxPairs');
  const check = (): void => {
    if (contentType(environ)?.value !== URLENCODED) throw unsupported(`the request body must be ${URLENCODED}`);
  };
  return readWhole(environ, maxSize, check, (bytes) => pairs(decoded(bytes), maxPairs));
}

/**
 * The body of a form without files.
 *
 * @throws RequestDataError: 415 for another Content-Type, 413 for a body above the limit, 400 for too many pairs; what
 *   `wsgi.input` throws when the body breaks off (G-63)
 */
export function urlencoded(environ: Environ, options?: UrlencodedOptions): URLSearchParams;
export function urlencoded(environ: AsyncEnviron, options?: UrlencodedOptions): Promise<URLSearchParams>;
export function urlencoded(
  environ: Environ | AsyncEnviron,
  options: UrlencodedOptions = {},
): URLSearchParams | Promise<URLSearchParams> {
  return readUrlencoded(environ, options);
}
