/**
 * The environ of a request (rows G-04 to G-50), built from a parsed head.
 *
 * Choices that the rows leave to the gateway: control bytes in a decoded path (`%00`) are passed as such (G-17); dot segments
 * and doubled slashes stay (G-23); `quaich.signal` of an async environ is added by the engine.
 */
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
  FLAG_ESCAPED_PATH,
  FLAG_HTTP_1_0,
  FLAG_VARIABLES,
  HEAD_AUTHORITY_LENGTH,
  HEAD_AUTHORITY_START,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_QUERY_LENGTH,
  HEAD_QUERY_START,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
} from '../../assembly/layout.ts';
import { ConfigurationError } from '../interface/errors.ts';
import type { AsyncEnviron, AsyncInputStream, Environ, ErrorStream, InputStream } from '../interface/types.ts';
import { isNativeString, percentDecode } from '../toolbox/native-strings.ts';
import { guessScheme } from '../toolbox/request-uri.ts';

/** What a connection knows of itself. All strings are native strings, made once for each connection. */
export interface ConnectionInfo {
  /** Address of the peer; `''` where there is none (a Unix socket). */
  remoteAddress: string;
  remotePort: string;
  /** `''` (a Unix socket): taken from the Host field, else `localhost` (G-24). */
  serverName: string;
  serverPort: string;
  scheme: 'http' | 'https';
}

export type EnvironOf<Async extends boolean> = Async extends true ? AsyncEnviron : Environ;
export type InputOf<Async extends boolean> = Async extends true ? AsyncInputStream : InputStream;

/** What is the same for all requests of a worker. */
export interface EnvironTemplate<Async extends boolean = boolean> {
  /** Known field names in lower case, by the upper half of FIELD_NAME; 0 is any other name (`src/http/wasm/tables.ts`). */
  fieldNames: readonly string[];
  /** Methods by HEAD_METHOD; 0 is any other. */
  methods: readonly string[];
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
  /** Keeps fields with an underscore in their name, unless the hyphen spelling is there (G-32); false where left out. */
  allowUnderscores?: boolean;
}

/** `wsgi.version`, shared by all requests and therefore frozen (G-04, G-40). */
const VERSION: readonly [1, 0] = Object.freeze([1, 0]) as readonly [1, 0];

/** Field names outside the known ones whose keys are remembered. Clients choose the names: the memory is bounded. */
const MOST_REMEMBERED_NAMES = 1024;
const LONGEST_REMEMBERED_NAME = 64;

/** The key of a field that is not shown: Proxy (G-35), Transfer-Encoding (G-36), underscores (G-32), a bad name. */
const HIDDEN = '';

const VARIABLES_OF_REQUESTS =
  /^(?:HTTP_.*|CONTENT_.*|REQUEST_METHOD|REQUEST_URI|SCRIPT_NAME|PATH_INFO|QUERY_STRING|SERVER_NAME|SERVER_PORT|SERVER_PROTOCOL|REMOTE_.*|AUTH_TYPE|HTTPS|(?:wsgi|quaich)\..*)$/;

/**
 * The object an environ is made from. V8 keeps an object with null prototype fast only when it loses its prototype while it
 * is empty: `{__proto__: null}` and `Object.create(null)` are dictionaries, and a prototype that is taken away
 * later makes every key that middleware adds cost 4 µs. The slots are reserved inside the object by the assignments below
 * (never run for a request); without them more than 12 keyed stores turn it into a dictionary too. Environ of a
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

/** Spellings with an underscore that stay hidden even where underscores are allowed (G-28, G-35, G-36). */
const UNDERSCORES_ALLOWED = /^HTTP_(?!(?:CONTENT_TYPE|CONTENT_LENGTH|TRANSFER_ENCODING)$)/;

