import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerSessionOptions,
} from 'node:http2';
import type net from 'node:net';
import type { ConnectionInfo } from '../../environ/variables.ts';
import { WAIT_APPLICATION, WAIT_LINGERING, WAIT_REQUEST } from '../../protocols/host.ts';
import type { Parser } from '../../protocols/http/parser.ts';
import type { StreamOptions } from '../../protocols/http2/connection.ts';
import { nothing } from '../../rules/promises.ts';
import { takenBytes, transportOf } from '../accept.ts';
import type { ResolvedOptions } from '../options.ts';
import type { OpenConnection, SocketContext, SocketHost } from '../socket-host.ts';
import { type StreamContext, StreamHost } from './stream-host.ts';

/** A gateway as the sessions on its sockets see it. */
export interface SessionContext extends SocketContext {
  readonly parser: Parser;
  readonly connection: StreamOptions;
  /** The stream of this host is gone: its request does not wait for room any more. */
  forget(host: SocketHost): void;
  /** The socket is gone, and all its streams. */
  left(connection: OpenConnection): void;
}

/** Makes the session of a socket whose client has chosen HTTP/2. */
export type OpenSession = (
  socket: net.Socket,
  info: ConnectionInfo,
  refusal: string,
  context: SessionContext,
) => OpenConnection;

/** Requests that a client may have in progress at a time, as it is told (SETTINGS_MAX_CONCURRENT_STREAMS). */
const MOST_STREAMS = 100;
/**
 * Requests of a client that applications may work on at a time. More than that, since a stream is over before its
 * application is; no more, since an application is not over with a stream that its client has reset ("rapid reset").
 */
const MOST_IN_PROGRESS = 2 * MOST_STREAMS;
/** Streams above these limits that are refused, until the connection ends. */
const MOST_REFUSED = 100;
/**
 * A flood is a client that sends more than so many times the bytes of all heads and bodies, beyond so many bytes that
 * are free: frames that ask for work and carry nothing, such as PING, SETTINGS, PRIORITY and RST_STREAM. As in nginx.
 */
const MOST_OVERHEAD = 8;
const FREE_OVERHEAD = 1_048_576;
/** Pseudo-header fields, and those that are written once in HTTP/1.1 and more often in HTTP/2. */
const MORE_FIELDS = 16;
/** Bytes that each field counts for beyond its own in SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2). */
const FIELD_OVERHEAD = 32;
/** The largest head of a response, in bytes: what applications may send, and the lines of the server. */
const LARGEST_HEAD = 524_288;

type Limits = Pick<ResolvedOptions, 'limitRequestFields' | 'limitRequestHead'>;

/** Sessions of one server. What is not said here is as Node has it: 10 MiB of memory for a session, 32 settings. */
export function sessions({ limitRequestFields, limitRequestHead }: Limits): OpenSession {
  const maxHeaderListPairs = limitRequestFields + MORE_FIELDS;
  const options: ServerSessionOptions = {
    maxHeaderListPairs,
    maxSendHeaderBlockLength: LARGEST_HEAD,
    maxSessionRejectedStreams: MOST_REFUSED,
    settings: {
      maxConcurrentStreams: MOST_STREAMS,
      maxHeaderListSize: limitRequestHead + FIELD_OVERHEAD * maxHeaderListPairs,
    },
  };
  return (socket, info, refusal, context) => new SessionHost(socket, info, refusal, context, options);
}

/**
 * A connection of HTTP/2: Node's session on its socket, and a host for each stream. It ends when it is idle for too
 * long, with the last stream once the client or the server has said that no more will come (GOAWAY), and at once where
 * the client floods it. A stream ends by its own deadlines, as a connection of HTTP/1 does.
 */
class SessionHost implements OpenConnection, StreamContext {
  readonly connection = this;
  readonly sockets: SessionContext;
  readonly info: ConnectionInfo;
  readonly refusal: string;
  private readonly socket: net.Socket;
  private readonly session: ServerHttp2Session;
  private readonly streams = new Set<StreamHost>();
  /** Requests that have come, those that are not over, and those that were refused as too many. */
  private requests = 0;
  private inProgress = 0;
  private refused = 0;
  /** Bytes of heads and bodies. */
  private payload = 0;
  /** The next request is the last. */
  private isLast = false;
  private isGone = false;
  /** What it has waited for since which look, and after how many requests; -1 before the first look. */
  private waitedFor = -1;
  private waitedAfter = 0;
  private since = 0;

