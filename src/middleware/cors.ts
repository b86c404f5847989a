/** Cross-origin resource sharing, as the fetch standard has it (section 3.3, "CORS protocol"). */
import { ConfigurationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { emptyAnswer } from './answers.ts';
import { middleware } from './define.ts';
import type { AnyEnviron, Middleware } from './types.ts';

export interface CorsOptions {
  /**
   * Origins that may read responses, such as `https://example.com`: `'*'` (the default) for all, one, a list of texts
   * and patterns, or a function. A pattern has to match the whole origin.
   */
  origin?: '*' | string | RegExp | readonly (string | RegExp)[] | ((origin: string, environ: AnyEnviron) => boolean);
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
}

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'];
const TOKEN_LIST = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;

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

type Test = (origin: string, environ: AnyEnviron) => boolean;

/** Null where every origin is allowed. */
function originTest(origin: NonNullable<CorsOptions['origin']>): Test | null {
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

  /** Null: this origin is not allowed. */
  function allowOrigin(environ: AnyEnviron): HeaderField[] | null {
    const found = environ.HTTP_ORIGIN;
    if (found === undefined) return null;
    if (test !== null && !test(found, environ)) return null;
    const fields: HeaderField[] = [['Access-Control-Allow-Origin', test === null ? '*' : found]];
    if (credentials) fields.push(['Access-Control-Allow-Credentials', 'true']);
    return fields;
  }

  function preflight(environ: AnyEnviron) {
    const fields = allowOrigin(environ);
    const vary: HeaderField = [
      'Vary',
      [...(test === null ? [] : ['Origin']), 'Access-Control-Request-Method', 'Access-Control-Request-Headers'].join(
        ', ',
      ),
    ];
    if (fields === null) return emptyAnswer(204, [vary]);
    fields.push(['Access-Control-Allow-Methods', methods.join(', ')]);
    const wanted = environ.HTTP_ACCESS_CONTROL_REQUEST_HEADERS;
    const allowed = allowedHeaders?.join(', ') ?? wanted;
    if (allowed !== undefined && allowed !== '' && TOKEN_LIST.test(allowed)) {
      fields.push(['Access-Control-Allow-Headers', allowed]);
    }
    if (maxAge !== undefined) fields.push(['Access-Control-Max-Age', String(maxAge)]);
    return emptyAnswer(204, [...fields, vary]);
  }

  return middleware({
    name: 'cors',
    request(environ) {
      const asked = environ.REQUEST_METHOD === 'OPTIONS' && environ.HTTP_ACCESS_CONTROL_REQUEST_METHOD !== undefined;
      if (asked && environ.HTTP_ORIGIN !== undefined) return preflight(environ);
      const fields = allowOrigin(environ);
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
    },
  });
}
