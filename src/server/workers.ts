import { QuaichError } from '../interface/errors.ts';
import type { ErrorStream, Kind } from '../interface/types.ts';
import { describeFailure, failureError } from '../pool/applications.ts';
import type { LoadedThread } from '../pool/loaded-thread.ts';
import type { MetricLists } from '../pool/metric-data.ts';
import type { OpenFiles } from '../pool/open-files.ts';
import { type Loss, StartupError } from '../pool/pool.ts';
import { TAKES_ERRORS } from '../pool/worker.ts';
import { BUSY } from '../protocols/answer.ts';
import type { Exchange } from '../protocols/exchange.ts';
import type { Parser } from '../protocols/http/parser.ts';
import { GatewayEnd, noteArrival } from '../rings/index.ts';
import type { SpoolSpace } from './body-spool.ts';
import type { Deaths } from './deaths.ts';
import { KindPool, type SharedData, type SupervisionOptions, type WorkerPlace } from './kind-pool.ts';
import { PLACES } from './memory.ts';
import type { ResolvedOptions } from './options.ts';
import { type ApplicationLimits, PooledRequests } from './pooled.ts';
import type { Reloaded, Service, Succession } from './service.ts';
import { SlowClients } from './slow-clients.ts';
import type { SocketHost } from './socket-host.ts';
import type { Traffic } from './status/traffic.ts';
import { type ServiceStatus, workerStatuses } from './status/workers.ts';
import type { Turn } from './turn.ts';
import { Uploads } from './uploads.ts';
import { Watchdog } from './watchdog.ts';

/** Requests that ended with their worker of which the error log tells one by one. */
const MOST_TOLD = 20;

const NO_WORKER = 'no worker is ready';

/** The settings that workers go by, beside those of their supervision. */
type WorkerSettings = Pick<
  ResolvedOptions,
  | 'asyncRequests'
  | 'bufferBody'
  | 'bufferSmallBody'
  | 'deathsWindow'
  | 'limitQueue'
  | 'maxDeaths'
  | 'queueWarning'
  | 'timeoutAsyncResponse'
  | 'timeoutLoop'
  | 'timeoutQueue'
  | 'timeoutResponse'
  | 'timeoutStep'
>;

export interface WorkersOptions extends WorkerSettings, SupervisionOptions {
  /** Of all workers of the server. */
  deaths: Deaths;
  /** The same. */
  spoolSpace: SpoolSpace | null;
  traffic: Traffic;
  errors: ErrorStream;
  /** Workers have died too often: the server is to end. */
  fail(error: Error): void;
}

/**
 * The worker threads of a server, or of one of its mounts, and what the gateway exchanges with them. A request comes
 * from the gateway to `accept`, which copies it into a slot of the rings; what a worker answers is drained by `listen`,
 * and goes through PooledRequests to the connection.
 */
export class Workers implements Service {
  private readonly rings: GatewayEnd;
  private readonly options: WorkersOptions;
  private data: SharedData;
  private readonly parser: Parser;
  private readonly turn: Turn;
  private readonly requests: PooledRequests;
  private readonly pools: KindPool[] = [];
  /** By index in the rings. */
  private readonly places: WorkerPlace[] = [];
  private readonly poolsByMount: readonly (KindPool | undefined)[];
  /** Bytes of a request body that sync workers are not to wait for (B-44). */
  private readonly bufferBody: number;
  /** Requests of one async worker at a time (G-09). */
  private readonly mostRequests: number;
  private readonly limits: ApplicationLimits;
  private readonly uploads: Uploads;
  /** Null: sync workers wait for their clients. */
  private readonly slowClients: SlowClients | null;
  private readonly watchdog: Watchdog;
  /** The owner knows that requests are stranded in the queue. */
  private warned = false;
  /** Requests that sync workers have, or are to have. */
  private syncRequests = 0;
  private ringsDirty = false;

