// @ts-check
/**
 * The demo application, for both conventions: prints what the server told it about the request.
 *
 *     curl http://127.0.0.1:8000/demo/some/path?and=query
 *     curl -H 'X-Anything: at all' http://127.0.0.1:8000/demo-async/
 */

/** @import { AsyncEnviron, AsyncStartResponse, Environ, StartResponse } from 'quaich' */

/** @param {unknown} value */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return '(a function)';
  if (Array.isArray(value)) return JSON.stringify(value);
  if (Object(value) !== value) return String(value);
  return `(${Object(value).constructor?.name ?? 'an object'})`;
}

/** @param {Environ | AsyncEnviron} environ */
function describe(environ) {
  const lines = Object.keys(environ)
    .sort()
    .map((key) => `${key} = ${show(environ[key])}`);
  return new TextEncoder().encode(`Hello world!\n\n${lines.join('\n')}\n`);
}

/**
 * A sync application may simply return an array.
 *
 * @param {Environ} environ
 * @param {StartResponse} startResponse
 */
export function app(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [describe(environ)];
}

/**
 * An async one may return a promise of it.
 *
 * @param {AsyncEnviron} environ
 * @param {AsyncStartResponse} startResponse
 */
export async function asyncApp(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [describe(environ)];
}
