/**
 * The environ of a request (rows G-04 to G-50), built from a parsed head.
 *
 * Choices that the rows leave to the gateway: control bytes in a decoded path (`%00`) are passed as such (G-17); dot
 * segments and doubled slashes stay (G-23); `quaich.signal` of an async environ is added by the engine.
 */
import {
  FIELD_NAME,
  FIELD_NAME_START,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
  FLAG_ESCAPED_PATH,
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
import { percentDecode } from '../rules/native-strings.ts';
import { versionOf } from './head-record.ts';
import { guessScheme } from './request-uri.ts';
import type { TrustedProxies } from './trusted-proxies.ts';
import {
  type ConnectionInfo,
  checkedPairs,
  type EnvironOf,
  type EnvironSettings,
  emptyEnviron,
  FieldVariables,
  fieldSeparator,
  HIDDEN,
  type InputOf,
  nameServer,
  setConnectionVariables,
  setInterfaceVariables,
  variableOf,
} from './variables.ts';

/** What is the same for all requests of a worker. */
export interface EnvironTemplate<Async extends boolean = boolean> extends EnvironSettings<Async> {
  /**
   * Known field names in lower case, by the upper half of FIELD_NAME; 0 is any other name
   * (`src/protocols/http/wasm/tables.ts`).
   */
  fieldNames: readonly string[];
  /** Methods by HEAD_METHOD; 0 is any other. */
  methods: readonly string[];
  /**
   * Keeps fields with an underscore in their name, unless the hyphen spelling is there (G-32); false where left out.
   */
  allowUnderscores?: boolean;
  /** Who is believed about clients (G-210); nobody where left out or null: then every field stays as it came. */
  proxies?: TrustedProxies | null;
}

/** Spellings with an underscore that stay hidden even where underscores are allowed (G-28, G-35, G-36). */
const UNDERSCORES_ALLOWED = /^HTTP_(?!(?:CONTENT_TYPE|CONTENT_LENGTH|TRANSFER_ENCODING)$)/;

/** Builds environs for one worker or one mount. */
export class EnvironBuilder<Async extends boolean = boolean> {
  readonly #template: EnvironTemplate<Async>;
  readonly #pairs: readonly [string, string][];
  readonly #keys: readonly string[];
  readonly #unknown = new FieldVariables();
  // Request number in which a known field was last met: finds repeated fields without a look at the environ.
  readonly #met: Float64Array;
  #request = 0;

  /** @throws ConfigurationError for an extra pair that is no native string or has the name of a request variable */
  constructor(template: EnvironTemplate<Async>) {
    this.#template = template;
    this.#pairs = checkedPairs(template.extra);
    this.#keys = template.fieldNames.map(variableOf);
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
    const environ = emptyEnviron();

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
    environ.SERVER_PROTOCOL = versionOf(flags);
    setConnectionVariables(environ, template, connection);
    setInterfaceVariables(environ, template, this.#pairs, connection.scheme, input);

    this.#fields(environ, text, textStart, words, record);

    if (template.allowUnderscores === true) this.#underscored(environ, text, textStart, words, record);
    if ((flags & FLAG_CHUNKED) !== 0 && environ.CONTENT_LENGTH !== undefined) delete environ.CONTENT_LENGTH; // G-62
    const authority = words[record + HEAD_AUTHORITY_START];
    if (authority !== 0) {
      const start = textStart + authority;
      environ.HTTP_HOST = text.substring(start, start + words[record + HEAD_AUTHORITY_LENGTH]); // G-20
    }
    if (connection.serverName === '') nameServer(environ, connection.scheme);
    template.proxies?.apply(environ);
    return environ as EnvironOf<Async>; // every variable of G-10 to G-47 is set above
  }

  /**
   * The environ of a request whose variables came from a front server: `variables` itself, completed (G-176). Its
   * values are native strings, and SCRIPT_NAME, PATH_INFO and what else a request must have are there
   * (`repairVariables`).
   */
  complete(variables: Record<string, unknown>, prefix: string, input: InputOf<Async>): EnvironOf<Async> {
    const environ = variables;
    if (prefix !== '') {
      environ.SCRIPT_NAME += prefix;
      environ.PATH_INFO = String(environ.PATH_INFO).substring(prefix.length);
    }
    const scheme = guessScheme(environ as { HTTPS?: string });
    setInterfaceVariables(environ, this.#template, this.#pairs, scheme, input);
    this.#template.proxies?.apply(environ);
    return environ as EnvironOf<Async>; // `repairVariables` has seen to the others
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
        key = this.#unknown.of(text.substring(start, start + (name & 0xffff)));
        repeated = environ[key] !== undefined;
      }
      if (key === HIDDEN) continue;
      const start = textStart + words[field + FIELD_VALUE_START];
      const value = text.substring(start, start + words[field + FIELD_VALUE_LENGTH]);
      // V8 joins by reference: many equal fields take linear time (G-31).
      environ[key] = repeated ? environ[key] + fieldSeparator(key) + value : value; // G-30
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
}

/** The fields of a record of CGI variables. */
function readVariables(text: string, textStart: number, words: Int32Array, record: number): Record<string, unknown> {
  const variables = emptyEnviron();
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
