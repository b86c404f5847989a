/**
 * Supervision. A pool keeps `size` threads of one kind in service. It has more places than that: while one thread is
 * being ended, or is to be replaced, its successor starts in another place, so nobody waits for the end of a thread
 * that may be stuck. A thread that has served and died is replaced at once; starts that fail are tried again with
 * growing delay, and meanwhile the pool says when the next one is due. The life of a single thread stands in states.ts.
 *
 * All threads together are replaced in two steps: `prepare` starts their successors and holds them back; `commit` puts
 * these in service, in one turn, or `cancel` ends them. So several pools are replaced all or none.
 */
import type { MessagePort } from 'node:worker_threads';
import { HEALTHY_AFTER, LAST_WAIT } from './delays.ts';
import type { LoadedThread } from './loaded-thread.ts';
import { closeOpenFiles, type OpenFiles } from './open-files.ts';
import { StartDelay } from './start-delay.ts';
import { ENDED, ENDING, READY, STARTING } from './states.ts';
import { WorkerThread, type WorkerThreadOptions } from './thread.ts';
import { ThreadPlaces } from './thread-places.ts';

export { StartupError } from './thread.ts';

/** What a thread that ended has left behind. */
export interface Loss {
  /** It had requests, before or now: its start was no failure. */
  served: boolean;
  /** A line for each request that ended with it. */
  requests: readonly string[];
  /** Descriptors of its files that are still being sent; all others are closed. */
  inUse: ReadonlySet<number>;
}

/** Why workers are replaced: the names of metrics. */
export type Cause =
  /** They have served their number of requests, have reached their age, or have too much memory. */
  | 'requests'
  | 'age'
  | 'memory'
  | 'reload'
  /** An error outside of any request, which nobody caught. */
  | 'error'
  /** They took too long, and were ended. */
  | 'timeout'
  /** Their thread ended by itself. */
  | 'died'
  /** Their thread did not start up. */
  | 'startup';

const NOTHING: Loss = { served: false, requests: [], inUse: new Set() };

interface PoolEvents {
  /** The worker in this place takes requests. */
  ready(index: number): void;
  /** Another worker has taken the part of this one: it gets no new requests, and is to be told so. */
  replaced?(index: number): void;
  /** The thread in this place has ended, whatever the cause: it touches shared memory no more. */
  lost(index: number, files: OpenFiles): Loss | undefined;
  /** No thread is in service or starting: the next start is due in `retryIn`. */
  down?(): void;
  /** A thread has ended by itself, or by force, or has not started, while the pool runs. */
  died?(): void;
  /** The worker in this place has more memory than it should. */
  grown?(index: number, bytes: number): void;
  /** Something for the error log. */
  report(message: string): void;
}

interface PoolOptions<Data> extends Omit<WorkerThreadOptions<Data>, 'leaveTimeout' | 'link' | 'held' | 'loaded'> {
  /** Threads in service. */
  size: number;
  /** Places for threads, those that are being ended among them; `size` where left out. */
  places?: number;
  /** The first of its threads at the start, which has loaded the applications already. */
  first?: LoadedThread | null;
  /** Makes a port for the thread of a place, also for each successor, that is handed over with its task. */
  link?(index: number): MessagePort;
  /**
   * Milliseconds for the shutdown hooks of a worker that leaves, and before them for the requests of one that was
   * replaced because of an error or stands in the way of another; where left out, `stop` is the only limit.
   */
  leaveTimeout?: number;
  /** Whether a worker with an error outside of any request is replaced, or goes on (G-146). */
  replaceUncaught?: boolean;
}

/**
 * Milliseconds between two replacements for errors that nobody caught: an application that makes one with every request
 * goes on, instead of starting threads all the time.
 */
const REPLACE_EVERY = 10_000;

