/**
 * Supervision. A pool keeps `size` threads of one kind in service. It has more places than that: while one thread is
 * being ended, or is to be replaced, its successor starts in another place, so nobody waits for the end of a thread
 * that may be stuck. A thread that has served and died is replaced at once; starts that fail are tried again with
 * growing delay, and meanwhile the pool says when the next one is due. The life of a single thread stands in states.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { FIRST_DELAY, HEALTHY_AFTER, LONGEST_DELAY } from './delays.ts';
import { closeOpenFiles, type OpenFiles } from './open-files.ts';
import { ENDED, ENDING, READY, STARTING } from './states.ts';
import { WorkerThread, type WorkerThreadOptions } from './thread.ts';

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
  /** They have served their number of requests. */
  | 'requests'
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
  /** Something for the error log. */
  report(message: string): void;
}

interface PoolOptions<Data> extends Omit<WorkerThreadOptions<Data>, 'leaveTimeout' | 'link'> {
  /** Threads in service. */
  size: number;
  /** Places for threads, those that are being ended among them; `size` where left out. */
  places?: number;
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
/** Milliseconds between two looks for a place, or for the end of a delay, while workers are reloaded. */
const RELOAD_PAUSE = 20;
/** Milliseconds for the system to end the last threads. One that is inside native code cannot be ended. */
const LAST_WAIT = 1000;

export class WorkerPool<Data> {
  /** Shutdown hooks that threw or had to be cut short (L-10). */
  shutdownFailures = 0;
  /** Workers that have been replaced, or have ended so that others were started, while the pool runs. */
  readonly replacements: Record<Cause, number> = { requests: 0, reload: 0, error: 0, timeout: 0, died: 0, startup: 0 };
  readonly #options: PoolOptions<Data>;
  /** What the next thread gets. */
  #data: Data;
  readonly #events: PoolEvents;
  readonly #threads: (WorkerThread | null)[];
  readonly #incarnations: number[];
  #running = false;
  #stopping = false;
  /** A ready thread whose successor is starting. */
  #due: WorkerThread | null = null;
  #dueFor: Cause = 'requests';
  /** The same, or an earlier one, where it is due for an error that nobody caught. */
  #failing: WorkerThread | null = null;
  /** Starts that failed in a row. */
  #failures = 0;
  /** `performance.now()` before which no thread is started. */
  #notBefore = 0;
  #retry: NodeJS.Timeout | undefined;
  #lastUncaught = Number.NEGATIVE_INFINITY;
  /** While `stop` waits: ends the threads now. */
  #cut: (() => void) | null = null;

  constructor(options: PoolOptions<Data>, events: PoolEvents) {
    const places = options.places ?? options.size;
    this.#options = options;
    this.#data = options.data;
    this.#events = events;
    this.#threads = new Array(places).fill(null);
    this.#incarnations = new Array(places).fill(0);
  }