/** The key for a field name in any case, or HIDDEN. */
function keyOf(name: string): string {
  const lower = name.toLowerCase();
  if (lower === '' || lower === 'proxy' || lower === 'transfer-encoding' || lower.includes('_')) return HIDDEN;
  if (lower === 'content-type') return 'CONTENT_TYPE'; // G-28
  if (lower === 'content-length') return 'CONTENT_LENGTH';
  return `HTTP_${lower.toUpperCase().replaceAll('-', '_')}`;
}

/** Host and port of an authority; the port is `''` where it has none. */
function splitAuthority(authority: string): [host: string, port: string] {
  const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(authority);
  return match === null ? ['', ''] : [match[1], match[2] ?? ''];
}

/** Builds environs for one worker or one mount. */
export class EnvironBuilder<Async extends boolean = boolean> {
  readonly #template: EnvironTemplate<Async>;
  readonly #extra: readonly [string, unknown][];
  readonly #keys: readonly string[];
  readonly #remembered = new Map<string, string>();
  // Request number in which a known field was last met: finds repeated fields without a look at the environ.
  readonly #met: Float64Array;
  #request = 0;

  /** @throws ConfigurationError for an extra pair that is no native string or has the name of a request variable */
  constructor(template: EnvironTemplate<Async>) {
    this.#template = template;
    for (const [name, value] of Object.entries(template.extra ?? {})) {
      if (VARIABLES_OF_REQUESTS.test(name)) {
        throw new ConfigurationError(`the environ variable ${name} belongs to the request and cannot be set`);
      }
      if (typeof value !== 'string' || !isNativeString(value)) {
        throw new ConfigurationError(`the environ variable ${name} is no native string (units up to U+00FF only)`);
      }
    }
    this.#extra = Object.entries(template.extra ?? {});
    this.#keys = template.fieldNames.map(keyOf);
    this.#met = new Float64Array(template.fieldNames.length);
  }

