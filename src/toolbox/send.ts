/**
 * Whole answers in one call, for both conventions: each calls `startResponse` and gives the body, an array, which is a
 * body in either. Their names are verbs, since the nouns of the toolbox read: `json(environ)` is what came.
 */
import type { HeaderFields } from '../interface/types.ts';
import { percentEncodeRest } from '../rules/native-strings.ts';
import { REDIRECTS, statusLine } from '../rules/status-line.ts';

/** `startResponse` of either convention; its `write` is not used. */
type Starter = (status: string, headers: HeaderFields) => unknown;

export interface SendOptions {
  /** 200 by default. */
  status?: number;
  /** Further fields. A Content-Type among them takes the place of the usual one. */
  headers?: HeaderFields;
}

const encoder = new TextEncoder();

function send(startResponse: Starter, type: string, text: string, { status = 200, headers = [] }: SendOptions) {
  const isTyped = headers.some(([name]) => name.toLowerCase() === 'content-type');
  startResponse(statusLine(status), isTyped ? headers : [['Content-Type', type], ...headers]);
  return [encoder.encode(text)];
}

/**
 * Answers with plain text in UTF-8 (U-60).
 *
 * @throws RangeError for a number that is no status; what `startResponse` throws
 */
export function sendText(startResponse: Starter, text: string, options: SendOptions = {}): Uint8Array[] {
  return send(startResponse, 'text/plain; charset=utf-8', text, options);
}

/** Answers with HTML in UTF-8 (U-60). Escape what comes from outside before it gets into it. Throws as `sendText`. */
export function sendHtml(startResponse: Starter, html: string, options: SendOptions = {}): Uint8Array[] {
  return send(startResponse, 'text/html; charset=utf-8', html, options);
}

/**
 * Answers with a value as JSON (U-60).
 *
 * @throws TypeError for what JSON cannot carry: undefined, a function, a bigint, a circle; else as `sendText`
 */
export function sendJson(startResponse: Starter, value: unknown, options: SendOptions = {}): Uint8Array[] {
  // The library's type does not say that it gives nothing for what JSON has no text for.
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`sendJson: JSON has no text for ${typeof value}`);
  return send(startResponse, 'application/json', text, options);
}

/** Answers 404 with a line of text (U-60). Throws as `sendText`. */
export function sendNotFound(startResponse: Starter, text = 'Not Found\n', options: SendOptions = {}): Uint8Array[] {
  return sendText(startResponse, text, { status: 404, ...options });
}

/** Begins with two slashes to a browser, which takes a backslash for one: another host follows. */
const OTHER_HOST = /^[/\\]{2}/;

/**
 * Sends the client elsewhere (U-60). In the location everything but visible ASCII is percent-encoded.
 *
 * @param location a path, or a URI with its scheme
 * @param options the status is 302 by default; 303 is for the page behind a form, 301 and 308 are for good
 * @throws TypeError for a location that begins with two slashes, by which a path from outside would lead to any host;
 *   RangeError for a status that is no redirect
 */
export function sendRedirect(startResponse: Starter, location: string, options: SendOptions = {}): Uint8Array[] {
  const { status = 302, headers = [] } = options;
  if (!REDIRECTS.has(status)) throw new RangeError(`sendRedirect: ${status} is no redirect`);
  if (OTHER_HOST.test(location)) {
    throw new TypeError('sendRedirect: the location begins with two slashes: write the scheme to name a host');
  }
  startResponse(statusLine(status), [['Location', percentEncodeRest(location)], ...headers]);
  return [];
}
