/** The request target as a framework has left it (G-11 to G-23). */
import type { IncomingMessage } from 'node:http';
import { isAuthority, NOT_IN_TARGET } from '../../rules/grammar.ts';
import { percentDecode } from '../../rules/native-strings.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import { withoutFinalSlashes } from '../../rules/trimmed.ts';
import type { Target } from '../target.ts';

/** A request as frameworks extend it. */
export type FrameworkRequest = IncomingMessage & {
  /** The target as it came, before a framework took the mount point off `url`. */
  readonly originalUrl?: unknown;
  /** Express: what was taken off. */
  readonly baseUrl?: unknown;
  readonly body?: unknown;
  readonly rawBody?: unknown;
};

interface Parts {
  /** Not decoded. */
  path: string;
  query: string;
  authority: string | null;
}

const ABSOLUTE = /^([A-Za-z]+):\/\/([^/?]*)(.*)$/;

/** @throws RefusedRequest unless it is in origin-form, in absolute-form, or `OPTIONS *` (RFC 9112, 3.2) */
function split(target: string, method: string): Parts {
  // Node lets bytes above 0x7F and fragments through.
  if (target === '' || NOT_IN_TARGET.test(target))
    throw new RefusedRequest('the request target holds a byte that no URI has (G-22)');
  let authority: string | null = null;
  let rest = target;
  if (target === '*') {
    if (method !== 'OPTIONS') throw new RefusedRequest('the target * is for OPTIONS only (G-21)');
    return { path: '*', query: '', authority };
  }
  if (!target.startsWith('/')) {
    const match = ABSOLUTE.exec(target);
    if (match === null || !isAuthority(match[2]))
      throw new RefusedRequest('the request target has no known form (G-21)');
    // RFC 9110, 7.4. TLS may end at a gateway in front of the host; the scheme is not taken over.
    if (!/^https?$/i.test(match[1]))
      throw new RefusedRequest('the scheme of the request target is neither http nor https (G-185)', 421);
    authority = match[2];
    rest = match[3];
    // `OPTIONS http://host` stands for `*` (RFC 9112, 3.2.4).
    if (rest === '' && method === 'OPTIONS') return { path: '*', query: '', authority };
  }
  const question = rest.indexOf('?');
  const path = question < 0 ? rest : rest.slice(0, question);
  return { path: path || '/', query: question < 0 ? '' : rest.slice(question + 1), authority };
}

/** What a framework took off the front of a path, not decoded; Connect does not say. */
function mountPoint(baseUrl: unknown, whole: string, left: string): string {
  if (typeof baseUrl === 'string') return withoutFinalSlashes(baseUrl);
  if (whole === left) return '';
  if (whole.endsWith(left)) return withoutFinalSlashes(whole.slice(0, -left.length));
  // Frameworks put a slash where nothing is left; anything else was rewritten.
  return left === '/' ? withoutFinalSlashes(whole) : '';
}

/**
 * Finds mount point, path and query of a request: what a framework has taken off the path is SCRIPT_NAME, what it has
 * left or rewritten is PATH_INFO.
 *
 * @throws RefusedRequest for a malformed target
 */
export function targetOf(request: FrameworkRequest): Target {
  const url = request.url ?? '/';
  const method = request.method ?? 'GET';
  const uri = typeof request.originalUrl === 'string' ? request.originalUrl : url;
  const seen = split(url, method);
  if (uri === url) {
    return { scriptName: '', path: percentDecode(seen.path), query: seen.query, uri, authority: seen.authority };
  }
  const whole = split(uri, method);
  const base = mountPoint(request.baseUrl, whole.path, seen.path);
  // The slash that a framework adds for the mount point itself is not the client's (G-12).
  const path = base !== '' && seen.path === '/' && whole.path === base ? '' : percentDecode(seen.path);
  return {
    scriptName: withoutFinalSlashes(percentDecode(base)),
    path,
    query: seen.query,
    uri,
    authority: whole.authority,
  };
}
