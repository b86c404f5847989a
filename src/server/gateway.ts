import type net from 'node:net';
import {
  FIELD_NAME,
  FIELD_VALUE_LENGTH,
  FIELD_VALUE_START,
  FIELD_WORDS,
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_ESCAPED_PATH,
  FLAG_HTTP_1_0,
  HEAD_CONTENT_LENGTH_HIGH,
  HEAD_CONTENT_LENGTH_LOW,
  HEAD_FIELD_COUNT,
  HEAD_FLAGS,
  HEAD_METHOD,
  HEAD_METHOD_LENGTH,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_RECORD,
  HEAD_TARGET_LENGTH,
  HEAD_TARGET_START,
  HEAD_WORDS,
} from '../../assembly/layout.ts';
import { FastCgiConnection } from '../protocols/fastcgi/connection.ts';
import { ScgiConnection } from '../protocols/scgi/connection.ts';
import { REMOTE_ADDRESS, type VariableLimits } from '../protocols/variables-record.ts';
import '../rules/latin1.ts';
import { connectionInfo, isGone } from '../environ/peer.ts';
import type { Connection } from '../protocols/connection.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { ConnectionHost, RefusedLine } from '../protocols/host.ts';
import { type ConnectionOptions, HttpConnection } from '../protocols/http/connection.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { FIELD_NAMES, METHODS } from '../protocols/http/wasm/tables.ts';
import { percentDecode } from '../rules/native-strings.ts';
import { formatDateTime } from '../toolbox/format-date-time.ts';
import type { Acceptor } from './accept.ts';
import type { AccessLog, AccessRecord } from './access-log.ts';
import type { Protocol } from './bind.ts';
import type { Mounted, MountTable } from './mounts.ts';
import { type SocketContext, SocketHost } from './socket-host.ts';
import { TurnEnd } from './turn.ts';

/** Where requests of a mount go. */
export interface Destination extends Mounted {
  /**
   * Takes the request whose head lies in the parser's memory and sets `exchange.owner`; false when there is no room now,
   * and `Gateway.retry` is to be called when there is.
   */
  accept(exchange: Exchange, host: SocketHost, hasBody: boolean): boolean;
}

export interface GatewayOptions {
  parser: Parser;
  acceptor: Acceptor;
  mounts: MountTable<Destination>;
  connection: ConnectionOptions;
  /** For protocols that send CGI variables. */
  variables: VariableLimits;
  /** Milliseconds for each WAIT_*; 0: no limit. */
  deadlines: readonly number[];
  accessLog: AccessLog | null;
  maxConnections: number;
  /** Runs at the end of every turn in which something happened, before output is sent. */
  onTurnEnd(): void;
  /** Something threw that must not; its connection is dropped. */
  onDefect(error: unknown): void;
  /** Runs with every tick of the clock. */
  onTick(now: number): void;
}

const RECORD = HEAD_RECORD >> 2;
const CONNECT = METHODS.indexOf('CONNECT');
const REFERER = FIELD_NAMES.indexOf('referer');
const USER_AGENT = FIELD_NAMES.indexOf('user-agent');
const SLOWEST_TICK = 250;
/** Milliseconds that a connection may linger in all, as in nginx (lingering_time); and once the server stops. */
const LINGER_LIMIT = 30_000;
const LINGER_LIMIT_STOPPING = 2000;

/** An address is that of the socket where no front server tells it. */
interface LogFacts extends RefusedLine {
  referer: string;
  userAgent: string;
}

const NOT_READ: LogFacts = { method: '-', target: '-', protocol: 'HTTP/1.1', referer: '', userAgent: '' };

/** The connections of one server: what reads, routes, times and writes. One thread, any number of listening sockets. */
export class Gateway implements SocketContext {
  readonly parser: Parser;
  readonly acceptor: Acceptor;
  readonly deadlines: readonly number[];
  lingerLimit = LINGER_LIMIT;
  /**
   * Milliseconds of the server's own clock, which goes by ticks: neither a system clock that is set nor the time in which this
   * process was stopped (SIGSTOP, a suspended machine, a frozen container) is taken from anybody's limit.
   */
  now = 0;

