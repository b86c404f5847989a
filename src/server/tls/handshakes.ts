import type net from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type TlsVariables, tlsVariables } from '../../environ/tls.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import { goesOver } from '../accept.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Report } from '../report.ts';
import type { Certificates } from './certificates.ts';
import { ChangedFiles } from './changed-files.ts';
import type { Encryption, OnSecured } from './encryption.ts';
import { reasonOf } from './reason.ts';

/** The protocols that a client may choose from (RFC 7301), so that one of another protocol is not answered by ours. */
const PROTOCOLS = ['http/1.1', 'http/1.0'];
const HTTP_2 = 'h2';
/** Milliseconds from one look at the files to the next. */
const LOOK_EVERY = 1000;
/** Node would end a handshake by a clock of its own. */
const NO_LIMIT = 2 ** 31 - 1;
const SPEAK_TLS = 'This address is https, and the request came without TLS.\n';
/** For a client that speaks plain HTTP. The system takes so little at once, before the socket is closed. */
const PLAIN_HTTP =
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${SPEAK_TLS.length}\r\n` +
  `Connection: close\r\n\r\n${SPEAK_TLS}`;

interface HandshakesOptions extends Pick<ResolvedOptions, 'tlsClientCert' | 'timeoutHead' | 'http2'> {
  certificates: Certificates;
  /** Bytes that the variables of a connection may have, as JSON. */
  mostVariables: number;
  report: Report;
}

/** A connection whose handshake is under way. */
interface Handshake {
  /** The addresses of both ends of the socket. */
  readonly key: string;
  readonly socket: net.Socket;
  /** What is known of it, be it by a proxy. */
  readonly info: ConnectionInfo;
  /** Milliseconds of the gateway's clock at the first tick that has found it; 0 before. */
  begun: number;
}

/**
 * Connections become encrypted here. The gateway gives a TCP socket and its addresses; a tls.Server, which listens
 * nowhere itself, makes a socket of TLS of it; that goes back to the gateway, with what the handshake has settled. A
 * handshake ends by success, by failure, by its time limit (`timeoutHead`), or with the server.
 */
export class Handshakes implements Encryption {
  private readonly options: HandshakesOptions;
  private readonly server: Server;
  private readonly files: ChangedFiles;
  /** By the addresses of both ends: Node does not tell which TCP socket is below one of TLS. */
  private readonly pending = new Map<string, Handshake>();
  private secured: OnSecured | null = null;
  private looked = 0;
  private looking = false;

  constructor(options: HandshakesOptions) {
    const { certificates, tlsClientCert, http2 } = options;
    this.options = options;
    this.files = new ChangedFiles(certificates.files);
    this.server = createServer({
      ...certificates.first,
      SNICallback: (name, done) => done(null, certificates.find(name)),
      ALPNProtocols: http2 ? [HTTP_2, ...PROTOCOLS] : PROTOCOLS,
      requestCert: tlsClientCert !== 'none',
      rejectUnauthorized: tlsClientCert === 'required',
      handshakeTimeout: NO_LIMIT,
    });
    this.server.on('secureConnection', (socket) => this.succeeded(socket));
    this.server.on('tlsClientError', (error, socket) => this.failed(error, socket));
  }

  onSecured(callback: OnSecured): void {
    this.secured = callback;
  }

  get size(): number {
    return this.pending.size;
  }

  begin(socket: net.Socket, info: ConnectionInfo): void {
    const key = keyOf(socket);
    const handshake = { key, socket, info, begun: 0 };
    this.pending.set(key, handshake);
    socket.on('close', () => {
      // The system may have given the addresses to another connection.
      if (this.pending.get(key) === handshake) this.pending.delete(key);
    });
    this.server.emit('connection', socket);
  }

  tick(now: number): void {
    const { timeoutHead } = this.options;
    for (const handshake of this.pending.values()) {
      handshake.begun ||= now;
      if (now - handshake.begun >= timeoutHead)
        handshake.socket.destroy(new Error(`it took longer than ${timeoutHead} ms`));
    }
    if (now - this.looked < LOOK_EVERY || this.looking) return;
    this.looked = now;
    void this.look();
  }

  renew(): void {
    const { certificates } = this.options;
    certificates.renew();
    this.server.setSecureContext(certificates.first);
  }

  abort(): void {
    for (const { socket } of this.pending.values()) socket.destroy();
  }

  /** Takes up certificates that have been renewed; where they cannot be used, those before stay. */
  private async look(): Promise<void> {
    const { report } = this.options;
    this.looking = true;
    try {
      if (!(await this.files.haveChanged())) return;
      this.renew();
      report('info', 'the certificates have changed and were read again');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      report('error', `the certificates have changed and cannot be used, those before stay: ${reason}`);
    } finally {
      this.looking = false;
    }
  }

  private succeeded(socket: TLSSocket): void {
    const handshake = this.find(socket);
    if (handshake === undefined) {
      // The client has gone, and its address with it.
      socket.destroy();
      return;
    }
    this.pending.delete(handshake.key);
    const tls = tlsVariables(socket);
    const refusal = this.refusal(socket, tls);
    if (refusal !== '') {
      this.tell(handshake.info.remoteAddress, refusal);
      socket.destroy();
      return;
    }
    goesOver(socket, handshake.socket);
    this.secured?.(socket, { ...handshake.info, tls }, socket.alpnProtocol === HTTP_2);
  }

  /** Why a client is not served although the handshake has succeeded; '' where it is. */
  private refusal(socket: TLSSocket, tls: TlsVariables): string {
    const { tlsClientCert, mostVariables } = this.options;
    const accepted = tlsClientCert === 'required' ? ['SUCCESS'] : ['SUCCESS', 'NONE'];
    // Node lets others through: with a bad certificate where none is required, or none where a session is resumed.
    if (!accepted.includes(tls.SSL_CLIENT_VERIFY)) return `its certificate: ${socket.authorizationError ?? 'none'}`;
    return JSON.stringify(tls).length > mostVariables ? 'its name or certificate is too large' : '';
  }

  private failed(error: Error & { code?: string }, socket: TLSSocket): void {
    if (error.code === 'ERR_SSL_HTTP_REQUEST') this.find(socket)?.socket.write(PLAIN_HTTP);
    this.tell(socket.remoteAddress, String(socket.authorizationError ?? reasonOf(error)));
  }

  /** Clients that have gone, and those that knock at every door, are of interest to those only who look for them. */
  private tell(address: string | undefined, reason: string): void {
    this.options.report('debug', `a TLS handshake failed (${address ?? 'its client has gone'}): ${reason}`);
  }

  private find(socket: TLSSocket): Handshake | undefined {
    return this.pending.get(keyOf(socket));
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