  /** Starts all workers. Rejects with StartupError when one cannot start; `stop` is due then too. */
  async start(): Promise<void> {
    this.#fill();
    await Promise.all(this.#threads.map((thread) => thread?.started));
    this.#running = true;
    // One may have ended meanwhile.
    this.#fill();
  }

  /** Ends a worker's thread at once, whatever it does; its successor starts beside it (B-40). */
  kill(index: number, why: string): void {
    this.#threads[index]?.kill(why);
  }

  /**
   * Starts a successor for a worker, which is told when that takes requests; if it cannot start, the worker goes on.
   *
   * @returns false where there is no place for one now, or another worker is missing or being replaced
   */
  replace(index: number, cause: Cause = 'requests'): boolean {
    const thread = this.#threads[index];
    if (thread?.state !== READY || this.#due !== null || this.#stopping || !this.#threads.includes(null)) return false;
    if (this.#count((other) => other.living) !== this.#options.size || performance.now() < this.#notBefore)
      return false;
    this.#due = thread;
    this.#dueFor = cause;
    this.#fill();
    return true;
  }

  /**
   * Replaces all workers, one after the other, by such with other data. Where one cannot start, those that are not yet
   * replaced go on; where it is the first one, nothing has changed.
   *
   * @throws StartupError where one cannot start; Error where the pool stops meanwhile
   */
  async reload(data: Data): Promise<void> {
    const before = this.#data;
    const due = this.#threads.filter((thread) => thread?.living);
    this.#data = data;
    let started = false;
    try {
      for (const thread of due) {
        // It may have ended by itself: what was started in its stead has the new data.
        while (thread?.living) if (await this.#reload(thread)) started = true;
      }
    } catch (error) {
      if (!started) this.#data = before;
      throw error;
    }
  }

  /** Replaces one worker; false, after a moment, where that cannot be done now. */
  async #reload(thread: WorkerThread): Promise<boolean> {
    if (this.#stopping) throw new Error('the server is stopping');
    // Ends: at the latest with the time limit of a startup; without one, with the thread.
    if (this.replace(thread.place, 'reload')) {
      await this.#threads.find((other) => other?.state === STARTING)?.started;
      return true;
    }
    if (!this.#threads.includes(null)) {
      // Earlier ones have all places, with requests that may never end.
      for (const other of this.#threads) other?.hurry(this.#options.leaveTimeout ?? 0);
    }
    await delay(RELOAD_PAUSE);
    return false;
  }

  /** Milliseconds until the next start, where no thread is in service or starting; 0 elsewhere. */
  get retryIn(): number {
    if (this.#threads.some((thread) => thread?.living)) return 0;
    return Math.max(1, this.#notBefore - performance.now());
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
    const threads = this.#threads.filter((thread) => thread !== null);
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
    return this.#threads;
  }

  /** Threads that the system could not end. */
  get stuck(): number {
    return this.#count(() => true);
  }

  /** Cuts the waiting of `stop` short. */
  abort(): void {
    this.#cut?.();
  }

  #count(which: (thread: WorkerThread) => boolean): number {
    return this.#threads.filter((thread) => thread !== null && which(thread)).length;
  }

  /** Starts what is missing, as far as there are places. */
  #fill(): void {
    const wait = this.#notBefore - performance.now();
    if (this.#stopping) return;
    if (wait > 0) {
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#fill(), wait);
      return;
    }
    const wanted = this.#options.size + (this.#due === null ? 0 : 1);
    for (let missing = wanted - this.#count((thread) => thread.living); missing > 0; missing--) {
      const place = this.#threads.indexOf(null);
      if (place < 0) return;
      this.#threads[place] = this.#launch(place);
    }
  }

  #launch(place: number): WorkerThread {
    const { leaveTimeout = 0, link } = this.#options;
    return new WorkerThread(
      { ...this.#options, data: this.#data, leaveTimeout, link: link?.(place) },
      place,
      ++this.#incarnations[place],
      {
        ready: (thread) => this.#ready(thread),
        uncaught: (thread, message) => this.#uncaught(thread, message),
        shutdownFailed: (message) => {
          this.shutdownFailures++;
          this.#events.report(message);
        },
        leaving: () => this.#changed(),
        ending: (thread) => {
          // Before a successor is thought of.
          if (thread.failure !== null) this.#delay();
          this.#changed();
        },
        ended: (thread) => this.#ended(thread),
      },
    );
  }

  #ready(thread: WorkerThread): void {
    this.#events.ready(thread.place);
    if (this.#count(({ state }) => state === READY) <= this.#options.size) return;
    // Nobody is due where the one that was has died, and its successor was one too many.
    const surplus = this.#due ?? thread;
    if (surplus === this.#due) this.replacements[this.#dueFor]++;
    // The request that left an error behind may wait for what failed, for ever.
    surplus.replaced(surplus === this.#failing ? (this.#options.leaveTimeout ?? 0) : 0);
    this.#due = null;
    this.#failing = null;
    this.#events.replaced?.(surplus.place);
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
    const { place, failure, left } = thread;
    const { kind } = this.#options;
    const { served, requests, inUse } = this.#events.lost(place, thread.files) ?? NOTHING;
    closeOpenFiles(thread.files, inUse);
    if (thread.hooksCut) this.shutdownFailures++;
    if (this.#running && !this.#stopping && !thread.wasReplaced) {
      this.replacements[failure !== null ? 'startup' : thread.wasKilled ? 'timeout' : 'died']++;
    }
    this.#threads[place] = null;
    const initial = !this.#running && thread.readySince === 0;
    const expected = left || initial || (this.#stopping && requests.length === 0 && !thread.hooksCut);
    if (!expected) {
      const what = failure === null ? `ended: ${thread.cause}` : `did not start: ${failure.message}`;
      const taken = requests.length === 0 ? '' : `\nrequests that ended with it, their bodies not closed (G-147):`;
      this.#events.report([`${kind} worker ${place} ${what}${taken}`, ...requests].join('\n  '));
    }
    const healthy = left || served || thread.wasKilled || performance.now() - thread.readySince > HEALTHY_AFTER;
    // One that failed by its own word has been counted when it said so.
    if (thread.readySince === 0 ? thread.exited : !healthy) this.#delay();
    this.#changed();
  }

  /** After a start that failed. */
  #delay(): void {
    // The thread that was to be replaced goes on.
    this.#due = null;
    const now = performance.now();
    // Several that were started together count once.
    if (now < this.#notBefore) return;
    if (now - this.#notBefore > HEALTHY_AFTER) this.#failures = 0;
    this.#notBefore = now + Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
  }

  /** A thread is in service no more. */
  #changed(): void {
    if (this.#due !== null && this.#due.state !== READY) this.#due = null;
    if (!this.#running || this.#stopping) return;
    this.#fill();
    if (this.retryIn > 0) this.#events.down?.();
  }
}
