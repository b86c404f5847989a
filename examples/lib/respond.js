// @ts-check
/**
 * Short answers: each returns the whole body as an array of one chunk, with its length in the head.
 */

/** @typedef {import('quaich').HeaderField} HeaderField */
/**
 * `startResponse` of either convention, for code that does not use what it returns.
 * @typedef {(status: string, headers: HeaderField[], error?: Error | null) => unknown} Start
 */

const encoder = new TextEncoder();

/**
 * @param {Start} startResponse
 * @param {string} status such as '200 OK'
 * @param {string} text sent as UTF-8
 * @param {HeaderField[]} [headers] further fields
 * @param {string} [type] media type
 * @returns {Uint8Array[]}
 */
export function sendText(startResponse, status, text, headers = [], type = 'text/plain') {
  const body = encoder.encode(text);
  startResponse(status, [
    ['Content-Type', `${type}; charset=utf-8`],
    ['Content-Length', String(body.length)],
    ['X-Content-Type-Options', 'nosniff'],
    ...headers,
  ]);
  return [body];
}

/**
 * @param {Start} startResponse
 * @param {string} status
 * @param {unknown} value
 * @param {HeaderField[]} [headers]
 */
export function sendJson(startResponse, status, value, headers = []) {
  const body = encoder.encode(`${JSON.stringify(value)}\n`);
  // RFC 8259 section 11: application/json has no charset parameter.
  startResponse(status, [['Content-Type', 'application/json'], ['Content-Length', String(body.length)], ...headers]);
  return [body];
}

/** @param {Start} startResponse */
export function notFound(startResponse) {
  return sendText(startResponse, '404 Not Found', 'There is nothing here.\n');
}

/**
 * Answers OPTIONS, and refuses every other method that the resource does not have (RFC 9110 sections 9.3.7, 15.5.6).
 *
 * @param {{ REQUEST_METHOD: string }} environ
 * @param {Start} startResponse
 * @param {string[]} methods GET brings HEAD and OPTIONS with it
 * @returns {Uint8Array[] | null} null when the method is one of them
 */
export function checkMethod(environ, startResponse, ...methods) {
  const method = environ.REQUEST_METHOD;
  if (methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))) return null;
  const allow = methods.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).concat('OPTIONS');
  if (method === 'OPTIONS') {
    startResponse('204 No Content', [['Allow', allow.join(', ')]]);
    return [];
  }
  return sendText(startResponse, '405 Method Not Allowed', `Use ${allow.join(', ')}.\n`, [['Allow', allow.join(', ')]]);
}

/**
 * Any text, as RFC 8187 writes it in a parameter of a header field.
 *
 * @param {string} text
 */
export function extendedValue(text) {
  const escapeMark = (/** @type {string} */ mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
  return `UTF-8''${encodeURIComponent(text).replace(/['()*]/g, escapeMark)}`;
}
