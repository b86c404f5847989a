import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Kind } from '../interface/types.ts';
import { sharedFileLocks } from '../rings/index.ts';
import { releaseFileLocks } from './file-locks.ts';
import { type LoadedThread, threadOptions } from './loaded-thread.ts';
import { createOpenFiles, type OpenFiles } from './open-files.ts';
import type { ToldMetrics } from './own-metrics.ts';
import { brokeThread, endedThread, type Failure, STARTUP, type StartStep, tookTooLong } from './start-step.ts';
import {
  DRAINING,
  ENDED,
  ENDING,
  EXITED,
  FAILED,
  KILLED,
  LEAVES,
  LEAVING,
  LEFT,
  nextLife,
  READY,
  REPLACED,
  STARTED,
  STARTING,
} from './states.ts';
import { ThreadMetrics } from './thread-metrics.ts';
import { Vitals } from './vitals.ts';

/** What a worker reports of itself. Control only: requests never travel this way. */
export type WorkerMessage =
  /** What it is at from now on, until it is ready. */
  | { type: 'step'; step: StartStep }
  /** The applications are loaded and started up; `measures`: it can be asked for their metrics. */
  | { type: 'ready'; measures?: boolean }
  /** It cannot go on. `configuration`: the fault is the owner's, and the message says all. */
  | ({ type: 'failed' } & Failure)
  /** An error outside of any request, which nobody caught (G-146). */
  | { type: 'uncaught'; message: string }
  /** A shutdown hook threw (L-10). */
  | { type: 'shutdown-failed'; message: string }
  /** It serves no more and runs its shutdown hooks (L-08, L-16). */
  | { type: 'leaving' }
  /** They have run: its thread can be ended. */
  | { type: 'left' }
  /** It has more memory than `WorkerData.recycleMemory` (L-30). */
  | { type: 'memory'; bytes: number }
  /** What its applications measure: when it was asked, and before it leaves (L-73). */
  | ({ type: 'metrics' } & ToldMetrics);

/** What a worker is told: to take requests, where it is held back; to tell of its metrics. */
export type WorkerOrder = 'serve' | 'metrics';

/** What every worker gets with its task. */
export interface WorkerTask<Data> {
  /** Its place in the rings, among those of its kind. */
  index: number;
  /** Counts the threads that have had this place. */
  incarnation: number;
  port: MessagePort;
  /** What `PoolOptions.link` made for this thread. */
  link?: MessagePort;
  /** Where it notes the files that it opens; absent where Node closes them with the thread. */
  files?: OpenFiles;
  /** It takes no requests before it gets a message by its port. */
  held?: boolean;
  data: Data;
}

/** A worker could not start; `configuration` as in WorkerMessage. */
export class StartupError extends Error {
  override name = 'StartupError';
  readonly configuration: boolean;

  constructor({ message, configuration }: Failure) {
    super(message);
    this.configuration = configuration;
  }
}

export interface WorkerThreadOptions<Data> {
  kind: Kind;
  /** File URL of the worker's entry. */
  entry: string;
  data: Data;
  /** A port that is handed over with the task. */
  link?: MessagePort | undefined;
  /** Milliseconds for loading and startup; 0: no limit (L-04). */
  startupTimeout: number;
  /** Milliseconds for the shutdown hooks; 0: the limit of `WorkerPool.stop` is the only one. */
  leaveTimeout: number;
  /** Bytes of JavaScript heap; 0: as Node has it. */
  heapLimit: number;
  /** Bytes of stack, by what the thread gets; 0: as Node has it. */
  stackSize?(data: Data): number;
  /** It is not to take requests when it has started up, but with `release`. */
  held?: boolean;
  /** A thread that goes on as this worker, in place of a new one. */
  loaded?: LoadedThread | null;
}

/** A thread that has begun with its task. */
interface Begun {
  readonly thread: Worker;
  /** Settles only where the task ends without the thread: with its end, or with an error of its entry. */
  readonly over: Promise<unknown>;
  end(): void;
}

type Transferred = readonly MessagePort[];

/** A Piscina to itself, with one thread and one task, which lasts as long as the worker. */
function newThread(options: WorkerThreadOptions<unknown>, task: unknown, ports: Transferred): Begun {
  const { entry, data, heapLimit, stackSize } = options;
  const piscina = new Piscina({
    filename: entry,
    minThreads: 0,
    maxThreads: 1,
    // Its task lasts as long as it does.
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: 'disabled',
    recordTiming: false,
    ...threadOptions(heapLimit, stackSize?.(data)),
  });
  // The thread's own event says it.
  piscina.on('error', () => {});
  const over = piscina.run(task, { transferList: [...ports] });
  return { thread: piscina.threads[0], over, end: () => void piscina.destroy() };
}

