/** The request target of a fetch `Request`, and what is known of its connection (G-10 to G-23, G-180). */

import type { ConnectionInfo } from '../../environ/variables.ts';
import { defaultPort } from '../../rules/grammar.ts';
import { isNativeString, percentDecode } from '../../rules/native-strings.ts';
import { RefusedRequest } from '../../rules/refused-request.ts';
import type { Target } from '../target.ts';

/** What a `Request` does not say. */
export interface FetchInfo {
  /** `REMOTE_ADDR`: the address of the client, as the server knows it. */
  remoteAddress?: string;
  /** `REMOTE_PORT`. */
  remotePort?: string | number;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isNativeString(value);
}

/** G-180. */
export function connectionOf(url: URL, info: FetchInfo | undefined): ConnectionInfo {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const address = info?.remoteAddress;
  const port = String(info?.remotePort ?? '');
  return {
    remoteAddress: isText(address) ? address : '',
    remotePort: isText(port) ? port : '',
    serverName: url.hostname,
    serverPort: url.port || defaultPort(scheme),
    scheme,
    unixSocket: false,
  };
}

/**
 * @param url of the request: to ask a `Request` for it takes a microsecond each time
 * @param host the Host field; null: there is none
 * @throws RefusedRequest for another scheme than http and https
 */
export function targetOf(url: URL, host: string | null): Target {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RefusedRequest(`the scheme of ${url.href} is not http or https`);
  }
  return {
    scriptName: '',
    path: percentDecode(url.pathname),
    query: url.search.slice(1),
    uri: url.pathname + url.search,
    authority: host === null ? url.host : null,
  };
}
