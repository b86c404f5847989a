import type net from 'node:net';
import { HeadReader, PARSED_HEAD } from '../environ/head-record.ts';
import { connectionInfo, isGone } from '../environ/peer.ts';
import type { ConnectionInfo } from '../environ/variables.ts';
import { BUSY } from '../protocols/answer.ts';
import type { Connection } from '../protocols/connection.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { RefusedLine } from '../protocols/host.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { METHODS } from '../protocols/http/wasm/tables.ts';
import { formatDateTime } from '../rules/format-date-time.ts';
import { nothing } from '../rules/promises.ts';
import type { Acceptor } from './accept.ts';
import { Admission } from './admission.ts';
import type { Protocol } from './bind.ts';
import { type ConnectionSettings, connect } from './connect.ts';
import { type Deadlines, limitsByWait } from './deadlines.ts';
import type { OpenSession, SessionContext } from './http2/session-host.ts';
import type { AccessLog } from './log/access-log.ts';
import { RequestLog } from './log/request-log.ts';
import { type Mounted, MountTable } from './mounts.ts';
import type { ResolvedOptions } from './options.ts';
import { noProxies, type Proxies } from './proxies/proxies.ts';
import { type OpenConnection, SocketHost } from './socket-host.ts';
import type { Readiness } from './status/readiness.ts';
import { noTraffic, type Traffic } from './status/traffic.ts';
import { type Encryption, noEncryption } from './tls/encryption.ts';
import type { Turn } from './turn.ts';

/** What answers requests: workers behind the rings, or applications on this thread. */
export interface Destination {
  /**
   * Takes the request of a mount, whose head lies in the parser's memory, and sets `exchange.owner`; false when there
   * is no room now, and `Turn.retry` is to be called when there is.
   */
  accept(mount: number, exchange: Exchange, host: SocketHost): boolean;
  /** At the end of every turn in which something happened, before output is sent. */
  flush(): void;
  /** With every tick of the clock; `now` is that of the turn. */
  tick(now: number): void;
}

/** Where the requests of a mount go, and what number it has there. */
export interface Route extends Mounted {
  readonly mount: number;
  readonly destination: Destination;
}

/** Limits that are off where they are left out. */
type ClientLimits = Pick<ResolvedOptions, 'limitQueue' | 'maxConnectionsPerAddress' | 'minRate'>;

/** Where a health check asks on a public address, and what it is told (L-40). */
interface HealthCheck {
  readonly path: string;
  readonly readiness: Readiness;
}

interface GatewayOptions extends Pick<ResolvedOptions, 'maxConnections'>, Partial<ClientLimits> {
  parser: Parser;
  turn: Turn;
  acceptor: Acceptor;
  /** Where an address speaks TLS. */
  encryption?: Encryption;
  /** Where HTTP/2 is spoken there. */
  http2?: OpenSession | undefined;
  /** Where proxies are trusted. */
  proxies?: Proxies;
  routes: readonly Route[];
  connection: Omit<ConnectionSettings, 'limitDiscard' | 'keepHeads'>;
  deadlines: Deadlines;
  accessLog: AccessLog;
  /** Who counts requests; nobody where left out. */
  traffic?: Traffic;
  /** Applications are told how long their requests have waited. */
  queueTime?: boolean;
  health?: HealthCheck | undefined;
  /** An exchange is over, also one that was refused before it came to a destination. */
  onFinished?(): void;
  /** Something threw that must not; its connection is dropped. */
  onDefect(error: unknown): void;
}

/** Unread body bytes that are dropped for the sake of the connection. */
const DISCARD_LIMIT = 256 * 1024;
const CONNECT = METHODS.indexOf('CONNECT');
const GET = METHODS.indexOf('GET');
/** Milliseconds between two looks at the deadlines, at most. */
const SLOWEST_TICK = 250;
/** Milliseconds that a connection may linger in all, as in nginx (lingering_time); and once the server stops. */
const LINGER_LIMIT = 30_000;
const LINGER_LIMIT_STOPPING = 2000;

