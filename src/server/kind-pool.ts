import type { Kind } from '../interface/types.ts';
import type { LoadedThread } from '../pool/loaded-thread.ts';
import type { MetricLists } from '../pool/metric-data.ts';
import type { OpenFiles } from '../pool/open-files.ts';
import { type Loss, WorkerPool } from '../pool/pool.ts';
import { stackSize } from '../pool/python-stack.ts';
import { GatheredMetrics } from '../pool/thread-metrics.ts';
import type { WorkerData } from '../pool/worker-data.ts';
import type { GatewayEnd } from '../rings/index.ts';
import { isClusterWorker } from '../rules/cluster.ts';
import { textToNative } from '../rules/native-strings.ts';
import { builtModule } from '../rules/own-files.ts';
import { PLACES } from './memory.ts';
import type { ResolvedOptions } from './options.ts';
import type { Report } from './report.ts';
import type { Turn } from './turn.ts';
import { type RecycleSettings, WorkerAllowance } from './worker-allowance.ts';

/**
 * Milliseconds between two workers that are replaced for their memory: where the limit is less than what applications
 * need from the start, threads are not started all the time.
 */
const MEMORY_EVERY = 10_000;

type SupervisionSettings = Pick<
  ResolvedOptions,
  'asyncWorkers' | 'limitWorkerMemory' | 'syncWorkers' | 'timeoutStartup' | 'uncaughtErrors'
> &
  RecycleSettings;

/** What all workers of a server get; those of a kind have the mounts of that kind. */
export type SharedData = Omit<WorkerData, 'multiprocess'>;

export interface SupervisionOptions extends SupervisionSettings {
  /** The name of the mount that has them for itself; '' for workers that mounts share. */
  mount: string;
  data: SharedData;
  /** Goes on as the first worker; null: there is no such thread. */
  first: LoadedThread | null;
  /** Milliseconds for the shutdown hooks of a worker that leaves. */
  leaveTimeout: number;
  report: Report;
}

/** A worker is named by its index in the rings. */
interface KindPoolEvents {
  /** The thread of a worker has ended. */
  lost(worker: number, files: OpenFiles): Omit<Loss, 'served'>;
  /** No worker is in service or starting. */
  down(of: KindPool): void;
  /** A worker has died, or has not started. */
  died(): void;
}

/** A place in the rings, for one thread of a pool after the other. */
export interface WorkerPlace {
  readonly of: KindPool;
  /** Among those of its kind. */
  readonly index: number;
  /** Of all these, for logs: `sync-0`, `sync-0:/blog`; a native string. */
  readonly name: string;
  /** Its thread takes requests. */
  ready: boolean;
  /** It takes none any more, and leaves with its last one. */
  draining: boolean;
  /** Requests that its thread has been through with. */
  served: number;
  readonly allowance: WorkerAllowance;
}

/** The workers of one kind, and their places in the rings. */
export class KindPool {
  readonly kind: Kind;
  readonly pool: WorkerPool<WorkerData>;
  readonly places: readonly WorkerPlace[];
  /** Workers that are to be in service, and most that there is room for. */
  size: number;
  readonly most: number;
  /** No worker was in service or starting, and none has been ready since. */
  isDown = false;
  private readonly options: SupervisionOptions;
  private readonly rings: GatewayEnd;
  private readonly turn: Turn;
  private readonly metrics: GatheredMetrics;
  /** Time before which none is replaced for its memory, in milliseconds of the server's clock. */
  private memoryAfter = 0;

