import type net from 'node:net';
import type { HeadReader } from '../../environ/head-record.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import { REMOTE_ADDRESS } from '../../protocols/variables-record.ts';
import { nothing } from '../../rules/promises.ts';

/** What a gateway asks about the proxies in front of it. */
export interface Proxies {
  /** Connections whose PROXY header is on its way. */
  readonly size: number;
  /**
   * Takes a connection that begins with such a header, and calls `opened` with what is known of it behind that; or
   * drops it.
   */
  begin(socket: net.Socket, info: ConnectionInfo, opened: (info: ConnectionInfo) => void): void;
  /** With every tick of the clock; `now` in milliseconds. */
  tick(now: number): void;
  /** Drops the connections on their way. */
  abort(): void;
  /**
   * The address of the client, as its application gets it; undefined where that is the one of the connection. `head` is
   * that of the request, `info` of its connection.
   */
  clientAddress(head: HeadReader, info: ConnectionInfo): string | undefined;
}

/** In place of it where no proxy is trusted. */
export const noProxies: Proxies = {
  size: 0,
  begin() {
    throw new Error('a connection with a PROXY header, without a proxy that is trusted');
  },
  tick: nothing,
  abort: nothing,
  clientAddress: (head) => (head.hasVariables ? head.field(REMOTE_ADDRESS) : undefined),
};