  constructor(
    socket: net.Socket,
    info: ConnectionInfo,
    refusal: string,
    context: SessionContext,
    options: ServerSessionOptions,
  ) {
    this.socket = socket;
    this.info = info;
    this.refusal = refusal;
    this.sockets = context;
    this.session = performServerHandshake(socket, options);
    // What becomes of both is seen by the end of the socket.
    socket.on('error', nothing);
    this.session.on('error', nothing);
    // A client that has ended its side cannot open windows or acknowledge any more.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.ended());
    this.session.on('stream', (stream: ServerHttp2Stream, _headers: object, _flags: number, fields: string[]) =>
      this.begin(stream, fields),
    );
  }

  get parser(): Parser {
    return this.sockets.parser;
  }

  get options(): StreamOptions {
    return this.sockets.connection;
  }

  get received(): number {
    return this.socket.bytesRead;
  }

  get sent(): number {
    return takenBytes(this.socket);
  }

  private begin(stream: ServerHttp2Stream, fields: readonly string[]): void {
    stream.on('error', nothing);
    // The client has reset it meanwhile.
    if (stream.closed) return;
    if (this.inProgress >= MOST_IN_PROGRESS) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      if (++this.refused > MOST_REFUSED) this.cutOff();
      return;
    }
    this.inProgress++;
    const { keepAlive, mostRequests = Number.POSITIVE_INFINITY } = this.options;
    const isLast = ++this.requests >= mostRequests || !keepAlive || this.isLast || this.refusal !== '';
    this.carried(fields.reduce((size, text) => size + text.length, 0));
    const host = new StreamHost(stream, this);
    this.streams.add(host);
    if (isLast) this.session.close();
    host.begin(fields, !stream.endAfterHeaders);
  }

  carried(length: number): void {
    this.payload += length;
  }

  finished(): void {
    this.inProgress--;
  }

  closed(host: StreamHost): void {
    this.streams.delete(host);
    this.sockets.forget(host);
    if (this.isGone) this.leave();
  }

  /** The socket is gone. */
  private ended(): void {
    this.isGone = true;
    this.leave();
  }

  /** Node tells streams a little later than their session. */
  private leave(): void {
    if (this.streams.size === 0) this.sockets.left(this);
  }

  get waitingFor(): number {
    if (this.streams.size > 0) return WAIT_APPLICATION;
    return this.session.closed || this.session.destroyed ? WAIT_LINGERING : WAIT_REQUEST;
  }

  /** What concerns the connection; PING and the like do not count as steps forward. */
  checkDeadline(now: number): void {
    for (const host of this.streams) host.checkDeadline(now);
    const bytes = transportOf(this.socket).bytesRead ?? 0;
    if (bytes > MOST_OVERHEAD * (this.payload + FREE_OVERHEAD)) this.cutOff();
    const { waitingFor, requests } = this;
    if (waitingFor !== this.waitedFor || requests !== this.waitedAfter) {
      this.waitedFor = waitingFor;
      this.waitedAfter = requests;
      this.since = now;
      return;
    }
    const { limits, lingerLimit } = this.sockets;
    const limit = waitingFor === WAIT_LINGERING ? Math.min(limits[waitingFor], lingerLimit) : limits[waitingFor];
    if (limit === 0 || now - this.since < limit) return;
    if (waitingFor === WAIT_REQUEST) this.session.close();
    else this.socket.destroy();
  }

  private cutOff(): void {
    this.session.destroy(new Error('the client asks for too much'), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** Requests in progress end the connection, which new ones would go on with; one that is idle, its next request. */
  drain(): void {
    this.isLast = true;
    if (this.streams.size > 0) this.session.close();
  }

  shutdown(): void {
    for (const { connection } of this.streams) connection.shutdown();
    this.session.close();
  }

  abort(): void {
    for (const { connection } of this.streams) connection.abort();
    this.socket.destroy();
  }
}
