/**
 * What a mount inside another server is made of, whatever that server speaks: the application, its hooks, what its environs
 * have in common, and the requests that are running.
 */
import { inOwnContext } from '../engine/context.ts';
import { createErrorStream } from '../engine/error-stream.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { report } from '../engine/report.ts';
import { DEFAULT_CLOSE_TIMEOUT, type EngineOptions } from '../engine/response.ts';
import { MountEnvirons } from '../environ/mount-environs.ts';
import { SOFTWARE } from '../environ/variables.ts';
import { ConfigurationError, RequestAborted } from '../interface/errors.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, ErrorStream, Kind, Lifespan } from '../interface/types.ts';
import { serveByEventLoop } from '../pool/this-thread.ts';
import { nativePrefix } from '../rules/prefix.ts';
import { describeError } from '../rules/show.ts';
import { syncToAsync } from '../shim/index.ts';

/** What both mounts can be told. */
export interface MountOptions {
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /**
   * Runs a sync application on the event loop of the host, where it blocks everybody while it blocks. There is no default:
   * without it a sync application is refused (B-20). `syncToAsync('./module.js:app')` runs it on worker threads.
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
   * Answers new requests with 503, waits for the running ones, `timeout` milliseconds at most (5000 by default), gives up
   * the rest, and runs the shutdown hook if startup has completed (L-08, L-09).
   *
   * @throws whatever the hook throws
   */
  shutdown(timeout?: number): Promise<void>;
}

/** A request of a mount that the application is at. */
export interface MountedRequest {
  /** The server gives up on the request: aborts its signal, wakes what waits, ends the response somehow. */
  giveUp(reason: RequestAborted): void;
}

/** A request that does not come to the application. */
export interface Refusal {
  /** 400 to 599. */
  status: number;
  /** What is to be reported on `wsgi.errors`; null where it is the client's fault, or nobody's. */
  message: string | null;
}

const GRACEFUL = 5000;

/** A sync application as an async one on this thread; an async one as it is. */
function runnable(app: Application | AsyncApplication, { kind, where, limitBody }: MountOptions): AsyncApplication {
  if (typeof app !== 'function') {
    throw new ConfigurationError(
      `a mount takes the application itself, a function, got ${typeof app}; import it, or see syncToAsync for a worker`,
    );
  }
  if ((kind ?? kindOf(app)) === 'async') return app as AsyncApplication;
  if (where !== 'here') {
    throw new ConfigurationError(
      "a sync application would block this event loop: mount syncToAsync('./module.js:app'), which runs it on worker threads, or choose { where: 'here' } (B-20)",
    );
  }
  return syncToAsync(app as Application, {
    where,
    ...(limitBody !== undefined && { limit: limitBody }),
  });
}

/** One application inside another server. */
export class Mount implements MountLifespan {
  readonly app: AsyncApplication;
  readonly environs: MountEnvirons;
  readonly errors: ErrorStream;
  /** `''` or `/app` (G-11). */
  readonly prefix: string;
  /** Bytes. */
  readonly limitBody: number;
  readonly engineOptions: EngineOptions;
  readonly #startup: Lifespan['startup'];
  readonly #shutdown: Lifespan['shutdown'];
  readonly #state: Record<string, unknown> = {};
  readonly #running = new Set<MountedRequest>();
  #starting: Promise<void> | null = null;
  #started = false;
  #stopping: Promise<void> | null = null;
  /** Told when no request is running. */
  #idle: (() => void) | null = null;
  #leaveEventLoop: () => void = () => {};

  /** @throws ConfigurationError */
  constructor(app: Application | AsyncApplication, options: MountOptions) {
    this.app = runnable(app, options);
    this.errors = options.errors ?? createErrorStream();
    this.prefix = nativePrefix(options.prefix ?? '');
    this.limitBody = options.limitBody ?? Number.POSITIVE_INFINITY;
    this.engineOptions = { closeTimeout: options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT };
    const { lifespan } = options;
    // Those of a bridge are the application's own (L-15).
    this.#startup = this.app.startup?.bind(this.app) ?? lifespan?.startup?.bind(lifespan);
    this.#shutdown = this.app.shutdown?.bind(this.app) ?? lifespan?.shutdown?.bind(lifespan);
    this.environs = new MountEnvirons({
      async: true,
      multithread: true, // requests take turns in one realm (G-44)
      multiprocess: options.multiprocess ?? false,
      serverSoftware: SOFTWARE,
      errors: this.errors,
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
    await this.#stopping?.catch(() => {}); // whoever asked for it has been told
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
      // Ends: with the last request; the timer below gives up those that go on.
      const over = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      const timer = setTimeout(() => {
        const reason = new RequestAborted('the application is being shut down');
        for (const request of [...this.#running]) request.giveUp(reason);
      }, timeout);
      await over; // the engine gives up in its turn on bodies that do not close (B-36)
      clearTimeout(timer);
    }
    const due = this.#started;
    this.#started = false;
    if (due) await inOwnContext(() => this.#shutdown?.(this.#state));
  }

  /** Why no request comes to the application at present; null: it may. */
  refusal(): Refusal | null {
    if (this.#stopping !== null) return { status: 503, message: null };
    if (this.#started || (this.#startup === undefined && this.#shutdown === undefined)) return null;
    return {
      status: 500,
      message: 'the application has lifespan hooks: await startup() of the mount before its first request (L-02, L-13)',
    };
  }

  begin(request: MountedRequest): void {
    // B-23: nothing may wait here for what another thread does, while a request is waiting for this event loop.
    if (this.#running.size === 0) this.#leaveEventLoop = serveByEventLoop('the event loop of the host of a mount');
    this.#running.add(request);
  }

  over(request: MountedRequest): void {
    this.#running.delete(request);
    if (this.#running.size > 0) return;
    this.#leaveEventLoop();
    if (this.#idle === null) return;
    const idle = this.#idle;
    this.#idle = null;
    idle();
  }

  /** Reports on `wsgi.errors`, with the request that it is about. */
  report(request: string, what: string, error?: unknown): void {
    report(this.errors, request, what, error === undefined ? '' : describeError(error));
  }
}
