/**
 * What the environs of all gateways have in common (rows G-04 to G-50): the object itself, the variables that do not
 * depend on how a request was parsed, and the names of those that are made of header fields.
 */
import { ConfigurationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, ErrorStream, InputStream } from '../interface/types.ts';
import { defaultPort, splitAuthority } from '../rules/grammar.ts';
import { Memo } from '../rules/memo.ts';
import { isNativeString } from '../rules/native-strings.ts';
import type { TlsVariables } from './tls.ts';

/** What a connection knows of itself. All strings are native strings, made once for each connection. */
export interface ConnectionInfo {
  /** Address of the peer; `''` where there is none (a Unix socket), or none is known. */
  remoteAddress: string;
  /** `''` where it is not known. */
  remotePort: string;
  /** `''` (a Unix socket): taken from the Host field, else `localhost` (G-24). */
  serverName: string;
  serverPort: string;
  scheme: 'http' | 'https';
  /** The peer is on a Unix socket: said by whoever listens there, never inferred from an address that is missing. */
  unixSocket: boolean;
  /** SSL_* of an encrypted connection, where they are known. */
  tls?: TlsVariables;
}

export type EnvironOf<Async extends boolean> = Async extends true ? AsyncEnviron : Environ;
export type InputOf<Async extends boolean> = Async extends true ? AsyncInputStream : InputStream;

/** What is the same for all requests of a worker or a mount. */
export interface EnvironSettings<Async extends boolean = boolean> {
  /** G-47. */
  async: Async;
  multithread: boolean;
  multiprocess: boolean;
  /** G-45; false where left out. */
  runOnce?: boolean;
  /** SERVER_SOFTWARE; left out where undefined. */
  serverSoftware?: string;
  errors: ErrorStream;
  fileWrapper?: unknown;
  /** `quaich.client_disconnected`, of a sync worker (B-37). */
  clientDisconnected?: () => boolean;
  /** What the startup hook left; every request gets a shallow copy (L-06). */
  state?: Record<string, unknown>;
  /** Pairs of the deployer, as native strings (G-50). Names of request variables are refused. */
  extra?: Readonly<Record<string, string>>;
}

/** SERVER_SOFTWARE of everything that this package serves with. */
export const SOFTWARE = 'quaich';

/** `wsgi.version`, shared by all requests and therefore frozen (G-04, G-40). */
// `freeze` types it as an array of numbers.
export const VERSION: readonly [1, 0] = Object.freeze([1, 0]) as readonly [1, 0];

/**
 * The variable of a field that is not shown: Proxy (G-35), Transfer-Encoding (G-36), underscores (G-32), a bad name.
 */
export const HIDDEN = '';

const VARIABLES_OF_REQUESTS =
  /^(?:HTTP_.*|CONTENT_.*|REQUEST_METHOD|REQUEST_URI|SCRIPT_NAME|PATH_INFO|QUERY_STRING|SERVER_NAME|SERVER_PORT|SERVER_PROTOCOL|REMOTE_.*|AUTH_TYPE|HTTPS|(?:wsgi|quaich)\..*)$/;

/**
 * The object an environ is made from. V8 keeps an object with null prototype fast only when it loses its prototype
 * while it is empty: `{__proto__: null}` and `Object.create(null)` are dictionaries, and a prototype that is taken away
 * later makes every key that middleware adds cost 4 µs. The slots are reserved inside the object by the assignments
 * below (never run for a request); without them more than 12 keyed stores turn it into a dictionary too. Environ of a
 * GET with 10 fields and 5 reads of it by the application, Node 20: 620 ns; as a dictionary 1250 ns.
 */
class Slots {
  [key: string]: unknown;

  constructor(reserve: boolean) {
    if (!reserve) return;
    this.a0 = this.a1 = this.a2 = this.a3 = this.a4 = this.a5 = this.a6 = this.a7 = 0;
    this.b0 = this.b1 = this.b2 = this.b3 = this.b4 = this.b5 = this.b6 = this.b7 = 0;
    this.c0 = this.c1 = this.c2 = this.c3 = this.c4 = this.c5 = this.c6 = this.c7 = 0;
    this.d0 = this.d1 = this.d2 = this.d3 = this.d4 = this.d5 = this.d6 = this.d7 = 0;
    this.e0 = this.e1 = this.e2 = this.e3 = this.e4 = this.e5 = this.e6 = this.e7 = 0;
    this.f0 = this.f1 = this.f2 = this.f3 = this.f4 = this.f5 = this.f6 = this.f7 = 0;
    this.g0 = this.g1 = this.g2 = this.g3 = this.g4 = this.g5 = this.g6 = this.g7 = 0;
    this.h0 = this.h1 = this.h2 = this.h3 = this.h4 = this.h5 = this.h6 = this.h7 = 0;
  }
}
// V8 watches the first seven objects to see how many slots are used.
for (let i = 0; i < 8; i++) new Slots(true);