  /** @param first index in the rings of its first place, and how many there are */
  constructor(
    kind: Kind,
    [first, places]: readonly [first: number, places: number],
    { options, rings, turn }: { options: SupervisionOptions; rings: GatewayEnd; turn: Turn },
    events: KindPoolEvents,
  ) {
    const {
      data,
      mount,
      first: loaded,
      timeoutStartup,
      limitWorkerMemory,
      leaveTimeout,
      uncaughtErrors,
      report,
    } = options;
    this.kind = kind;
    this.size = kind === 'sync' ? options.syncWorkers : options.asyncWorkers;
    this.most = places / PLACES;
    this.options = options;
    this.rings = rings;
    this.turn = turn;
    this.metrics = new GatheredMetrics((fault) => report('warn', `metrics of ${kind} workers: ${fault}`));
    this.places = Array.from({ length: places }, (_, index) => ({
      of: this,
      index,
      ready: false,
      draining: false,
      served: 0,
      name: `${kind}-${index}${mount && `:${textToNative(mount)}`}`,
      allowance: new WorkerAllowance(options),
    }));
    this.pool = new WorkerPool<WorkerData>(
      {
        kind,
        size: this.size,
        places,
        entry: builtModule(`workers/${kind}`).href,
        data: this.dataFor(data, this.size),
        first: loaded,
        startupTimeout: timeoutStartup,
        heapLimit: limitWorkerMemory,
        stackSize: ({ mounts }) => stackSize(mounts.flatMap((mount) => mount?.app ?? [])),
        leaveTimeout,
        replaceUncaught: uncaughtErrors === 'replace',
      },
      {
        ready: (index) => this.started(this.places[index]),
        replaced: (index) => {
          const place = this.places[index];
          place.ready = false;
          place.draining = true;
          this.retireIdle(first + index);
        },
        lost: (index, files) => {
          const place = this.places[index];
          place.ready = false;
          place.draining = false;
          const loss = events.lost(first + index, files);
          const thread = this.pool.threads[index];
          if (thread !== null) this.metrics.ended(thread);
          const served = place.served + loss.requests.length > 0;
          place.served = 0;
          return { ...loss, served };
        },
        down: () => {
          this.isDown = true;
          events.down(this);
        },
        died: () => events.died(),
        grown: (index, bytes) => {
          const place = this.places[index];
          place.allowance.memory = bytes;
          this.recycle(place);
        },
        report: (message) => report('error', message),
      },
    );
  }

  private dataFor(data: SharedData, size: number): WorkerData {
    const mounts = data.mounts.map((mount) => (mount?.known?.kind === this.kind ? mount : null));
    return { ...data, mounts, multiprocess: size > 1 || isClusterWorker() };
  }

  /** Workers that take requests, or still have some. */
  get inService(): number {
    return this.places.filter(({ ready, draining }) => ready || draining).length;
  }

  /** Seconds until a worker is started, where none is in service or starting; 0 elsewhere. */
  get retryAfter(): number {
    return Math.ceil(this.pool.retryIn / 1000);
  }

  /** What their applications measure, in lists. */
  measured(): Promise<MetricLists> {
    return this.metrics.gather(() => this.pool.threads);
  }

  private started(place: WorkerPlace): void {
    this.isDown = false;
    place.ready = true;
    place.draining = false;
    place.served = 0;
    place.allowance.begin(this.turn.now);
    this.turn.retry();
  }

  /** A worker is through with a request. */
  finished(worker: number, place: WorkerPlace): void {
    place.served++;
    if (place.draining) this.retireIdle(worker);
    else this.recycle(place);
  }

  /** With every tick of the clock: looks for workers that have reached their age. */
  tick(): void {
    if (this.options.recycleAge > 0) for (const place of this.places) this.recycle(place);
  }

  /**
   * Has a worker replaced that has used up its allowance (L-16, L-30); what cannot be now is tried again with its next
   * request, tick or message.
   */
  private recycle(place: WorkerPlace): void {
    const { served, index, allowance } = place;
    const { now } = this.turn;
    const spent = place.ready ? allowance.spent(served, now) : null;
    if (spent === null || (spent.cause === 'memory' && now < this.memoryAfter)) return;
    if (!this.pool.replace(index, spent.cause)) return;
    if (spent.cause === 'memory') this.memoryAfter = now + MEMORY_EVERY;
    // Where its successor does not start, it goes on.
    allowance.renew(served, now);
    this.options.report('info', `${this.kind} worker ${index} is replaced ${spent.words}`);
  }

  /** Tells a worker that is draining to leave, once no request can be on its way to it. */
  private retireIdle(worker: number): void {
    // A sync worker takes its requests itself, and takes none any more when it is told.
    if (worker < this.rings.layout.syncWorkers || this.rings.inFlight(worker) === 0) this.rings.retire(worker);
  }

  /** Starts successors of all workers, and holds them back. @throws as `WorkerPool.prepare` */
  prepare(data: SharedData, size: number, first: LoadedThread | null): Promise<void> {
    return this.pool.prepare(this.dataFor(data, size), size, first);
  }

  /** Puts the successors in service, and has all others leave. */
  commit(data: SharedData, size: number): void {
    this.pool.commit(this.dataFor(data, size));
    this.note(size);
  }

  /**
   * Changes how many workers are in service (L-33). Not from 1 to more, since one alone was told that no other has what
   * its modules have (G-44).
   */
  resize(size: number): void {
    this.pool.resize(size);
    this.note(size);
  }

  private note(size: number): void {
    if (size !== this.size) this.options.report('info', `${size} ${this.kind} workers from now on, after ${this.size}`);
    this.size = size;
  }
}
