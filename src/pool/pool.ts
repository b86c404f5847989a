import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Kind } from '../interface/types.ts';

/** What a worker reports of itself. Control only: requests never travel this way. */
export type WorkerMessage =
  /** The applications are loaded and started up. */
  | { type: 'ready' }
  /** Loading or startup failed (L-05). `configuration`: the fault is the owner's, and the message says all. */
  | { type: 'failed'; message: string; configuration: boolean }
  /** A shutdown hook threw (L-10). */
  | { type: 'shutdown-failed'; message: string }
  /** It was told to leave, serves no more and runs its shutdown hooks (L-16). */
  | { type: 'leaving' }
  /** They have run: its thread can be ended. */
  | { type: 'left' };

/** What every worker gets with its task. */
export interface WorkerTask<Data> {
  index: number;
  /** Counts the threads that have had this index. */
  incarnation: number;
  port: MessagePort;
  /** What `PoolOptions.link` made for this thread. */
  link?: MessagePort;
  data: Data;
}

export interface PoolEvents {
  /** The worker takes requests. */
  ready(index: number): void;
  /**
   * The thread of a worker has ended, whatever the cause: it touches shared memory no more. `stopped` when it was asked to
   * end, and did.
   */
  lost(index: number, stopped: boolean): void;
  /** Something for the error log. */
  report(message: string): void;
}

export interface PoolOptions<Data> {
  kind: Kind;
  size: number;
  /** File URL of the worker's entry. */
  entry: string;
  data: Data;
  /** Makes a port for each thread, also for each successor, that is handed over with its task. */
  link?(index: number): MessagePort;
  /** Milliseconds for loading and startup; 0: no limit (L-04). */
  startupTimeout: number;
  /** Bytes of JavaScript heap for each thread; 0: as Node has it. */
  heapLimit: number;
  /** Milliseconds for the shutdown hooks of a worker that leaves; no limit where left out. */
  leaveTimeout?: number;
}

/** Milliseconds before a worker that died is started again: doubles with each death in a row (G-147). */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** A worker that ran so long (milliseconds) starts with the first delay again. */
const HEALTHY_AFTER = 10_000;

interface WorkerState {
  incarnation: number;
  abort: AbortController;
  delay: number;
  readySince: number;
  ended: Promise<void>;
  restart: NodeJS.Timeout | null;
}

/** A worker could not start; `configuration` as in WorkerMessage. */
export class StartupError extends Error {
  override name = 'StartupError';
  readonly configuration: boolean;

  constructor(message: string, configuration: boolean) {
    super(message);
    this.configuration = configuration;
  }
}

/**
 * Keeps `size` worker threads of one kind alive. Piscina owns the threads: each runs one long-lived task, whose end is
 * the end of the worker. A worker that dies is replaced, with growing delay; one that was told to leave, at once.
 */
export class WorkerPool<Data> {
  private readonly options: PoolOptions<Data>;
  private readonly events: PoolEvents;
  private readonly piscina: Piscina;
  private readonly workers: WorkerState[] = [];
  private stopping = false;
  /** While `stop` waits: ends the workers now. */
  private cut: (() => void) | null = null;
  /** Shutdown hooks that threw. */
  shutdownFailures = 0;

  constructor(options: PoolOptions<Data>, events: PoolEvents) {
    this.options = options;
    this.events = events;
    this.piscina = new Piscina({
      filename: options.entry,
      minThreads: options.size,
      maxThreads: options.size,
      concurrentTasksPerWorker: 1,
      // A thread is never idle: its task lasts as long as the worker.
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      recordTiming: false,
      // Descriptors handed over for sending must outlive their thread: a number closed with it could be another file.
      trackUnmanagedFds: false,
      resourceLimits: options.heapLimit > 0 ? { maxOldGenerationSizeMb: Math.ceil(options.heapLimit / 2 ** 20) } : {},
    });
    this.piscina.on('error', (error: Error) => events.report(`worker pool: ${error.message}`));
  }

  /** Starts all workers. Rejects with StartupError when one cannot start; `stop` is due then too. */
  async start(): Promise<void> {
    const { size } = this.options;
    const started: Promise<void>[] = [];
    for (let index = 0; index < size; index++) {
      this.workers.push({
        incarnation: 0,
        abort: new AbortController(),
        delay: FIRST_DELAY,
        readySince: 0,
        ended: Promise.resolve(),
        restart: null,
      });
      started.push(this.launch(index));
    }
    await Promise.all(started);
  }