/**
 * The connections of one server: what reads, routes, times and writes. One thread, any number of listening sockets.
 *
 * A socket that was accepted gets a SocketHost and the connection of its protocol. A request comes from there to
 * `request`, which finds its route and offers it to the destination; where that has no room, the connection keeps the
 * request until the destination calls `Turn.retry`. The response goes from the exchange's owner straight to the
 * connection. Output gathers there, and leaves at the end of the turn.
 */
export class Gateway implements SessionContext {
  readonly acceptor: Acceptor;
  readonly limits: readonly number[];
  readonly minRate: number;
  lingerLimit = LINGER_LIMIT;
  private readonly options: GatewayOptions;
  readonly connection: ConnectionSettings;
  readonly parser: Parser;
  private readonly turn: Turn;
  private readonly routes: MountTable<Route>;
  private readonly destinations: readonly Destination[];
  private readonly log: RequestLog;
  private readonly traffic: Traffic;
  /** Somebody wants to know when requests come and how long they take. */
  private isTimed: boolean;
  private readonly health: HealthCheck | undefined;
  private readonly onFinished: () => void;
  private readonly head: HeadReader;
  /** Connections that are open. */
  readonly hosts = new Set<OpenConnection>();
  private readonly encryption: Encryption;
  private readonly proxies: Proxies;
  private readonly admission: Admission;
  private readonly ticker: NodeJS.Timeout;
  /** Milliseconds from tick to tick, and when the last one was. */
  private readonly period: number;
  private ticked = performance.now();
  private dirty: Connection[] = [];
  private spare: Connection[] = [];
  /** Requests that are over, until the end of the turn. */
  private readonly over: Exchange[] = [];
  /** Requests in progress whose connections are gone, where they are to be told of. */
  private readonly orphans = new Map<Exchange, SocketHost>();
  /** Those with a request that nobody had room for, in order, and where it wants to go. */
  private waiting = new Map<SocketHost, Route>();
  private dateText = '';
  private dateUntil = 0;
  /** Each connection ends with its next response. */
  private draining = false;
  private closing = false;
  private onEmpty: () => void = nothing;

  constructor(options: GatewayOptions) {
    const { parser, turn, routes, deadlines } = options;
    this.options = options;
    const { accessLog } = options;
    const keepHeads = accessLog.facts.responseHead;
    this.connection = { ...options.connection, limitDiscard: DISCARD_LIMIT, keepHeads };
    this.parser = parser;
    this.turn = turn;
    this.acceptor = options.acceptor;
    this.admission = new Admission(options.maxConnections, options.maxConnectionsPerAddress ?? 0);
    this.encryption = options.encryption ?? noEncryption;
    this.proxies = options.proxies ?? noProxies;
    this.encryption.onSecured((socket, info, isHttp2) => this.open(socket, info, 'https', isHttp2));
    this.routes = new MountTable(routes);
    this.destinations = [...new Set(routes.map(({ destination }) => destination))];
    this.log = new RequestLog(
      accessLog,
      routes.map(({ prefix }) => prefix),
    );
    this.traffic = options.traffic ?? noTraffic;
    this.isTimed = this.log.isKept || this.traffic.isCounted || options.queueTime === true;
    this.health = options.health;
    this.onFinished = options.onFinished ?? nothing;
    this.head = new HeadReader(parser.words, parser.bytes);
    this.limits = limitsByWait(deadlines);
    this.minRate = options.minRate ?? 0;
    const shortest = Math.min(...this.limits.filter((limit) => limit > 0));
    this.period = Math.max(5, Math.min(SLOWEST_TICK, shortest / 4));
    this.ticker = setInterval(() => this.tick(), this.period);
    this.ticker.unref();
    turn.onEnd(() => this.endTurn());
  }

