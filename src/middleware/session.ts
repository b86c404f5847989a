/**
 * Sessions in a signed cookie: no store, nothing to share between workers. What is in it can be read by the client, but
 * not changed.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { TOKEN } from '../rules/grammar.ts';
import { cookieFault } from '../toolbox/cookies.ts';
import { checkSwitches } from './decision.ts';
import { middleware } from './define.ts';
import type { Head } from './head.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface SessionOptions {
  /**
   * Keys for the signature, of 32 bytes at least. The first signs; the others still verify, so that a key can be
   * replaced without ending all sessions.
   */
  keys: readonly (string | Uint8Array)[];
  /** Name of the cookie, `session` by default. The prefixes `__Host-` and `__Secure-` are checked. */
  name?: string;
  /** Seconds after which a session ends, counted from its last change; 14 days by default. */
  maxAge?: number;
  /** Begins the time anew with each request that looks at the session, once half of it is over. Off by default. */
  rolling?: boolean;
  /** `Path`, `/` by default. */
  path?: string;
  /** `Domain`; by default the host alone. */
  domain?: string;
  /** Only over https; `'auto'` goes by `wsgi.url_scheme`. True by default. */
  secure?: boolean | 'auto';
  /** Out of reach of scripts; true by default. */
  httpOnly?: boolean;
  /** `lax` by default. `none` needs `secure`. */
  sameSite?: 'strict' | 'lax' | 'none';
  /** Keeps a cookie for each site that embeds this one apart (CHIPS). Needs `secure`. Off by default. */
  partitioned?: boolean;
  /** Seconds since 1970; for tests. */
  now?: () => number;
}

/** The session has become too large for a cookie. Thrown by `startResponse`. */
export class SessionTooLarge extends QuaichError {
  constructor(size: number) {
    super('QUAICH_SESSION_TOO_LARGE', `the session's cookie would have ${size} bytes, browsers keep ${LARGEST_COOKIE}`);
  }
}

/** Bytes of a cookie that browsers keep at least: name, value and attributes (RFC 6265, 6.1). */
const LARGEST_COOKIE = 4096;
const SHORTEST_KEY = 32;
const TWO_WEEKS = 14 * 24 * 3600;
const SIGNED = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/;

/** Signs and verifies, with the name of the cookie in the signature, so that no cookie passes for another. */
class Signer {
  readonly #keys: readonly KeyObject[];
  readonly #name: string;

  constructor(keys: readonly (string | Uint8Array)[], name: string) {
    this.#keys = keys.map((key) => createSecretKey(typeof key === 'string' ? Buffer.from(key) : key));
    this.#name = name;
  }

