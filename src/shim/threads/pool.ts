/**
 * The worker threads of a `syncToAsync` bridge, seen from the gateway's thread: Piscina's, supervised by a
 * `WorkerPool`. They are started with the application's startup hook, or with the first request; a request takes a free
 * one or waits for it; a thread that dies is replaced; all end with the shutdown hook.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { RequestAborted } from '../../interface/errors.ts';
import type { AsyncBody, AsyncEnviron, AsyncStartResponse } from '../../interface/types.ts';
import { usableCpus } from '../../pool/cpus.ts';
import { StartupError, WorkerPool } from '../../pool/pool.ts';
import { stackSize } from '../../pool/python-stack.ts';
import { StartDelay } from '../../pool/start-delay.ts';
import { atThreadEnd } from '../../pool/this-thread.ts';
import { builtModule } from '../../rules/own-files.ts';
import { shownRequest } from '../../rules/show.ts';
import { BridgeError } from '../errors.ts';
import { LoopEnd } from '../link/link.ts';
import type { FarMessage, NearMessage } from '../link/wire.ts';
import { AsyncCall } from '../near/async-call.ts';
import { assertNoRecursion } from './deadlock.ts';
import { type BridgeData, BridgeTarget, type ThreadOptions, uncaught } from './target.ts';
import { WaitingRequests } from './waiting.ts';

export interface BlockingThreadsOptions extends ThreadOptions {
  /**
   * Worker threads, which is how many requests run at a time; as many as there are CPUs that it may use, by default.
   */
  threads?: number;
  /** Requests that may wait for a thread; more are answered with 503. 1024 by default. */
  queue?: number;
  /**
   * Milliseconds that a request may wait for a thread before it is answered with 503; 60000 by default, 0: no limit
   * (B-22).
   */
  queueTimeout?: number;
  /**
   * Milliseconds that a request has to end after its end was asked for; then its thread is terminated (B-40). 30000 by
   * default, 0: no limit.
   */
  terminateTimeout?: number;
}

/** The place of one thread, and of those that replace it. */
interface Place {
  link: LoopEnd<NearMessage> | null;
  /** What its thread has got to. */
  thread: 'none' | 'starting' | 'ready';
  /** Its thread has had a request. */
  served: boolean;
  call: AsyncCall | null;
  timer: NodeJS.Timeout | undefined;
  /** Promised to a request that has not taken it yet. */
  reserved: boolean;
}

function isFree({ thread, link, call, reserved }: Place): boolean {
  return thread === 'ready' && link !== null && call === null && !reserved;
}

export class BlockingThreads {
  readonly #target: BridgeTarget;
  readonly #terminateTimeout: number;
  readonly #places: Place[];
  readonly #waiting: WaitingRequests<Place>;
  readonly #delay = new StartDelay();
  #pool: WorkerPool<BridgeData> | null = null;
  #started: Promise<void> | null = null;
  /** Requests may be put to the threads. */
  #running = false;
  #stopping = false;
  /** Why no request is to wait: there is no thread, none is being started, and the last start has failed. */
  #failing: BridgeError | null = null;
  #forgetEnd: () => void = () => {};
  #lastId = 0;

