/**
 * The threads of a bridge, which Piscina owns: started with the application's startup hook, replaced when they die, ended
 * with its shutdown hook.
 */
import type { MessagePort } from 'node:worker_threads';
import { createErrorStream } from '../engine/error-stream.ts';
import { type AppOptions, parseApplication, resolveModule } from '../engine/load.ts';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import type { Kind } from '../interface/types.ts';
import { StartupError, WorkerPool } from '../pool/pool.ts';
import { assertNoRecursion, descendants } from './blocking.ts';
import type { BridgeData } from './bridge-thread.ts';
import { createBells } from './link.ts';

/** What both directions can be told about their threads. Times are milliseconds. */
export interface ThreadOptions {
  /** Relative modules and packages are looked up here; an absolute path. The working directory by default. */
  directory?: string;
  /**
   * Bytes of the response that the application may be ahead of whoever takes it (B-27); 65536 by default. 0: each step waits
   * until it is asked for.
   */
  ahead?: number;
  /** For loading and startup hooks; 60000 by default, 0: no limit (L-04). */
  startupTimeout?: number;
  /** For running requests and shutdown hooks at the end; then the thread is terminated. 10000 by default (L-11). */
  shutdownTimeout?: number;
  /** For `return()` and `close()` of a body; 5000 by default (B-13, B-56). */
  closeTimeout?: number;
  /** Heap of each thread, MiB. */
  maxOldGenerationSizeMb?: number;
  /** Takes messages about threads that died; standard error by default. */
  report?(message: string): void;
}

export const DEFAULT_AHEAD = 65536;

/** What a bridge needs of its threads. */
export interface ThreadEvents {
  link(index: number): MessagePort;
  ready(index: number): void;
  lost(index: number): void;
}

const entry = new URL('../../workers/bridge.js', import.meta.url).href;

export class BridgeThreads {
  readonly reference: string;
  readonly bells: Int32Array;
  readonly report: (message: string) => void;
  readonly #app: AppOptions;
  readonly #directory: string;
  readonly #kind: Kind;
  readonly #size: number;
  readonly #options: ThreadOptions;
  readonly #events: ThreadEvents;
  #pool: WorkerPool<BridgeData> | null = null;
  #started: Promise<void> | null = null;

  /** @throws ConfigurationError for a reference that cannot be read or found */
  constructor(reference: string, kind: Kind, size: number, options: ThreadOptions, events: ThreadEvents) {
    this.#app = parseApplication(reference);
    this.#directory = options.directory ?? process.cwd();
    if (this.#app.prefix !== undefined) {
      throw new ConfigurationError(`a bridge to "${reference}": a prefix belongs where the bridge is mounted`);
    }
    if (!Number.isInteger(size) || size < 1) throw new ConfigurationError(`a bridge needs threads, got ${size}`);
    const file = resolveModule(this.#app.module, this.#directory);
    this.reference = this.#app.export === undefined ? file : `${file}:${this.#app.export}`;
    this.#kind = kind;
    this.#size = size;
    this.#options = options;
    this.#events = events;
    this.bells = createBells(size);
    this.report = options.report ?? ((message) => createErrorStream().write(`quaich: ${message}\n`));
  }

  /** Starts the threads, once; rejects with what kept one from starting, and may be called again then. */
  start(): Promise<void> {
    this.#started ??= this.#start().catch((error) => {
      this.#started = null;
      throw error;
    });
    return this.#started;
  }

  async #start(): Promise<void> {
    assertNoRecursion(this.reference);
    const options = this.#options;
    const events = this.#events;
    const pool = new WorkerPool<BridgeData>(
      {
        kind: this.#kind,
        size: this.#size,
        entry,
        heapLimit: 0,
        data: {
          app: this.#app,
          kind: this.#kind,
          directory: this.#directory,
          bells: this.bells,
          chain: descendants(this.reference),
          multiprocess: this.#size > 1,
          closeTimeout: options.closeTimeout ?? 0,
        },
        link: (index) => events.link(index),
        startupTimeout: options.startupTimeout ?? 60_000,
        ...(options.maxOldGenerationSizeMb !== undefined && {
          resourceLimits: { maxOldGenerationSizeMb: options.maxOldGenerationSizeMb },
        }),
      },
      {
        ready: (index) => events.ready(index),
        lost: (index) => events.lost(index),
        report: (message) => this.report(`bridge to ${this.reference}: ${message}`),
      },
    );
    this.#pool = pool;
    try {
      await pool.start();
    } catch (error) {
      await pool.stop(0);
      this.#pool = null;
      if (!(error instanceof StartupError)) throw error;
      throw error.configuration
        ? new ConfigurationError(error.message)
        : new QuaichError('QUAICH_STARTUP', `bridge to ${this.reference}: ${error.message}`);
    }
  }

  get running(): boolean {
    return this.#pool !== null;
  }

  /** Ends a thread at once; it is replaced (B-40). */
  kill(index: number): void {
    this.#pool?.kill(index);
  }

  /**
   * Waits for the threads, which have been told to stop. Rejects when one had to be terminated, or when a shutdown hook failed
   * (L-09, L-10).
   */
  async stop(): Promise<void> {
    const pool = this.#pool;
    if (pool === null) return;
    this.#pool = null;
    this.#started = null;
    const killed = await pool.stop(this.#options.shutdownTimeout ?? 10_000);
    if (killed > 0) {
      throw new QuaichError('QUAICH_SHUTDOWN', `bridge to ${this.reference}: ${killed} thread(s) had to be terminated`);
    }
    if (pool.shutdownFailures > 0) {
      throw new QuaichError('QUAICH_SHUTDOWN', `bridge to ${this.reference}: a shutdown hook failed`);
    }
  }
}