  constructor(options: WorkersOptions, parser: Parser, turn: Turn) {
    this.options = options;
    this.data = options.data;
    this.parser = parser;
    this.turn = turn;
    const { memory, layout, mounts } = options.data;
    this.rings = new GatewayEnd(memory, layout, parser);
    this.bufferBody = Math.min(options.bufferBody, layout.largeBodySize);
    this.mostRequests = options.asyncRequests || Number.POSITIVE_INFINITY;
    this.limits = {
      step: options.timeoutStep,
      response: options.timeoutResponse,
      asyncResponse: options.timeoutAsyncResponse,
    };
    this.watchdog = new Watchdog(this.rings, options.timeoutLoop);
    this.uploads = new Uploads(() => this.mostUploads());
    this.requests = new PooledRequests({
      rings: this.rings,
      turn,
      traffic: options.traffic,
      uploads: this.uploads,
      spoolSpace: options.spoolSpace,
      isTimed: options.data.timed,
      errors: options.errors,
      workerName: (worker) => this.places[worker].name,
      scheduleRings: () => this.schedule(),
      isFull: () => this.isFull(),
      queued: () => {
        this.syncRequests++;
      },
      dispatchSync: (slot) => {
        this.rings.dispatchSync(slot);
        this.schedule();
        if (this.waiting > 0) this.slowClients?.watch();
      },
      slotFreed: (worker, wasQueued) => {
        if (wasQueued) this.syncRequests--;
        if (wasQueued && worker >= 0 && !this.places[worker].draining) this.slowClients?.moved();
        turn.retry();
        if (worker >= 0) this.places[worker].of.finished(worker, this.places[worker]);
      },
      copy: (start, end) => parser.copy(start, end),
      note: (_worker, _code, text) => options.report('info', text),
    });
    const ofSyncWorkers = () =>
      this.requests.ofWorkers((worker) => worker < layout.syncWorkers && !this.places[worker].draining);
    const waiting = () => this.requests.queuedSince(Number.POSITIVE_INFINITY);
    this.slowClients = options.spoolSpace && new SlowClients(ofSyncWorkers, waiting, options.report);
    this.addPool('sync', [0, layout.syncWorkers]);
    this.addPool('async', [layout.syncWorkers, layout.asyncWorkers]);
    this.poolsByMount = mounts.map((mount) => this.pools.find(({ kind }) => kind === mount?.known?.kind));
  }

  /** Starts all workers. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.pools.map(({ pool }) => pool.start()));
    } catch (error) {
      throw inWords(error);
    }
    this.listen();
  }

  async prepare({ mounts, syncWorkers, first, ...others }: Reloaded): Promise<Succession> {
    const own = mounts.map((mount, index) => this.data.mounts[index] && mount);
    // A mount's own workers stay as many as they are.
    const count = this.options.mount === '' ? syncWorkers : this.data.layout.syncWorkers / PLACES;
    return this.succession(this.pools, { ...this.data, ...others, mounts: own }, count, first);
  }

  async addSyncWorkers(count: number): Promise<void> {
    const { report, mount } = this.options;
    if (mount !== '') return;
    const sync = this.pools.find(({ kind }) => kind === 'sync');
    if (sync === undefined) return report('warn', 'there are no sync applications, and no workers for them');
    const size = Math.min(Math.max(sync.size + count, 1), sync.most);
    if (size === sync.size)
      report('warn', `${size} sync workers are the ${count > 0 ? 'most' : 'fewest'} there can be`);
    else if (sync.size > 1) sync.resize(size);
    else (await this.succession([sync], this.data, size, null)).commit();
  }

  /**
   * Starts successors of the workers of some pools, with this data.
   *
   * @param syncWorkers as many of them as there is room for
   * @param first goes on as one of them
   */
  private async succession(
    pools: readonly KindPool[],
    data: SharedData,
    syncWorkers: number,
    first: LoadedThread | null,
  ): Promise<Succession> {
    const sizeOf = ({ kind, size, most }: KindPool) => (kind === 'sync' ? Math.min(syncWorkers, most) : size);
    const cancel = (): void => {
      for (const { pool } of pools) pool.cancel();
    };
    try {
      await Promise.all(pools.map((pool) => pool.prepare(data, sizeOf(pool), first)));
    } catch (error) {
      cancel();
      throw inWords(error);
    }
    return {
      cancel,
      assertReady() {
        try {
          for (const { pool } of pools) pool.assertPrepared();
        } catch (error) {
          throw inWords(error);
        }
      },
      commit: () => {
        for (const pool of pools) pool.commit(data, sizeOf(pool));
        this.data = data;
      },
    };
  }

  /** Tells the workers to stop, and waits for them. */
  async stop(timeout: number): Promise<number> {
    this.rings.stop();
    this.slowClients?.stop();
    const killed = await Promise.all(this.pools.map(({ pool }) => pool.stop(timeout)));
    this.requests.close();
    const ended = killed.reduce((sum, count) => sum + count, 0);
    if (ended > 0) this.options.report('warn', `${ended} workers had to be ended; their shutdown hooks did not run`);
    return this.pools.reduce((sum, { pool }) => sum + pool.shutdownFailures, 0);
  }

