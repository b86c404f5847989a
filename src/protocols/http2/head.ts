/** Heads of HTTP/2 (RFC 9113, 8): those of requests for the parser, those of responses for Node. */
import {
  HEAD_HAS_DATE,
  HEAD_HAS_LENGTH,
  HEAD_HAS_SERVER,
  HEAD_NO_BODY,
  type ResponseHead,
} from '../../interface/transport.ts';
import { TOKEN } from '../../rules/grammar.ts';
import { headParts } from '../../rules/head-parts.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import type { RefusedLine } from '../host.ts';

/** What would end a line of the head that is written. */
const LINE_END = /[\r\n]/;
/** Fields of a connection, for which HTTP/2 has frames (RFC 9113, 8.2.2), in lower case. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** The value of a pseudo-header field, `''` where there is none. */
function pseudo(fields: readonly string[], name: string): string {
  // They come before all others (RFC 9113, 8.3), and once each, which nghttp2 sees to.
  for (let at = 0; at < fields.length && fields[at].startsWith(':'); at += 2) {
    if (fields[at] === name) return fields[at + 1];
  }
  return '';
}

/** Method and target, which the request line of HTTP/1.1 would have, for the access log. */
export function http2Line(fields: readonly string[]): RefusedLine {
  const method = pseudo(fields, ':method');
  return { method, target: pseudo(fields, method === 'CONNECT' ? ':authority' : ':path'), protocol: 'HTTP/2.0' };
}

/**
 * The head of a request as HTTP/1.1 has it, so that one parser with one set of rules and limits reads both. What would
 * mean something else there is refused; nghttp2 lets little of it through.
 *
 * @param fields names and values in turn, as native strings
 * @param hasBody the stream does not end with the head: a body without a length counts as a chunked one
 * @throws RefusedRequest
 */
export function http2RequestHead(fields: readonly string[], hasBody: boolean): string {
  const { method, target } = http2Line(fields);
  let authority = pseudo(fields, ':authority');
  let lines = '';
  let isChunked = hasBody;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at];
    const value = fields[at + 1];
    if (LINE_END.test(value)) throw new RefusedRequest('a field holds the end of a line');
    if (name.startsWith(':')) continue;
    if (!TOKEN.test(name) || FORBIDDEN.has(name.toLowerCase())) {
      throw new RefusedRequest('a field has a name that HTTP/2 does not allow');
    }
    if (name === 'host') {
      authority ||= value;
      // RFC 9113, 8.3.1: who goes by the one must not differ from who goes by the other.
      if (value !== authority) throw new RefusedRequest('Host is not what :authority says');
      continue;
    }
    if (name === 'content-length') isChunked = false;
    lines += `${name}: ${value}\r\n`;
  }
  if (!TOKEN.test(method)) throw new RefusedRequest(':method is no method');
  if (method !== 'CONNECT') {
    if ((!target.startsWith('/') && target !== '*') || target.includes(' ')) {
      throw new RefusedRequest(':path is no path');
    }
    if (isChunked) lines += 'transfer-encoding: chunked\r\n';
  }
  if (authority !== '') lines += `host: ${authority}\r\n`;
  return `${method} ${target} HTTP/1.1\r\n${lines}\r\n`;
}

/** A checked head with the lines that the server adds (with CR LF), Content-Length among them where it is known. */
export function withServerLines(head: ResponseHead, date: string, server: string): ResponseHead {
  const { status, flags, length } = head;
  let { text } = head;
  if ((flags & HEAD_HAS_DATE) === 0) text += date;
  if ((flags & HEAD_HAS_SERVER) === 0) text += server;
  if (length >= 0 && (flags & (HEAD_HAS_LENGTH | HEAD_NO_BODY)) === 0) text += `Content-Length: ${length}\r\n`;
  return { status, text, length, flags: flags | HEAD_HAS_LENGTH };
}

/** Fields for Node: a text of each name, an array of those that must not be joined. */
export type Http2Fields = Record<string, string | number | string[]>;

/**
 * A head, complete with the lines of the server, in lower case. Equal names are joined as RFC 9110 allows (5.3), but
 * for Set-Cookie: Node refuses to send some of them twice.
 */
export function http2ResponseFields(head: ResponseHead): Http2Fields {
  const values = new Map<string, string>();
  const cookies: string[] = [];
  const { fields } = headParts(head);
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at].toLowerCase();
    const value = fields[at + 1];
    const before = values.get(name);
    if (name === 'set-cookie') cookies.push(value);
    // V8 joins by reference: many equal fields take linear time.
    else if (!FORBIDDEN.has(name)) values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const all: Http2Fields = { ':status': head.status, ...Object.fromEntries(values) };
  if (cookies.length > 0) all['set-cookie'] = cookies;
  return all;
}
