import type { Kind } from '../interface/types.ts';
import { describeFailure, failureError } from '../pool/applications.ts';
import type { OpenFiles } from '../pool/open-files.ts';
import { type Loss, StartupError, WorkerPool } from '../pool/pool.ts';
import { TAKES_ERRORS } from '../pool/worker.ts';
import type { WorkerData } from '../pool/worker-data.ts';
import { BUSY } from '../protocols/answer.ts';
import type { Exchange } from '../protocols/exchange.ts';
import { GatewayEnd } from '../rings/index.ts';
import { shown } from '../rules/show.ts';
import type { Gateway } from './gateway.ts';
import { PLACES } from './memory.ts';
import { PooledRequests } from './pooled.ts';
import type { Report } from './report.ts';
import type { SocketHost } from './socket-host.ts';

const entry = (name: string): string => new URL(`../../workers/${name}.js`, import.meta.url).href;

/** Requests that ended with their worker of which the error log tells one by one. */
const MOST_TOLD = 20;
/** Characters of their targets. */
const MOST_SHOWN = 200;

const NO_WORKER = 'no worker is ready';

export interface WorkersOptions {
  data: Omit<WorkerData, 'multiprocess'>;
  /** Modules of the mounts, for the error log. */
  modules: readonly string[];
  timeoutStartup: number;
  /** Bytes of JavaScript heap for each worker; 0: as Node has it. */
  limitWorkerMemory: number;
  /** Requests of one async worker at a time; 0: no limit (G-09). */
  asyncRequests: number;
  /** Bytes of a request body that sync workers are not to wait for; at most the body space of the rings (B-44). */
  bufferBody: number;
  /** Requests after which a worker is replaced; 0: never (L-16). */
  maxRequests: number;
  maxRequestsJitter: number;
  /** Milliseconds for the shutdown hooks of a worker that leaves. */
  leaveTimeout: number;
  /** Milliseconds for one step of an application; 0: no limit (G-148). */
  timeoutStep: number;
  /** Milliseconds in the queue of the sync workers; 0: no limit (G-148). */
  timeoutQueue: number;
  /** Milliseconds in the queue of the sync workers after which the owner is told; 0: never (B-42). */
  queueWarning: number;
  /** What becomes of a worker with an error outside of any request (G-146). */
  uncaughtErrors: 'replace' | 'report';
  report: Report;
}

/** The workers of one kind. */
interface KindPool {
  readonly kind: Kind;
  /** Their places in the rings: the first one, and the number. */
  readonly first: number;
  readonly places: number;
  readonly pool: WorkerPool<WorkerData>;
}

/** The worker threads of a server and what its gateway exchanges with them. */
export class Workers {
  readonly rings: GatewayEnd;
  private readonly options: WorkersOptions;
  private readonly gateway: () => Gateway;
  private readonly requests: PooledRequests;
  private readonly pools: KindPool[] = [];
  // By place in the rings.
  /** Whether its thread takes requests. */
  private readonly ready: boolean[] = [];
  /** Another thread has taken its part: it leaves with its last request. */
  private readonly draining: boolean[] = [];
  /** Requests that its thread has been through with, and those after which it is replaced. */
  private readonly served: number[] = [];
  private readonly limits: number[] = [];
  /** Requests of one async worker at a time. */
  private readonly mostRequests: number;
  /** No worker of a kind was in service or starting, and none has been ready since. */
  private readonly isDown = { sync: false, async: false };
  /** The owner knows that requests are stranded in the queue. */
  private warned = false;
  private ringsDirty = false;

  constructor(options: WorkersOptions, gateway: () => Gateway) {
    this.options = options;
    this.gateway = gateway;
    const { memory, layout } = options.data;
    this.rings = new GatewayEnd(memory, layout);
    this.mostRequests = options.asyncRequests || Number.POSITIVE_INFINITY;
    this.requests = new PooledRequests({
      rings: this.rings,
      scheduleRings: () => this.schedule(),
      slotFreed: (worker) => {
        this.gateway().retry();
        if (worker >= 0) this.finished(worker);
      },
      note: (_worker, _code, text) => options.report('info', text),
      now: () => this.gateway().now,
    });
    this.addPool('sync', 0, layout.syncWorkers);
    this.addPool('async', layout.syncWorkers, layout.asyncWorkers);
  }