  get stuck(): number {
    return this.pools.reduce((sum, { pool }) => sum + pool.stuck, 0);
  }

  get isDown(): boolean {
    return this.pools.some(({ isDown }) => isDown);
  }

  status(): ServiceStatus {
    const { mount } = this.options;
    const replaced = this.pools.map(({ kind, pool }) => ({ mount, kind, causes: pool.replacements }));
    return { inProgress: this.rings.inUse, ...workerStatuses(this.rings, this.places, mount), replaced };
  }

  async metrics(): Promise<MetricLists> {
    return (await Promise.all(this.pools.map((pool) => pool.measured()))).flat();
  }

  abort(): void {
    for (const { pool } of this.pools) pool.abort();
  }

  accept(mount: number, exchange: Exchange, host: SocketHost): boolean {
    const { hasBody } = exchange;
    const { rings } = this;
    const pool = this.poolsByMount[mount];
    if (pool === undefined) throw new Error(`mount ${mount} does not run on workers`);
    const worker = pool.kind === 'async' ? this.leastLoaded() : 0;
    if (pool.isDown && this.refuses(pool, exchange)) return true;
    if (worker < 0) return false;
    const slot = rings.acquire();
    if (slot < 0) return false;
    const flags = exchange.connection.takesErrors ? TAKES_ERRORS : 0;
    rings.fill(slot, mount, flags, host.connectionText, this.parser.headStart);
    if (this.data.queueTime) noteArrival(rings, slot, exchange.startTime);
    if (hasBody) rings.bodies.expect(slot, exchange.bodyLength);
    else rings.endBody(slot);
    this.requests.begin(slot, exchange);
    const awaited = hasBody ? this.awaitedOf(exchange) : 0;
    if (pool.kind === 'async') rings.dispatchAsync(slot, worker);
    else if (awaited > 0) this.requests.hold(slot, awaited);
    else this.requests.dispatchSync(slot);
    this.schedule();
    return true;
  }

  /**
   * Bytes of a body, unless it ends before, that are to come before a sync worker gets the request (B-44). By default
   * not where the client waits for an application that may refuse it.
   */
  private awaitedOf({ expectsContinue }: Exchange): number {
    return this.bufferBody || (expectsContinue ? 0 : this.options.bufferSmallBody);
  }

  /**
   * Sync workers that may have requests whose bodies are still to come: one is left to others, if there is another, and
   * while the queue is full none gets one more.
   */
  private mostUploads(): number {
    if (this.bufferBody + this.options.bufferSmallBody === 0) return Number.POSITIVE_INFINITY;
    if (this.isFull()) return 0;
    const [sync] = this.pools;
    return Math.max(1, sync.inService - 1);
  }

  /** At the end of a turn: wakes the workers. */
  flush(): void {
    if (!this.ringsDirty) return;
    this.ringsDirty = false;
    this.rings.flush();
  }

  /** With every tick of the clock: looks for applications that do not move, and for a queue that does not. */
  tick(now: number): void {
    const { timeoutLoop, timeoutQueue, queueWarning, report } = this.options;
    if (timeoutLoop > 0) this.watch(now);
    for (const pool of this.pools) pool.tick();
    this.uploads.admitWaiting(); // there may be more workers
    const { step, response, asyncResponse } = this.limits;
    if (step + response + asyncResponse > 0) {
      this.requests.checkApplications(this.limits, now, (worker, why) => this.end(worker, why));
    }
    if (this.rings.queueLength === 0 && !this.uploads.areWaiting) {
      this.warned = false;
      return;
    }
    this.requests.lookAtQueue(now);
    this.slowClients?.watch(); // there may be fewer workers
    if (timeoutQueue > 0) this.requests.refuseQueued(now - timeoutQueue, BUSY, 1);
    if (queueWarning === 0) return;
    const stranded = this.requests.queuedSince(now - queueWarning);
    if (stranded > 0 && !this.warned) {
      report(
        'warn',
        `all sync workers have been busy for ${queueWarning} ms while requests wait (${stranded}); ` +
          'if an application requests its own server, none may ever be free (B-42)',
      );
    }
    this.warned = stranded > 0;
  }

  /** As many requests wait for a sync worker as may (L-23). */
  private isFull(): boolean {
    const { limitQueue } = this.options;
    return limitQueue > 0 && this.waiting >= limitQueue;
  }

