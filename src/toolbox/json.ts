import type { AsyncEnviron, Environ } from '../interface/types.ts';
import { type BodyOptions, contentType, DEFAULT_MAX_SIZE, readWhole } from './request-body.ts';
import { limit, malformed, unsupported } from './request-data-error.ts';

/** `application/json` and every type made of it, such as `application/problem+json` (RFC 6839). */
const JSON_TYPE = /^application\/(?:json|[^/]+\+json)$/;

function checkType(environ: Environ | AsyncEnviron): void {
  const type = contentType(environ);
  if (type === null || !JSON_TYPE.test(type.value)) {
    throw unsupported('the request body must be JSON, with Content-Type: application/json');
  }
  const charset = type.parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8') throw unsupported('JSON must be in UTF-8'); // RFC 8259, 8.1
}

function parse(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('the request body is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw malformed('the request body is not JSON');
  }
}

/**
 * The body of the request, as JSON. Nothing is known about the value but that: check its shape before you use it.
 *
 * @throws RequestDataError: 415 for another Content-Type (or none) and for a charset that is not UTF-8, 413 for a body
 *   above the limit, 400 for one that is not JSON in UTF-8; what `wsgi.input` throws when the body breaks off (G-63)
 */
export function json(environ: Environ, options?: BodyOptions): unknown;
export function json(environ: AsyncEnviron, options?: BodyOptions): Promise<unknown>;
export function json(environ: Environ | AsyncEnviron, options: BodyOptions = {}): unknown {
  const maxSize = limit(options.maxSize, DEFAULT_MAX_SIZE, 'maxSize');
  return readWhole(environ, maxSize, () => checkType(environ), parse);
}
