import type net from 'node:net';
import type { HeadReader } from '../../environ/head-record.ts';
import type { TrustedProxies } from '../../environ/trusted-proxies.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import { FIELD_NAMES } from '../../protocols/http/wasm/tables.ts';
import { MalformedProxyHeader, ProxyHeader } from '../../protocols/proxy-header.ts';
import { REMOTE_ADDRESS } from '../../protocols/variables-record.ts';
import type { Report } from '../report.ts';
import type { Proxies } from './proxies.ts';

/** The fields that tell addresses, by number and as variables. */
const TELLING = ['forwarded', 'x-forwarded-for'].map(
  (name) => [FIELD_NAMES.indexOf(name), `HTTP_${name.toUpperCase().replaceAll('-', '_')}`] as const,
);
/** Milliseconds between two messages about connections that were refused: anybody may bring such about, at any rate. */
const TELL_EVERY = 10_000;

/** A connection whose header is on its way. */
interface Pending {
  readonly socket: net.Socket;
  readonly info: ConnectionInfo;
  /** Milliseconds of the gateway's clock at the first tick that has found it; 0 before. */
  begun: number;
  readonly header: ProxyHeader;
  /** The listeners at the socket, by event. */
  readonly heard: Readonly<Record<string, () => void>>;
  readonly opened: (info: ConnectionInfo) => void;
}

/**
 * The proxies that a server trusts. Connections that begin with a header of the PROXY protocol come from the gateway,
 * and go back to it with what the header says: the same socket, read up to there. One is dropped where its peer is not
 * trusted, where it begins otherwise, by a time limit (`timeoutHead`), and with the server.
 */
export class KnownProxies implements Proxies {
  private readonly trusted: TrustedProxies;
  private readonly timeout: number;
  private readonly report: Report;
  private readonly pending = new Set<Pending>();
  /** That of the last tick. */
  private now = 0;
  /** Connections that were refused since the last message, the last one in words, and when there may be another. */
  private refused = 0;
  private reason = '';
  private tellFrom = 0;

  /** @param timeout milliseconds for a header to come whole */
  constructor(trusted: TrustedProxies, timeout: number, report: Report) {
    this.trusted = trusted;
    this.timeout = timeout;
    this.report = report;
  }

  get size(): number {
    return this.pending.size;
  }

  clientAddress(head: HeadReader, info: ConnectionInfo): string | undefined {
    const environ: Record<string, unknown> = head.hasVariables
      ? { REMOTE_ADDR: head.field(REMOTE_ADDRESS) }
      : { REMOTE_ADDR: info.remoteAddress, 'quaich.unix_socket': info.unixSocket };
    for (const [number, variable] of TELLING) {
      const value = head.joinedField(number);
      if (value !== undefined) environ[variable] = value;
    }
    this.trusted.apply(environ);
    const { REMOTE_ADDR: address } = environ;
    return typeof address === 'string' && address !== '' ? address : undefined;
  }

  begin(socket: net.Socket, info: ConnectionInfo, opened: (info: ConnectionInfo) => void): void {
    const heard = {
      readable: () => this.read(pending),
      end: () => this.end(pending),
      error: () => socket.destroy(),
      close: () => this.pending.delete(pending),
    };
    const pending: Pending = { socket, info, begun: 0, header: new ProxyHeader(), heard, opened };
    this.pending.add(pending);
    for (const [event, listener] of Object.entries(heard)) socket.on(event, listener);
    if (!this.trusted.isTrusted(info.remoteAddress, info.unixSocket)) this.refuse(pending, 'it is not trusted');
  }

  tick(now: number): void {
    this.now = now;
    for (const one of this.pending) {
      one.begun ||= now;
      if (now - one.begun >= this.timeout) this.refuse(one, `its header did not come within ${this.timeout} ms`);
    }
    if (this.refused > 0 && now >= this.tellFrom) this.tell();
  }

  abort(): void {
    for (const { socket } of this.pending) socket.destroy();
    if (this.refused > 0) this.tell();
  }

  private read(pending: Pending): void {
    const { socket, info, header, heard, opened } = pending;
    try {
      while (!header.complete) {
        const bytes: Buffer | null = socket.read();
        if (bytes === null) return;
        const rest = header.take(bytes);
        if (rest.length > 0) socket.unshift(rest);
      }
    } catch (error) {
      if (!(error instanceof MalformedProxyHeader)) throw error;
      this.refuse(pending, error.message);
      return;
    }
    this.pending.delete(pending);
    for (const [event, listener] of Object.entries(heard)) socket.off(event, listener);
    opened({ ...info, ...header.told });
  }

  /** The peer has ended its side. One that has said nothing wanted to know whether somebody listens. */
  private end(pending: Pending): void {
    if (pending.socket.bytesRead > 0) this.refuse(pending, 'it has ended within its header');
    else pending.socket.destroy();
  }

  private refuse(pending: Pending, reason: string): void {
    pending.socket.destroy();
    this.pending.delete(pending);
    this.refused++;
    this.reason = `${pending.info.remoteAddress || 'a Unix socket'}, where the PROXY protocol is spoken: ${reason}`;
    if (this.now >= this.tellFrom) this.tell();
  }

  private tell(): void {
    const which = this.refused === 1 ? 'a connection' : `${this.refused} connections, the last one`;
    this.report('warn', `refused ${which} from ${this.reason}`);
    this.refused = 0;
    this.tellFrom = this.now + TELL_EVERY;
  }
}
