/**
 * The thread of an `asyncToSync` bridge. Not one of Piscina's, which hands out its tasks on the event loop of the
 * thread that made it: here that thread may be blocked, and waits for just this.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { WorkerMessage, WorkerTask } from '../../pool/thread.ts';
import { builtModule } from '../../rules/own-files.ts';
import { describeError } from '../../rules/show.ts';
import { BlockingEnd, Canary } from '../link/link.ts';
import type { FarMessage, NearMessage } from '../link/wire.ts';
import { type BridgeData, type BridgeTarget, uncaught } from './target.ts';

/** Milliseconds between two looks at what no message tells: the client, the other thread's life. */
export const LOOK_EVERY = 50;

type State = 'starting' | 'ready' | 'ended';

export class LoopThread {
  /** The line to the application. */
  readonly end: BlockingEnd<FarMessage, NearMessage>;
  /** Fulfils when the application has been started up; rejects with what kept it from that. */
  readonly ready: Promise<void>;
  /** Fulfils when the thread is gone, with what ended it where nobody has asked for that. */
  readonly gone: Promise<string | null>;
  /** `performance.now()` when it began. */
  readonly began = performance.now();
  /** It was given a request. */
  used = false;
  /** What kept it from starting. */
  failure: Error | null = null;
  /** Shutdown hooks that threw. */
  shutdownFailures = 0;
  readonly #target: BridgeTarget;
  readonly #worker: Worker;
  readonly #control: MessagePort;
  readonly #canary = new Canary();
  #state: State = 'starting';
  #stopping = false;
  #problem: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  /** Starts the thread, and returns before it is there. */
  constructor(target: BridgeTarget) {
    this.#target = target;
    const { data, startupTimeout, maxOldGenerationSizeMb } = target;
    // Ends: with what the thread says of its start, with its limit, and with the end of the thread.
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => {}); // a caller that blocks is told otherwise
    const link = new MessageChannel();
    const control = new MessageChannel();
    this.end = new BlockingEnd(link.port1, data.bells, 0);
    this.end.post({ type: 'canary', port: this.#canary.held });
    this.#control = control.port1;
    const task: WorkerTask<BridgeData> = { index: 0, incarnation: 1, port: control.port2, link: link.port2, data };
    this.#worker = new Worker(builtModule('workers/bridge-loop'), {
      workerData: task,
      transferList: [control.port2, link.port2],
      resourceLimits: maxOldGenerationSizeMb === undefined ? {} : { maxOldGenerationSizeMb },
    });
    this.#control.on('message', (message: WorkerMessage) => this.#hear(message));
    // Without a listener, an error of the application would be one of this thread.
    this.#worker.on('error', (error) => {
      this.#problem = describeError(error);
    });
    // Ends: with the thread.
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#drain();
        if (this.#problem === null && code !== 0) this.#problem = `exit code ${code}`;
        this.#ended(`its thread ended during startup: ${this.#problem ?? 'no reason'}`);
        this.#control.close();
        link.port1.close();
        resolve(this.#stopping ? null : (this.failure?.message ?? this.#problem ?? 'it ended by itself'));
      });
    });
    if (startupTimeout > 0) this.#timer = setTimeout(() => this.#startupTimedOut(), startupTimeout);
    this.#timer?.unref();
    // Whoever waits for it keeps the process alive, not the thread: see `holdUntil`.
    this.#worker.unref();
    this.#control.unref();
  }

  /** Whether requests may be sent. */
  get serves(): boolean {
    return this.#state === 'ready' && !this.#stopping;
  }

  /** Blocks until the application has been started up; throws what kept it from that (L-05). */
  waitReady(): void {
    const { startupTimeout } = this.#target;
    while (this.#state === 'starting') {
      this.end.sleep(() => this.#drain(), LOOK_EVERY);
      if (this.#state !== 'starting') break;
      if (!this.alive()) {
        this.#drain();
        this.#ended('its thread ended during startup');
      } else if (startupTimeout > 0 && performance.now() - this.began > startupTimeout) {
        this.#startupTimedOut();
      }
    }
    if (this.failure !== null) throw this.failure;
  }

  /** Keeps the process alive until a promise settles. */
  async holdUntil<T>(promise: Promise<T>): Promise<T> {
    this.#worker.ref();
    try {
      return await promise;
    } finally {
      this.#worker.unref();
    }
  }

  /** Whether the thread lives; asks without the event loop. */
  alive(): boolean {
    return this.#canary.alive();
  }

  /** Asks the application to end, with its requests and its shutdown hooks. */
  stop(): void {
    this.#stopping = true;
    this.end.post({ type: 'stop' });
  }

  /** Ends the thread at once: no `finally`, no `close`, no hook runs (B-40). */
  terminate(): void {
    this.#stopping = true;
    this.#canary.close();
    // Stops the thread before it returns, though the promise takes the event loop.
    void this.#worker.terminate();
    this.#ended('its thread was terminated');
  }

  /** Takes in what the thread says about itself; true where it said something. */
  #drain(): boolean {
    let any = false;
    for (;;) {
      const received: { message: WorkerMessage } | undefined = receiveMessageOnPort(this.#control);
      if (received === undefined) return any;
      any = true;
      this.#hear(received.message);
    }
  }

  #hear(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        if (this.#state !== 'starting') return;
        clearTimeout(this.#timer);
        this.#state = 'ready';
        this.#resolve();
        break;
      case 'failed':
        this.#ended(message.message, message.configuration);
        break;
      case 'shutdown-failed':
        this.shutdownFailures++;
        this.#target.report(message.message);
        break;
      case 'uncaught':
        this.#target.report(uncaught(message.message));
    }
  }

  #startupTimedOut(): void {
    if (this.#state !== 'starting') return;
    this.#ended(`startup took longer than ${this.#target.startupTimeout} ms (L-04)`);
    this.terminate();
  }

  /** No request can be sent any more. @param why what whoever waits for the start is told */
  #ended(why: string, configuration = false): void {
    clearTimeout(this.#timer);
    const starting = this.#state === 'starting';
    this.#state = 'ended';
    this.#canary.close();
    if (!starting) return;
    this.failure = this.#target.startupError(why, configuration);
    this.#reject(this.failure);
  }
}
