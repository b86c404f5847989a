import type { ConnectionInfo } from '../environ/variables.ts';
import type { Connection } from '../protocols/connection.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { type ConnectionHost, type RefusedLine, WAIT_BODY, WAIT_CLIENT, WAIT_LINGERING } from '../protocols/host.ts';
import type { IncomingBody } from '../protocols/request-body.ts';
import { reset } from '../protocols/reset.ts';
import {
  type Acceptor,
  isForgotten,
  type SocketEvents,
  takenBytes,
  transportOf,
  unsentBytes,
  type Wire,
} from './accept.ts';
import { Pace } from './pace.ts';
import type { Carried } from './status/traffic.ts';

/** An open connection as its gateway sees it, be there one request at a time on it or many. */
export interface OpenConnection extends Carried {
  readonly connection: Pick<Connection, 'waitingFor' | 'drain' | 'shutdown' | 'abort'>;
  readonly info: ConnectionInfo;
  /** Why its requests are refused; '': they are not. */
  readonly refusal: string;
  /** Ends a wait that has lasted too long. `now` in milliseconds. */
  checkDeadline(now: number): void;
}

/** What the sockets of one gateway have in common. */
export interface SocketContext {
  readonly acceptor: Acceptor;
  /** Milliseconds allowed for each WAIT_* of a connection; 0: no limit. */
  readonly limits: readonly number[];
  /** Bytes a second that a client must send or take while it is waited for, after the first limit of that wait. */
  readonly minRate: number;
  /** Milliseconds that a connection may linger in all, however much the client sends. */
  readonly lingerLimit: number;
  /** See `ConnectionHost.request`; the socket is for addresses. */
  request(exchange: Exchange, host: SocketHost): boolean;
  refused(exchange: Exchange, line: RefusedLine, host: SocketHost): void;
  finished(exchange: Exchange, host: SocketHost): void;
  schedule(connection: Connection): void;
  /** The present `Date` line. */
  date(): string;
  /** Something threw that must not. */
  defect(error: unknown): void;
  /** The socket is gone and its connection told so. */
  closed(host: SocketHost): void;
}

/**
 * Milliseconds after which a client that has ended its side is probed. The system of one that has closed its socket
 * remembers that for a minute (tcp_fin_timeout of Linux), and answers with a reset afterwards.
 */
const PROBE_AFTER = 61_000;

/**
 * Joins a connection to a socket: the events of the socket go to the connection, its output goes to the socket, and
 * what concerns all sockets of the server goes to the gateway. A connection knows this object alone, not the gateway,
 * so that it can be tested without one; hence the methods that only pass a call on.
 */
export class SocketHost implements OpenConnection, ConnectionHost, SocketEvents {
  readonly connection: Connection;
  readonly info: ConnectionInfo;
  readonly refusal: string;
  /** Milliseconds of the arrival of the request that waits for room, where requests are timed; 0: none does. */
  requestedAt = 0;
  private readonly context: SocketContext;
  private readonly socket: Wire;
  private cachedText: string | null = null;
  /** What the last look at the deadlines has found: a WAIT_* and how far it has come; -1 before the first look. */
  private waitingFor = -1;
  private progress = 0;
  private unsent = 0;
  /** Waits begin with the first look that finds them: none is cut short. */
  private waitingSince = 0;
  /** When this wait began, whatever steps forward it has seen. */
  private begun = 0;
  /** When the last look was. */
  private checked = 0;
  /** The body whose client was waited for last, and how fast it comes; how fast output is taken. */
  private body: IncomingBody | null = null;
  private bodyPace: Pace | null = null;
  private sendPace: Pace | null = null;
  private isHalfClosed = false;

  /** `connect` makes the connection, for the protocol that is spoken on this socket. */
  constructor(
    accepted: Wire,
    info: ConnectionInfo,
    context: SocketContext,
    connect: (host: ConnectionHost) => Connection,
    refusal = '',
  ) {
    this.context = context;
    this.info = info;
    this.refusal = refusal;
    this.connection = connect(this);
    this.socket = context.acceptor.adopt(accepted, this);
  }

  /** `info` for the rings: one text, its parts separated by line feeds. */
  get connectionText(): string {
    if (this.cachedText === null) {
      const { remoteAddress, remotePort, serverName, serverPort, scheme, unixSocket, tls } = this.info;
      const kind = unixSocket ? 'unix' : '';
      this.cachedText = `${remoteAddress}\n${remotePort}\n${serverName}\n${serverPort}\n${scheme}\n${kind}`;
      if (tls !== undefined) this.cachedText += `\n${JSON.stringify(tls)}`;
    }
    return this.cachedText;
  }

