import type { Server, Socket } from 'node:net';
import type { ConnectionInfo } from './variables.ts';

/**
 * Whether a listening server, inherited ones included, has a Unix socket: of any other the system tells the address.
 */
export function isUnixSocket(server: Server): boolean {
  const address = server.address();
  return address === null || typeof address === 'string';
}

/**
 * What is known of a connection, asked from the system: two calls. `unixSocket` is for the caller to know: an address
 * is also missing where a client on TCP has reset its connection. So ask early, and look at `isGone`.
 */
export function connectionInfo(socket: Socket, unixSocket: boolean, scheme: 'http' | 'https'): ConnectionInfo {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return {
    remoteAddress: remoteAddress ?? '',
    remotePort: String(remotePort ?? ''),
    serverName: localAddress ?? '',
    serverPort: String(localPort ?? ''),
    scheme,
    unixSocket,
  };
}

/**
 * Whether the system has an address for this end of a connection and none for the other: its client has gone (G-182).
 */
export function isGone({ remoteAddress, serverName }: ConnectionInfo): boolean {
  return remoteAddress === '' && serverName !== '';
}