  /**
   * Takes a connection that a listening socket, a Unix socket or not, has accepted.
   *
   * @param proxied it begins with a header of the PROXY protocol
   */
  accept(socket: net.Socket, protocol: Protocol = 'http', unixSocket = false, proxied = false): void {
    const early = this.encryption.size + this.proxies.size;
    const full = this.closing || this.admission.isFull || early >= this.options.maxConnections;
    // Asked now, since the system forgets the address of a client that resets its connection.
    const info = full ? null : connectionInfo(socket, unixSocket, protocol === 'https' ? 'https' : 'http');
    if (info === null || isGone(info)) this.turnAway(socket);
    else if (proxied) this.proxies.begin(socket, info, (told) => this.begin(socket, told, protocol));
    else this.begin(socket, info, protocol);
  }

  private begin(socket: net.Socket, info: ConnectionInfo, protocol: Protocol): void {
    if (protocol === 'https') this.encryption.begin(socket, info);
    else this.open(socket, info, protocol);
  }

  private open(socket: net.Socket, info: ConnectionInfo, protocol: Protocol, isHttp2 = false): void {
    const refusal = this.closing || socket.destroyed ? null : this.admission.enter(info.remoteAddress);
    if (refusal === null) {
      this.turnAway(socket);
      return;
    }
    const { http2 } = this.options;
    const { parser, connection } = this;
    const open: OpenConnection =
      isHttp2 && http2 !== undefined
        ? http2(socket, info, refusal, this)
        : new SocketHost(socket, info, this, (host) => connect(host, protocol, parser, connection), refusal);
    this.hosts.add(open);
    this.traffic.opened(refusal === '' ? 'accepted' : 'refused');
    if (this.draining) open.connection.drain();
  }

  private turnAway(socket: net.Socket): void {
    this.traffic.opened('dropped');
    socket.destroy();
  }

  /** See `ConnectionHost.request`. */
  request(exchange: Exchange, host: SocketHost): boolean {
    const head = this.head.at(PARSED_HEAD, this.parser.headStart);
    if (this.isTimed) {
      if (exchange.startTime === 0) exchange.startTime = host.requestedAt || this.turn.begun;
      host.requestedAt = 0;
    }
    if (this.log.isKept) this.log.began(exchange, head, host.info, this.proxies.clientAddress(head, host.info));
    if (host.refusal !== '') exchange.persist = false;
    exchange.isGet = head.methodNumber === GET;
    if (this.health !== undefined && head.path === this.health.path) {
      const { objection } = this.health.readiness;
      exchange.connection.answer(exchange, objection === '' ? 200 : 503, objection || 'ready');
      return true;
    }
    if (host.refusal !== '') {
      exchange.connection.answer(exchange, 503, host.refusal);
      return true;
    }
    if (head.methodNumber === CONNECT) {
      // What its client sends behind it may be somebody else's, for the tunnel: no request is read from it (G-240).
      exchange.persist = false;
      exchange.connection.answer(exchange, 501, 'this server is no proxy');
      return true;
    }
    const route = this.routes.root ?? this.routes.find(head.path);
    if (route === null) {
      exchange.connection.answer(exchange, 404);
      return true;
    }
    exchange.mount = route.mount;
    if (route.destination.accept(route.mount, exchange, host)) return true;
    const { limitQueue = 0 } = this.options;
    if (limitQueue > 0 && this.waiting.size >= limitQueue) {
      exchange.connection.answer(exchange, 503, BUSY);
      return true;
    }
    host.requestedAt = exchange.startTime;
    this.waiting.set(host, route);
    this.turn.isAwaited = true;
    return false;
  }

  refused(exchange: Exchange, line: RefusedLine, host: SocketHost): void {
    this.log.refused(exchange, line, host.info);
  }

  finished(exchange: Exchange, host: SocketHost): void {
    if (this.isTimed) this.account(exchange, host);
    this.onFinished();
  }

  private account(exchange: Exchange, host: SocketHost): void {
    this.orphans.delete(exchange);
    // One that is refused while it waits for room does not come to `request` again.
    if (exchange.startTime === 0) exchange.startTime = host.requestedAt;
    if (exchange.startTime === host.requestedAt) host.requestedAt = 0;
    this.log.ended(exchange, host.info);
    this.over.push(exchange);
    this.turn.schedule();
  }