  /**
   * The environ of one request: a new plain object with null prototype, own data properties only (G-04, G-05).
   *
   * @param text a native string that holds the head, its first unit at `textStart`
   * @param words holds the head record at index `record` (`assembly/layout.ts`)
   * @param prefix where the application is mounted: decoded, `''` or `/app`, no slash at its end (G-11)
   * @param input `wsgi.input`
   */
  build(
    text: string,
    textStart: number,
    words: Int32Array,
    record: number,
    connection: ConnectionInfo,
    prefix: string,
    input: InputOf<Async>,
  ): EnvironOf<Async> {
    const template = this.#template;
    const flags = words[record + HEAD_FLAGS];
    if ((flags & FLAG_VARIABLES) !== 0) {
      return this.complete(readVariables(text, textStart, words, record), prefix, input);
    }
    const environ: Record<string, unknown> = Object.setPrototypeOf(new Slots(false), null);

    environ.REQUEST_METHOD =
      template.methods[words[record + HEAD_METHOD]] ||
      text.substring(textStart, textStart + words[record + HEAD_METHOD_LENGTH]); // G-10: the token as it came
    const path = this.#path(text, textStart, words, record, flags);
    if (prefix === '' || !path.startsWith(prefix)) {
      environ.SCRIPT_NAME = '';
      environ.PATH_INFO = path;
    } else {
      environ.SCRIPT_NAME = prefix;
      environ.PATH_INFO = path.substring(prefix.length);
    }
    const query = textStart + words[record + HEAD_QUERY_START];
    environ.QUERY_STRING = text.substring(query, query + words[record + HEAD_QUERY_LENGTH]);
    const target = textStart + words[record + HEAD_TARGET_START];
    environ.REQUEST_URI = text.substring(target, target + words[record + HEAD_TARGET_LENGTH]);
    environ.SERVER_NAME = connection.serverName;
    environ.SERVER_PORT = connection.serverPort;
    environ.SERVER_PROTOCOL = (flags & FLAG_HTTP_1_0) !== 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    environ.GATEWAY_INTERFACE = 'CGI/1.1';
    environ['wsgi.version'] = VERSION;
    environ['wsgi.url_scheme'] = connection.scheme;
    environ['wsgi.input'] = input;
    environ['wsgi.errors'] = template.errors;
    environ['wsgi.multithread'] = template.multithread;
    environ['wsgi.multiprocess'] = template.multiprocess;
    environ['wsgi.run_once'] = template.runOnce === true;
    environ['wsgi.input_terminated'] = true;
    environ['quaich.async'] = template.async;
    if (connection.remoteAddress !== '') {
      environ.REMOTE_ADDR = connection.remoteAddress;
      environ.REMOTE_PORT = connection.remotePort;
    }
    if (template.serverSoftware !== undefined) environ.SERVER_SOFTWARE = template.serverSoftware;
    if (template.fileWrapper !== undefined) environ['wsgi.file_wrapper'] = template.fileWrapper;
    if (template.clientDisconnected !== undefined) {
      environ['quaich.client_disconnected'] = template.clientDisconnected;
    }
    if (template.state !== undefined) environ['quaich.state'] = { ...template.state };
    if (connection.scheme === 'https') environ.HTTPS = 'on';
    for (let i = 0; i < this.#extra.length; i++) environ[this.#extra[i][0]] = this.#extra[i][1];

    this.#fields(environ, text, textStart, words, record);

    if (template.allowUnderscores === true) this.#underscored(environ, text, textStart, words, record);
    if ((flags & FLAG_CHUNKED) !== 0 && environ.CONTENT_LENGTH !== undefined) delete environ.CONTENT_LENGTH; // G-62
    const authority = words[record + HEAD_AUTHORITY_START];
    if (authority !== 0) {
      const start = textStart + authority;
      environ.HTTP_HOST = text.substring(start, start + words[record + HEAD_AUTHORITY_LENGTH]); // G-20
    }
    if (connection.serverName === '') nameServer(environ, connection.scheme);
    return environ as EnvironOf<Async>;
  }

  /**
   * The environ of a request whose variables came from a front server: `variables` itself, completed (G-176). Its values
   * are native strings, and SCRIPT_NAME, PATH_INFO and what else a request must have are there (`repairVariables`).
   */
  complete(variables: Record<string, unknown>, prefix: string, input: InputOf<Async>): EnvironOf<Async> {
    const template = this.#template;
    const environ = variables;
    if (prefix !== '') {
      environ.SCRIPT_NAME += prefix;
      environ.PATH_INFO = (environ.PATH_INFO as string).substring(prefix.length);
    }
    environ['wsgi.version'] = VERSION;
    environ['wsgi.url_scheme'] = guessScheme(environ as { HTTPS?: string });
    environ['wsgi.input'] = input;
    environ['wsgi.errors'] = template.errors;
    environ['wsgi.multithread'] = template.multithread;
    environ['wsgi.multiprocess'] = template.multiprocess;
    environ['wsgi.run_once'] = template.runOnce === true;
    environ['wsgi.input_terminated'] = true;
    environ['quaich.async'] = template.async;
    if (template.fileWrapper !== undefined) environ['wsgi.file_wrapper'] = template.fileWrapper;
    if (template.clientDisconnected !== undefined) environ['quaich.client_disconnected'] = template.clientDisconnected;
    if (template.state !== undefined) environ['quaich.state'] = { ...template.state };
    for (const [name, value] of this.#extra) environ[name] = value;
    return environ as EnvironOf<Async>;
  }

  #path(text: string, textStart: number, words: Int32Array, record: number, flags: number): string {
    const length = words[record + HEAD_PATH_LENGTH];
    if (length === 0 && words[record + HEAD_AUTHORITY_START] !== 0) {
      // `OPTIONS http://host` stands for `*` (RFC 9112, 3.2.4), any other empty path for `/`.
      return text.startsWith('OPTIONS ', textStart) ? '*' : '/';
    }
    const start = textStart + words[record + HEAD_PATH_START];
    const path = text.substring(start, start + length);
    return (flags & FLAG_ESCAPED_PATH) !== 0 ? percentDecode(path) : path;
  }

  #fields(environ: Record<string, unknown>, text: string, textStart: number, words: Int32Array, record: number): void {
    const request = ++this.#request;
    const keys = this.#keys;
    const met = this.#met;
    const end = record + HEAD_WORDS + words[record + HEAD_FIELD_COUNT] * FIELD_WORDS;
    for (let field = record + HEAD_WORDS; field < end; field += FIELD_WORDS) {
      const name = words[field + FIELD_NAME];
      const known = name >>> 16;
      let key: string;
      let repeated: boolean;
      if (known !== 0) {
        key = keys[known];
        repeated = met[known] === request;
        met[known] = request;
      } else {
        const start = textStart + words[field + FIELD_NAME_START];
        key = this.#unknown(text.substring(start, start + (name & 0xffff)));
        repeated = environ[key] !== undefined;
      }
      if (key === HIDDEN) continue;
      const start = textStart + words[field + FIELD_VALUE_START];
      const value = text.substring(start, start + words[field + FIELD_VALUE_LENGTH]);
      // V8 joins by reference: many equal fields take linear time (G-31).
      environ[key] = repeated ? environ[key] + (key === 'HTTP_COOKIE' ? '; ' : ',') + value : value; // G-30
    }
  }