  #signature(key: KeyObject, payload: string): string {
    return createHmac('sha256', key).update(`${this.#name}=${payload}`).digest('base64url');
  }

  sign(payload: string): string {
    return `${payload}.${this.#signature(this.#keys[0], payload)}`;
  }

  /** The payload and the number of the key that signed it; null for anything else. */
  verify(value: string): { payload: string; key: number } | null {
    if (value.length > LARGEST_COOKIE || !SIGNED.test(value)) return null;
    const dot = value.indexOf('.');
    const payload = value.slice(0, dot);
    const given = Buffer.from(value.slice(dot + 1));
    for (const [key, secret] of this.#keys.entries()) {
      if (timingSafeEqual(Buffer.from(this.#signature(secret, payload)), given)) return { payload, key };
    }
    return null;
  }
}

interface Loaded {
  data: Map<string, unknown>;
  /** The data as it was signed; null where there was none. */
  text: string | null;
  expires: number;
  /** The cookie is to be written again though nothing changed: an old key, or time to renew. */
  renew: boolean;
}

/** What was signed: `[expiry in seconds, data]`. */
function decode(payload: string, now: number): { expires: number; data: Record<string, unknown> } | null {
  try {
    const content: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (!Array.isArray(content)) return null;
    const expires: unknown = content[0];
    const data: unknown = content[1];
    if (typeof expires !== 'number' || expires <= now || typeof data !== 'object' || data === null) return null;
    return { expires, data: { ...data } };
  } catch {
    return null;
  }
}

/**
 * The session of one request: values that JSON can carry, by name. Read from the cookie when first looked at. Changes
 * count until `startResponse`; changes inside a value are noticed too.
 */
export class Session {
  readonly #load: () => Loaded;
  #loaded: Loaded | null = null;

  /** Made by the middleware. */
  constructor(load: () => Loaded) {
    this.#load = load;
  }

  get #state(): Loaded {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  /** Whether the session was looked at in this request. */
  get accessed(): boolean {
    return this.#loaded !== null;
  }

  /** Whether the request brought no valid session. */
  get isNew(): boolean {
    return this.#state.text === null;
  }

  get(name: string): unknown {
    return this.#state.data.get(name);
  }

  has(name: string): boolean {
    return this.#state.data.has(name);
  }

  keys(): string[] {
    return [...this.#state.data.keys()];
  }

  set(name: string, value: unknown): void {
    this.#state.data.set(name, value);
  }

  delete(name: string): void {
    this.#state.data.delete(name);
  }

  /** Ends the session: the cookie is deleted. */
  clear(): void {
    this.#state.data.clear();
  }

  /**
   * What the response has to say: null for nothing, `''` to delete the cookie, else the data as JSON.
   *
   * @throws TypeError for values that JSON cannot carry
   */
  change(): string | null {
    const state = this.#loaded;
    if (state === null) return null;
    if (state.data.size === 0) return state.text === null ? null : '';
    const text = JSON.stringify(Object.fromEntries(state.data));
    return text === state.text && !state.renew ? null : text;
  }
}

/**
 * The session of a request.
 *
 * @throws TypeError where the middleware is not in place
 */
export function sessionOf(environ: AnyEnviron): Session {
  const session = environ['quaich.session'];
  if (session instanceof Session) return session;
  throw new TypeError('there is no session: wrap the application in session({ keys: [...] })');
}

function check(options: SessionOptions): void {
  const { keys, name = 'session', maxAge = TWO_WEEKS, path = '/', domain, secure = true } = options;
  const { sameSite = 'lax', partitioned = false } = options;
  const fail = (message: string) => {
    throw new ConfigurationError(`session: ${message}`);
  };
  if (!Array.isArray(keys) || keys.length === 0) fail('keys is a list of at least one key');
  if (keys.some((key) => Buffer.byteLength(key) < SHORTEST_KEY)) fail(`a key has at least ${SHORTEST_KEY} bytes`);
  if (!TOKEN.test(name)) fail(`${JSON.stringify(name)} is no name for a cookie`);
  if (!Number.isInteger(maxAge) || maxAge < 1) fail(`maxAge is a number of seconds, got ${String(maxAge)}`);
  checkSwitches('session', { partitioned });
  const certain = cookieFault(name, { secure: secure === true, path, domain, partitioned });
  const fault = certain ?? cookieFault('', { secure: secure !== false, sameSite });
  if (fault !== null) fail(fault);
}

/**
 * Gives every request a `Session` as `quaich.session` (see `sessionOf`), kept in a cookie that is signed with
 * HMAC-SHA-256. The cookie is parsed when the session is first looked at, and set only when it changed.
 *
 * @throws ConfigurationError
 */
export function session(options: SessionOptions): Middleware {
  check(options);
  const { name = 'session', maxAge = TWO_WEEKS, rolling = false, path = '/', domain } = options;
  const { secure = true, httpOnly = true, sameSite = 'lax', partitioned = false } = options;
  const { now = () => Date.now() / 1000 } = options;
  const signer = new Signer(options.keys, name);

  function load(environ: AnyEnviron): Loaded {
    const none: Loaded = { data: new Map(), text: null, expires: 0, renew: false };
    const value = environ.HTTP_COOKIE === undefined ? undefined : parseCookie(environ.HTTP_COOKIE)[name];
    const verified = value === undefined ? null : signer.verify(value);
    const content = verified === null ? null : decode(verified.payload, now());
    if (verified === null || content === null) return none;
    const late = rolling && content.expires - now() < maxAge / 2;
    return {
      data: new Map(Object.entries(content.data)),
      text: JSON.stringify(content.data),
      expires: content.expires,
      renew: late || verified.key > 0,
    };
  }

  function cookie(environ: AnyEnviron, value: string, age: number): string {
    const fields: SetCookie = {
      name,
      value,
      maxAge: age,
      path,
      domain,
      httpOnly,
      sameSite,
      partitioned,
      secure: secure === 'auto' ? environ['wsgi.url_scheme'] === 'https' : secure,
    };
    return stringifySetCookie(fields, { encode: (text) => text });
  }

  function write(head: Head, environ: AnyEnviron, change: string): void {
    let field: string;
    if (change === '') {
      field = cookie(environ, '', 0);
    } else {
      const content = `[${Math.floor(now()) + maxAge},${change}]`;
      field = cookie(environ, signer.sign(Buffer.from(content).toString('base64url')), maxAge);
      if (field.length > LARGEST_COOKIE) throw new SessionTooLarge(field.length);
    }
    head.append('Set-Cookie', field);
    // A shared cache must not hand one client's session to another.
    if (!head.has('Cache-Control')) head.set('Cache-Control', 'private');
  }

  return middleware({
    name: 'session',
    request(environ) {
      const current = new Session(() => load(environ));
      environ['quaich.session'] = current;
      return {
        onHead(head) {
          if (!current.accessed) return;
          head.vary('Cookie');
          const change = current.change();
          if (change !== null) write(head, environ, change);
        },
      };
    },
  });
}
