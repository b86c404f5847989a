import type { ChildProcess } from 'node:child_process';
import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { MetricData } from '../../pool/metric-data.ts';
import { builtModule } from '../../rules/own-files.ts';
import { nothing } from '../../rules/promises.ts';
import { property } from '../../rules/property.ts';
import { within } from '../../rules/within.ts';
import type { ServeOptions } from '../options.ts';
import type { Snapshot } from '../status/snapshot.ts';
import { LISTENING, type Order, type OrderAnswer, type Orders, unpackError } from './orders.ts';

/** Milliseconds to wait for what a process tells of itself; after that what it told last has to do. */
const TELL_LIMIT = 1000;

/** An order on its way. */
interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process as its supervisor sees it: orders go there, and it ends once. */
export class ServingProcess {
  /** Fulfils, in words, with what has ended it. */
  readonly ended: Promise<string>;
  /** With which it has loaded its applications. */
  options: ServeOptions;
  /** It answers requests. */
  isReady = false;
  /** What it told of itself last. */
  lastSnapshot: Snapshot | null = null;
  lastMetrics: readonly MetricData[] = [];
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  /** Orders so far, which number them. */
  #orders = LISTENING;
  /** Orders that wait until it hears them; null: it does. */
  #early: Order[] | null = [];
  #hasEnded = false;
  /** Looks since its last answer to a ping; 0: it owes none. */
  #silentFor = 0;

  /** @param options those that it is going to be started with */
  constructor(options: ServeOptions) {
    this.options = options;
    // Global to this process, and looked at by `fork` alone.
    cluster.setupPrimary({ exec: fileURLToPath(builtModule('workers/process')), args: [], serialization: 'advanced' });
    const worker = cluster.fork();
    this.#worker = worker;
    const closeConnections = followConnections(worker.process);
    worker.on('message', (answer: OrderAnswer) => this.#answered(answer));
    // Ends: with the process, or where the system could not make it.
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        closeConnections();
        this.#end();
        resolve(how);
      };
      worker.once('exit', (code: number | null, signal: string | null) => end(signal ?? `exit code ${code}`));
      // One that cannot be told anything ends soon.
      worker.on('error', (error) => (worker.process.pid === undefined ? end(error.message) : nothing()));
    });
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** @throws what the process says; Error where it ends before it has answered */
  order<Name extends keyof Orders>(name: Name, ...given: Parameters<Orders[Name]>): ReturnType<Orders[Name]> {
    const order: Order = { id: ++this.#orders, name, given };
    // Ends: with the answer, or with the process.
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#hasEnded) reject(new Error('the process has ended'));
      else this.#pending.set(order.id, { resolve, reject });
    });
    if (this.#early !== null) this.#early.push(order);
    else this.#send(order);
    // The method of that name has made the answer (process.ts).
    return answer as ReturnType<Orders[Name]>;
  }

  /** What it tells of itself, soon; null where that is nothing. */
  async snapshot(): Promise<Snapshot | null> {
    const told = this.order('snapshot').then((snapshot) => {
      this.lastSnapshot = snapshot;
    });
    await within(told, TELL_LIMIT, 'a snapshot').catch(nothing);
    return this.lastSnapshot;
  }

  /** Has `lastMetrics` told anew, soon. */
  async askMetrics(): Promise<void> {
    const told = this.order('metrics').then((metrics) => {
      this.lastMetrics = metrics;
    });
    await within(told, TELL_LIMIT, 'metrics').catch(nothing);
  }

  /**
   * Asks for a sign of life.
   *
   * @returns how often that was done since the last answer
   */
  ping(): number {
    if (this.#silentFor++ === 0) {
      this.order('ping').then(() => {
        this.#silentFor = 0;
      }, nothing);
    }
    return this.#silentFor;
  }

  /**
   * Has it stop in order and waits for its end, which is forced after `limit` milliseconds.
   *
   * @throws what went wrong with the stop
   */
  async stop(limit: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), limit);
    try {
      await this.order('close');
    } catch (error) {
      // It may have threads that keep it from ending.
      this.kill();
      throw error;
    } finally {
      await this.ended;
      clearTimeout(timer);
    }
  }

  /** Ends it at once, by force. */
  kill(): void {
    this.#worker.process.kill('SIGKILL');
  }

  #send(order: Order): void {
    // A channel that is closed is told by the end of the process.
    if (!this.#hasEnded) this.#worker.send(order, nothing);
  }

  #answered(answer: OrderAnswer): void {
    if (answer.id === LISTENING) {
      for (const order of this.#early ?? []) this.#send(order);
      this.#early = null;
    }
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (answer.failure === undefined) pending?.resolve(answer.value);
    else pending?.reject(unpackError(answer.failure));
  }

  #end(): void {
    this.#hasEnded = true;
    this.isReady = false;
    for (const { reject } of this.#pending.values()) reject(new Error('the process ended before it had answered'));
    this.#pending.clear();
  }
}

/**
 * Follows the connections on their way to a process. `node:cluster` gives each over in a message with its handle, one
 * after the other for each address, closes the handle when it was taken, and forgets it where the process dies before
 * that: its client would wait for ever. What is returned closes the last ones, which does nothing to those closed.
 */
function followConnections(child: ChildProcess): () => void {
  const handed = new Map<unknown, () => void>();
  const { send } = child;
  child.send = (...given: unknown[]): boolean => {
    const [message, handle] = given;
    const close = property(handle, 'close');
    if (typeof close === 'function') handed.set(property(message, 'key'), () => Reflect.apply(close, handle, []));
    return Reflect.apply(send, child, given);
  };
  return () => {
    for (const close of handed.values()) close();
  };
}
