/** Requests as a test writes them, and the environ that a gateway would make of them. */
import { READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import '../rules/latin1.ts';
import { EnvironBuilder, type EnvironTemplate } from '../environ/builder.ts';
import { PARSED_HEAD } from '../environ/head-record.ts';
import type { ConnectionInfo } from '../environ/variables.ts';
import { ConfigurationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, HeaderField, InputStream } from '../interface/types.ts';
import { Parser, rule } from '../protocols/http/parser.ts';
import { FIELD_NAMES, METHODS } from '../protocols/http/wasm/tables.ts';
import { defaultPort } from '../rules/grammar.ts';
import { latin1Encode, percentEncodeRest, textToNative } from '../rules/native-strings.ts';
import { shown } from '../rules/show.ts';
import { Headers } from '../toolbox/headers.ts';

/** Header fields: pairs in order, an object, or `Headers`. Values are native strings. */
export type HeadersInit = Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[]>>;

/** What every request may have, whatever its body. */
export interface RequestHead {
  /** `GET` by default. */
  method?: string;
  /**
   * Path with or without a query; `/` by default. Percent-encode what has a meaning in it; spaces and non-ASCII text
   * are encoded for you. A whole URI gives an absolute-form target.
   */
  path?: string;
  /** Put behind what the path has of a query. */
  query?: string | URLSearchParams | Readonly<Record<string, string>>;
  headers?: HeadersInit;
  /** `1.1` by default. */
  httpVersion?: '1.0' | '1.1';
  scheme?: 'http' | 'https';
  /** Of the client; `127.0.0.1` by default, `''` for one on a Unix socket. */
  remoteAddress?: string;
}

/** Pieces of a body are sent as they are; text is encoded in UTF-8. */
export type BodyPiece = string | Uint8Array;

/** Ways to give a body whose size is known. */
export type WholeBody = string | Uint8Array | URLSearchParams;

let parser: Parser | undefined;

export function toBytes(piece: BodyPiece): Uint8Array {
  return typeof piece === 'string' ? new TextEncoder().encode(piece) : piece;
}

/** A path, `*`, or a whole URI (RFC 9112, 3.2). The authority of a CONNECT is for the parser to refuse. */
const TARGET = /^(?:\/|\*$|[A-Za-z][A-Za-z0-9+.-]*:)/;

/**
 * The target of a request line: everything but visible ASCII is percent-encoded.
 *
 * @throws ConfigurationError for a path without its slash
 */
function targetOf({ path = '/', query }: RequestHead): string {
  if (!TARGET.test(path)) {
    throw new ConfigurationError(`the path of a request begins with a slash: ${shown(`/${path}`)}, not ${shown(path)}`);
  }
  const visible = percentEncodeRest(path);
  if (query === undefined) return visible;
  const added = typeof query === 'string' ? query : new URLSearchParams(query).toString();
  return `${visible}${visible.includes('?') ? '&' : '?'}${textToNative(added)}`;
}

/** Header fields as pairs, in order. */
export function pairsOf(init: HeadersInit): HeaderField[] {
  if (Symbol.iterator in init) return Array.from(init, ([name, value]) => [name, value]);
  return Object.entries(init).flatMap(([name, value]): HeaderField[] =>
    typeof value === 'string' ? [[name, value]] : value.map((each) => [name, each]),
  );
}

/** The fields of a request: those given, over those of the client, over those that any client sends. */
export function requestHeaders(request: RequestHead, defaults: HeadersInit): Headers {
  const headers = new Headers(pairsOf(request.headers ?? {}));
  const own = new Set(headers.keys().map((name) => name.toLowerCase()));
  for (const [name, value] of pairsOf(defaults)) if (!own.has(name.toLowerCase())) headers.append(name, value);
  if (request.httpVersion !== '1.0') headers.setdefault('Host', 'localhost');
  return headers;
}

type Template = Omit<EnvironTemplate, 'fieldNames' | 'methods'>;

/**
 * Makes the environ of a request as the server does: the head is written down, parsed by the parser of the server, and
 * given to its environ builder; so the rows G-10 to G-50 hold here as there.
 *
 * @throws ConfigurationError for a head that the server would refuse
 */
export function buildEnviron(
  request: RequestHead,
  headers: Headers,
  template: Template & { async: false },
  prefix: string,
  input: InputStream,
): Environ;
export function buildEnviron(
  request: RequestHead,
  headers: Headers,
  template: Template & { async: true },
  prefix: string,
  input: AsyncInputStream,
): AsyncEnviron;
export function buildEnviron(
  request: RequestHead,
  headers: Headers,
  template: Template,
  prefix: string,
  input: InputStream | AsyncInputStream,
): Environ | AsyncEnviron {
  parser ??= new Parser();
  const line = `${request.method ?? 'GET'} ${targetOf(request)} HTTP/${request.httpVersion ?? '1.1'}\r\n`;
  const head = latin1Encode(line + headers);
  if (head.byteLength > READ_SIZE) throw new ConfigurationError('the head of the request is larger than 64 KiB');
  parser.bytes.set(head, READ_AREA);
  const after = parser.head(READ_AREA, READ_AREA + head.byteLength);
  if (after <= 0) {
    const broken = rule(after);
    throw new ConfigurationError(`a server refuses this request with ${broken.status}: ${broken.text}`);
  }
  const scheme = request.scheme ?? 'http';
  const connection: ConnectionInfo = {
    remoteAddress: request.remoteAddress ?? '127.0.0.1',
    remotePort: '50000',
    serverName: '127.0.0.1',
    serverPort: defaultPort(scheme),
    scheme,
    unixSocket: request.remoteAddress === '',
  };
  const text = parser.headText();
  const builder = new EnvironBuilder({ ...template, fieldNames: FIELD_NAMES, methods: METHODS });
  const environ = builder.build(text, 0, parser.words, PARSED_HEAD, connection, prefix, input);
  if (environ.SCRIPT_NAME !== prefix || !/^(?:$|\/|\*$)/.test(environ.PATH_INFO)) {
    throw new ConfigurationError(`the path of the request does not lie in the mount ${prefix} (G-14)`);
  }
  return environ;
}
