/** From sync to async: on the same thread, or on worker threads that may block. */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ConfigurationError, RequestAborted } from '../interface/errors.ts';
import { kindOf, markAsync } from '../interface/kind.ts';
import type { Application, AsyncApplication, AsyncBody, AsyncEnviron, AsyncStartResponse } from '../interface/types.ts';
import { atThreadEnd } from '../pool/this-thread.ts';
import { BridgeError } from './errors.ts';
import { bridgeHere, type HereOptions, refusal } from './here.ts';
import { bridgeKindOf, bridgeOf, rememberBridge } from './inner-application.ts';
import { LoopEnd } from './link/link.ts';
import type { FarMessage, NearMessage } from './link/wire.ts';
import { AsyncCall } from './near/async-call.ts';
import { BridgeThreads } from './threads/pool.ts';
import { BridgeTarget, DEFAULT_AHEAD, type ThreadOptions, uncaught } from './threads/target.ts';

export interface SyncToAsyncOptions extends HereOptions, ThreadOptions {
  /**
   * `worker`: on threads of its own, which may block; takes a module reference. `here`: on the calling thread's event loop, which it
   * holds up for as long as each step takes; takes the function (B-20). A reference runs on a worker by default; for a
   * function there is no default.
   */
  where?: 'here' | 'worker';
  /** Worker threads, which is how many requests run at a time; as many as there are processors by default. */
  threads?: number;
  /** Requests that may wait for a thread; more are answered with 503. 1024 by default. */
  queue?: number;
  /** Milliseconds that a request may wait for a thread before it is answered with 503; 60000 by default, 0: no limit (B-22). */
  queueTimeout?: number;
  /** Milliseconds that a request has to end after its client has gone; then its thread is terminated (B-40). 30000 by default. */
  terminateTimeout?: number;
}

/**
 * An async application that runs a sync one. An application that is async already is returned as it is (B-05), and so
 * is the one behind `asyncToSync`.
 *
 * @param app the application, or where it is found: `./module.js:export`
 * @throws ConfigurationError for a place that does not fit: a function cannot go to another thread
 */
export function syncToAsync(app: Application | string, options?: SyncToAsyncOptions): AsyncApplication;
export function syncToAsync(app: AsyncApplication): AsyncApplication;
export function syncToAsync(
  app: Application | AsyncApplication | string,
  options: SyncToAsyncOptions = {},
): AsyncApplication {
  const { where } = options;
  if (where !== undefined && where !== 'here' && where !== 'worker') {
    throw new ConfigurationError(`syncToAsync: where is 'here' or 'worker', got ${String(where)}`);
  }
  if (typeof app === 'string') {
    if (where === 'here') {
      throw new ConfigurationError(
        `syncToAsync('${app}'): where: 'here' takes the function itself; import it, or leave 'where' out`,
      );
    }
    return new SyncThreads(app, options).bridge();
  }
  if (typeof app !== 'function')
    throw new ConfigurationError(`syncToAsync takes a function or a reference, got ${app}`);
  if (kindOf(app) === 'async') return app as AsyncApplication;
  const inner = bridgeOf(app);
  if (inner !== undefined && kindOf(inner) === 'async') return inner as AsyncApplication;
  if (where === 'worker') {
    throw new ConfigurationError(
      "syncToAsync: a function cannot be moved to another thread; name its module, './module.js:app', or choose where: 'here' (B-20)",
    );
  }
  if (where === undefined) {
    throw new ConfigurationError(
      "syncToAsync: a sync application may block; name its module, './module.js:app', to run it on a worker, or say where: 'here' to run it on this thread, which it then holds up (B-20)",
    );
  }
  if (bridgeKindOf(app) === 'asyncToSync') {
    throw new ConfigurationError(
      "syncToAsync: the application is an async one behind asyncToSync, which would block this thread; mount the async one itself, or use where: 'worker' (B-23)",
    );
  }
  return rememberBridge(bridgeHere(app as Application, options), 'syncToAsync', app);
}

