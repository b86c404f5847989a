/** An application inside another server: its hooks, what its environs share, and the requests that are running. */
import { inOwnContext } from '../engine/context.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { DEFAULT_CLOSE_TIMEOUT, type EngineOptions } from '../engine/options.ts';
import { report } from '../engine/report.ts';
import { runAsync } from '../engine/run-async.ts';
import { MountEnvirons } from '../environ/mount-environs.ts';
import { SOFTWARE } from '../environ/variables.ts';
import { ConfigurationError, RequestAborted } from '../interface/errors.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, AsyncEnviron, ErrorStream, Kind, Lifespan } from '../interface/types.ts';
import { serveByEventLoop } from '../pool/this-thread.ts';
import { Gate } from '../rules/gate.ts';
import { noApplication } from '../rules/no-application.ts';
import { nativePrefix } from '../rules/prefix.ts';
import { RefusedRequest } from '../rules/refused-request.ts';
import { describeError } from '../rules/show.ts';
import { syncToAsync } from '../shim/index.ts';
import type { MountTransport, TransportOwner } from './mount-transport.ts';

/** What both mounts can be told. */
export interface MountOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /**
   * Runs a sync application on the event loop of the host, where it blocks everybody while it blocks. There is no
   * default: without it a sync application is refused (B-20). `syncToAsync('./module.js:app')` runs it on worker
   * threads.
   */
  where?: 'here';
  /**
   * Where the application is mounted, where the host does not take that off the path itself: `''` or `/app`, ordinary
   * text, not percent-encoded (G-11). Behind what a framework has taken off.
   */
  prefix?: string;
  /** Pairs added to every environ, as native strings (G-50). */
  env?: Readonly<Record<string, string>>;
  /** `wsgi.errors`; standard error by default. */
  errors?: ErrorStream;
  /** Hooks of the application's module, where the application itself has none (L-01). */
  lifespan?: Lifespan;
  /** Most bytes of a request body, above which it is refused with 413 (G-65); no limit by default. */
  limitBody?: number;
  /** The longest wait for `return()` and `close()` of a body, in milliseconds (B-13, B-36); 5000 by default. */
  closeTimeout?: number;
  /** `wsgi.multiprocess`: other processes serve the same application (G-44). */
  multiprocess?: boolean;
}

/** The lifespan of a mount, for the host to call (L-13). */
export interface MountLifespan {
  /**
   * Runs the startup hook of the application. Requests before it are answered with 500, where there is one.
   *
   * @throws whatever the hook throws; it may be called again then
   */
  startup(): Promise<void>;
  /**
   * Answers new requests with 503, waits for the running ones, `timeout` milliseconds at most (5000 by default), gives
   * up the rest, and runs the shutdown hook if startup has completed (L-08, L-09).
   *
   * @throws whatever the hook throws
   */
  shutdown(timeout?: number): Promise<void>;
}

/** Milliseconds. */
const GRACEFUL = 5000;

/** A sync application as an async one on this thread; an async one as it is. */
function runnable(app: Application | AsyncApplication, { kind, where, limitBody }: MountOptions): AsyncApplication {
  const fault = noApplication(app);
  if (fault !== null) {
    throw new ConfigurationError(
      `a mount takes the application itself, and got ${fault}; import it, or see syncToAsync for a worker`,
    );
  }
  if ((kind ?? kindOf(app)) === 'async') return app as AsyncApplication; // its owner says so (B-01)
  if (where !== 'here') {
    throw new ConfigurationError(
      "a sync application would block this event loop: mount syncToAsync('./module.js:app'), which runs it on worker " +
        "threads, or choose { where: 'here' } (B-20)",
    );
  }
  // What is not async is sync.
  return syncToAsync(app as Application, {
    where,
    ...(limitBody !== undefined && { limit: limitBody }),
  });
}

/** One application inside another server. */
export abstract class Mount implements MountLifespan, TransportOwner {
  protected readonly environs: MountEnvirons;
  /** `''` or `/app` (G-11). */
  protected readonly prefix: string;
  /** Bytes. */
  protected readonly limitBody: number;
  readonly #app: AsyncApplication;
  readonly #errors: ErrorStream;
  readonly #engineOptions: EngineOptions;
  readonly #startup: Lifespan['startup'];
  readonly #shutdown: Lifespan['shutdown'];
  readonly #state: Record<string, unknown> = {};
  readonly #running = new Set<MountTransport>();
  #starting: Promise<void> | null = null;
  #started = false;
  #stopping: Promise<void> | null = null;
  /** Held by a shutdown until no request is running. */
  readonly #gate = new Gate();
  #leaveEventLoop: () => void = () => {};