function loadedThread(loaded: LoadedThread, entry: string, task: unknown, ports: Transferred): Begun {
  const { thread } = loaded;
  loaded.goOn({ entry, task }, ports);
  // Ends: never; the thread tells of its end by its own events.
  return { thread, over: new Promise(() => {}), end: () => void thread.terminate() };
}

interface ThreadEvents {
  ready(thread: WorkerThread): void;
  uncaught(thread: WorkerThread, message: string): void;
  shutdownFailed(message: string): void;
  /** It has more memory than it should. */
  grown?(thread: WorkerThread, bytes: number): void;
  /** It serves no more and runs its shutdown hooks. */
  leaving(): void;
  /** The thread is being ended: another one may be started in its stead. */
  ending(thread: WorkerThread): void;
  /** The system has ended it: it touches shared memory no more. */
  ended(thread: WorkerThread): void;
}

/**
 * One worker thread, from its start to its end. No thread is ever used again: its modules may have kept something.
 */
export class WorkerThread {
  readonly place: number;
  readonly files: OpenFiles;
  /** `performance.now()` when it became ready; 0 before. */
  readySince = 0;
  /** Why it ended, where that was not in order. */
  cause = '';
  /** Why it did not start. */
  failure: StartupError | null = null;
  /** Fulfils when its startup is over, rejects with StartupError. */
  readonly started: Promise<void>;
  readonly ended: Promise<void>;
  readonly vitals: Vitals;
  readonly metrics: ThreadMetrics;
  /** It is not in service yet: it waits for `release`. */
  held: boolean;
  /** Another thread has taken its part, or nobody needs it. */
  wasReplaced = false;
  #state = STARTING;
  /** Its startup is over. */
  #hasStarted = false;
  #step = STARTUP;
  /** The event that its end began with, and the state that it was in; -1 before. */
  #endedBy = -1;
  #endedIn = -1;
  #timer: NodeJS.Timeout | undefined;
  /** Its requests have a limit. */
  #hurried = false;
  readonly #options: Pick<WorkerThreadOptions<unknown>, 'leaveTimeout'>;
  readonly #events: ThreadEvents;
  readonly #begun: Begun;
  readonly #port: MessagePort;
  #resolveStarted: () => void = () => {};
  #rejectStarted: (error: StartupError) => void = () => {};

