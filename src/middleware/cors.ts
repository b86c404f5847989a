/** Cross-origin resource sharing, as the fetch standard has it (section 3.3, "CORS protocol"). */
import { ConfigurationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { TOKEN_LIST } from '../rules/grammar.ts';
import { emptyAnswer } from './answers.ts';
import { checkSwitches, decision } from './decision.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Handled, Middleware } from './types.ts';

type OriginTest = (origin: string, environ: AnyEnviron) => boolean | Promise<boolean>;

export interface CorsOptions {
  /**
   * Origins that may read responses, such as `https://example.com`: `'*'` (the default) for all, one, a list of texts
   * and patterns, or a function. A pattern has to match the whole origin. The function says `true` or `false`; in async
   * applications its promise is awaited.
   */
  origin?: '*' | string | RegExp | readonly (string | RegExp)[] | OriginTest;
  /** Methods that a preflight allows: GET, HEAD, PUT, PATCH, POST, DELETE by default. */
  methods?: readonly string[];
  /** Request fields that a preflight allows; by default those that it asks for. */
  allowedHeaders?: readonly string[];
  /** Response fields that scripts may read beyond the safelisted ones. */
  exposedHeaders?: readonly string[];
  /** Lets requests with cookies read responses. Not together with the origin `'*'`. */
  credentials?: boolean;
  /** Seconds for which a preflight may be remembered. */
  maxAge?: number;
  /** Lets pages of public sites request this one in a private network (M-33). False by default. */
  privateNetwork?: boolean;
}

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'];

function checkList(name: string, list: readonly string[] | undefined): void {
  if (list !== undefined && list.length > 0 && !TOKEN_LIST.test(list.join(','))) {
    throw new ConfigurationError(`cors: ${name} is a list of names, got ${JSON.stringify(list)}`);
  }
}

/** A test for all of a text: an unanchored pattern would let `https://example.com.evil.test` in. */
function whole(pattern: RegExp): (text: string) => boolean {
  const anchored = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''));
  return (text) => anchored.test(text);
}

/** Null where every origin is allowed. */
function originTest(origin: NonNullable<CorsOptions['origin']>): OriginTest | null {
  if (origin === '*') return null;
  if (typeof origin === 'function') return origin;
  const list = typeof origin === 'string' || origin instanceof RegExp ? [origin] : [...origin];
  if (list.includes('*')) throw new ConfigurationError("cors: '*' does not go into a list of origins");
  const tests = list.map((each) => (typeof each === 'string' ? (found: string) => each === found : whole(each)));
  return (found) => tests.some((matches) => matches(found));
}

/**
 * Answers preflights and tells browsers which origins may read the responses. It protects nothing else: requests of
 * other origins reach the application all the same.
 *
 * @throws ConfigurationError, also for `'*'` with credentials, which browsers refuse
 */
export function cors(options: CorsOptions = {}): Middleware {
  const { origin = '*', methods = METHODS, allowedHeaders, exposedHeaders, credentials = false, maxAge } = options;
  const { privateNetwork = false } = options;
  checkSwitches('cors', { credentials, privateNetwork });
  if (origin === '*' && credentials) {
    throw new ConfigurationError("cors: credentials need a list of origins, browsers refuse them with '*'");
  }
  if (maxAge !== undefined && !(Number.isInteger(maxAge) && maxAge >= 0)) {
    throw new ConfigurationError(`cors: maxAge is a number of seconds, got ${String(maxAge)}`);
  }
  checkList('methods', methods);
  checkList('allowedHeaders', allowedHeaders);
  checkList('exposedHeaders', exposedHeaders);
  const test = originTest(origin);

  function isAllowed(environ: AnyEnviron): boolean | Promise<boolean> {
    const found = environ.HTTP_ORIGIN;
    if (found === undefined || test === null) return found !== undefined;
    return decision('the origin function of cors', test(found, environ), environ);
  }

  /** Null: this origin is not allowed. */
  function originFields(environ: AnyEnviron, allowed: boolean): HeaderField[] | null {
    const found = environ.HTTP_ORIGIN;
    if (found === undefined || !allowed) return null;
    const fields: HeaderField[] = [['Access-Control-Allow-Origin', test === null ? '*' : found]];
    if (credentials) fields.push(['Access-Control-Allow-Credentials', 'true']);
    return fields;
  }

  function preflight(environ: AnyEnviron, fields: HeaderField[] | null) {
    const asked = ['Access-Control-Request-Method', 'Access-Control-Request-Headers'];
    if (test !== null) asked.unshift('Origin');
    if (privateNetwork) asked.push('Access-Control-Request-Private-Network');
    const vary: HeaderField = ['Vary', asked.join(', ')];
    if (fields === null) return emptyAnswer(204, [vary]);
    fields.push(['Access-Control-Allow-Methods', methods.join(', ')]);
    const wanted = environ.HTTP_ACCESS_CONTROL_REQUEST_HEADERS;
    const allowed = allowedHeaders?.join(', ') ?? wanted;
    if (allowed !== undefined && allowed !== '' && TOKEN_LIST.test(allowed)) {
      fields.push(['Access-Control-Allow-Headers', allowed]);
    }
    if (maxAge !== undefined) fields.push(['Access-Control-Max-Age', String(maxAge)]);
    if (privateNetwork && environ.HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK === 'true') {
      fields.push(['Access-Control-Allow-Private-Network', 'true']);
    }
    return emptyAnswer(204, [...fields, vary]);
  }

  /** Fits every kind of environ, having none of its own to give. */
  function handle(environ: AnyEnviron, allowed: boolean): Handled<never> {
    const fields = originFields(environ, allowed);
    const asked = environ.REQUEST_METHOD === 'OPTIONS' && environ.HTTP_ACCESS_CONTROL_REQUEST_METHOD !== undefined;
    if (asked && environ.HTTP_ORIGIN !== undefined) return preflight(environ, fields);
    if (fields === null && test === null) return undefined;
    return {
      onHead(head) {
        // Also for requests without an origin: a cache must not give their response to one that has it.
        if (test !== null) head.vary('Origin');
        if (fields === null) return;
        for (const [name, value] of fields) head.set(name, value);
        if (exposedHeaders !== undefined && exposedHeaders.length > 0) {
          head.set('Access-Control-Expose-Headers', exposedHeaders.join(', '));
        }
      },
    };
  }

  return middleware({
    name: 'cors',
    request(environ) {
      const allowed = isAllowed(environ);
      return typeof allowed === 'boolean' ? handle(environ, allowed) : allowed.then((yes) => handle(environ, yes));
    },
  });
}
