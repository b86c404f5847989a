import { METHODS } from 'node:http';
import { ConfigurationError } from '../interface/errors.ts';
import { TOKEN } from '../rules/grammar.ts';
import { plainAnswer } from './answers.ts';
import { middleware } from './define.ts';
import type { Middleware } from './types.ts';

/**
 * Lets only these request methods through, HEAD wherever GET is among them. Others get 405 with `Allow`, or 501 when
 * nobody knows them (RFC 9110, 9.1 and 15.5.6). Methods are compared as they are, with case (G-10).
 *
 * @throws ConfigurationError
 */
export function allowMethods(methods: readonly string[]): Middleware {
  if (methods.length === 0 || !methods.every((method) => TOKEN.test(method))) {
    throw new ConfigurationError(
      `allowMethods: a list of methods such as ['GET', 'POST'], got ${JSON.stringify(methods)}`,
    );
  }
  const allowed = new Set(methods);
  if (allowed.has('GET')) allowed.add('HEAD');
  const allow = [...allowed].join(', ');
  const known = new Set(METHODS);
  return middleware({
    name: 'allowMethods',
    request(environ) {
      if (allowed.has(environ.REQUEST_METHOD)) return undefined;
      return known.has(environ.REQUEST_METHOD) ? plainAnswer(405, [['Allow', allow]]) : plainAnswer(501);
    },
  });
}