  /** Tells of all requests whose connections are gone, of those that nobody ends any more, too. */
  tellRest(): void {
    for (const [exchange, host] of this.orphans) this.account(exchange, host);
    this.tellOver();
    this.isTimed = false; // who is done after all has been told of
  }

  /** Tells of the requests that are over when their responses have left. */
  private tellOver(): void {
    const { over } = this;
    const now = performance.now();
    const time = Date.now();
    for (const exchange of over) {
      this.log.finished(exchange, now, time);
      this.traffic.finished(exchange, now);
    }
    over.length = 0;
  }

  schedule(connection: Connection): void {
    this.dirty.push(connection);
    this.turn.schedule();
  }

  /** Sends everything that waits for the end of the turn. */
  private endTurn(): void {
    if (this.turn.hasRoom) this.retryWaiting();
    for (const destination of this.destinations) destination.flush();
    const dirty = this.dirty;
    this.dirty = this.spare;
    for (const connection of dirty) connection.flush();
    dirty.length = 0;
    this.spare = dirty;
    if (this.over.length > 0) this.tellOver();
  }

  private retryWaiting(): void {
    this.turn.hasRoom = false;
    const { waiting } = this;
    if (waiting.size === 0) return;
    this.waiting = new Map();
    // Each mount has room or none for itself: those who wait for one that is full keep their places, the others go on.
    const full = new Set<Route>();
    for (const [host, route] of waiting) {
      if (full.has(route)) this.waiting.set(host, route);
      else host.connection.retry();
      const now = this.waiting.get(host);
      if (now !== undefined) full.add(now);
    }
    this.turn.isAwaited = this.waiting.size > 0;
  }

  date(): string {
    const now = Date.now();
    if (now >= this.dateUntil) {
      const seconds = Math.floor(now / 1000);
      this.dateUntil = (seconds + 1) * 1000;
      this.dateText = `Date: ${formatDateTime(seconds)}\r\n`;
    }
    return this.dateText;
  }

  defect(error: unknown): void {
    this.options.onDefect(error);
  }

  closed(host: SocketHost): void {
    this.forget(host);
    this.left(host);
  }

  forget(host: SocketHost): void {
    this.waiting.delete(host);
    if (this.isTimed) for (const exchange of host.connection.unfinished) this.orphans.set(exchange, host);
  }

  left(connection: OpenConnection): void {
    this.hosts.delete(connection);
    this.traffic.closed(connection);
    this.admission.leave(connection.info.remoteAddress, connection.refusal);
    if (this.hosts.size === 0) this.onEmpty();
  }

  private tick(): void {
    const time = performance.now();
    const { turn } = this;
    // Ticks are always a little late; one that is very late counts as two.
    turn.now += Math.min(time - this.ticked, 2 * this.period);
    this.ticked = time;
    for (const host of this.hosts) host.checkDeadline(turn.now);
    this.encryption.tick(turn.now);
    this.proxies.tick(turn.now);
    for (const destination of this.destinations) destination.tick(turn.now);
  }

  /** Requests that wait for room. */
  get queued(): number {
    return this.waiting.size;
  }

  /** Goes on as before, but has each connection end with its next response (L-41). */
  drain(): void {
    this.draining = true;
    for (const host of this.hosts) host.connection.drain();
  }

  /**
   * Ends idle connections at once and lets the others end with their response in progress, for `timeout` milliseconds;
   * then drops them (L-08, L-12).
   */
  async close(timeout: number): Promise<void> {
    this.closing = true;
    this.lingerLimit = LINGER_LIMIT_STOPPING;
    this.encryption.abort();
    this.proxies.abort();
    for (const host of this.hosts) host.connection.shutdown();
    this.endTurn();
    if (this.hosts.size > 0) {
      // Ends: with the last connection; `abort` drops them all.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.abort(), timeout);
        this.onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    clearInterval(this.ticker);
  }

  /** Drops all connections. */
  abort(): void {
    for (const host of this.hosts) host.connection.abort();
    this.turn.schedule();
  }
}
