/** What the adapter sends of a Response, whatever made that: without a stream where it can be. */
import { ApplicationError } from '../interface/errors.ts';
import type { HeaderField } from '../interface/types.ts';
import { isApplicationField } from '../rules/grammar.ts';
import { typeName } from '../rules/show.ts';
import { trimmed } from '../rules/trimmed.ts';
import { type KnownBody, LightResponse, type ResponseParts } from './light-response.ts';

/** What a FastResponse gave, which is empty afterwards. A WeakMap would cost more, above all garbage collection. */
const TAKEN = Symbol('taken');

/** `FastResponse` of srvx, which h3 answers with: it gives its parts, once, as its own server takes them. */
interface FastResponse {
  _toNodeResponse(): { status: number; statusText: string; headers: readonly unknown[]; body: unknown };
  [TAKEN]?: ResponseParts;
}

function takeFast(response: FastResponse): ResponseParts {
  const before = response[TAKEN];
  if (before?.body === null) return before;
  if (before !== undefined)
    throw new ApplicationError('the fetch handler returned a Response that was sent before (B-69)');
  const { status, statusText, headers, body } = response._toNodeResponse();
  const fields: HeaderField[] = [];
  for (let i = 0; i < headers.length; i += 2) fields.push([String(headers[i]), String(headers[i + 1])]);
  const parts = { status, statusText, fields, body: bodyOf(response, body ?? null) };
  response[TAKEN] = parts;
  return parts;
}

function bodyOf(response: FastResponse, body: unknown): ResponseParts['body'] {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream)
    return body;
  // A stream of Node, which its own class makes a web stream of.
  const again: Response = Reflect.construct(response.constructor, [body]);
  return again.body;
}

/**
 * The symbol that keeps the state of a native Response, where Node has one (20, 22): it tells what a body was made of.
 * Node 24 keeps that to itself. Found out with the first Response: Node loads all of fetch for it.
 */
let stateKey: symbol | null | undefined;

function findStateKey(): symbol | null {
  const sample = Response.json(0); // native also where the constructor is replaced
  return Object.getOwnPropertySymbols(sample).find((key) => sourceOf(sample, key) instanceof Uint8Array) ?? null;
}

function sourceOf(response: object, key: symbol): unknown {
  // Anything may be there, or nothing.
  return (Reflect.get(response, key) as { body?: { source?: unknown } | null } | undefined)?.body?.source;
}

/** The body of a native Response, if it is known and still unread; it counts as used from now on. Else null. */
function takeKnown(response: Response): KnownBody {
  stateKey ??= findStateKey();
  if (stateKey === null) return null;
  const source = sourceOf(response, stateKey);
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) return null;
  if (response.bodyUsed || response.body?.locked !== false) return null;
  response.body.getReader(); // locks it, as if it were read
  return source;
}

/** A Response, also that of another implementation. */
function checkResponse(value: object): asserts value is Response {
  // Looked at below, property by property.
  const { status, headers, body } = value as Partial<Response>;
  const hasHeaders = typeof headers?.[Symbol.iterator] === 'function' && typeof headers.getSetCookie === 'function';
  if (typeof status !== 'number' || !hasHeaders || (body !== null && typeof body?.getReader !== 'function')) {
    throw noResponse(value);
  }
}

function noResponse(value: unknown): ApplicationError {
  return new ApplicationError(`the fetch handler returned ${typeName(value)}, expected a Response (B-69)`);
}

/**
 * The parts of a Response, whose body counts as used from now on unless it is a stream.
 *
 * @throws ApplicationError for anything else than a Response, and for `Response.error()`
 */
export function partsOf(value: unknown): ResponseParts {
  if (typeof value !== 'object' || value === null) throw noResponse(value);
  const light = LightResponse.take(value);
  if (light !== null) return light;
  // As srvx tells one.
  if (typeof Reflect.get(value, '_toNodeResponse') === 'function') return takeFast(value as FastResponse);
  checkResponse(value);
  const { status, statusText, headers, body } = value;
  if (status === 0) throw new ApplicationError('the fetch handler returned Response.error() (B-69)');
  return { status, statusText, fields: headers, body: takeKnown(value) ?? body };
}

/** The fields that an application may send. Cookies are never joined: one may contain a comma (RFC 9110, 5.3). */
export function applicationFields(fields: ResponseParts['fields']): HeaderField[] {
  const sent: HeaderField[] = [];
  const cookies: HeaderField[] = [];
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (lower === 'set-cookie') cookies.push(['set-cookie', trimmed(value)]);
    else if (isApplicationField(lower)) sent.push([name, trimmed(value)]);
  }
  return cookies.length === 0 ? sent : [...sent, ...cookies];
}