  /** Fields with an underscore in their name, where they are wanted: never joined with the hyphen spelling (G-32). */
  #underscored(environ: Record<string, unknown>, text: string, textStart: number, words: Int32Array, record: number) {
    const spelling = new Map<string, string>();
    const end = record + HEAD_WORDS + words[record + HEAD_FIELD_COUNT] * FIELD_WORDS;
    for (let field = record + HEAD_WORDS; field < end; field += FIELD_WORDS) {
      const nameStart = textStart + words[field + FIELD_NAME_START];
      const name = text.substring(nameStart, nameStart + (words[field + FIELD_NAME] & 0xffff)).toUpperCase();
      if (!name.includes('_')) continue;
      const key = `HTTP_${name.replaceAll('-', '_')}`;
      if (!UNDERSCORES_ALLOWED.test(key) || (environ[key] !== undefined && spelling.get(key) !== name)) continue;
      const start = textStart + words[field + FIELD_VALUE_START];
      const value = text.substring(start, start + words[field + FIELD_VALUE_LENGTH]);
      environ[key] = environ[key] === undefined ? value : `${environ[key]},${value}`;
      spelling.set(key, name);
    }
  }

  #unknown(name: string): string {
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined) return remembered;
    const key = keyOf(name);
    if (name.length <= LONGEST_REMEMBERED_NAME) {
      // Starting afresh lets the names of honest clients come back after a flood of random ones.
      if (this.#remembered.size >= MOST_REMEMBERED_NAMES) this.#remembered.clear();
      this.#remembered.set(name, key);
    }
    return key;
  }
}

/** The fields of a record of CGI variables. */
function readVariables(text: string, textStart: number, words: Int32Array, record: number): Record<string, unknown> {
  const variables: Record<string, unknown> = Object.setPrototypeOf(new Slots(false), null);
  const end = record + HEAD_WORDS + words[record + HEAD_FIELD_COUNT] * FIELD_WORDS;
  for (let field = record + HEAD_WORDS; field < end; field += FIELD_WORDS) {
    const name = textStart + words[field + FIELD_NAME_START];
    const value = textStart + words[field + FIELD_VALUE_START];
    variables[text.substring(name, name + (words[field + FIELD_NAME] & 0xffff))] = text.substring(
      value,
      value + words[field + FIELD_VALUE_LENGTH],
    );
  }
  return variables;
}

/** SERVER_NAME and SERVER_PORT where the socket has none: from Host, else `localhost` and the default port (G-24). */
export function nameServer(environ: Record<string, unknown>, scheme: string): void {
  const [host, port] = splitAuthority(typeof environ.HTTP_HOST === 'string' ? environ.HTTP_HOST : '');
  environ.SERVER_NAME ||= host || 'localhost';
  environ.SERVER_PORT ||= port || (scheme === 'https' ? '443' : '80');
}