  /** @throws ConfigurationError for a reference that cannot be read or found */
  constructor(reference: string, options: BlockingThreadsOptions) {
    const size = options.threads ?? usableCpus();
    this.#target = new BridgeTarget(reference, 'sync', size, options);
    this.#terminateTimeout = options.terminateTimeout ?? 30_000;
    this.#waiting = new WaitingRequests(options.queue ?? 1024, options.queueTimeout ?? 60_000);
    this.#places = Array.from({ length: size }, () => ({
      link: null,
      thread: 'none',
      served: false,
      call: null,
      timer: undefined,
      reserved: false,
    }));
  }

  /**
   * The startup hook: starts the threads, once; rejects with what kept one from starting, and may be called again then.
   */
  start(): Promise<void> {
    this.#stopping = false;
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

  /**
   * Answers a request; undefined where it has to be refused, since too many wait, or it has waited too long.
   *
   * @throws BridgeError where there is no thread and none can be started; the reason of the signal
   */
  async run(environ: AsyncEnviron, startResponse: AsyncStartResponse): Promise<AsyncBody | undefined> {
    if (this.#stopping) throw new BridgeError('the bridge has been shut down');
    if (!this.#running) await this.#startLate();
    const signal = environ['quaich.signal'];
    const place = this.#free() ?? (await this.#wait(signal));
    if (place === undefined) return undefined;
    if (signal?.aborted) {
      this.#assign(place);
      throw signal.reason;
    }
    place.reserved = false;
    try {
      if (place.link === null) throw new BridgeError('the thread has no line');
      place.call = new AsyncCall({
        id: ++this.#lastId,
        environ,
        startResponse,
        link: place.link,
        ahead: this.#target.ahead,
        over: () => this.#release(place),
        ending: () => this.#limit(place, environ),
      });
    } catch (error) {
      this.#assign(place); // B-66
      throw error;
    }
    place.served = true;
    return place.call.start();
  }

  /**
   * Ends the threads, with their hooks. Rejects when one had to be terminated, or when a hook failed (L-09, L-10).
   *
   * @param final whether no request may start the threads again
   */
  async stop(final: boolean): Promise<void> {
    this.#stopping = true;
    this.#forgetEnd();
    this.#waiting.refuseAll(new RequestAborted('the bridge is being shut down'));
    const pool = this.#pool;
    try {
      if (pool === null) return;
      this.#pool = null;
      this.#started = null;
      this.#running = false;
      const killed = await this.#end(pool);
      this.#target.assertEnded(killed, pool.shutdownFailures);
    } finally {
      this.#stopping = final;
    }
  }

  #end(pool: WorkerPool<BridgeData>): Promise<number> {
    for (const { link } of this.#places) link?.post({ type: 'stop' });
    return pool.stop(this.#target.shutdownTimeout);
  }

  /**
   * Nobody has called the hooks: the first request does, and the end of this thread's applications ends the threads
   * too. For a while after a start that failed it rejects with the same, and starts nothing.
   */
  async #startLate(): Promise<void> {
    if (this.#started === null && this.#delay.left > 0) throw this.#delay.failure;
    await this.start();
    this.#forgetEnd();
    this.#forgetEnd = atThreadEnd(() => this.stop(false));
  }

  async #start(): Promise<void> {
    const { reference, data, report, startupTimeout, maxOldGenerationSizeMb = 0 } = this.#target;
    assertNoRecursion(reference);
    const pool = new WorkerPool<BridgeData>(
      {
        kind: data.kind,
        size: this.#places.length,
        entry: builtModule('workers/bridge').href,
        heapLimit: maxOldGenerationSizeMb * 2 ** 20,
        stackSize: ({ app }) => stackSize([app]),
        data,
        link: (index) => this.#link(index),
        startupTimeout,
      },
      {
        ready: (index) => this.#ready(this.#places[index]),
        lost: (index) => {
          this.#ended(this.#places[index]);
          return { served: this.#places[index].served, requests: [], inUse: new Set() };
        },
        report,
      },
    );
    this.#pool = pool;
    const shutDown = (): BridgeError => new BridgeError(`the bridge to ${reference} was shut down while it started`);
    try {
      await pool.start();
    } catch (error) {
      if (this.#pool !== pool) throw shutDown();
      // The hooks of those that did start are due (L-09).
      await this.#end(pool);
      this.#pool = null;
      throw error instanceof StartupError ? this.#target.startupError(error.message, error.configuration) : error;
    }
    if (this.#pool !== pool) throw shutDown();
    this.#running = true;
  }

  #free(): Place | undefined {
    return this.#waiting.any ? undefined : this.#places.find(isFree);
  }

  #wait(signal: AbortSignal | undefined): Promise<Place | undefined> {
    if (this.#failing !== null) throw this.#failing;
    return this.#waiting.wait(signal);
  }

  /** Gives a free place to the request that waits longest. */
  #assign(place: Place): void {
    place.reserved = false;
    if (isFree(place) && this.#waiting.any) {
      place.reserved = true;
      this.#waiting.give(place);
    }
  }

  #release(place: Place): void {
    place.call = null;
    clearTimeout(place.timer);
    this.#assign(place);
  }

  /** The request of this place is to end: its thread is terminated when it does not (B-39, B-40). */
  #limit(place: Place, environ: AsyncEnviron): void {
    const terminateTimeout = this.#terminateTimeout;
    if (terminateTimeout === 0) return;
    place.timer = setTimeout(() => {
      const request = shownRequest(environ.REQUEST_METHOD, environ.SCRIPT_NAME, environ.PATH_INFO);
      this.#target.report(`${request} did not end within ${terminateTimeout} ms, its thread is terminated (B-40)`);
      this.#pool?.kill(this.#places.indexOf(place), 'its request did not end (B-40)');
    }, terminateTimeout);
    place.timer.unref();
  }

  /** Makes the line of a thread that is about to start in a place. */
  #link(index: number): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const place = this.#places[index];
    this.#failing = null;
    place.thread = 'starting';
    place.link = new LoopEnd<NearMessage>(port1, this.#target.data.bells, index);
    port1.on('message', (message: FarMessage) => {
      if (message.type === 'uncaught') this.#target.report(uncaught(message.message));
      // Of a request that is over: nobody listens any more.
      else if (place.link?.port === port1) place.call?.hear(message);
    });
    // After the last message of a thread that has ended.
    port1.on('close', () => {
      if (place.link?.port === port1) this.#lost(place);
    });
    return port2;
  }

  #ready(place: Place): void {
    place.thread = 'ready';
    place.served = false;
    this.#assign(place);
  }

  /**
   * The thread of a place is gone; where it had not started, and no other is there, nobody can tell when one will be.
   */
  #ended(place: Place): void {
    const failed = place.thread === 'starting';
    place.thread = 'none';
    this.#lost(place);
    if (!failed || this.#places.some(({ thread }) => thread !== 'none')) return;
    this.#failing = new BridgeError(
      `no thread of ${this.#target.reference} can be started; it will be tried again (G-147)`,
    );
    this.#waiting.refuseAll(this.#failing);
  }

  #lost(place: Place): void {
    place.link = null;
    place.call?.lose(new BridgeError('the thread of the application has died (G-147)'));
  }
}
