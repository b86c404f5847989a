/** The header fields of a request, from its environ. */
import { AsyncInput } from '../engine/async-input.ts';
import { ApplicationError } from '../interface/errors.ts';
import type { AsyncEnviron } from '../interface/types.ts';
import { DIGITS, FIELD_VALUE, TOKEN } from '../rules/grammar.ts';
import { Memo } from '../rules/memo.ts';
import { shown } from '../rules/show.ts';
import { trimmed } from '../rules/trimmed.ts';

/** Names by key; null for keys that are none of a field. */
const KNOWN_NAMES = new Memo<string | null>();

/** Keys by name, as somebody asked for it; null for fields that are not passed on. */
const KNOWN_KEYS = new Memo<string | null>();
/** Names that have no other key, and are of no other name's key. */
const PLAIN_NAME = /^[A-Za-z0-9-]+$/;

/** Keys that no gateway sets (G-28, G-36): as fields they would frame the message a second time. */
const NOT_FIELDS: ReadonlySet<string> = new Set(['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_TRANSFER_ENCODING']);

/** First letters of the keys of fields. */
const H = 0x48;
const C = 0x43;

/** Methods whose requests are taken to have no body where nothing tells of one. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * `Accept-Language` for `HTTP_ACCEPT_LANGUAGE`: how the client spelt it is not known. Null where it is no key of a
 * field.
 */
function fieldName(key: string): string | null {
  const known = KNOWN_NAMES.get(key);
  if (known !== undefined) return known;
  if (key === 'CONTENT_TYPE') return KNOWN_NAMES.keep(key, 'Content-Type');
  if (!key.startsWith('HTTP_') || NOT_FIELDS.has(key)) return KNOWN_NAMES.keep(key, null);
  const name = key
    .substring(5)
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.substring(1))
    .join('-');
  if (!TOKEN.test(name)) throw new ApplicationError(`environ: ${shown(key)} is not the key of a header field (G-29)`);
  return KNOWN_NAMES.keep(key, name);
}

/**
 * Takes each header field but those that frame the body. Repeated fields come joined, as the gateway has joined them
 * (G-30).
 *
 * @throws ApplicationError for a name or value that middleware has spoilt: it could end the field, or the head
 */
function eachField(environ: AsyncEnviron, take: (name: string, value: string) => void): void {
  for (const key of Object.keys(environ)) {
    // Most keys are none of a field, which their first letter tells sooner than a look-up.
    const first = key.charCodeAt(0);
    if (first !== H && first !== C) continue;
    const value = environ[key];
    const name = value === undefined ? null : fieldName(key);
    if (name === null || (value === '' && key === 'CONTENT_TYPE')) continue;
    if (typeof value !== 'string' || !FIELD_VALUE.test(value)) {
      throw new ApplicationError(`environ: ${key} is no value of a header field: ${shown(value)} (G-34)`);
    }
    take(name, value);
  }
}

/** Names and values for a native Headers, with Content-Length, which no Request derives from a stream. */
export function headerFields(environ: AsyncEnviron): [string, string][] {
  const fields: [string, string][] = [];
  eachField(environ, (name, value) => {
    fields.push([name, value]);
  });
  if (environ.CONTENT_LENGTH) fields.push(['Content-Length', environ.CONTENT_LENGTH]);
  return fields;
}

function keyOf(name: string): string | null {
  const upper = name.toUpperCase().replaceAll('-', '_');
  const key = upper === 'CONTENT_TYPE' || upper === 'CONTENT_LENGTH' ? upper : `HTTP_${upper}`;
  return NOT_FIELDS.has(key) ? null : key;
}

/**
 * The value of one field, as a native Headers of `headerFields` has it: null where there is none. Undefined where only
 * such a Headers can tell, or has the error to throw: for unusual names, and values that middleware has spoilt.
 */
export function fieldValue(environ: AsyncEnviron, name: string): string | null | undefined {
  let key = KNOWN_KEYS.get(name);
  if (key === undefined) {
    if (typeof name !== 'string' || !PLAIN_NAME.test(name)) return undefined;
    key = KNOWN_KEYS.keep(name, keyOf(name));
  }
  if (key === null) return null;
  const value = environ[key];
  if (value === undefined) return null;
  if (value === '' && !key.startsWith('HTTP_')) return null;
  return typeof value === 'string' && FIELD_VALUE.test(value) && trimmed(value) === value ? value : undefined;
}

/**
 * The size of the request body in bytes: 0 where there is none, -1 where only its end will tell (G-62). Nothing is read
 * to find out: a client may wait for the answer before it sends its body, or for `100 Continue`.
 *
 * A chunked body has no variable. The input of our own gateways knows whether there is one; behind another input, such
 * as the validator's, the method decides.
 *
 * @throws ApplicationError for a CONTENT_LENGTH that is none
 */
export function bodyLength(environ: AsyncEnviron): number {
  const { CONTENT_LENGTH: length, REQUEST_METHOD: method } = environ;
  if (length !== undefined && length !== '') {
    const number = Number(length);
    if (DIGITS.test(length) && Number.isSafeInteger(number)) return number;
    throw new ApplicationError(`environ: CONTENT_LENGTH is ${shown(length)}, which is no length (G-27)`);
  }
  const hasBody = AsyncInput.hasBody(environ['wsgi.input']) ?? !WITHOUT_BODY.has(method);
  return hasBody ? -1 : 0;
}

/** `eachField`, and the field that frames a body of a length as `bodyLength` tells it. */
export function eachMessageField(
  environ: AsyncEnviron,
  length: number,
  take: (name: string, value: string) => void,
): void {
  eachField(environ, take);
  if (length > 0 || environ.CONTENT_LENGTH === '0') take('Content-Length', String(length));
  else if (length < 0) take('Transfer-Encoding', 'chunked');
}

/** The version as node:http has it: all but HTTP/1.0 is HTTP/1.1. */
export function protocolOf(environ: AsyncEnviron): 'HTTP/1.0' | 'HTTP/1.1' {
  return environ.SERVER_PROTOCOL === 'HTTP/1.0' ? 'HTTP/1.0' : 'HTTP/1.1';
}