  /** @throws ConfigurationError */
  constructor(app: Application | AsyncApplication, options: MountOptions) {
    this.#app = runnable(app, options);
    this.#errors = options.errors ?? createErrorStream();
    this.prefix = nativePrefix(options.prefix ?? '');
    this.limitBody = options.limitBody ?? Number.POSITIVE_INFINITY;
    this.#engineOptions = { closeTimeout: options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT };
    const { lifespan } = options;
    // Those of a bridge are the application's own (L-15).
    this.#startup = this.#app.startup?.bind(this.#app) ?? lifespan?.startup?.bind(lifespan);
    this.#shutdown = this.#app.shutdown?.bind(this.#app) ?? lifespan?.shutdown?.bind(lifespan);
    this.environs = new MountEnvirons({
      async: true,
      multithread: true, // requests take turns in one realm (G-44)
      multiprocess: options.multiprocess ?? false,
      serverSoftware: SOFTWARE,
      errors: this.#errors,
      fileWrapper: asyncFileWrapper,
      state: this.#state,
      ...(options.env && { extra: options.env }),
    });
  }

  startup(): Promise<void> {
    this.#starting ??= this.#start().catch((error) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    await this.#stopping?.catch(() => {}); // its caller has been told
    this.#stopping = null;
    await inOwnContext(() => this.#startup?.(this.#state));
    this.#started = true;
  }

  shutdown(timeout = GRACEFUL): Promise<void> {
    if (this.#stopping === null) {
      const starting = this.#starting;
      this.#starting = null;
      this.#stopping = this.#stop(starting, timeout);
    }
    return this.#stopping;
  }

  async #stop(starting: Promise<void> | null, timeout: number): Promise<void> {
    await starting?.catch(() => {}); // a startup that fails leaves nothing to shut down (L-09)
    if (this.#running.size > 0) {
      const timer = setTimeout(() => {
        const reason = new RequestAborted('the application is being shut down');
        for (const transport of [...this.#running]) transport.giveUp(reason);
      }, timeout);
      // Ends: with the last request. The timer gives up those that go on; the engine, bodies that do not close (B-36).
      await this.#gate.wait();
      clearTimeout(timer);
    }
    const due = this.#started;
    this.#started = false;
    if (due) await inOwnContext(() => this.#shutdown?.(this.#state));
  }

  /** Whether a request may come to the application at present; one that may not is answered. */
  protected admits(request: string, transport: MountTransport): boolean {
    if (this.#stopping !== null) {
      transport.answer(503);
      return false;
    }
    if (this.#started || (this.#startup === undefined && this.#shutdown === undefined)) return true;
    this.report(
      request,
      'the application has lifespan hooks: await startup() of the mount before its first request (L-02, L-13)',
    );
    transport.answer(500);
    return false;
  }

  protected run(environ: AsyncEnviron, transport: MountTransport): void {
    // B-23: nothing may wait here for what another thread does, while a request is waiting for this event loop.
    if (this.#running.size === 0) this.#leaveEventLoop = serveByEventLoop('the event loop of the host of a mount');
    this.#running.add(transport);
    const running = runAsync(this.#app, environ, transport, this.#engineOptions);
    if (running !== undefined) transport.running = running;
  }

  done(transport: MountTransport): void {
    this.#running.delete(transport);
    if (this.#running.size > 0) return;
    this.#leaveEventLoop();
    this.#gate.release();
  }

  /**
   * Answers a request that did not get to the application. What the client has done wrong is its own affair; what the
   * host has, or we have, is reported.
   */
  protected refuse(request: string, transport: MountTransport, error: unknown): void {
    const status = error instanceof RefusedRequest ? error.status : 500;
    if (status >= 500) this.report(request, 'the request did not get to the application', error);
    transport.answer(status);
  }

  /** Reports on `wsgi.errors`, with the request that it is about. */
  protected report(request: string, what: string, error?: unknown): void {
    report(this.#errors, request, what, error === undefined ? '' : describeError(error));
  }
}
