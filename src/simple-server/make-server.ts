/** A server of one application in this process, the counterpart of Python's `wsgiref.simple_server` (U-47). */
import { createServer, type Server as NetServer } from 'node:net';
import { READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { Contexts, inOwnContext } from '../engine/context.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { EnvironBuilder } from '../environ/builder.ts';
import { SOFTWARE } from '../environ/variables.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, ErrorStream, Kind } from '../interface/types.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { Parser } from '../protocols/http/parser.ts';
import { FIELD_NAMES, METHODS } from '../protocols/http/wasm/tables.ts';
import { nothing } from '../rules/promises.ts';
import { Acceptor } from '../server/accept.ts';
import { listen } from '../server/bind.ts';
import type { Deadlines } from '../server/deadlines.ts';
import { type Destination, Gateway } from '../server/gateway.ts';
import { InlineRunner } from '../server/inline-runner.ts';
import { type AccessLog, noAccessLog, openAccessLog } from '../server/log/access-log.ts';
import { accessFormat } from '../server/log/format.ts';
import type { TextSink } from '../server/log/stream.ts';
import type { SocketHost } from '../server/socket-host.ts';
import { Turn } from '../server/turn.ts';
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
/** Milliseconds. */
const DEADLINES: Deadlines = {
  timeoutKeepAlive: 5000,
  timeoutHead: 20_000,
  timeoutBody: 30_000,
  timeoutSend: 30_000,
  timeoutQueue: 30_000,
};
/** Longest request line, above which 414 is answered (U-49), and largest head, in bytes. */
const REQUEST_LINE = 65535;
const HEAD = 131072;

/**
 * Binds a server to an address, for an application in this process; after its startup hook. Async applications run as
 * they do under the server. A **sync** application runs on the event loop as well: its request body is collected first,
 * and what it blocks, it blocks for everybody. For experiments and tests; `serve()` runs them on threads.
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
  const { accessLog } = options;
  const runnable = runnableOf(app, options);
  const parser = new Parser({ limits: { requestLine: REQUEST_LINE, head: HEAD } });
  const server = new RunningSimpleServer(app, options, {
    runnable,
    parser,
    acceptor: await Acceptor.create(parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE), true),
    log:
      accessLog === undefined
        ? noAccessLog
        : await openAccessLog({ format: accessFormat('common'), stream: accessLog }),
  });
  await server.start(host, port);
  return server;
}

/** An application as async workers run it; a sync one through the bridge on this thread. */
function runnableOf(
  app: Application | AsyncApplication,
  { kind = kindOf(app), limitBody = LIMIT_BODY }: SimpleServerOptions,
): AsyncApplication {
  // What the owner says of it goes before what it shows.
  if (kind === 'async') return app as AsyncApplication;
  return syncToAsync(app as Application, { where: 'here', limit: limitBody });
}

/** What a server is made of that can fail, or has to be waited for. */
interface SimpleServerParts {
  runnable: AsyncApplication;
  parser: Parser;
  acceptor: Acceptor;
  log: AccessLog;
}

class RunningSimpleServer implements SimpleServer, Destination {
  url = '';
  port = 0;
  private readonly options: SimpleServerOptions;
  private readonly errors: ErrorStream;
  private readonly builder: EnvironBuilder<true>;
  private readonly state: Record<string, unknown> = {};
  private readonly runner: InlineRunner;
  private readonly engineOptions = { contexts: new Contexts() };
  private readonly turn = new Turn();
  private readonly gateway: Gateway;
  private readonly listener: NetServer;
  private readonly log: AccessLog;
  private readonly first: Application | AsyncApplication;
  private app: Application | AsyncApplication;
  private runnable: AsyncApplication;
  private closing = false;
  private closed: Promise<void> | null = null;
  /** Requests that may be begun. */
  private allowed = 0;
  /** Requests that the application is at. */
  private running = 0;
  /** Promises of `handleRequest`: each request that is over settles the first. */
  private readonly waiting: ((handled: boolean) => void)[] = [];
  private readonly untilClosed: ((value: undefined) => void)[] = [];

  constructor(
    app: Application | AsyncApplication,
    options: SimpleServerOptions,
    { runnable, parser, acceptor, log }: SimpleServerParts,
  ) {
    this.options = options;
    this.errors = options.errors ?? createErrorStream();
    this.first = app;
    this.app = app;
    this.runnable = runnable;
    this.runner = new InlineRunner(parser, { earlyHints: false, queueTime: false }, nothing, nothing);
    this.log = log;
    this.builder = new EnvironBuilder<true>({
      fieldNames: FIELD_NAMES,
      methods: METHODS,
      async: true,
      multithread: true, // steps of several requests take turns (G-44)
      multiprocess: false,
      serverSoftware: SOFTWARE,
      errors: this.errors,
      fileWrapper: asyncFileWrapper,
      state: this.state,
    });
    this.gateway = new Gateway({
      parser,
      turn: this.turn,
      acceptor,
      routes: [{ prefix: '', mount: 0, destination: this }],
      connection: {
        serverLine: '',
        limitBody: options.limitBody ?? LIMIT_BODY,
        pipelined: 1,
        keepAlive: true,
        variables: { size: 0, count: 0 }, // HTTP alone is spoken
      },
      deadlines: DEADLINES,
      accessLog: log,
      maxConnections: MAX_CONNECTIONS,
      onFinished: () => this.finished(),
      onDefect: (error) => this.errors.write(`${String(error)}\n`),
    });
    this.listener = createServer(acceptor.serverOptions, (socket) => this.gateway.accept(socket));
  }

  async start(host: string, port: number): Promise<void> {
    try {
      await inOwnContext(() => this.first.startup?.(this.state));
    } catch (error) {
      await this.release();
      throw error;
    }
    try {
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
    this.runnable = runnableOf(app, { ...this.options, kind });
  }

  handleRequest(): Promise<boolean> {
    if (this.closing) return Promise.resolve(false);
    this.allowed++;
    this.turn.retry();
    // Ends: with the request, and when the server is closed.
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  serveForever(): Promise<void> {
    if (this.closing) return Promise.resolve();
    this.allowed = Number.POSITIVE_INFINITY;
    this.turn.retry();
    // Ends: when the server is closed, also if its shutdown hook fails.
    return new Promise((resolve) => this.untilClosed.push(resolve));
  }

  close(): Promise<void> {
    this.closed ??= this.stop();
    return this.closed;
  }

  /** See `Destination`. */
  accept(_mount: number, exchange: Exchange, host: SocketHost): boolean {
    if (this.closing) {
      exchange.connection.answer(exchange, 503);
      return true;
    }
    if (this.allowed <= 0) return false; // the connection keeps the request until `Turn.retry`
    this.allowed--;
    this.running++;
    this.runner.run(
      { app: this.runnable, prefix: '', options: this.engineOptions, builder: this.builder },
      exchange,
      host,
    );
    return true;
  }

  flush(): void {}

  tick(): void {}

  /** A request is over, also one that was refused before it came to the application (U-49). */
  private finished(): void {
    if (this.running > 0) this.running--;
    else if (this.allowed > 0) this.allowed--;
    this.waiting.shift()?.(true);
  }

  private async stop(): Promise<void> {
    this.closing = true;
    this.turn.retry();
    this.turn.end(); // requests that were never begun are answered with 503
    try {
      await this.release();
      await inOwnContext(() => this.first.shutdown?.(this.state));
    } finally {
      for (const tell of this.waiting.splice(0)) tell(false);
      for (const tell of this.untilClosed.splice(0)) tell(undefined);
    }
  }

  /** Ends the connections and gives back the address. */
  private async release(): Promise<void> {
    const { listener, gateway } = this;
    // Ends: when the last connection is closed, which the gateway sees to below.
    const unbound = new Promise<void>((resolve) => {
      if (listener.listening) listener.close(() => resolve());
      else resolve();
    });
    await gateway.close(this.options.timeoutGraceful ?? GRACEFUL);
    await unbound;
    for (const tell of this.waiting.splice(0)) tell(false);
    await this.log.close();
  }
}
