// The requests that are parsed, by the names that cases use, and what is right to find in each.
import { requests } from '../apps/content.mjs';

/**
 * @typedef {object} Input
 * @property {Buffer} bytes
 * @property {string} method
 * @property {string} target
 * @property {[string, string][]} fields no name twice
 * @property {number} payload bytes of the body, without its coding
 */

/** @returns {Input} */
function input(method, target, fields, chunks = []) {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  const body = chunks.flatMap((size) => [`${size.toString(16)}\r\n`, 'x'.repeat(size), '\r\n']);
  if (chunks.length > 0) body.push('0\r\n\r\n');
  const bytes = Buffer.from([`${method} ${target} HTTP/1.1\r\n`, ...lines, '\r\n', ...body].join(''), 'latin1');
  return { bytes, method, target, fields, payload: chunks.reduce((sum, size) => sum + size, 0) };
}

const get = (target, fields) => input('GET', target, fields);
const chunked = (count, size) =>
  input(
    'POST',
    '/upload',
    [
      ['Host', 'localhost:8080'],
      ['Transfer-Encoding', 'chunked'],
    ],
    Array(count).fill(size),
  );

const browser = [['host', 'localhost:8080'], ...Object.entries(requests.browser.headers)];

export const inputs = {
  least: get('/', [['Host', 'localhost:8080']]),
  client: get('/articles/17?page=2', [
    ['Host', 'www.example.org:8080'],
    ['User-Agent', 'client/8.14.1 (linux; x64) http/1.1'],
    ['Accept', 'application/json, text/plain, */*'],
    ['Accept-Encoding', 'gzip, br'],
    ['Connection', 'keep-alive'],
  ]),
  browser: get(requests.browser.path, browser),
  cookie: get(requests.browser.path, [
    ...browser.filter(([name]) => name !== 'cookie'),
    ['cookie', `session=${'0123456789abcdef'.repeat(473)}`],
  ]),
  manyFields: get(
    '/articles/17',
    Array.from({ length: 90 }, (_, i) =>
      i === 0 ? browser[0] : [`X-Field-${i}`, `value ${i} ${'abcdefgh'.repeat(8)}fghi`],
    ),
  ),
  smallChunks: chunked(256, 64),
  largeChunks: chunked(4, 65536),
};
