/** The environ of a request that another server has parsed (rows G-04 to G-50). */

import type { AsyncEnviron, AsyncInputStream } from '../interface/types.ts';
import { BYTE_COUNT } from '../rules/grammar.ts';
import { isNativeString } from '../rules/native-strings.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import {
  type ConnectionInfo,
  checkedPairs,
  type EnvironSettings,
  emptyEnviron,
  FieldVariables,
  fieldSeparator,
  HIDDEN,
  nameServer,
  setConnectionVariables,
  setInterfaceVariables,
} from './variables.ts';

/** The request line. Native strings. */
export interface RequestLine {
  /** As it came (G-10). */
  method: string;
  /** Decoded, without a slash at its end (G-11). */
  scriptName: string;
  /** Decoded (G-15). */
  path: string;
  /** Raw, without `?` (G-18). */
  query: string;
  /** The target before it was decoded (G-19). */
  uri: string;
  /** `HTTP/1.1` */
  protocol: string;
  /** Overrules the Host field (G-20); null: it does not. */
  authority: string | null;
}

/**
 * What the fields say of the body: its length in bytes, -1 for one in a transfer coding, null where they say nothing.
 */
export type AnnouncedLength = number | null;

/** Builds environs for one mount. */
export class MountEnvirons {
  readonly #settings: EnvironSettings<true>;
  readonly #pairs: readonly [string, string][];
  readonly #variables = new FieldVariables();

  /** @throws ConfigurationError for an extra pair that is not allowed (G-50) */
  constructor(settings: EnvironSettings<true>) {
    this.#settings = settings;
    this.#pairs = checkedPairs(settings.extra);
  }

  /**
   * The environ of one request: a new plain object with null prototype, own data properties only (G-04, G-05).
   *
   * @param fields names and values in turn, as they came
   * @param input `wsgi.input`, made when it is known what body there is
   * @throws RefusedRequest for fields that are ambiguous or no native strings (G-07, G-27, G-33)
   */
  build(
    line: RequestLine,
    connection: ConnectionInfo,
    fields: readonly string[],
    input: (announced: AnnouncedLength) => AsyncInputStream,
  ): AsyncEnviron {
    const environ = emptyEnviron();
    environ.REQUEST_METHOD = line.method;
    environ.SCRIPT_NAME = line.scriptName;
    environ.PATH_INFO = line.path;
    environ.QUERY_STRING = line.query;
    environ.REQUEST_URI = line.uri;
    environ.SERVER_PROTOCOL = line.protocol;
    const announced = this.#fields(environ, fields);
    if (line.authority !== null) environ.HTTP_HOST = line.authority; // G-20
    setConnectionVariables(environ, this.#settings, connection);
    setInterfaceVariables(environ, this.#settings, this.#pairs, connection.scheme, input(announced));
    if (connection.serverName === '') nameServer(environ, connection.scheme);
    return environ as AsyncEnviron; // every variable of G-10 to G-47 is set above
  }

  #fields(environ: Record<string, unknown>, fields: readonly string[]): AnnouncedLength {
    let coded = false;
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = fields[i];
      const variable = this.#variables.of(name);
      if (variable === HIDDEN) {
        coded ||= name.toLowerCase() === 'transfer-encoding';
        continue;
      }
      const value = fields[i + 1];
      if (!isNativeString(value)) throw new RefusedRequest(`the field ${name} holds a character above U+00FF (G-07)`);
      const before = environ[variable];
      if (before === undefined) {
        environ[variable] = value;
      } else if (variable === 'HTTP_HOST' || variable === 'CONTENT_LENGTH') {
        throw new RefusedRequest(`there is more than one ${name} field (G-33)`);
      } else {
        // V8 joins by reference: many equal fields take linear time (G-31).
        environ[variable] = before + fieldSeparator(variable) + value;
      }
    }
    const length = environ.CONTENT_LENGTH;
    if (coded) {
      if (length !== undefined) delete environ.CONTENT_LENGTH; // G-62
      return -1;
    }
    if (length === undefined) return null;
    if (!BYTE_COUNT.test(String(length))) throw new RefusedRequest('Content-Length is no number (G-27)');
    return Number(length);
  }
}
