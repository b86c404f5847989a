/** The URI of a request, from its environ (PEP 3333, URL Reconstruction; U-01 to U-06). */
import { defaultPort } from '../rules/grammar.ts';
import { percentEncodeBytes } from '../rules/native-strings.ts';

/** The variables that a URI is made of. */
export interface UriVariables {
  'wsgi.url_scheme'?: string;
  HTTP_HOST?: string | undefined;
  SERVER_NAME?: string;
  SERVER_PORT?: string;
  SCRIPT_NAME?: string;
  PATH_INFO?: string;
  QUERY_STRING?: string;
}

/** `https` when the variable `HTTPS` is exactly `yes`, `on` or `1`, else `http` (U-01). */
export function guessScheme(environ: { HTTPS?: string }): 'http' | 'https' {
  return environ.HTTPS === 'yes' || environ.HTTPS === 'on' || environ.HTTPS === '1' ? 'https' : 'http';
}

/**
 * The URI of the application, without the path inside it and without the query (U-02). Ends with `/` only where the
 * application is mounted at the root.
 *
 * @throws RangeError for a unit above U+00FF in SCRIPT_NAME (U-03)
 */
export function applicationUri(environ: UriVariables): string {
  const scheme = environ['wsgi.url_scheme'] ?? 'http';
  let authority = environ.HTTP_HOST ?? '';
  if (authority === '') {
    authority = environ.SERVER_NAME ?? '';
    const port = environ.SERVER_PORT ?? '';
    if (port !== defaultPort(scheme)) authority += `:${port}`;
  }
  return `${scheme}://${authority}${percentEncodeBytes(environ.SCRIPT_NAME || '/')}`;
}

/**
 * The URI of the request (U-04).
 *
 * @throws RangeError for a unit above U+00FF in SCRIPT_NAME or PATH_INFO (U-03)
 */
export function requestUri(environ: UriVariables, includeQuery = true): string {
  const path = percentEncodeBytes(environ.PATH_INFO ?? '', '/;=,');
  const uri = applicationUri(environ) + (environ.SCRIPT_NAME ? path : path.substring(1));
  return includeQuery && environ.QUERY_STRING ? `${uri}?${environ.QUERY_STRING}` : uri;
}

/**
 * Without empty, `.` and `..` segments. Not `posix.normalize`, which takes a time in the square of the leading `..`.
 */
function normalized(path: string): string {
  const absolute = path.startsWith('/');
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.length > 0 && kept[kept.length - 1] !== '..') kept.pop();
    else if (!absolute) kept.push(segment);
  }
  const joined = kept.join('/');
  if (absolute) return `/${joined}`;
  return joined || '.';
}

/**
 * Moves one segment of the path from PATH_INFO to SCRIPT_NAME, in place (U-05, U-06): what routing by folders needs.
 * Empty and `.` segments in between are dropped, and `..` takes a segment off SCRIPT_NAME.
 *
 * @returns the segment, `''` for a final slash, null when there is none
 */
export function shiftPathInfo(environ: { SCRIPT_NAME?: string; PATH_INFO?: string }): string | null {
  // The first part is what stands before the first slash; the last may be '', for a slash at the end.
  const parts = (environ.PATH_INFO ?? '').split('/');
  if (parts.length === 1) return null;
  const inner = parts.slice(1, -1).filter((segment) => segment !== '' && segment !== '.');
  const [segment, ...rest] = [...inner, parts[parts.length - 1]];

  let script = normalized(`${environ.SCRIPT_NAME ?? ''}/${segment}`);
  if (script.endsWith('/')) script = script.slice(0, -1);
  // The slash at the end of `/x/` is the empty segment, which an application can tell from none.
  if (segment === '') script += '/';
  environ.SCRIPT_NAME = script;
  environ.PATH_INFO = [parts[0], ...rest].join('/');
  return segment === '.' ? null : segment;
}
