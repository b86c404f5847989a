import { parseCookie, type SerializeOptions, stringifySetCookie } from 'cookie';
import type { HeaderField } from '../interface/types.ts';
import { nativeToText } from '../rules/native-strings.ts';
import { limit, malformed } from './request-data-error.ts';

export interface CookiesOptions {
  /** Most bytes of all cookies together; 16 KiB by default. */
  maxSize?: number;
}

/** 16 KiB. */
const MOST = 16384;

/**
 * The cookies of the request by name, in an object with null prototype. Percent-encoding is undone where it is sound;
 * of several of one name the first counts, which is the one with the most specific path (RFC 6265, 5.4).
 *
 * @throws RequestDataError 400 above the limit
 */
export function cookies(
  environ: { HTTP_COOKIE?: string | undefined },
  options: CookiesOptions = {},
): Record<string, string | undefined> {
  const text = environ.HTTP_COOKIE ?? '';
  const maxSize = limit(options.maxSize, MOST, 'maxSize');
  if (text.length > maxSize) throw malformed(`the cookies are longer than ${maxSize} bytes`);
  return parseCookie(nativeToText(text));
}

/** Attributes of a cookie (RFC 6265bis, 5.6). `maxAge` is in seconds. */
export interface CookieAttributes
  extends Pick<
    SerializeOptions,
    'maxAge' | 'expires' | 'domain' | 'path' | 'httpOnly' | 'secure' | 'partitioned' | 'priority' | 'sameSite'
  > {}

/**
 * Why browsers would drop a cookie whatever its value (RFC 6265bis, 5.7; CHIPS for Partitioned); null where
 * they would not.
 */
export function cookieFault(name: string, attributes: CookieAttributes): string | null {
  const { secure = false, path, domain, sameSite, partitioned = false } = attributes;
  if (!secure) {
    if (/^__secure-/i.test(name)) return 'a name with __Secure- needs secure';
    if (/^none$/i.test(String(sameSite))) return "sameSite 'none' needs secure";
    if (partitioned) return 'partitioned needs secure';
  }
  if (/^__host-/i.test(name) && (!secure || path !== '/' || domain !== undefined)) {
    return "a name with __Host- needs secure, the path '/' and no domain";
  }
  return null;
}

/**
 * A `Set-Cookie` field for `startResponse`. The value may be any text; it is percent-encoded where it has to be.
 *
 * @throws TypeError for a name or an attribute that has no place in a cookie, and for a cookie that browsers would drop
 *   (U-67)
 */
export function setCookie(name: string, value: string, attributes: CookieAttributes = {}): HeaderField {
  const fault = cookieFault(name, attributes);
  if (fault !== null) throw new TypeError(`setCookie: ${fault} (U-67)`);
  return ['Set-Cookie', stringifySetCookie({ ...attributes, name, value })];
}
