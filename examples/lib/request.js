// @ts-check
/**
 * What the examples read from a request. Everything in environ comes from the client: text is decoded here, sizes and
 * numbers are bounded here.
 */

/** @typedef {import('quaich').Environ | import('quaich').AsyncEnviron} AnyEnviron */

/** Longest query that is looked at, in bytes. */
const QUERY_LIMIT = 4096;

/** A request that the client has to change; `status` is the answer. */
export class BadRequest extends Error {
  /**
   * @param {string} message
   * @param {string} [status]
   */
  constructor(message, status = '400 Bad Request') {
    super(message);
    this.status = status;
  }
}

/**
 * PATH_INFO as text: the native string stands for bytes, and those are UTF-8 (A-19).
 *
 * @param {AnyEnviron} environ
 */
export function pathText(environ) {
  return Buffer.from(environ.PATH_INFO, 'latin1').toString('utf8');
}

/**
 * Bytes of a native string as they stand in a URL path.
 *
 * @param {string} native
 */
export function encodePath(native) {
  return native.replace(
    /[^A-Za-z0-9\-._~/!$&'()*+,;=:@]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/**
 * The path under which this application is mounted, ready for a link: links made with it work with and without the
 * final slash of the mount point.
 *
 * @param {AnyEnviron} environ
 */
export function mountPath(environ) {
  return encodePath(environ.SCRIPT_NAME);
}

/**
 * The parameters of the query.
 *
 * @param {AnyEnviron} environ
 * @throws {BadRequest} 414 when the query is too long
 */
export function query(environ) {
  const text = environ.QUERY_STRING ?? '';
  if (text.length > QUERY_LIMIT) throw new BadRequest('The query is too long.', '414 URI Too Long');
  return new URLSearchParams(text);
}

/**
 * A whole number from the query.
 *
 * @param {AnyEnviron} environ
 * @param {string} name
 * @param {{ min: number, max: number, fallback: number }} bounds
 * @throws {BadRequest} when it is not a whole number from `min` to `max`
 */
export function queryInteger(environ, name, { min, max, fallback }) {
  const text = query(environ).get(name);
  if (text === null || text === '') return fallback;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw new BadRequest(`${name} must be a whole number from ${min} to ${max}.`);
  return number;
}

/**
 * The whole body of a small request.
 *
 * @param {import('quaich').Environ} environ
 * @param {number} limit bytes
 * @throws {BadRequest} 413 when the body is larger
 */
export function readBody(environ, limit) {
  // The announced size first, so that a client that waits for 100 Continue need not send the body at all.
  const body = Number(environ.CONTENT_LENGTH ?? 0) > limit ? null : environ['wsgi.input'].read(limit + 1);
  if (body === null || body.length > limit) {
    throw new BadRequest(`At most ${limit} bytes are accepted.`, '413 Content Too Large');
  }
  return body;
}

/**
 * Whether the client has this version of the resource already (RFC 9110 section 13.1.2).
 *
 * @param {AnyEnviron} environ
 * @param {string} tag with its quotes
 */
export function matchesTag(environ, tag) {
  const candidates = (environ.HTTP_IF_NONE_MATCH ?? '').split(',').map((candidate) => candidate.trim());
  return candidates.some((candidate) => candidate === '*' || candidate === tag || candidate === `W/${tag}`);
}
