// @ts-check
/**
 * Header fields on their way through a proxy (RFC 9110 section 7.6).
 */

import { isHopByHop } from 'quaich/toolbox';

/** @import { AsyncEnviron, HeaderField } from 'quaich' */

/** The names that a Connection field adds to these. @param {string} value */
const named = (value) => value.split(',').map((name) => name.trim().toLowerCase());

/**
 * The fields for the upstream, made from environ.
 *
 * @param {AsyncEnviron} environ
 * @param {string} host of the upstream
 * @param {boolean} hasBody
 * @returns {Record<string, string>}
 */
export function requestFields(environ, host, hasBody) {
  // `expect`: reading the body has answered it already.
  const dropped = new Set(['host', 'expect', 'forwarded', ...named(environ.HTTP_CONNECTION ?? '')]);
  /** @type {Record<string, string>} */
  const fields = {};
  for (const [key, value] of Object.entries(environ)) {
    if (!key.startsWith('HTTP_') || typeof value !== 'string') continue;
    const name = key.slice(5).toLowerCase().replaceAll('_', '-');
    // What a client says of its own origin is not passed on as if it were known.
    if (dropped.has(name) || isHopByHop(name) || name.startsWith('x-forwarded-')) continue;
    fields[name] = value;
  }
  if (environ.CONTENT_TYPE) fields['content-type'] = environ.CONTENT_TYPE;
  if (environ.CONTENT_LENGTH) fields['content-length'] = environ.CONTENT_LENGTH;
  else if (hasBody) fields['transfer-encoding'] = 'chunked';
  fields.host = host;
  if (environ.REMOTE_ADDR) fields['x-forwarded-for'] = environ.REMOTE_ADDR;
  fields['x-forwarded-proto'] = environ['wsgi.url_scheme'];
  const via = `${environ.SERVER_PROTOCOL.replace('HTTP/', '')} quaich-example`;
  fields.via = fields.via ? `${fields.via}, ${via}` : via;
  return fields;
}

/**
 * The fields for the client, in the order and spelling of the upstream.
 *
 * @param {string[]} raw names and values in turn, as node:http gives them
 * @param {number} status
 * @returns {HeaderField[]}
 */
export function responseFields(raw, status) {
  /** @type {HeaderField[]} */
  const all = [];
  for (let index = 0; index < raw.length; index += 2) all.push([raw[index], raw[index + 1]]);
  // A field named Status would be taken for the status by CGI (G-93); some servers send it all the same.
  const dropped = new Set(['status']);
  for (const [name, value] of all) {
    if (name.toLowerCase() === 'connection') for (const each of named(value)) dropped.add(each);
    // Where both are given, the length is not that of the body (RFC 9112 section 6.3).
    if (name.toLowerCase() === 'transfer-encoding') dropped.add('content-length');
  }
  // RFC 9110 section 8.6: none with 204.
  if (status === 204) dropped.add('content-length');
  return [
    ...all.filter(([name]) => !dropped.has(name.toLowerCase()) && !isHopByHop(name)),
    ['Via', '1.1 quaich-example'],
  ];
}
