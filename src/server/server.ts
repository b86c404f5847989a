import { createServer, type Server as NetServer } from 'node:net';
import { PARSER_END, READ_AREA, READ_SIZE } from '../../assembly/layout.ts';
import { isUnixSocket } from '../environ/peer.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { describeFailure } from '../pool/applications.ts';
import { serveByEventLoop } from '../pool/this-thread.ts';
import { onUncaught } from '../pool/uncaught.ts';
import { Parser, type ParserLimits } from '../protocols/http/parser.ts';
import { createSharedMemory } from '../protocols/http/webassembly.ts';
import { describeError } from '../rules/show.ts';
import { Acceptor } from './accept.ts';
import { listen } from './bind.ts';
import { type Destination, Gateway } from './gateway.ts';
import { InlineApplications } from './inline-applications.ts';
import { type AccessLog, openAccessLog } from './log/access-log.ts';
import { requestLayout, requestMemory, variableLimits } from './memory.ts';
import { MountTable } from './mounts.ts';
import { type ResolvedOptions, resolveOptions, type ServeOptions } from './options.ts';
import { probeKinds } from './probe.ts';
import { createReport, type Report } from './report.ts';
import { Workers } from './workers.ts';

/** A server that answers requests. */
export interface Server {
  /** Where it listens: the first of `urls`. */
  readonly url: string;
  /** One for each bind: `http://127.0.0.1:8000`, `unix:/run/site.sock`. */
  readonly urls: readonly string[];
  /** Rejects when the server cannot go on. */
  readonly failed: Promise<never>;
  /**
   * Stops: no new connections; running requests may end within `timeoutGraceful`; then the shutdown hooks run (L-08).
   * Fulfils when threads, sockets, files and timers are gone; rejects when a shutdown hook threw or did not end (L-10), and
   * with QUAICH_STUCK where a thread cannot be ended, because it is inside native code.
   */
  close(): Promise<void>;
  /** Cuts the waiting of `close` short (L-11). */
  abort(): void;
  /** Opens the access log anew, after it was renamed. */
  reopenLogs(): void;
}