  /** Starts all workers; rejects with what kept one from starting. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.pools.map(({ pool }) => pool.start()));
    } catch (error) {
      throw error instanceof StartupError ? failureError(error) : error;
    }
    this.listen();
  }

  /**
   * Tells the workers to stop and waits for them, `timeout` milliseconds at most. Fulfils with the number of shutdown hooks
   * that threw or did not end (L-10).
   */
  async stop(timeout: number): Promise<number> {
    this.rings.stop();
    const killed = await Promise.all(this.pools.map(({ pool }) => pool.stop(timeout)));
    const ended = killed.reduce((sum, count) => sum + count, 0);
    if (ended > 0) this.options.report('warn', `${ended} workers had to be ended; their shutdown hooks did not run`);
    return this.pools.reduce((sum, { pool }) => sum + pool.shutdownFailures, 0);
  }

  /** Threads that `stop` could not end. */
  get stuck(): number {
    return this.pools.reduce((sum, { pool }) => sum + pool.stuck, 0);
  }

  /** Cuts the waiting of `stop` short (L-11). */
  abort(): void {
    for (const { pool } of this.pools) pool.abort();
  }

  /** Puts a request to the workers of a kind; false when there is no room. See `Destination.accept`. */
  accept(kind: Kind, mount: number, exchange: Exchange, host: SocketHost, hasBody: boolean): boolean {
    const { rings } = this;
    const worker = kind === 'async' ? this.leastLoaded() : 0;
    if (this.isDown[kind] && this.refuses(kind, exchange)) return true;
    if (worker < 0) return false;
    const slot = rings.acquire();
    if (slot < 0) return false;
    const gateway = this.gateway();
    rings.fill(slot, mount, exchange.connection.takesErrors ? TAKES_ERRORS : 0, host.meta, gateway.parser.headStart);
    if (!hasBody) rings.endBody(slot);
    this.requests.begin(slot, exchange, hasBody, gateway.now);
    if (kind === 'async') rings.dispatchAsync(slot, worker);
    else if (hasBody && this.options.bufferBody > 0) this.requests.hold(slot, this.options.bufferBody);
    else rings.dispatchSync(slot);
    this.schedule();
    return true;
  }

  /** At the end of a turn: wakes the workers. */
  flush(): void {
    if (!this.ringsDirty) return;
    this.ringsDirty = false;
    this.rings.flush();
  }

  /** With every tick of the clock: looks for applications that do not move, and for a queue that does not. */
  tick(now: number): void {
    const { timeoutStep, timeoutQueue, queueWarning, report } = this.options;
    if (timeoutStep > 0) {
      this.requests.checkSteps(timeoutStep, now, (worker) => {
        const found = this.pools.find(({ first, places }) => worker >= first && worker < first + places);
        found?.pool.kill(worker - found.first, `an application took longer than ${timeoutStep} ms for a step`);
        this.requests.abandon(worker);
      });
    }
    if (this.rings.queueLength === 0) {
      this.warned = false;
      return;
    }
    if (timeoutQueue > 0) this.requests.refuseQueued(now - timeoutQueue, BUSY, 1);
    if (queueWarning === 0) return;
    const stranded = this.requests.queuedSince(now - queueWarning);
    if (stranded > 0 && !this.warned) {
      report(
        'warn',
        `all sync workers have been busy for ${queueWarning} ms while requests wait (${stranded}); if an application requests its own server, none may ever be free (B-42)`,
      );
    }
    this.warned = stranded > 0;
  }

  private addPool(kind: Kind, first: number, places: number): void {
    if (places === 0) return;
    const { timeoutStartup, limitWorkerMemory, leaveTimeout, uncaughtErrors, report } = this.options;
    const size = places / PLACES;
    const mounts = this.options.data.mounts.map((mount) => (mount?.app.kind === kind ? mount : null));
    const data: WorkerData = { ...this.options.data, mounts, multiprocess: size > 1 };
    const pool = new WorkerPool<WorkerData>(
      {
        kind,
        size,
        places,
        entry: entry(kind),
        data,
        startupTimeout: timeoutStartup,
        heapLimit: limitWorkerMemory,
        leaveTimeout,
        replaceUncaught: uncaughtErrors === 'replace',
      },
      {
        ready: (index) => {
          this.isDown[kind] = false;
          this.started(first + index);
        },
        replaced: (index) => {
          this.ready[first + index] = false;
          this.draining[first + index] = true;
          this.retireIdle(first + index);
        },
        lost: (index, files) => this.lost(first + index, files),
        down: () => this.down(kind),
        report: (message) => report('error', message),
      },
    );
    this.pools.push({ kind, first, places, pool });
  }

