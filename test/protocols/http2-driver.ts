import type { Connection } from '../../src/protocols/connection.ts';
import type { ConnectionHost } from '../../src/protocols/host.ts';
import { Http2Connection, type StreamOptions } from '../../src/protocols/http2/connection.ts';
import type { Http2Fields } from '../../src/protocols/http2/head.ts';
import { HostDriver, parser } from './http/connection-driver.ts';

/** The fields of a request: names and values in turn. */
export function fields(own: Readonly<Record<string, string>> = {}, ...more: string[]): string[] {
  const all = { ':method': 'GET', ':scheme': 'https', ':authority': 'a', ':path': '/', ...own };
  return [...Object.entries(all).flat(), ...more];
}

/** A stream without a network; heads of responses are kept, interim ones among them. */
export class Http2Driver extends HostDriver {
  readonly heads: Http2Fields[] = [];
  private readonly stream: Http2Connection;

  constructor(options: Partial<StreamOptions> = {}) {
    const made: Http2Connection[] = [];
    const sink = {
      closed: false,
      respond: (head: Http2Fields) => this.heads.push(head),
      additionalHeaders: (head: Http2Fields) => this.heads.push(head),
    };
    super((host: ConnectionHost): Connection => {
      const all = { serverLine: '', limitBody: 1 << 20, keepAlive: true, ...options };
      made.push(new Http2Connection(host, parser, all, sink));
      return made[0];
    });
    this.stream = made[0];
  }

  begin(head: readonly string[], hasBody = false): this {
    this.stream.begin(head, hasBody);
    return this.turn();
  }
}
