/** Cookies that a test client keeps, as a browser does of one site (RFC 6265bis, 5.7 and 5.8). */
import { parseSetCookie, type SetCookie } from 'cookie';
import { isBelow } from '../rules/prefix.ts';
import { withoutFinalSlashes } from '../rules/trimmed.ts';
import type { Headers } from '../toolbox/headers.ts';

interface KeptCookie {
  /** As it came: percent-encoded, in quotes, whatever it is. */
  value: string;
  path: string;
  secure: boolean;
}

/** The path of a cookie that names none: that of the request without its last segment. */
function defaultPath(path: string): string {
  return withoutFinalSlashes(path.slice(0, path.lastIndexOf('/') + 1)) || '/';
}

function isExpired({ maxAge, expires }: SetCookie): boolean {
  return maxAge === undefined ? expires !== undefined && expires.getTime() <= Date.now() : maxAge <= 0;
}

/** By name: a client knows one site alone, so that a Domain says nothing. */
export class CookieJar {
  readonly #kept = new Map<string, KeptCookie>();

  /** Keeps, changes and drops cookies as a response says. `path` is that of its request. */
  take(headers: Headers, path: string): void {
    for (const field of headers.getAll('Set-Cookie')) {
      const cookie = parseSetCookie(field, { decode: (text) => text });
      if (isExpired(cookie)) {
        this.#kept.delete(cookie.name);
        continue;
      }
      const own = cookie.path?.startsWith('/') ? cookie.path : defaultPath(path);
      this.#kept.set(cookie.name, { value: cookie.value ?? '', path: own, secure: cookie.secure === true });
    }
  }

  /** The Cookie field of a request; null where none is to be sent. */
  field(path: string, secure: boolean): string | null {
    const sent = [...this.#kept].filter(
      ([, cookie]) => isBelow(path, withoutFinalSlashes(cookie.path)) && (secure || !cookie.secure),
    );
    return sent.length === 0 ? null : sent.map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  /** The value of a cookie, as it was sent. */
  get(name: string): string | undefined {
    return this.#kept.get(name)?.value;
  }

  /** Has a cookie sent with every request; a native string, percent-encoded where that is needed. */
  set(name: string, value: string): void {
    this.#kept.set(name, { value, path: '/', secure: false });
  }

  /** Forgets all cookies. */
  clear(): void {
    this.#kept.clear();
  }
}