export class WorkerPool<Data> {
  /** Shutdown hooks that threw or had to be cut short (L-10). */
  shutdownFailures = 0;
  /** Workers that have been replaced, or have ended so that others were started, while the pool runs. */
  readonly replacements: Record<Cause, number> = {
    ...{ requests: 0, age: 0, memory: 0, reload: 0 },
    ...{ error: 0, timeout: 0, died: 0, startup: 0 },
  };
  readonly #options: PoolOptions<Data>;
  /** Threads in service. */
  #size: number;
  /** What the next thread gets. */
  #data: Data;
  /** Those of `prepare`; null without one. */
  #next: WorkerThread[] | null = null;
  readonly #events: PoolEvents;
  readonly #places: ThreadPlaces;
  readonly #incarnations: number[];
  #running = false;
  #stopping = false;
  /** A ready thread whose successor is starting. */
  #due: WorkerThread | null = null;
  #dueFor: Cause = 'requests';
  /** The same, or an earlier one, where it is due for an error that nobody caught. */
  #failing: WorkerThread | null = null;
  readonly #delay = new StartDelay();
  #retry: NodeJS.Timeout | undefined;
  #lastUncaught = Number.NEGATIVE_INFINITY;
  /** While `stop` waits: ends the threads now. */
  #cut: (() => void) | null = null;

  constructor(options: PoolOptions<Data>, events: PoolEvents) {
    const places = options.places ?? options.size;
    this.#options = options;
    this.#size = options.size;
    this.#data = options.data;
    this.#events = events;
    this.#places = new ThreadPlaces(places);
    this.#incarnations = new Array(places).fill(0);
  }

