/**
 * The worker threads of a `syncToAsync` bridge, which Piscina owns: started with the application's startup hook, replaced when
 * they die, ended with its shutdown hook.
 */
import type { MessagePort } from 'node:worker_threads';
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
import { StartupError, WorkerPool } from '../../pool/pool.ts';
import { BridgeError } from '../errors.ts';
import type { BridgeData } from '../far/thread.ts';
import { assertNoRecursion } from './deadlock.ts';
import { StartDelay } from './start-delay.ts';
import { type BridgeTarget, DEFAULT_SHUTDOWN_TIMEOUT, DEFAULT_STARTUP_TIMEOUT } from './target.ts';

/** What a bridge needs of its threads. */
export interface ThreadEvents {
  link(index: number): MessagePort;
  ready(index: number): void;
  /** Returns whether the thread has had a request. */
  lost(index: number): boolean;
  /** Tells the threads to end. */
  stop(): void;
}

const entry = new URL('../../../workers/bridge.js', import.meta.url).href;

function shutDown(reference: string): BridgeError {
  return new BridgeError(`the bridge to ${reference} was shut down while it started`);
}

export class BridgeThreads {
  readonly #target: BridgeTarget;
  readonly #size: number;
  readonly #events: ThreadEvents;
  #pool: WorkerPool<BridgeData> | null = null;
  #started: Promise<void> | null = null;
  readonly #delay = new StartDelay();
  /** Whether requests may be put to the threads. */
  running = false;

  constructor(target: BridgeTarget, size: number, events: ThreadEvents) {
    this.#target = target;
    this.#size = size;
    this.#events = events;
  }

  /** Starts the threads, once; rejects with what kept one from starting, and may be called again then. */
  start(): Promise<void> {
    if (this.#started !== null) return this.#started;
    const started = this.#start().then(
      () => this.#delay.reset(),
      (error) => {
        if (this.#started === started) {
          this.#started = null;
          this.#delay.failed(error);
        }
        throw error;
      },
    );
    this.#started = started;
    return started;
  }

  /** As `start`, for a request: for a while after a start that failed it rejects with the same, and starts nothing. */
  async startLate(): Promise<void> {
    if (this.#started === null && this.#delay.left > 0) throw this.#delay.failure;
    await this.start();
  }

  async #start(): Promise<void> {
    const { reference, options, data, report } = this.#target;
    assertNoRecursion(reference);
    const events = this.#events;
    const pool = new WorkerPool<BridgeData>(
      {
        kind: data.kind,
        size: this.#size,
        entry,
        heapLimit: (options.maxOldGenerationSizeMb ?? 0) * 2 ** 20,
        data,
        link: (index) => events.link(index),
        startupTimeout: options.startupTimeout ?? DEFAULT_STARTUP_TIMEOUT,
      },
      {
        ready: (index) => events.ready(index),
        lost: (index) => ({ served: events.lost(index), requests: [], inUse: new Set() }),
        report,
      },
    );
    this.#pool = pool;
    try {
      await pool.start();
    } catch (error) {
      if (this.#pool !== pool) throw shutDown(reference);
      // The hooks of those that did start are due (L-09).
      events.stop();
      await pool.stop(options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT);
      this.#pool = null;
      if (!(error instanceof StartupError)) throw error;
      throw error.configuration
        ? new ConfigurationError(error.message)
        : new QuaichError('QUAICH_STARTUP', `bridge to ${reference}: ${error.message}`);
    }
    if (this.#pool !== pool) throw shutDown(reference);
    this.running = true;
  }

  /** Ends a thread at once; it is replaced (B-40). */
  kill(index: number): void {
    this.#pool?.kill(index, 'its request did not end (B-40)');
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
    this.running = false;
    const { reference, options } = this.#target;
    const killed = await pool.stop(options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT);
    if (killed > 0) {
      throw new QuaichError('QUAICH_SHUTDOWN', `bridge to ${reference}: ${killed} thread(s) had to be terminated`);
    }
    if (pool.shutdownFailures > 0) {
      throw new QuaichError('QUAICH_SHUTDOWN', `bridge to ${reference}: a shutdown hook failed`);
    }
  }
}
