/** A server of one application in this process, the counterpart of Python's `wsgiref.simple_server` (U-47). */
import { createServer, type Server as NetServer } from 'node:net';
import { HEAD_RECORD, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { AsyncInput } from '../engine/async-input.ts';
import { Context, inOwnContext } from '../engine/context.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { runAsync } from '../engine/run-async.ts';
import { EnvironBuilder } from '../environ/builder.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, AsyncEnviron, ErrorStream, Kind } from '../interface/types.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { Parser } from '../protocols/http/parser.ts';
import { FIELD_NAMES, METHODS } from '../protocols/http/wasm/tables.ts';
import { Acceptor } from '../server/accept.ts';
import { listen } from '../server/bind.ts';
import { Gateway } from '../server/gateway.ts';
import { InlineRequest } from '../server/inline.ts';
import { type AccessLog, openAccessLog } from '../server/log/access-log.ts';
import type { AccessRecord } from '../server/log/format.ts';
import type { TextSink } from '../server/log/stream.ts';
import { MountTable } from '../server/mounts.ts';
import type { SocketHost } from '../server/socket-host.ts';
import { syncToAsync } from '../shim/index.ts';

export interface SimpleServerOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /** Where a line for each request goes, in the common log format; nowhere by default. */
  accessLog?: TextSink;
  /** `wsgi.errors`; standard error by default. */
  errors?: ErrorStream;
  /** Most bytes of a request body; 1 MiB by default. */
  limitBody?: number;
  /** Milliseconds that running requests get when the server is closed; 5000 by default. */
  timeoutGraceful?: number;
}

/** A server that is bound to its address, and answers requests when it is told to. */
export interface SimpleServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  readonly port: number;
  getApp(): Application | AsyncApplication;
  /** Takes another application for the requests to come. Its hooks are not run, so it must have none. */
  setApp(app: Application | AsyncApplication, kind?: Kind): void;
  /** Answers one request, then no more. Fulfils with false when the server was closed before one came. */
  handleRequest(): Promise<boolean>;
  /** Answers requests until the server is closed. */
  serveForever(): Promise<void>;
  /** Closes the address, lets running requests end, runs the shutdown hook. */
  close(): Promise<void>;
}

/** 1 MiB. */
const LIMIT_BODY = 1048576;
const GRACEFUL = 5000;
/** Connections open at a time. */
const MAX_CONNECTIONS = 1024;
/**
 * Milliseconds for each WAIT_*: the next request, a head, a body, the client, the application, a half-closed and a lingering
 * client, room.
 */
const DEADLINES = [5000, 20000, 30000, 30000, 0, 1000, 5000, 30000];
/** Longest request line, above which 414 is answered (U-49), and largest head, in bytes. */
const REQUEST_LINE = 65535;
const HEAD = 131072;

/**
 * Binds a server to an address, for an application in this process; after its startup hook. Async applications run as they
 * do under the server. A **sync** application runs on the event loop as well: its request body is collected first, and
 * whatever it blocks it blocks for everybody. For experiments and tests; `serve()` runs them on threads.
 *
 * @param port 0 asks for a free one
 * @throws BindError when the address cannot be had; whatever the startup hook throws
 */
export function makeServer(
  host: string,
  port: number,
  app: Application,
  options?: SimpleServerOptions,
): Promise<SimpleServer>;
export function makeServer(
  host: string,
  port: number,
  app: Application | AsyncApplication,
  options?: SimpleServerOptions,
): Promise<SimpleServer>;
export async function makeServer(
  host: string,
  port: number,
  app: Application | AsyncApplication,
  options: SimpleServerOptions = {},
): Promise<SimpleServer> {
  const server = new RunningSimpleServer(app, options);
  await server.start(host, port);
  return server;
}

class RunningSimpleServer implements SimpleServer {
  url = '';
  port = 0;
  private readonly options: SimpleServerOptions;
  private readonly parser = new Parser({ limits: { requestLine: REQUEST_LINE, head: HEAD } });
  private readonly builder: EnvironBuilder;
  private readonly state: Record<string, unknown> = {};
  /** That of whoever made the server; requests that follow another one on its connection are begun in that one's. */
  private readonly context = new Context();
  private readonly first: Application | AsyncApplication;
  private app: Application | AsyncApplication;
  private runnable: AsyncApplication;
  private gateway: Gateway | null = null;
  private listener: NetServer | null = null;
  private log: AccessLog | null = null;
  private closing = false;
  private closed: Promise<void> | null = null;
  /** Requests that may be begun. */
  private allowed = 0;
  /** Requests that the application is at. */
  private running = 0;
  /** Those who wait for a request to be over; they are told in order. */
  private readonly waiting: ((handled: boolean) => void)[] = [];
  private readonly untilClosed: ((value: undefined) => void)[] = [];