interface Slot {
  link: LoopEnd<NearMessage> | null;
  /** What its thread has got to. */
  thread: 'none' | 'starting' | 'started';
  ready: boolean;
  /** Its thread has had a request. */
  served: boolean;
  call: AsyncCall | null;
  timer: NodeJS.Timeout | null;
  /** Promised to a request that has not taken it yet. */
  reserved: boolean;
}

/** A request that waits for a thread. */
interface Waiting {
  /** Undefined: it has waited too long. */
  take(slot: Slot | undefined): void;
  refuse(error: unknown): void;
}

/** The threads of one bridged application, and the requests that wait for them. */
class SyncThreads {
  readonly #target: BridgeTarget;
  readonly #threads: BridgeThreads;
  readonly #ahead: number;
  readonly #queueLimit: number;
  readonly #queueTimeout: number;
  readonly #terminateTimeout: number;
  readonly #slots: Slot[] = [];
  readonly #waiting: Waiting[] = [];
  /** Why no request is to wait: there is no thread, none is being started, and the last start has failed. */
  #failing: BridgeError | null = null;
  #forgetEnd: () => void = () => {};
  #lastId = 0;
  #stopping = false;

  constructor(reference: string, options: SyncToAsyncOptions) {
    const size = options.threads ?? availableParallelism();
    this.#ahead = options.ahead ?? DEFAULT_AHEAD;
    this.#queueLimit = options.queue ?? 1024;
    this.#queueTimeout = options.queueTimeout ?? 60_000;
    this.#terminateTimeout = options.terminateTimeout ?? 30_000;
    this.#target = new BridgeTarget(reference, 'sync', size, options);
    this.#threads = new BridgeThreads(this.#target, size, {
      link: (index) => this.#link(index),
      ready: (index) => {
        this.#slots[index].thread = 'started';
        this.#slots[index].served = false;
        this.#slots[index].ready = true;
        this.#assign(this.#slots[index]);
      },
      lost: (index) => {
        this.#ended(index);
        return this.#slots[index].served;
      },
      stop: () => this.#tellStop(),
    });
    for (let i = 0; i < size; i++)
      this.#slots.push({
        link: null,
        thread: 'none',
        ready: false,
        served: false,
        call: null,
        timer: null,
        reserved: false,
      });
  }

  bridge(): AsyncApplication {
    const bridged: AsyncApplication = markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) =>
      this.#run(environ, startResponse),
    );
    bridged.startup = () => {
      this.#stopping = false;
      return this.#threads.start();
    };
    bridged.shutdown = () => this.#stop(true);
    return rememberBridge(bridged, 'syncToAsync', null);
  }

  async #run(environ: AsyncEnviron, startResponse: AsyncStartResponse): Promise<AsyncBody> {
    if (this.#stopping) throw new BridgeError('the bridge has been shut down');
    if (!this.#threads.running) await this.#startLate();
    const signal = environ['quaich.signal'];
    let slot = this.#free();
    if (slot === undefined) {
      if (this.#failing !== null) throw this.#failing;
      if (this.#waiting.length >= this.#queueLimit) return refusal(startResponse, '503 Service Unavailable');
      slot = await this.#wait(signal);
      if (slot === undefined) return refusal(startResponse, '503 Service Unavailable');
    }
    if (signal?.aborted) {
      this.#assign(slot);
      throw signal.reason;
    }
    const taken = slot;
    taken.reserved = false;
    let call: AsyncCall;
    try {
      call = new AsyncCall(++this.#lastId, environ, startResponse, this.#linkOf(taken), this.#ahead, {
        over: () => this.#release(taken),
        ending: () => this.#limit(taken, environ),
      });
    } catch (error) {
      this.#assign(taken); // B-66
      throw error;
    }
    taken.call = call;
    taken.served = true;
    return call.start();
  }

  #free(): Slot | undefined {
    return this.#waiting.length > 0 ? undefined : this.#slots.find(isFree);
  }

  #linkOf(slot: Slot): LoopEnd<NearMessage> {
    if (slot.link === null) throw new BridgeError('the thread has no line');
    return slot.link;
  }

  /** Nobody has called the hooks: the first request does, and the end of this thread's applications ends the threads too. */
  async #startLate(): Promise<void> {
    await this.#threads.startLate();
    this.#forgetEnd();
    this.#forgetEnd = atThreadEnd(() => this.#stop(false));
  }

  /**
   * Waits for a free thread; undefined when that takes too long.
   *
   * Ends: with a thread, with the limit, when the client goes, when the bridge is shut down, and when no thread can be started.
   */
  #wait(signal: AbortSignal | undefined): Promise<Slot | undefined> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const index = this.#waiting.indexOf(waiting);
        if (index >= 0) this.#waiting.splice(index, 1);
      };
      const waiting: Waiting = {
        take(slot) {
          leave();
          resolve(slot);
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const abort = (): void => waiting.refuse(signal?.reason);
      this.#waiting.push(waiting);
      signal?.addEventListener('abort', abort, { once: true });
      if (this.#queueTimeout > 0) timer = setTimeout(() => waiting.take(undefined), this.#queueTimeout);
    });
  }

  /** Gives a free slot to the request that waits longest. */
  #assign(slot: Slot): void {
    slot.reserved = false;
    if (!isFree(slot)) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    slot.reserved = true;
    next.take(slot);
  }

  #release(slot: Slot): void {
    slot.call = null;
    if (slot.timer !== null) clearTimeout(slot.timer);
    slot.timer = null;
    this.#assign(slot);
  }

  /** The request of this slot is to end: its thread is terminated when it does not (B-39, B-40). */
  #limit(slot: Slot, environ: AsyncEnviron): void {
    if (this.#terminateTimeout === 0) return;
    slot.timer = setTimeout(() => {
      const request = `${environ.REQUEST_METHOD} ${environ.SCRIPT_NAME}${environ.PATH_INFO}`;
      this.#target.report(
        `${JSON.stringify(request)} did not end within ${this.#terminateTimeout} ms, its thread is terminated (B-40)`,
      );
      this.#threads.kill(this.#slots.indexOf(slot));
    }, this.#terminateTimeout);
    slot.timer.unref();
  }

  #link(index: number): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const slot = this.#slots[index];
    this.#failing = null;
    slot.thread = 'starting';
    slot.ready = false;
    slot.link = new LoopEnd<NearMessage>(port1, this.#target.bells, index);
    port1.on('message', (message: FarMessage) => {
      if (message.type === 'uncaught') {
        this.#target.report(uncaught(message.message));
        return;
      }
      // Of a request that is over: nobody listens any more.
      if (slot.link?.port === port1) slot.call?.hear(message);
    });
    // After the last message of a thread that has ended.
    port1.on('close', () => {
      if (slot.link?.port === port1) this.#lost(index);
    });
    return port2;
  }

  /** The thread of a slot is gone; where it had not started, and no other is there, nobody can tell when one will be. */
  #ended(index: number): void {
    const slot = this.#slots[index];
    const failed = slot.thread === 'starting';
    slot.thread = 'none';
    this.#lost(index);
    if (!failed || this.#slots.some(({ thread }) => thread !== 'none')) return;
    this.#failing = new BridgeError(
      `no thread of ${this.#target.reference} can be started; it will be tried again (G-147)`,
    );
    for (const waiting of this.#waiting.splice(0)) waiting.refuse(this.#failing);
  }

  #lost(index: number): void {
    const slot = this.#slots[index];
    slot.ready = false;
    slot.link = null;
    slot.call?.lose(new BridgeError('the thread of the application has died (G-147)'));
  }

  #tellStop(): void {
    for (const { link } of this.#slots) link?.post({ type: 'stop' });
  }

  /** @param final whether no request may start the threads again */
  async #stop(final: boolean): Promise<void> {
    this.#stopping = true;
    this.#forgetEnd();
    for (const waiting of this.#waiting.splice(0)) waiting.refuse(new RequestAborted('the bridge is being shut down'));
    this.#tellStop();
    try {
      await this.#threads.stop();
    } finally {
      this.#stopping = final;
    }
  }
}

function isFree(slot: Slot): boolean {
  return slot.ready && slot.call === null && !slot.reserved;
}
