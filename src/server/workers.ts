import type { Exchange } from '../http/exchange.ts';
import type { Kind } from '../interface/types.ts';
import { describeFailure, failureError } from '../pool/applications.ts';
import { type PoolEvents, StartupError, WorkerPool } from '../pool/pool.ts';
import { TAKES_ERRORS } from '../pool/worker.ts';
import type { WorkerData } from '../pool/worker-data.ts';
import { GatewayEnd } from '../rings/index.ts';
import type { Gateway } from './gateway.ts';
import { PooledRequests } from './pooled.ts';
import type { Report } from './report.ts';
import { Retirement } from './retirement.ts';
import type { SocketHost } from './socket-host.ts';

const entry = (name: string): string => new URL(`../../workers/${name}.js`, import.meta.url).href;

export interface WorkersOptions {
  data: Omit<WorkerData, 'multiprocess'>;
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
  /** Milliseconds for the requests, then the shutdown hooks, of a worker that is replaced. */
  leaveTimeout: number;
  /** Milliseconds for one step of an application; 0: no limit (G-148). */
  timeoutStep: number;
  /** Milliseconds in the queue of the sync workers after which the owner is told; 0: never (B-42). */
  queueWarning: number;
  report: Report;
}

/** The worker threads of a server and what its gateway exchanges with them. */
export class Workers {
  readonly rings: GatewayEnd;
  private readonly options: WorkersOptions;
  private readonly gateway: () => Gateway;
  private readonly requests: PooledRequests;
  private readonly pools: { kind: Kind; first: number; size: number; pool: WorkerPool<WorkerData> }[] = [];
  /** Async workers that take requests, by their index in the rings. */
  private readonly ready: boolean[] = [];
  /** By index of the worker in the rings; empty where workers are not replaced. */
  private readonly retirements: Retirement[] = [];
  /** Requests of one async worker at a time. */
  private readonly mostRequests: number;
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
        const gateway = this.gateway();
        gateway.retry();
        if (options.maxRequests > 0 && worker >= 0) this.retirements[worker].finished(worker, gateway.now);
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

  /** Tells the workers to stop and waits for them, `timeout` milliseconds at most. Fulfils with the failures of hooks. */
  async stop(timeout: number): Promise<number> {
    this.rings.stop();
    const killed = await Promise.all(this.pools.map(({ pool }) => pool.stop(timeout)));
    const ended = killed.reduce((sum, count) => sum + count, 0);
    if (ended > 0) this.options.report('warn', `${ended} workers had to be ended; their shutdown hooks did not run`);
    return this.pools.reduce((sum, { pool }) => sum + pool.shutdownFailures, 0);
  }

  /** Cuts the waiting of `stop` short (L-11). */
  abort(): void {
    for (const { pool } of this.pools) pool.abort();
  }

  /** Puts a request to the workers of a kind; false when there is no room. See `Destination.accept`. */
  accept(kind: Kind, mount: number, exchange: Exchange, host: SocketHost, hasBody: boolean): boolean {
    const { rings } = this;
    const worker = kind === 'async' ? this.leastLoaded() : 0;
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
    const { timeoutStep, queueWarning, report } = this.options;
    if (timeoutStep > 0) {
      this.requests.checkSteps(timeoutStep, now, (worker) => {
        report('warn', `an application took longer than ${timeoutStep} ms for a step: its worker is replaced`);
        const found = this.pools.find(({ first, size }) => worker >= first && worker < first + size);
        found?.pool.kill(worker - found.first);
      });
    }
    for (const retirement of new Set(this.retirements)) retirement.tick(now);
    if (queueWarning === 0) return;
    const stranded = this.rings.queueLength > 0 ? this.requests.queuedSince(now - queueWarning) : 0;
    if (stranded > 0 && !this.warned) {
      report(
        'warn',
        `all sync workers have been busy for ${queueWarning} ms while requests wait (${stranded}); if an application requests its own server, none may ever be free (B-42)`,
      );
    }
    this.warned = stranded > 0;
  }

  private addPool(kind: Kind, first: number, size: number): void {
    if (size === 0) return;
    const { maxRequests, maxRequestsJitter, leaveTimeout, report } = this.options;
    if (maxRequests > 0) {
      const retirement = new Retirement({
        rings: this.rings,
        kind,
        first,
        size,
        maxRequests,
        maxRequestsJitter,
        patience: leaveTimeout,
        ready: this.ready,
        resumed: () => this.gateway().retry(),
        report: (message) => report('info', message),
      });
      for (let index = 0; index < size; index++) this.retirements[first + index] = retirement;
    }
    const events: PoolEvents = {
      ready: (index) => {
        this.ready[first + index] = true;
        this.retirements[first + index]?.started(first + index);
        this.gateway().retry();
      },
      lost: (index, stopped) => this.lost(first + index, stopped),
      report: (message) => report('error', message),
    };
    const mounts = this.options.data.mounts.map((mount) => (mount?.app.kind === kind ? mount : null));
    const data: WorkerData = { ...this.options.data, mounts, multiprocess: size > 1 };
    const pool = new WorkerPool<WorkerData>(
      {
        kind,
        size,
        entry: entry(kind),
        data,
        startupTimeout: this.options.timeoutStartup,
        heapLimit: this.options.limitWorkerMemory,
        leaveTimeout,
      },
      events,
    );
    this.pools.push({ kind, first, size, pool });
  }

  private lost(worker: number, stopped: boolean): void {
    this.ready[worker] = false;
    this.retirements[worker]?.ended(worker);
    const slots = this.rings.workerLost(worker, this.requests);
    if (slots.length > 0 && !stopped) {
      this.options.report(
        'error',
        `${slots.length} requests ended with their worker; their bodies could not be closed`,
      );
    }
    for (const slot of slots) this.requests.lost(slot);
    this.gateway().endTurn();
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
