/**
 * The grammar of HTTP as far as TypeScript reads it: one home for every pattern that more than one file needs. The
 * parser (`assembly/`) has its own, in tables.
 */

/**
 * RFC 9110, 5.6.2. Patterns with a token in them stand in this file, where the test of their running time reads them.
 */
const TOKEN_SOURCE = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
/** RFC 9110, 5.6.2. */
export const TOKEN = new RegExp(`^${TOKEN_SOURCE}$`);
/** A comma list of tokens (RFC 9110, 5.6.1), without empty elements. */
export const TOKEN_LIST = new RegExp(`^${TOKEN_SOURCE}(?:[ \\t]*,[ \\t]*${TOKEN_SOURCE})*$`);
/**
 * Three digits from 200 to 599, one space, and nothing or a text without control characters that neither starts nor
 * ends with a space (G-88, G-89).
 */
export const STATUS = /^[2-5][0-9]{2} (?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** RFC 9110, 5.5, with obs-text as bytes of a native string: no control character but HTAB. */
export const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
export const DIGITS = /^[0-9]+$/;
/** Digits of a number of bytes that a JS number holds exactly (G-27). */
export const BYTE_COUNT = /^[0-9]{1,15}$/;
/** The start of a value with parameters: a token or a media type (RFC 9110, 8.3.1; RFC 6266, 4.1). */
export const VALUE_WITH_PARAMETERS = new RegExp(`^[ \\t]*(${TOKEN_SOURCE}(?:/${TOKEN_SOURCE})?)[ \\t]*(?=;|$)`);
/**
 * One parameter behind it: name, and token or what stands in quotes. A quoted string ends at the first quote without a
 * backslash before it; no other escape is known to all clients. Browsers do not escape a backslash, though: where that
 * rule leads nowhere, one before the closing quote stands for itself. Sticky: it goes on at its `lastIndex`.
 */
export const PARAMETER = new RegExp(
  `;[ \\t]*(?:(${TOKEN_SOURCE})=(?:(${TOKEN_SOURCE})|"((?:[^"\\\\]|\\\\[^])*\\\\?)")[ \\t]*)?(?=;|$)`,
  'y',
);
/** What can be read of a request line, even of one that is cut off or refused: method, target, version. */
export const REQUEST_LINE = new RegExp(`^(${TOKEN_SOURCE}) ([^ ]+)(?: (HTTP/[0-9]\\.[0-9])$)?`);
/** What a request target may not contain: anything but visible ASCII without `#` (RFC 9112, 3.2; G-22). */
export const NOT_IN_TARGET = /[^\x21\x22\x24-\x7e]/;
/** The same, all of them: for `replace` only. */
export const ALL_NOT_IN_TARGET = /[^\x21\x22\x24-\x7e]/g;

/**
 * Fields of the connection, not of the message (G-92; RFC 9110, 7.6.1), in lower case: no application may send them.
 */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header field is hop-by-hop, so that no application may send it; ignores case (U-09). */
export function isHopByHop(name: string): boolean {
  return CONNECTION_FIELDS.has(name.toLowerCase());
}

/**
 * Whether an application may give a field of this name: it is neither of the connection, which is the server's (G-92),
 * nor `Status`, which CGI would take for the status (G-93).
 *
 * @param lower the name in lower case
 */
export function isApplicationField(lower: string): boolean {
  return lower !== 'status' && !CONNECTION_FIELDS.has(lower);
}

/** Whether a text is the number of a port: one to five digits, not above 65535. */
export function isPort(text: string): boolean {
  return text.length <= 5 && DIGITS.test(text) && Number(text) <= 65535;
}

/** `uri-host [ ":" port ]` (RFC 9110, 4.2.3; RFC 3986, 3.2.2). */
const AUTHORITY =
  /^(?:\[[0-9A-Za-z:.\-_~!$&'()*+,;=]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/;
/** Host and port of what may be no authority at all. */
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/;

/**
 * Whether a text is a host, with or without a port: nothing in it could end the authority of a URL, or names a user.
 */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** Host and port of an authority; each is `''` where it has none. */
export function splitAuthority(authority: string): [host: string, port: string] {
  const match = HOST_AND_PORT.exec(authority);
  return match === null ? ['', ''] : [match[1], match[2] ?? ''];
}

/** The port of a scheme where none is named. */
export function defaultPort(scheme: string): '80' | '443' {
  return scheme === 'https' ? '443' : '80';
}
