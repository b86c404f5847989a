/** Where a redirect leads, and with which request (Fetch Standard, 4.4). */
import { REDIRECTS } from '../rules/status-line.ts';
import { type HeadersInit, pairsOf, type RequestHead, requestHeaders } from './request.ts';
import type { TestResponse } from './response.ts';

/** As much of a request of either client as a redirect changes. */
interface RedirectedRequest extends RequestHead {
  body?: unknown;
  json?: unknown;
}

/** Fields of a body that is not sent again. */
const OF_BODY = /^(?:content-|transfer-encoding$)/i;

/** The URL of a request; null where its Host or its path makes none. */
export function requestUrl(request: RedirectedRequest, defaults: HeadersInit): URL | null {
  const host = requestHeaders(request, defaults).get('Host', 'localhost');
  const base = `${request.scheme ?? 'http'}://${host}`;
  const path = request.path ?? '/';
  return URL.canParse(path, base) ? new URL(path, base) : null;
}

function isWhole(body: unknown): boolean {
  const isText = body === undefined || typeof body === 'string';
  return isText || body instanceof Uint8Array || body instanceof URLSearchParams;
}

/**
 * The request that a redirect asks for; null for any other response, for a place at another host, and where a body in
 * pieces would have to be sent again.
 */
export function redirected(
  request: RedirectedRequest,
  defaults: HeadersInit,
  response: TestResponse,
): RedirectedRequest | null {
  const location = response.headers.get('Location');
  const from = requestUrl(request, defaults);
  if (!REDIRECTS.has(response.status) || location === null || from === null) return null;
  if (!URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  const scheme = to.protocol.slice(0, -1);
  if (to.host !== from.host || (scheme !== 'http' && scheme !== 'https')) return null;

  const { body, json, query: _query, headers = {}, method = 'GET', ...others } = request;
  const place = { ...others, path: to.pathname + to.search, scheme } as const;
  const becomesGet = response.status === 303 ? method !== 'HEAD' : response.status < 303 && method === 'POST';
  if (becomesGet) {
    return { ...place, method: 'GET', headers: pairsOf(headers).filter(([name]) => !OF_BODY.test(name)) };
  }
  return isWhole(body) ? { ...place, method, headers, body, json } : null;
}
