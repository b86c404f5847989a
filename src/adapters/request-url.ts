/** The URL of a request for fetch. */
import type { AsyncEnviron } from '../interface/types.ts';
import { isAuthority } from '../rules/grammar.ts';
import { requestTarget } from './request-target.ts';

/**
 * Origins by scheme and authority; null: that is none, or has none. Clients choose the authorities: the memory is
 * bounded.
 */
const KNOWN_ORIGINS = new Map<string, string | null>();
const MOST_KNOWN = 256;
const LONGEST_KNOWN = 128;

/** A target in which a URL parser changes nothing: no character that it escapes, and no segment that may be a dot. */
const PLAIN_TARGET = /^\/[\w\-.~!$&'()*+,;=:@/%]*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/;
const PERHAPS_DOTS = /\/\.|%2e/i;

function parsed(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function originOf(scheme: string, authority: string): string | null {
  const start = `${scheme}://${authority}`;
  const known = KNOWN_ORIGINS.get(start);
  if (known !== undefined) return known;
  const origin = isAuthority(authority) ? (parsed(start)?.origin ?? null) : null;
  if (start.length <= LONGEST_KNOWN) {
    if (KNOWN_ORIGINS.size >= MOST_KNOWN) KNOWN_ORIGINS.clear();
    KNOWN_ORIGINS.set(start, origin);
  }
  return origin;
}

/**
 * The URL of a request, as a URL parser writes it: scheme, Host, raw target. A server-wide `OPTIONS *` has an empty
 * path (RFC 9112, 3.3). The parser costs a microsecond; a usual target behind a known origin goes without it.
 *
 * Null where Host is no authority: what is trusted as part of a URL is checked.
 */
export function urlOf(environ: AsyncEnviron): string | null {
  const { 'wsgi.url_scheme': scheme, SERVER_NAME: name, SERVER_PORT: port } = environ;
  const authority = environ.HTTP_HOST || `${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`;
  const origin = originOf(scheme, authority);
  if (origin === null) return null;
  const { script, path, query } = requestTarget(environ);
  const target = `${script}${path === '*' ? '/' : path}${query}`;
  if (PLAIN_TARGET.test(target) && !PERHAPS_DOTS.test(target)) return origin + target;
  return parsed(`${scheme}://${authority}${target}`)?.href ?? null;
}