  /** Ends a worker's thread at once, whatever it does; `lost` follows, and a successor (B-40). */
  kill(index: number): void {
    this.workers[index].abort.abort();
  }

  /**
   * Waits for the workers, which have been told to stop through shared memory, and ends those that take longer than
   * `timeout` milliseconds. Returns how many had to be ended so.
   */
  async stop(timeout: number): Promise<number> {
    this.stopping = true;
    for (const { restart } of this.workers) if (restart !== null) clearTimeout(restart);
    let killed = 0;
    const kill = (): void => {
      for (const worker of this.workers) {
        if (worker.readySince !== -1) {
          killed++;
          worker.abort.abort();
        }
      }
    };
    const timer = setTimeout(kill, timeout);
    this.cut = kill;
    await Promise.all(this.workers.map((worker) => worker.ended));
    this.cut = null;
    clearTimeout(timer);
    await this.piscina.destroy();
    return killed;
  }

  /** Cuts the waiting of `stop` short. */
  abort(): void {
    this.cut?.();
  }

  /** Runs one worker from start to end. Fulfils when it is ready, rejects with StartupError. */
  private launch(index: number): Promise<void> {
    const { options, events } = this;
    const worker = this.workers[index];
    const { port1, port2 } = new MessageChannel();
    worker.abort = new AbortController();
    worker.incarnation++;
    worker.readySince = 0;
    const link = options.link?.(index);
    const task: WorkerTask<Data> = { index, incarnation: worker.incarnation, port: port2, link, data: options.data };
    let failure: StartupError | null = null;
    let left = false;
    let timer: NodeJS.Timeout | undefined;

    return new Promise<void>((resolve, reject) => {
      port1.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') {
          clearTimeout(timer);
          worker.readySince = Date.now();
          events.ready(index);
          resolve();
        } else if (message.type === 'failed') {
          failure = new StartupError(message.message, message.configuration);
        } else if (message.type === 'shutdown-failed') {
          this.shutdownFailures++;
          events.report(message.message);
        } else if (message.type === 'left') {
          left = true;
          worker.abort.abort();
        } else if (options.leaveTimeout !== undefined) {
          timer = setTimeout(() => {
            events.report(
              `the shutdown hooks of ${options.kind} worker ${index} took too long: it is ended without them`,
            );
            worker.abort.abort();
          }, options.leaveTimeout);
        }
      });
      // The other end of the port closes when the thread has ended: only then does nothing write any more.
      const threadEnded = new Promise<void>((done) => port1.once('close', done));
      if (options.startupTimeout > 0) {
        timer = setTimeout(() => {
          failure = new StartupError(`startup took longer than ${options.startupTimeout} ms`, false);
          worker.abort.abort();
        }, options.startupTimeout);
      }
      const outcome = this.piscina
        .run(task, { transferList: link === undefined ? [port2] : [port2, link], signal: worker.abort.signal })
        .then(() => null)
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      worker.ended = outcome.then(async (problem) => {
        clearTimeout(timer);
        // A task that returned closed the port itself.
        await threadEnded;
        const wasReady = worker.readySince > 0;
        const lasted = Date.now() - worker.readySince;
        worker.readySince = -1;
        events.lost(index, left || (this.stopping && problem === null));
        if (!wasReady) reject(failure ?? new StartupError(problem ?? 'the worker ended during startup', false));
        if (this.stopping) return;
        if (left) {
          this.launch(index).catch(() => {});
          return;
        }
        if (wasReady) events.report(`${options.kind} worker ${index} ended${problem === null ? '' : `: ${problem}`}`);
        else if (worker.incarnation === 1) return;
        else events.report(`${options.kind} worker ${index} did not start: ${failure?.message ?? problem ?? ''}`);
        if (wasReady && lasted > HEALTHY_AFTER) worker.delay = FIRST_DELAY;
        const delay = worker.delay;
        worker.delay = Math.min(delay * 2, LONGEST_DELAY);
        worker.restart = setTimeout(() => {
          worker.restart = null;
          this.launch(index).catch(() => {});
        }, delay);
      });
    });
  }
}