/** An empty environ: extensible, with null prototype (G-05). */
export function emptyEnviron(): Record<string, unknown> {
  return Object.setPrototypeOf(new Slots(false), null);
}

/**
 * The pairs of the deployer (G-50).
 *
 * @throws ConfigurationError for one that is no native string or has the name of a request variable
 */
export function checkedPairs(extra: Readonly<Record<string, string>> = {}): readonly [string, string][] {
  const pairs = Object.entries(extra);
  for (const [name, value] of pairs) {
    if (VARIABLES_OF_REQUESTS.test(name)) {
      throw new ConfigurationError(`the environ variable ${name} belongs to the request and cannot be set`);
    }
    if (typeof value !== 'string' || !isNativeString(value)) {
      throw new ConfigurationError(`the environ variable ${name} is no native string (units up to U+00FF only)`);
    }
  }
  return pairs;
}

/** Sets the variables of the interface itself, and those of the deployer. */
export function setInterfaceVariables<Async extends boolean>(
  environ: Record<string, unknown>,
  settings: EnvironSettings<Async>,
  pairs: readonly [string, string][],
  scheme: 'http' | 'https',
  input: InputOf<Async>,
): void {
  environ['wsgi.version'] = VERSION;
  environ['wsgi.url_scheme'] = scheme;
  environ['wsgi.input'] = input;
  environ['wsgi.errors'] = settings.errors;
  environ['wsgi.multithread'] = settings.multithread;
  environ['wsgi.multiprocess'] = settings.multiprocess;
  environ['wsgi.run_once'] = settings.runOnce === true;
  environ['wsgi.input_terminated'] = true;
  environ['quaich.async'] = settings.async;
  if (settings.fileWrapper !== undefined) environ['wsgi.file_wrapper'] = settings.fileWrapper;
  if (settings.clientDisconnected !== undefined) {
    environ['quaich.client_disconnected'] = settings.clientDisconnected;
  }
  if (settings.state !== undefined) environ['quaich.state'] = { ...settings.state };
  for (let i = 0; i < pairs.length; i++) environ[pairs[i][0]] = pairs[i][1];
}

/** Sets what a gateway knows of the server and of the connection (G-24, G-37, G-38). */
export function setConnectionVariables(
  environ: Record<string, unknown>,
  { serverSoftware }: EnvironSettings,
  connection: ConnectionInfo,
): void {
  environ.SERVER_NAME = connection.serverName;
  environ.SERVER_PORT = connection.serverPort;
  environ.GATEWAY_INTERFACE = 'CGI/1.1';
  if (connection.remoteAddress !== '') {
    environ.REMOTE_ADDR = connection.remoteAddress;
    if (connection.remotePort !== '') environ.REMOTE_PORT = connection.remotePort; // G-06
  }
  if (serverSoftware !== undefined) environ.SERVER_SOFTWARE = serverSoftware;
  if (connection.scheme === 'https') {
    environ.HTTPS = 'on';
    Object.assign(environ, connection.tls);
  }
  if (connection.unixSocket) environ['quaich.unix_socket'] = true; // G-182
}

/** The variable of a field name in any case, or HIDDEN. */
export function variableOf(name: string): string {
  const lower = name.toLowerCase();
  if (lower === '' || lower === 'proxy' || lower === 'transfer-encoding' || lower.includes('_')) return HIDDEN;
  if (lower === 'content-type') return 'CONTENT_TYPE'; // G-28
  if (lower === 'content-length') return 'CONTENT_LENGTH';
  return `HTTP_${lower.toUpperCase().replaceAll('-', '_')}`;
}

/** `variableOf` with a memory. */
export class FieldVariables {
  readonly #remembered = new Memo<string>();

  of(name: string): string {
    return this.#remembered.get(name) ?? this.#remembered.keep(name, variableOf(name));
  }
}

/** What joins the values of a field that occurs several times (G-30). */
export function fieldSeparator(variable: string): string {
  return variable === 'HTTP_COOKIE' ? '; ' : ',';
}

/** SERVER_NAME and SERVER_PORT where the socket has none: from Host, else `localhost` and the default port (G-24). */
export function nameServer(environ: Record<string, unknown>, scheme: string): void {
  const [host, port] = splitAuthority(typeof environ.HTTP_HOST === 'string' ? environ.HTTP_HOST : '');
  environ.SERVER_NAME ||= host || 'localhost';
  environ.SERVER_PORT ||= port || defaultPort(scheme);
}