  /** Starts all workers. Rejects with StartupError when one cannot start; `stop` is due then too. */
  async start(): Promise<void> {
    this.#fill();
    await Promise.all(this.#places.present.map(({ started }) => started));
    this.#running = true;
    // One may have ended meanwhile.
    this.#fill();
  }

  /** Ends a worker's thread at once, whatever it does; its successor starts beside it (B-40). */
  kill(index: number, why: string): void {
    this.threads[index]?.kill(why);
  }

  /**
   * Starts a successor for a worker, which is told when that takes requests; if it cannot start, the worker goes on.
   *
   * @returns false where there is no place for one now, or another worker is missing or being replaced
   */
  replace(index: number, cause: Cause): boolean {
    const thread = this.threads[index];
    if (thread?.state !== READY || this.#due !== null || this.#next !== null || this.#stopping) return false;
    if (this.#places.free === 0 || this.#places.living.length !== this.#size) return false;
    if (this.#delay.left > 0) return false;
    this.#due = thread;
    this.#dueFor = cause;
    this.#fill();
    return true;
  }

  /**
   * Changes how many threads are in service. Those that are missing are started; those that are too many end the
   * requests that they have, and leave.
   */
  resize(size: number): void {
    this.#size = size;
    // First one that is to leave in any case, then those that have not started, then the oldest.
    const order = (thread: WorkerThread): number => (thread === this.#due ? -1 : thread.readySince);
    for (const thread of this.#places.living.sort((a, b) => order(a) - order(b))) {
      if (this.#places.living.length <= this.#wanted) break;
      this.#dismiss(thread);
    }
    this.#fill();
  }

  /**
   * Starts `size` threads with other data, and holds them back. Until `commit` nothing has changed.
   *
   * @param first one of them, which has loaded the applications already
   * @throws StartupError where one cannot start; Error where the pool stops meanwhile, or earlier threads do not make
   *   room; `cancel` is due then
   */
  async prepare(data: Data, size: number, first: LoadedThread | null = null): Promise<void> {
    if (this.#stopping) throw new Error('the server is stopping');
    const next: WorkerThread[] = [];
    this.#next = next;
    // The successor of a single one, which may be starting, would have the old data.
    this.#due = null;
    this.resize(this.#size);
    const { kind, startupTimeout, leaveTimeout = 0 } = this.#options;
    const limit = startupTimeout + 2 * leaveTimeout + LAST_WAIT;
    const hasRoom = await this.#places.whenFree(size, () => this.#next === next, leaveTimeout, limit);
    if (this.#next !== next) throw new Error('the new workers are not wanted any more');
    if (!hasRoom) throw new Error(`earlier ${kind} workers do not end, so there is no place for new ones`);
    for (let missing = size; missing > 0; missing--) next.push(this.#launch(data, first, true));
    await Promise.all(next.map(({ started }) => started));
  }

  /** @throws StartupError where one of those that `prepare` has started has ended since */
  assertPrepared(): void {
    for (const { failure } of this.#next ?? []) if (failure !== null) throw failure;
  }

  /** Has the threads of `prepare` take requests, and all others end those that they have. */
  commit(data: Data): void {
    const next = this.#next ?? [];
    this.#next = null;
    this.#data = data;
    this.#size = next.length;
    this.#delay.reset();
    for (const thread of this.#places.living) {
      this.replacements.reload++;
      this.#dismiss(thread);
    }
    for (const thread of next) thread.release();
  }

  /** Has the threads of `prepare` leave, with their shutdown hooks. */
  cancel(): void {
    const next = this.#next ?? [];
    this.#next = null;
    for (const thread of next) if (thread.state === STARTING) this.#dismiss(thread);
    this.#places.wake();
  }

  /** Milliseconds until the next start, where no thread is in service or starting; 0 elsewhere. */
  get retryIn(): number {
    if (this.#places.living.length > 0) return 0;
    return Math.max(1, this.#delay.left);
  }

  /**
   * Waits for the workers, which have been told to stop through shared memory, and ends those that take longer than
   * `timeout` milliseconds. What cannot be ended is left behind a moment later: see `stuck`.
   *
   * @returns how many had to be ended so
   */
  async stop(timeout: number): Promise<number> {
    this.#stopping = true;
    clearTimeout(this.#retry);
    this.cancel();
    const threads = this.#places.present;
    const ended = Promise.all(threads.map((thread) => thread.ended));
    let killed = 0;
    // Ends: with the threads, or by these two limits.
    await new Promise<void>((resolve) => {
      let limit = setTimeout(() => this.#cut?.(), timeout);
      this.#cut = () => {
        this.#cut = null;
        clearTimeout(limit);
        limit = setTimeout(resolve, LAST_WAIT);
        for (const thread of threads) {
          if (thread.state === ENDING || thread.state === ENDED) continue;
          killed++;
          thread.kill('the server stops, and its time is over');
        }
      };
      ended.then(() => {
        clearTimeout(limit);
        resolve();
      });
    });
    this.#cut = null;
    return killed;
  }

  /** By place; null where there is none. */
  get threads(): readonly (WorkerThread | null)[] {
    return this.#places.threads;
  }

  /** Threads that the system could not end. */
  get stuck(): number {
    return this.#places.present.length;
  }

  /** Cuts the waiting of `stop` short. */
  abort(): void {
    this.#cut?.();
  }

  /** Starts what is missing, as far as there are places. */
  #fill(): void {
    if (this.#stopping) return;
    clearTimeout(this.#retry);
    if (this.#delay.left > 0) {
      this.#retry = setTimeout(() => this.#fill(), this.#delay.left);
      return;
    }
    const { first = null } = this.#options;
    const missing = this.#wanted - this.#places.living.length;
    for (let count = Math.min(missing, this.#places.free); count > 0; count--) this.#launch(this.#data, first);
  }

  /** Threads that are to be in service or starting. */
  get #wanted(): number {
    return this.#size + (this.#due === null ? 0 : 1);
  }

  /** Starts a thread in a place that is free. */
  #launch(data: Data, first: LoadedThread | null, held = false): WorkerThread {
    const { leaveTimeout = 0, link } = this.#options;
    const place = this.#places.next;
    const launched = new WorkerThread(
      { ...this.#options, data, leaveTimeout, held, link: link?.(place), loaded: first?.take() ?? null },
      place,
      ++this.#incarnations[place],
      {
        ready: (thread) => this.#ready(thread),
        uncaught: (thread, message) => this.#uncaught(thread, message),
        shutdownFailed: (message) => {
          this.shutdownFailures++;
          this.#events.report(message);
        },
        grown: (thread, bytes) => this.#events.grown?.(thread.place, bytes),
        leaving: () => this.#changed(),
        ending: (thread) => {
          // Before a successor is thought of.
          if (thread.failure !== null && !thread.isSpare) this.#startFailed();
          this.#changed();
        },
        ended: (thread) => this.#ended(thread),
      },
    );
    this.#places.threads[place] = launched;
    return launched;
  }

  /** Has a thread end the requests that it has, within `limit` milliseconds (0: no limit), and leave. */
  #dismiss(thread: WorkerThread, limit = 0): void {
    if (thread === this.#due) {
      this.#due = null;
      this.#failing = null;
    }
    thread.replaced(limit);
    this.#events.replaced?.(thread.place);
  }

  #ready(thread: WorkerThread): void {
    this.#events.ready(thread.place);
    if (this.#places.present.filter(({ state }) => state === READY).length <= this.#size) return;
    // Nobody is due where the one that was has died, and its successor was one too many.
    const surplus = this.#due ?? thread;
    if (surplus === this.#due) this.replacements[this.#dueFor]++;
    // The request that left an error behind may wait for what failed, for ever.
    this.#dismiss(surplus, surplus === this.#failing ? (this.#options.leaveTimeout ?? 0) : 0);
  }

  #uncaught(thread: WorkerThread, message: string): void {
    const { kind, replaceUncaught = true } = this.#options;
    const now = performance.now();
    let text = `an error outside of any request in ${kind} worker ${thread.place}`;
    if (replaceUncaught && now - this.#lastUncaught >= REPLACE_EVERY && this.replace(thread.place, 'error')) {
      this.#lastUncaught = now;
      this.#failing = thread;
      text += ', which is replaced and ends the requests that it has';
    }
    this.#events.report(`${text} (G-146): ${message}`);
  }

  #ended(thread: WorkerThread): void {
    const { place, failure, left, isSpare } = thread;
    const { kind } = this.#options;
    const { served, requests, inUse } = this.#events.lost(place, thread.files) ?? NOTHING;
    closeOpenFiles(thread.files, inUse);
    if (thread.hooksCut) this.shutdownFailures++;
    if (this.#running && !this.#stopping && !isSpare) {
      this.replacements[failure !== null ? 'startup' : thread.wasKilled ? 'timeout' : 'died']++;
      this.#events.died?.();
    }
    this.#places.vacate(place);
    // Whoever waits for the start is told.
    const awaited = failure !== null && (!this.#running || isSpare);
    const expected = left || awaited || (this.#stopping && requests.length === 0 && !thread.hooksCut);
    if (!expected) {
      const what = failure === null ? `ended: ${thread.cause}` : `did not start: ${failure.message}`;
      const taken = requests.length === 0 ? '' : `\nrequests that ended with it, their bodies not closed (G-147):`;
      this.#events.report([`${kind} worker ${place} ${what}${taken}`, ...requests].join('\n  '));
    }
    const healthy = left || served || thread.wasKilled || performance.now() - thread.readySince > HEALTHY_AFTER;
    // One that failed by its own word has been counted when it said so.
    if (!isSpare && (thread.readySince === 0 ? thread.exited : !healthy)) this.#startFailed();
    this.#changed();
  }

  #startFailed(): void {
    // The thread that was to be replaced goes on.
    this.#due = null;
    this.#delay.failed();
  }

  /** A thread is in service no more. */
  #changed(): void {
    if (this.#due !== null && this.#due.state !== READY) this.#due = null;
    if (!this.#running || this.#stopping) return;
    this.#fill();
    if (this.retryIn > 0) this.#events.down?.();
  }
}