  private readonly options: GatewayOptions;
  private readonly hosts = new Set<SocketHost>();
  private readonly turnEnd = new TurnEnd(() => this.endTurn());
  private readonly ticker: NodeJS.Timeout;
  /** Milliseconds from tick to tick, and when the last one was. */
  private readonly period: number;
  private ticked = performance.now();
  private dirty: Connection[] = [];
  private spare: Connection[] = [];
  /** Those with a request that nobody had room for, in order, and where it wants to go. */
  private waiting = new Map<SocketHost, Destination>();
  private room = false;
  private dateText = '';
  private dateUntil = 0;
  private closing = false;
  private onEmpty: (() => void) | null = null;

  constructor(options: GatewayOptions) {
    this.options = options;
    this.parser = options.parser;
    this.acceptor = options.acceptor;
    this.deadlines = options.deadlines;
    const shortest = Math.min(...options.deadlines.filter((limit) => limit > 0));
    this.period = Math.max(5, Math.min(SLOWEST_TICK, shortest / 4));
    this.ticker = setInterval(() => this.tick(), this.period);
    this.ticker.unref();
  }

  /** Takes a connection that a listening socket, a Unix socket or not, has accepted. */
  accept(socket: net.Socket, protocol: Protocol = 'http', unixSocket = false): void {
    const full = this.closing || this.hosts.size >= this.options.maxConnections;
    // Asked now, since the system forgets the address of a client that resets its connection.
    const info = full ? null : connectionInfo(socket, unixSocket, 'http');
    if (info === null || isGone(info)) socket.destroy();
    else this.hosts.add(new SocketHost(socket, info, this, this.now, (host) => this.connect(host, protocol)));
  }

  private connect(host: ConnectionHost, protocol: Protocol): Connection {
    const { parser } = this;
    const { connection, variables } = this.options;
    switch (protocol) {
      case 'fastcgi':
        return new FastCgiConnection(host, parser, { ...connection, variables });
      case 'scgi':
        return new ScgiConnection(host, parser, { ...connection, variables });
      default:
        return new HttpConnection(host, parser, connection);
    }
  }

  /** Connections that are open. */
  get connections(): number {
    return this.hosts.size;
  }

  /** Something changed that makes room for requests. */
  retry(): void {
    this.room = true;
    if (this.waiting.size > 0) this.turnEnd.schedule();
  }

  /** Runs `onTurnEnd` at the end of this turn. */
  scheduleTurnEnd(): void {
    this.turnEnd.schedule();
  }

  /** Sends everything that waits for the end of the turn. */
  endTurn(): void {
    if (this.room) this.retryWaiting();
    this.options.onTurnEnd();
    const dirty = this.dirty;
    this.dirty = this.spare;
    for (const connection of dirty) connection.flush();
    dirty.length = 0;
    this.spare = dirty;
  }

  /**
   * Ends idle connections at once and lets the others end with their response in progress, for `timeout` milliseconds;
   * then drops them (L-08, L-12).
   */
  async close(timeout: number): Promise<void> {
    this.closing = true;
    this.lingerLimit = LINGER_LIMIT_STOPPING;
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
    this.turnEnd.schedule();
  }

  // ---- SocketContext

  request(exchange: Exchange, host: SocketHost): boolean {
    const { words } = this.parser;
    const { accessLog, mounts } = this.options;
    const flags = words[RECORD + HEAD_FLAGS];
    if (accessLog !== null) this.note(exchange, flags);
    if (words[RECORD + HEAD_METHOD] === CONNECT) {
      exchange.connection.answer(exchange, 501, 'this server is no proxy');
      return true;
    }
    const destination = mounts.root ?? mounts.find(this.path(flags));
    if (destination === null) {
      exchange.connection.answer(exchange, 404);
      return true;
    }
    const hasBody =
      (flags & FLAG_CHUNKED) !== 0 ||
      ((flags & FLAG_CONTENT_LENGTH) !== 0 &&
        (words[RECORD + HEAD_CONTENT_LENGTH_LOW] !== 0 || words[RECORD + HEAD_CONTENT_LENGTH_HIGH] !== 0));
    if (destination.accept(exchange, host, hasBody)) return true;
    this.waiting.set(host, destination);
    return false;
  }

