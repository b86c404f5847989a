/** From async to sync: the application on another thread with a live event loop, the caller blocked (B-50). */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { DEFAULT_CLOSE_TIMEOUT } from '../engine/response.ts';
import { ApplicationError, ConfigurationError } from '../interface/errors.ts';
import { kindOf, markSync } from '../interface/kind.ts';
import type { Application, AsyncApplication, Body, Environ, StartResponse } from '../interface/types.ts';
import { assertMayBlock } from './blocking.ts';
import { bridgeOf, rememberBridge } from './bridges.ts';
import { BridgeError } from './errors.ts';
import { BlockingEnd, Canary } from './link.ts';
import { BlockingCall, type Line } from './sync-caller.ts';
import { BridgeThreads, DEFAULT_AHEAD, type ThreadOptions } from './threads.ts';
import type { CallerMessage, RunnerMessage } from './wire.ts';

export interface AsyncToSyncOptions extends ThreadOptions {
  /**
   * Milliseconds for one step of the application, 0 for no limit. By default there is none where the gateway can tell
   * whether the client has gone (`quaich.client_disconnected`), and 60000 where it cannot.
   */
  timeout?: number;
}

/** Milliseconds between two looks at what no message tells: the client, the other thread's life. */
const LOOK_EVERY = 50;

/**
 * A sync application that runs an async one on a bridge's thread, while its caller blocks. Its `startup` hook starts the
 * thread and has to be called first, as gateways do (L-02): a thread cannot start while the one that starts it is blocked. An
 * application that is sync already is returned as it is (B-05), and so is the one behind `syncToAsync`.
 *
 * @param app where the application is found: `./module.js:export`
 * @throws ConfigurationError for a function, which cannot go to another thread (B-51)
 */
export function asyncToSync(app: string, options?: AsyncToSyncOptions): Application;
export function asyncToSync(app: Application | AsyncApplication): Application;
export function asyncToSync(
  app: Application | AsyncApplication | string,
  options: AsyncToSyncOptions = {},
): Application {
  if (typeof app === 'string') return new BridgeLine(app, options).bridge();
  if (typeof app !== 'function') throw new ConfigurationError(`asyncToSync takes a reference, got ${app}`);
  const inner = bridgeOf(app);
  if (inner !== undefined && kindOf(inner) === 'sync') return inner as Application;
  if (kindOf(app) === 'sync') return app as Application;
  throw new ConfigurationError(
    "asyncToSync: a sync caller cannot wait for a promise on its own thread, and a function cannot be moved to another. Name the application's module, './module.js:app'; or mount the async application itself, which needs no bridge (B-50, B-51)",
  );
}

/** This thread's line to the thread of one bridged application. */
class BridgeLine implements Line {
  readonly ahead: number;
  readonly timeout: number | undefined;
  readonly closeTimeout: number;
  readonly #reference: string;
  readonly #threads: BridgeThreads;
  readonly #calls = new Map<number, BlockingCall>();
  #end: BlockingEnd<RunnerMessage, CallerMessage> | null = null;
  #canary: Canary | null = null;
  #ready = false;
  #lastId = 0;

  constructor(reference: string, options: AsyncToSyncOptions) {
    this.#reference = reference;
    this.ahead = options.ahead ?? DEFAULT_AHEAD;
    this.timeout = options.timeout;
    this.closeTimeout = options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.#threads = new BridgeThreads(reference, 'async', 1, options, {
      link: () => this.#link(),
      ready: () => {
        this.#ready = true;
      },
      lost: () => this.#lost(),
    });
  }

  bridge(): Application {
    const bridged: Application = markSync((environ: Environ, startResponse: StartResponse) =>
      this.#run(environ, startResponse),
    );
    bridged.startup = () => this.#threads.start();
    bridged.shutdown = () => {
      this.#end?.post({ type: 'stop' });
      return this.#threads.stop();
    };
    return rememberBridge(bridged, 'asyncToSync', null);
  }

  #run(environ: Environ, startResponse: StartResponse): Body {
    this.assertMayBlock();
    const convention: unknown = environ['quaich.async'];
    if (convention === true) {
      throw new ApplicationError(
        `the application of asyncToSync('${this.#reference}') was called with an async environ; call the async application itself (M-18)`,
      );
    }
    if (!this.#ready) {
      throw new BridgeError(
        this.#threads.running
          ? `the thread of asyncToSync('${this.#reference}') has died and is being replaced`
          : `asyncToSync('${this.#reference}') is not started: its startup hook starts the thread, which this one could not do while it blocks (B-23, L-13)`,
      );
    }
    const id = ++this.#lastId;
    const call = new BlockingCall(id, environ, startResponse, this);
    this.#calls.set(id, call);
    return call.start();
  }

  assertMayBlock(): void {
    assertMayBlock(this.#reference);
  }

  post(message: CallerMessage): void {
    this.#end?.post(message);
  }

  forget(id: number): void {
    this.#calls.delete(id);
  }

  wait(done: () => boolean, check: () => void, limit: number, renewed: boolean): void {
    let began = performance.now();
    let looked = began;
    while (!done()) {
      const message = this.#end?.receive(LOOK_EVERY);
      if (message !== undefined) this.#calls.get(message.id)?.hear(message);
      const now = performance.now();
      if (message !== undefined && renewed) began = now;
      if (message !== undefined && now - looked < LOOK_EVERY) continue;
      looked = now;
      if (done()) return;
      check();
      if (this.#canary?.alive() !== true) this.#lost();
      else if (limit > 0 && now - began > limit) {
        throw new BridgeError(`asyncToSync('${this.#reference}'): no answer for ${limit} ms (B-22)`);
      }
    }
  }

  #link(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#end = new BlockingEnd<RunnerMessage, CallerMessage>(port1, this.#threads.bells, 0);
    this.#canary = new Canary();
    this.#end.post({ type: 'canary', port: this.#canary.held });
    return port2;
  }

  /** The thread is gone: every request that waits for it ends (G-147). */
  #lost(): void {
    this.#ready = false;
    this.#end = null;
    this.#canary?.close();
    this.#canary = null;
    const error = new BridgeError(`the thread of asyncToSync('${this.#reference}') has died`);
    for (const call of this.#calls.values()) call.lost(error);
    this.#calls.clear();
  }
}
