/** The URL of a request for fetch. */
import type { AsyncEnviron } from '../interface/types.ts';
import { isAuthority } from '../rules/grammar.ts';
import { Memo } from '../rules/memo.ts';
import { requestTarget } from './request-target.ts';

/** Origins by scheme and authority; null: that is none, or has none. */
const KNOWN_ORIGINS = new Memo<string | null>();

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
  return KNOWN_ORIGINS.keep(start, isAuthority(authority) ? (parsed(start)?.origin ?? null) : null);
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