  private started(worker: number): void {
    const { maxRequests, maxRequestsJitter } = this.options;
    this.ready[worker] = true;
    this.draining[worker] = false;
    this.served[worker] = 0;
    this.limits[worker] =
      maxRequests === 0 ? Number.POSITIVE_INFINITY : maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1));
    this.gateway().retry();
  }

  /** A worker is through with a request. */
  private finished(worker: number): void {
    const served = ++this.served[worker];
    if (this.draining[worker]) this.retireIdle(worker);
    else if (served >= this.limits[worker]) this.replace(worker, served);
  }

  /** Has a worker replaced that has served its number of requests (L-16); what cannot be now is tried with the next one. */
  private replace(worker: number, served: number): void {
    const found = this.pools.find(({ first, places }) => worker >= first && worker < first + places);
    if (found === undefined || !this.ready[worker] || !found.pool.replace(worker - found.first)) return;
    this.limits[worker] = served + this.options.maxRequests;
    this.options.report('info', `${found.kind} worker ${worker - found.first} is replaced after ${served} requests`);
  }

  /** Tells a worker that is draining to leave, once no request can be on its way to it. */
  private retireIdle(worker: number): void {
    // A sync worker takes its requests itself, and takes none any more when it is told.
    if (worker < this.rings.layout.syncWorkers || this.rings.inFlight(worker) === 0) this.rings.retire(worker);
  }

  /** The thread of a worker has ended. */
  private lost(worker: number, files: OpenFiles): Loss {
    this.ready[worker] = false;
    this.draining[worker] = false;
    const { modules } = this.options;
    const slots = this.rings.workerLost(worker, this.requests);
    const requests = slots.slice(0, MOST_TOLD).map((slot) => {
      const { method, target, mount } = this.rings.request(slot);
      return `${method.slice(0, MOST_SHOWN)} ${shown(target, MOST_SHOWN)} of ${modules[mount]}`;
    });
    if (slots.length > MOST_TOLD) requests.push(`and ${slots.length - MOST_TOLD} more`);
    for (const slot of slots) this.requests.lost(slot, files);
    this.gateway().endTurn();
    const served = (this.served[worker] ?? 0) + slots.length > 0;
    this.served[worker] = 0;
    return { served, requests, inUse: this.requests.filesInUse };
  }

  /** No worker of a kind is in service or starting: those who wait for one are told so, and when to come again. */
  private down(kind: Kind): void {
    this.isDown[kind] = true;
    if (kind === 'sync') this.requests.refuseQueued(Number.POSITIVE_INFINITY, NO_WORKER, this.retryAfter(kind));
    // Those for whom there was no room are refused when they try again.
    this.gateway().retry();
  }

  /** Answers a request where no worker of its kind is in service or starting. */
  private refuses(kind: Kind, exchange: Exchange): boolean {
    const seconds = this.retryAfter(kind);
    if (seconds === 0) return false;
    exchange.connection.answer(exchange, 503, NO_WORKER, seconds);
    return true;
  }

  /** Seconds until a worker of a kind is started, where none is in service or starting; 0 elsewhere. */
  private retryAfter(kind: Kind): number {
    const found = this.pools.find((one) => one.kind === kind);
    return Math.ceil((found?.pool.retryIn ?? 0) / 1000);
  }

  /** The async worker with the fewest requests; -1 when none may have one more. */
  private leastLoaded(): number {
    const { rings } = this;
    const { syncWorkers, workers } = rings.layout;
    let best = -1;
    let least = this.mostRequests;
    for (let worker = syncWorkers; worker < workers; worker++) {
      const load = rings.inFlight(worker);
      if (load >= least || !this.ready[worker]) continue;
      best = worker;
      least = load;
    }
    return best;
  }

  private schedule(): void {
    this.ringsDirty = true;
    this.gateway().scheduleTurnEnd();
  }

  private readonly listen = (): void => {
    try {
      if (this.rings.drain(this.requests) > 0) this.gateway().endTurn();
    } catch (error) {
      // A defect of ours. The message that led to it is passed; the others go on.
      this.options.report('error', `a response was lost: ${describeFailure(error).message}`);
    }
    if (!this.rings.arm(this.listen)) setImmediate(this.listen);
  };
}