  /** Requests beyond those that each sync worker in service has, or takes. */
  private get waiting(): number {
    const [sync] = this.pools; // requests that are queued are theirs
    return this.syncRequests - sync.inService;
  }

  /** Ends async workers whose event loop does not turn. Those without requests have nobody to keep waiting. */
  private watch(now: number): void {
    const { syncWorkers, workers } = this.rings.layout;
    for (let worker = syncWorkers; worker < workers; worker++) {
      const { ready, draining } = this.places[worker];
      if (this.rings.inFlight(worker) === 0 || !(ready || draining)) this.watchdog.forget(worker);
      else if (this.watchdog.isBlocked(worker, now)) {
        this.end(worker, `its event loop did not turn for ${this.options.timeoutLoop} ms`);
      }
    }
  }

  /** Ends a worker by force, and keeps neither the clients of its requests waiting for that, nor new ones. */
  private end(worker: number, why: string): void {
    const place = this.places[worker];
    place.ready = false;
    place.draining = false;
    place.of.pool.kill(place.index, why);
    this.requests.abandon(worker);
  }

  private addPool(kind: Kind, places: readonly [first: number, places: number]): void {
    if (places[1] === 0) return;
    const { options, rings, turn } = this;
    const pool = new KindPool(
      kind,
      places,
      { options, rings, turn },
      {
        lost: (worker, files) => this.lost(worker, files),
        down: (of) => this.down(of),
        died: () => this.died(),
      },
    );
    this.pools.push(pool);
    this.places.push(...pool.places);
  }

  private died(): void {
    const { deaths, maxDeaths, deathsWindow, fail } = this.options;
    if (!deaths.note(this.turn.now)) return;
    const text = `${maxDeaths} workers have died within ${deathsWindow} ms (maxDeaths): the server gives up`;
    fail(new QuaichError('QUAICH_CRASH_LOOP', text));
  }

  /** The thread of a worker has ended. */
  private lost(worker: number, files: OpenFiles): Omit<Loss, 'served'> {
    const slots = this.rings.workerLost(worker, this.requests);
    const requests = slots
      .slice(0, MOST_TOLD)
      .map((slot) => `${this.requests.shown(slot)} of ${this.data.mounts[this.rings.request(slot).mount]?.app.module}`);
    if (slots.length > MOST_TOLD) requests.push(`and ${slots.length - MOST_TOLD} more`);
    for (const slot of slots) this.requests.lost(slot, worker, files);
    this.turn.end();
    return { requests, inUse: this.requests.filesInUse };
  }

  /** No worker of a kind is in service or starting: those who wait for one are told so, and when to come again. */
  private down(of: KindPool): void {
    if (of.kind === 'sync') this.requests.refuseQueued(Number.POSITIVE_INFINITY, NO_WORKER, of.retryAfter);
    // Those for whom there was no room are refused when they try again.
    this.turn.retry();
  }

  /** Answers a request where no worker of its kind is in service or starting. */
  private refuses(of: KindPool, exchange: Exchange): boolean {
    const { retryAfter } = of;
    if (retryAfter === 0) return false;
    exchange.connection.answer(exchange, 503, NO_WORKER, retryAfter);
    return true;
  }

  /** The async worker with the fewest requests; -1 when none may have one more. */
  private leastLoaded(): number {
    const { rings } = this;
    const { syncWorkers, workers } = rings.layout;
    let best = -1;
    let least = this.mostRequests;
    for (let worker = syncWorkers; worker < workers; worker++) {
      const load = rings.inFlight(worker);
      if (load >= least || !this.places[worker].ready) continue;
      best = worker;
      least = load;
    }
    return best;
  }

  /** Hands on what the workers have sent; false where there was nothing. */
  private drain(): boolean {
    try {
      return this.rings.drain(this.requests) > 0;
    } catch (error) {
      // A defect of ours. The message that led to it is passed; the others go on.
      this.options.report('error', `a response was lost: ${describeFailure(error).message}`);
      return true;
    }
  }

  private schedule(): void {
    this.ringsDirty = true;
    this.turn.schedule();
  }

  private readonly listen = (): void => {
    if (this.drain()) this.turn.end();
    if (!this.rings.arm(this.listen)) setImmediate(this.listen);
  };
}

/** What kept workers from starting, for their owner. */
function inWords(error: unknown): unknown {
  return error instanceof StartupError ? failureError(error) : error;
}
