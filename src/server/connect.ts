import type { Connection } from '../protocols/connection.ts';
import { FastCgiConnection } from '../protocols/fastcgi/connection.ts';
import type { ConnectionHost } from '../protocols/host.ts';
import { HttpConnection, type HttpConnectionOptions } from '../protocols/http/connection.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { ScgiConnection } from '../protocols/scgi/connection.ts';
import type { VariableLimits } from '../protocols/variables-record.ts';
import type { Protocol } from './bind.ts';

/** What connections are told, whatever is spoken on them. */
export interface ConnectionSettings extends HttpConnectionOptions {
  /** For protocols that send CGI variables. */
  variables: VariableLimits;
}

/** The connection for a protocol, without TLS. */
export function connect(
  host: ConnectionHost,
  protocol: Protocol,
  parser: Parser,
  settings: ConnectionSettings,
): Connection {
  switch (protocol) {
    case 'fastcgi':
      return new FastCgiConnection(host, parser, settings);
    case 'scgi':
      return new ScgiConnection(host, parser, settings);
    default:
      return new HttpConnection(host, parser, settings);
  }
}
