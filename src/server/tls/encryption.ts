import type net from 'node:net';
import type { ConnectionInfo } from '../../environ/variables.ts';
import { nothing } from '../../rules/promises.ts';

/** Takes an encrypted connection, what is known of it, and whether its client has chosen HTTP/2. */
export type OnSecured = (socket: net.Socket, info: ConnectionInfo, isHttp2: boolean) => void;

/** What makes encrypted connections of those that a gateway gives it. */
export interface Encryption {
  /** Connections on their way. */
  readonly size: number;
  /** Says what becomes of connections once they are encrypted; the gateway does, once. */
  onSecured(callback: OnSecured): void;
  /** Takes a connection. */
  begin(socket: net.Socket, info: ConnectionInfo): void;
  /** With every tick of the clock; `now` in milliseconds. */
  tick(now: number): void;
  /** Reads the certificates again. @throws ConfigurationError for those that cannot be used, and keeps those before */
  renew(): void;
  /** Drops the connections on their way. */
  abort(): void;
}

/** In place of it where no address speaks TLS. */
export const noEncryption: Encryption = {
  size: 0,
  onSecured: nothing,
  begin() {
    throw new Error('a connection to be encrypted, without a certificate');
  },
  tick: nothing,
  renew: nothing,
  abort: nothing,
};