/**
 * Serves applications. Fulfils when requests can be answered: all workers have started up (L-03) and all sockets
 * listen. Keeps no global state and sets no signal handlers.
 *
 * @throws ConfigurationError for wrong options, a module or an export that is missing; BindError when a socket cannot
 *   listen; QuaichError when an application does not start up
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const server = new RunningServer(resolveOptions(options));
  try {
    await server.start();
  } catch (error) {
    server.abort();
    await server.close().catch((failure: unknown) => {
      // Whoever ends the process has to know.
      if (failure instanceof QuaichError && failure.code === 'QUAICH_STUCK') {
        const message = error instanceof QuaichError ? error.message : describeError(error);
        throw new QuaichError('QUAICH_STUCK', `${message}; ${failure.message}`, { cause: error });
      }
    });
    throw error;
  }
  return server;
}

class RunningServer implements Server {
  readonly urls: string[] = [];
  readonly failed: Promise<never>;
  private readonly options: ResolvedOptions;
  private readonly listeners: NetServer[] = [];
  private gateway: Gateway | null = null;
  private workers: Workers | null = null;
  private inline: InlineApplications | null = null;
  private accessLog: AccessLog | null = null;
  private closed: Promise<void> | null = null;
  private grace: number;
  private readonly report: Report;
  private fail: (error: Error) => void = () => {};
  private leaveEventLoop: () => void = () => {};
  private forgetUncaught: () => void = () => {};

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.grace = options.timeoutGraceful;
    this.report = createReport(options);
    // Ends: when a listening socket fails; else with the process.
    this.failed = new Promise<never>((_, reject) => {
      this.fail = reject;
    });
    // Whoever does not look at it is not to be ended by it.
    this.failed.catch(() => {});
  }

  get url(): string {
    return this.urls[0];
  }

  async start(): Promise<void> {
    const { options } = this;
    const kinds = await probeKinds(options);
    const apps = options.apps.map((app, index) => ({ ...app, kind: kinds[index] }));
    const places = apps.map((app, index) => {
      const inline = app.inline ?? options.inline;
      if (app.inline && kinds[index] === 'sync') {
        throw new ConfigurationError(`${app.module} is a sync application: it cannot run inline`);
      }
      return inline && kinds[index] === 'async' ? 'inline' : kinds[index];
    });
    const variables = variableLimits(options);
    const layout = requestLayout(
      options,
      places.includes('sync') ? options.syncWorkers : 0,
      places.includes('async') ? options.asyncWorkers : 0,
    );
    const memory = layout.workers > 0 ? requestMemory(layout) : createSharedMemory(PARSER_END);
    const parser = new Parser({ memory, limits: parserLimits(options) });
    const { report } = this;
    const mountsOf = (place: string) =>
      apps.map((app, index) => (places[index] === place ? { prefix: app.prefix, app } : null));

    const inline = new InlineApplications(parser, report, options.asyncRequests, () => this.gateway?.retry());
    this.inline = inline;
    if (places.includes('inline')) {
      // This thread cannot be replaced, so it goes on.
      this.forgetUncaught = onUncaught((error) =>
        report('error', `an error outside of any request (G-146): ${describeError(error)}`),
      );
    }
    await inline.start(mountsOf('inline'), options);

    const gateway = (): Gateway => this.gateway as Gateway;
    let workers: Workers | null = null;
    if (layout.workers > 0) {
      workers = new Workers(
        {
          data: {
            memory,
            layout,
            directory: options.directory,
            mounts: apps.map((app, index) => (places[index] === 'inline' ? null : { prefix: app.prefix, app })),
            validate: options.validate,
            environ: options.env,
            multithread: options.asyncRequests !== 1,
            earlyHints: options.earlyHints,
          },
          modules: apps.map(({ module }) => module),
          timeoutStartup: options.timeoutStartup,
          limitWorkerMemory: options.limitWorkerMemory,
          asyncRequests: options.asyncRequests,
          maxRequests: options.maxRequests,
          maxRequestsJitter: options.maxRequestsJitter,
          leaveTimeout: Math.max(options.timeoutGraceful, HOOK_LIMIT),
          bufferBody: Math.min(options.bufferBody, layout.bodySize),
          timeoutStep: options.timeoutStep,
          timeoutQueue: options.timeoutQueue,
          uncaughtErrors: options.uncaughtErrors,
          queueWarning: options.queueWarning,
          report,
        },
        gateway,
      );
      // Its threads exist from now on, whatever fails below.
      this.workers = workers;
    }
    const destinations = apps.map(({ prefix }, index): Destination => {
      const place = places[index];
      if (place === 'inline')
        return { prefix, accept: (exchange, host, body) => inline.accept(index, exchange, host, body) };
      return { prefix, accept: (exchange, host, body) => workers!.accept(place, index, exchange, host, body) };
    });
    if (options.accessLog) {
      this.accessLog = await openAccessLog({
        format: options.accessLogFormat,
        file: options.accessLogFile,
        stream: options.accessLogStream,
        onError: (error) => report('warn', `access log: ${error.message}`),
      });
    }
    this.gateway = new Gateway({
      parser,
      acceptor: await Acceptor.create(parser.bytes.subarray(READ_AREA, READ_AREA + READ_SIZE), options.directReads),
      mounts: new MountTable(destinations),
      connection: {
        serverLine: options.serverHeader ? 'Server: quaich\r\n' : '',
        limitBody: options.limitBody === 0 ? Number.POSITIVE_INFINITY : options.limitBody,
        limitDiscard: DISCARD_LIMIT,
        pipelined: PIPELINED,
        keepAlive: options.timeoutKeepAlive > 0,
      },
      variables,
      deadlines: [
        // Without keep-alive only new connections wait for a request.
        options.timeoutKeepAlive || options.timeoutHead,
        options.timeoutHead,
        options.timeoutBody,
        options.timeoutSend,
        0,
        HALF_CLOSED_LIMIT,
        LINGER_PAUSE,
        options.timeoutQueue,
      ],
      accessLog: this.accessLog,
      maxConnections: options.maxConnections,
      onTurnEnd: () => workers?.flush(),
      onDefect: (error) => report('error', `a connection was dropped: ${describeFailure(error).message}`),
      onTick: (now) => workers?.tick(now),
    });
    await workers?.start();
    this.leaveEventLoop = serveByEventLoop("the server's own thread");
    await this.listen();
  }

  async close(): Promise<void> {
    this.closed ??= this.stop();
    return this.closed;
  }

  abort(): void {
    this.grace = 0;
    this.gateway?.abort();
    this.workers?.abort();
  }

  reopenLogs(): void {
    this.accessLog?.reopen();
  }

  private async listen(): Promise<void> {
    const { options } = this;
    const gateway = this.gateway as Gateway;
    for (const bind of options.bind) {
      let unixSocket = false;
      const listener = createServer(gateway.acceptor.serverOptions, (socket) =>
        gateway.accept(socket, bind.protocol, unixSocket),
      );
      listener.on('listening', () => {
        unixSocket = isUnixSocket(listener);
      });
      this.listeners.push(listener);
      this.urls.push(await listen(listener, bind, { backlog: options.backlog, socketMode: options.socketMode }));
      listener.on('error', (error) => this.fail(error));
    }
  }

  private async stop(): Promise<void> {
    const started = performance.now();
    const left = () => Math.max(0, this.grace - (performance.now() - started));
    // Ends: when all connections are closed, which the gateway sees to within the grace.
    const unbound = this.listeners.map(
      (listener) => new Promise<void>((resolve) => (listener.listening ? listener.close(() => resolve()) : resolve())),
    );
    await this.gateway?.close(this.grace);
    await Promise.all(unbound);
    // Hooks get a moment even where the requests have used up all the grace.
    let failures = (await this.workers?.stop(Math.max(left(), HOOK_LIMIT))) ?? 0;
    failures += (await this.inline?.stop(Math.max(left(), HOOK_LIMIT))) ?? 0;
    await this.accessLog?.close();
    this.leaveEventLoop();
    this.forgetUncaught();
    const stuck = this.workers?.stuck ?? 0;
    if (stuck > 0) throw new QuaichError('QUAICH_STUCK', `${stuck} threads are inside native code and cannot be ended`);
    if (failures > 0) throw new Error(`${failures} shutdown hooks failed or did not end`);
  }
}

/** Requests of one connection that are begun before the first is answered. */
const PIPELINED = 16;
/** Unread body bytes that are dropped for the sake of the connection. */
const DISCARD_LIMIT = 256 * 1024;
/** Milliseconds. A client that ends its side within a response counts as gone when that makes no step for so long. */
const HALF_CLOSED_LIMIT = 1000;
/** Milliseconds without a byte after which a client gets no longer to close, as in nginx (lingering_timeout). */
const LINGER_PAUSE = 5000;
/** Milliseconds that shutdown hooks get at least. */
const HOOK_LIMIT = 1000;

function parserLimits(options: ResolvedOptions): Partial<ParserLimits> {
  return {
    requestLine: options.limitRequestLine,
    fields: options.limitRequestFields,
    head: options.limitRequestHead,
  };
}