  constructor(app: Application | AsyncApplication, options: SimpleServerOptions) {
    this.options = options;
    this.first = app;
    this.app = app;
    this.runnable = this.runnableOf(app, options.kind);
    this.builder = new EnvironBuilder({
      fieldNames: FIELD_NAMES,
      methods: METHODS,
      async: true,
      multithread: true, // steps of several requests take turns (G-44)
      multiprocess: false,
      serverSoftware: 'quaich',
      errors: options.errors ?? createErrorStream(),
      fileWrapper: asyncFileWrapper,
      state: this.state,
    });
  }

  async start(host: string, port: number): Promise<void> {
    await inOwnContext(() => this.first.startup?.(this.state));
    try {
      const { accessLog } = this.options;
      if (accessLog !== undefined) this.log = await openAccessLog({ format: 'common', stream: accessLog });
      const { parser } = this;
      this.gateway = new Gateway({
        parser,
        acceptor: await Acceptor.create(parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE), true),
        mounts: new MountTable([
          { prefix: '', accept: (exchange, socket, hasBody) => this.accept(exchange, socket, hasBody) },
        ]),
        connection: {
          serverLine: '',
          limitBody: this.options.limitBody ?? LIMIT_BODY,
          limitDiscard: 262144,
          pipelined: 1,
          keepAlive: true,
        },
        variables: { size: 0, count: 0 }, // HTTP alone is spoken
        deadlines: DEADLINES,
        accessLog: {
          isKept: true,
          dropped: 0,
          write: (record) => this.finished(record),
          reopen() {},
          close: async () => {},
        },
        maxConnections: MAX_CONNECTIONS,
        onTurnEnd() {},
        onTick() {},
        onDefect: (error) => (this.options.errors ?? createErrorStream()).write(`${String(error)}\n`),
      });
      const gateway = this.gateway;
      this.listener = createServer(gateway.acceptor.serverOptions, (socket) => gateway.accept(socket));
      this.url = await listen(this.listener, { type: 'tcp', host, port });
      this.port = Number(new URL(this.url).port || 80);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  getApp(): Application | AsyncApplication {
    return this.app;
  }

  setApp(app: Application | AsyncApplication, kind?: Kind): void {
    if (app !== this.first && (app.startup !== undefined || app.shutdown !== undefined)) {
      throw new ConfigurationError('setApp takes an application without hooks: give it to makeServer');
    }
    this.app = app;
    this.runnable = this.runnableOf(app, kind);
  }

  handleRequest(): Promise<boolean> {
    if (this.closing) return Promise.resolve(false);
    this.allowed++;
    this.gateway?.retry();
    // Ends: with the request, and when the server is closed.
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  serveForever(): Promise<void> {
    if (this.closing) return Promise.resolve();
    this.allowed = Number.POSITIVE_INFINITY;
    this.gateway?.retry();
    // Ends: when the server is closed, also if its shutdown hook fails.
    return new Promise((resolve) => this.untilClosed.push(resolve));
  }

  close(): Promise<void> {
    this.closed ??= this.stop();
    return this.closed;
  }

  private runnableOf(app: Application | AsyncApplication, kind: Kind = kindOf(app)): AsyncApplication {
    if (kind === 'async') return app as AsyncApplication;
    return syncToAsync(app as Application, { where: 'here', limit: this.options.limitBody ?? LIMIT_BODY });
  }

  private accept(exchange: Exchange, host: SocketHost, hasBody: boolean): boolean {
    if (this.closing) {
      exchange.connection.answer(exchange, 503);
      return true;
    }
    if (this.allowed <= 0) return false; // the connection keeps the request until `retry`
    this.allowed--;
    this.running++;
    const { parser } = this;
    const request = new InlineRequest(exchange, parser, hasBody);
    exchange.owner = request;
    const environ = this.builder.build(
      parser.headText(),
      0,
      parser.words,
      HEAD_RECORD >> 2,
      host.info,
      '',
      new AsyncInput(hasBody ? request : null),
    );
    const running = this.context.runInAsyncScope(runAsync, null, this.runnable, environ as AsyncEnviron, request);
    if (running !== undefined) request.onDisconnect = (reason) => running.disconnect(reason);
    return true;
  }

  /** A request is over, also one that was refused before it came to the application (U-49). */
  private finished(record: AccessRecord): void {
    this.log?.write(record);
    if (this.running > 0) this.running--;
    else if (this.allowed > 0) this.allowed--;
    this.waiting.shift()?.(true);
  }

  private async stop(): Promise<void> {
    this.closing = true;
    const { listener, gateway } = this;
    // Ends: when the last connection is closed, which the gateway sees to below.
    const unbound = new Promise<void>((resolve) => {
      if (listener?.listening) listener.close(() => resolve());
      else resolve();
    });
    gateway?.retry();
    gateway?.endTurn(); // requests that were never begun are answered with 503
    try {
      await gateway?.close(this.options.timeoutGraceful ?? GRACEFUL);
      await unbound;
      for (const tell of this.waiting.splice(0)) tell(false);
      await this.log?.close();
      await inOwnContext(() => this.first.shutdown?.(this.state));
    } finally {
      for (const tell of this.waiting.splice(0)) tell(false);
      for (const tell of this.untilClosed.splice(0)) tell(undefined);
    }
  }
}