  refused(exchange: Exchange, line: RefusedLine): void {
    if (this.options.accessLog !== null) exchange.record = { ...NOT_READ, ...line };
  }

  finished(exchange: Exchange, host: SocketHost): void {
    const { accessLog } = this.options;
    if (accessLog === null) return;
    const time = Date.now();
    const facts = (exchange.record as LogFacts | null) ?? NOT_READ;
    const record: AccessRecord = {
      remoteAddress: host.info.remoteAddress,
      ...facts,
      status: exchange.status || exchange.unanswered,
      bytes: exchange.sent,
      durationMs: exchange.startTime === 0 ? 0 : performance.now() - exchange.startTime,
      time,
    };
    accessLog.write(record);
  }

  schedule(connection: Connection): void {
    this.dirty.push(connection);
    this.turnEnd.schedule();
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
    this.hosts.delete(host);
    this.waiting.delete(host);
    if (this.hosts.size === 0) this.onEmpty?.();
  }

  private retryWaiting(): void {
    this.room = false;
    const { waiting } = this;
    if (waiting.size === 0) return;
    this.waiting = new Map();
    // Each has room or none for itself: whoever waits for one that is full keeps its place, the others go on.
    const full = new Set<Destination>();
    for (const [host, destination] of waiting) {
      if (full.has(destination)) this.waiting.set(host, destination);
      else host.connection.retry();
      const now = this.waiting.get(host);
      if (now !== undefined) full.add(now);
    }
  }

  private path(flags: number): string {
    const { words, bytes, headStart } = this.parser;
    const start = headStart + words[RECORD + HEAD_PATH_START];
    const path = bytes.latin1Slice(start, start + words[RECORD + HEAD_PATH_LENGTH]);
    return (flags & FLAG_ESCAPED_PATH) !== 0 ? percentDecode(path) : path;
  }

  /** Keeps what the access log needs of a head. */
  private note(exchange: Exchange, flags: number): void {
    const { words, bytes, headStart } = this.parser;
    const text = (start: number, length: number) => bytes.latin1Slice(headStart + start, headStart + start + length);
    const facts: LogFacts = {
      method: text(0, words[RECORD + HEAD_METHOD_LENGTH]),
      target: text(words[RECORD + HEAD_TARGET_START], words[RECORD + HEAD_TARGET_LENGTH]),
      protocol: (flags & FLAG_HTTP_1_0) !== 0 ? 'HTTP/1.0' : 'HTTP/1.1',
      referer: '',
      userAgent: '',
    };
    const end = RECORD + HEAD_WORDS + FIELD_WORDS * words[RECORD + HEAD_FIELD_COUNT];
    for (let field = RECORD + HEAD_WORDS; field < end; field += FIELD_WORDS) {
      const name = words[field + FIELD_NAME] >>> 16;
      if (name !== REFERER && name !== USER_AGENT && name !== REMOTE_ADDRESS) continue;
      const value = text(words[field + FIELD_VALUE_START], words[field + FIELD_VALUE_LENGTH]);
      if (name === REFERER) facts.referer = value;
      else if (name === USER_AGENT) facts.userAgent = value;
      else facts.remoteAddress = value;
    }
    exchange.record = facts;
    exchange.startTime = performance.now();
  }

  private tick(): void {
    const time = performance.now();
    // Ticks are always a little late; one that is very late counts as two.
    this.now += Math.min(time - this.ticked, 2 * this.period);
    this.ticked = time;
    for (const host of this.hosts) host.checkDeadline(this.now);
    this.options.onTick(this.now);
  }
}