  constructor(options: WorkerThreadOptions<unknown>, place: number, incarnation: number, events: ThreadEvents) {
    this.place = place;
    this.#options = options;
    this.#events = events;
    // Ends: with `ready`, with the time limit for that, with the thread.
    this.started = new Promise<void>((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.started.catch(() => {});
    const { startupTimeout, loaded = null, held = false } = options;
    this.held = held;
    this.files = loaded?.files ?? createOpenFiles();
    if (startupTimeout > 0) {
      this.#timer = setTimeout(() => this.#fail(tookTooLong(this.#step, startupTimeout)), startupTimeout);
    }
    sharedFileLocks();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.metrics = new ThreadMetrics(() => this.#tell('metrics'));
    port1.on('message', (message: WorkerMessage) => this.#receive(message));
    const { data, link, entry } = options;
    const task: WorkerTask<unknown> = { index: place, incarnation, port: port2, link, files: this.files, held, data };
    const ports = link === undefined ? [port2] : [port2, link];
    this.#begun = loaded === null ? newThread(options, task, ports) : loadedThread(loaded, entry, task, ports);
    const { thread, over } = this.#begun;
    over.then(
      () => this.#fail({ message: 'its loop returned', configuration: false }),
      // Rejects with the end of the thread, which is told of by its own events, or where the entry itself threw.
      (error: unknown) => this.#fail(brokeThread(this.#step, error)),
    );
    // It is another one when the thread has ended.
    const { threadId } = thread;
    this.vitals = new Vitals(thread);
    thread.on('error', (error: unknown) => {
      this.cause ||= brokeThread(this.#step, error).message;
    });
    // Ends: with the thread. One in native code ends only when that returns, so every wait for it has a limit.
    this.ended = new Promise<void>((resolve) => {
      thread.on('exit', (code) => {
        // What it said last.
        for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) {
          this.#receive(last.message);
        }
        port1.close();
        releaseFileLocks(threadId);
        this.#exited(code);
        resolve();
      });
    });
  }

  get state(): number {
    return this.#state;
  }

  /** Whether it takes requests, or will by itself. */
  get living(): boolean {
    return (this.#state === STARTING || this.#state === READY) && !this.isSpare;
  }

  /** It is not in service yet, or not any more. */
  get isSpare(): boolean {
    return this.held || this.wasReplaced;
  }

  /** Its shutdown hooks have run. */
  get left(): boolean {
    return this.#endedBy === LEFT;
  }

  /** It took too long, and we have ended it. */
  get wasKilled(): boolean {
    return this.#endedBy === KILLED;
  }

  /** It ended within its shutdown hooks, by us or by `process.exit`. */
  get hooksCut(): boolean {
    return this.#endedIn === LEAVING && this.#endedBy !== LEFT;
  }

  /** It ended without a word, and without our doing. */
  get exited(): boolean {
    return this.#endedBy === EXITED;
  }

  /**
   * Another thread has taken its part: it ends the requests that it has, within `limit` milliseconds; 0: no limit. One
   * that is still starting up leaves after that.
   */
  replaced(limit: number): void {
    this.wasReplaced = true;
    this.release();
    if (this.#state !== READY) return;
    this.#state = nextLife(this.#state, REPLACED);
    this.hurry(limit);
  }

  /** Lets one that was held back take requests, when it has started up. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    this.#tell('serve');
    if (this.#hasStarted && this.#state === STARTING) this.#takeUp();
  }

  #tell(order: WorkerOrder): void {
    this.#port.postMessage(order);
  }

  #takeUp(): void {
    this.#state = nextLife(this.#state, STARTED);
    if (this.#state !== READY) return;
    this.readySince = performance.now();
    if (this.wasReplaced) this.#state = nextLife(this.#state, REPLACED);
    else this.#events.ready(this);
  }

  /** It ends the requests that it has within `limit` milliseconds, where it has no limit yet; 0: none after all. */
  hurry(limit: number): void {
    if (limit === 0 || this.#state !== DRAINING || this.#hurried) return;
    this.#hurried = true;
    this.#timer = setTimeout(() => this.kill(`its requests went on for ${limit} ms behind its successor`), limit);
  }

  /** Ends the thread, whatever it does, for a reason to be told. */
  kill(why: string): void {
    if (this.#state === ENDED) return;
    if (this.#state !== ENDING) this.cause ||= why;
    this.#end(KILLED);
  }

  /** The first event that leads to its end ends it. */
  #end(event: number): void {
    const before = this.#state;
    this.#state = nextLife(before, event);
    if (before === ENDING) return;
    clearTimeout(this.#timer);
    this.#endedBy = event;
    this.#endedIn = before;
    if (event === EXITED) return;
    this.#begun.end();
    this.#events.ending(this);
  }

  #fail(failure: Failure): void {
    if (this.#state === ENDED) return;
    if (this.#state === STARTING) {
      this.failure = new StartupError(failure);
      // A thread that cannot be ended keeps nobody waiting.
      this.#rejectStarted(this.failure);
    }
    if (this.#state !== ENDING) this.cause ||= failure.message;
    this.#end(FAILED);
  }

  #exited(code: number): void {
    const { message, configuration } = endedThread(this.#step, code);
    if (this.#state !== ENDING) this.cause ||= this.#hasStarted ? `its thread exited with code ${code}` : message;
    this.#end(EXITED);
    if (this.readySince === 0) {
      this.failure ??= new StartupError({ message: this.cause, configuration: configuration && !this.wasKilled });
      this.#rejectStarted(this.failure);
    }
    this.#events.ended(this);
  }

  #receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'step':
        this.#step = message.step;
        return;
      case 'ready':
        this.#step = STARTUP;
        this.metrics.isUsed = message.measures === true;
        if (this.#state === STARTING) {
          clearTimeout(this.#timer);
          this.#hasStarted = true;
        }
        if (!this.held) this.#takeUp();
        if (this.#hasStarted) this.#resolveStarted();
        return;
      case 'failed':
        this.#fail(message);
        return;
      case 'uncaught':
        this.#events.uncaught(this, message.message);
        return;
      case 'shutdown-failed':
        this.#events.shutdownFailed(message.message);
        return;
      case 'memory':
        this.#events.grown?.(this, message.bytes);
        return;
      case 'metrics':
        this.metrics.told(message);
        return;
      case 'leaving':
        this.#leave();
        return;
      case 'left':
        this.#end(LEFT);
    }
  }

  #leave(): void {
    this.#state = nextLife(this.#state, LEAVES);
    if (this.#state === ENDING) return;
    clearTimeout(this.#timer);
    this.#events.leaving();
    const { leaveTimeout } = this.#options;
    if (leaveTimeout === 0) return;
    this.#timer = setTimeout(() => this.kill(`its shutdown hooks took longer than ${leaveTimeout} ms`), leaveTimeout);
  }
}