  /** Bytes that have come, and that the system has taken. */
  get received(): number {
    return this.socket.bytesRead ?? 0;
  }

  get sent(): number {
    return takenBytes(this.socket);
  }

  checkDeadline(now: number): void {
    const { connection } = this;
    // Where nothing is read, nothing else tells of a reset.
    if ((this.isHalfClosed || this.socket.isPaused()) && isForgotten(this.socket)) this.socket.destroy();
    else if (this.isHalfClosed) connection.ask();
    const { waitingFor, progress } = connection;
    const elapsed = now - this.checked;
    this.checked = now;
    if (this.context.minRate > 0 && this.isSlow(waitingFor, elapsed)) {
      connection.expired();
      return;
    }
    // A client that takes a large block slowly is at work, though nothing drains for long.
    const unsent = waitingFor === WAIT_CLIENT ? unsentBytes(this.socket) : 0;
    if (waitingFor !== this.waitingFor) this.begun = now;
    else if (waitingFor === WAIT_LINGERING && now - this.begun >= this.context.lingerLimit) {
      connection.expired();
      return;
    }
    if (waitingFor !== this.waitingFor || progress !== this.progress || unsent !== this.unsent) {
      this.waitingFor = waitingFor;
      this.progress = progress;
      this.unsent = unsent;
      this.waitingSince = now;
      return;
    }
    const limit = this.context.limits[waitingFor];
    if (limit > 0 && now - this.waitingSince >= limit) {
      this.waitingSince = now;
      connection.expired();
    }
  }

  /** Whether the client that is waited for is too slow, although it moves (L-24). */
  private isSlow(waitingFor: number, elapsed: number): boolean {
    const { limits, minRate } = this.context;
    if (waitingFor === WAIT_CLIENT) {
      const taken = this.sent;
      if (this.sendPace !== null) return this.sendPace.isSlow(elapsed, taken, limits[WAIT_CLIENT], minRate);
      this.sendPace = new Pace(taken);
      return false;
    }
    const body = waitingFor === WAIT_BODY ? this.connection.incoming : null;
    if (body === null) return false;
    if (body !== this.body || this.bodyPace === null) {
      this.body = body;
      this.bodyPace = new Pace(body.size);
      return false;
    }
    return this.bodyPace.isSlow(elapsed, body.size, limits[WAIT_BODY], minRate);
  }

  /** See `SocketEvents`. */
  read(length: number): void {
    try {
      this.connection.receive(length);
    } catch (error) {
      // A defect of ours: it costs this connection, not the server.
      this.context.defect(error);
      this.connection.abort();
    }
  }

  ended(): void {
    this.connection.ended();
  }

  drained(): void {
    this.connection.drained();
  }

  flushed(): void {
    this.connection.flushed();
  }

  closed(): void {
    this.connection.closed();
    this.context.closed(this);
  }

  request(exchange: Exchange): boolean {
    return this.context.request(exchange, this);
  }

  refused(exchange: Exchange, line: RefusedLine): void {
    this.context.refused(exchange, line, this);
  }

  finished(exchange: Exchange): void {
    this.context.finished(exchange, this);
  }

  write(data: string | Uint8Array): boolean {
    const { socket } = this;
    return typeof data === 'string' ? socket.write(data, 'latin1') : socket.write(data) || socket.writableLength === 0;
  }

  lend(before: string, bytes: Uint8Array, after: string, free: () => void): boolean {
    const { socket } = this;
    let taken = false;
    let drains = false;
    const written = (error?: Error | null) => {
      if (taken) return;
      free();
      // Who waits for lent bytes waits for the client, also below the high-water mark, where Node does not tell.
      if (!drains && !error) this.connection.drained();
    };
    socket.cork();
    if (before !== '') socket.write(before, 'latin1');
    drains = !socket.write(bytes, written);
    if (after !== '') drains = !socket.write(after, 'latin1');
    socket.uncork();
    // Node calls back in a later tick in any case, but tells by this number that the system has taken all.
    taken = socket.writableLength === 0;
    if (taken) free();
    return taken;
  }

  schedule(): void {
    this.context.schedule(this.connection);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  halfClosed(): void {
    this.isHalfClosed = true;
    this.socket.setKeepAlive?.(true, PROBE_AFTER);
  }

  end(): void {
    this.socket.end();
  }

  destroy(withReset: boolean): void {
    // A socket of TLS knows no reset; it is closed with the one below.
    if (withReset) reset(transportOf(this.socket));
    else this.socket.destroy();
  }

  date(): string {
    return this.context.date();
  }
}
