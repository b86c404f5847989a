import type { Kind } from '../interface/types.ts';
import type { GatewayEnd } from '../rings/index.ts';

export interface RetirementOptions {
  rings: Pick<GatewayEnd, 'layout' | 'inFlight' | 'retire'>;
  kind: Kind;
  /** The workers of one pool: the first one's index in the rings, and their number. */
  first: number;
  size: number;
  /** Requests after which a worker leaves, and how many more at random, so that they do not leave in a row. */
  maxRequests: number;
  maxRequestsJitter: number;
  /** Milliseconds that a worker of many may take to end its requests before it leaves. */
  patience: number;
  /** Which workers take requests, by index in the rings; a worker that is about to leave takes none. */
  ready: boolean[];
  /** A worker that was about to leave takes requests again. */
  resumed(): void;
  /** Tells the owner. */
  report(message: string): void;
}

/** Milliseconds for which requests wait while the only worker ends those that it has. */
const ONLY_WORKER_PATIENCE = 1000;

/**
 * Replaces the workers of a pool after a number of requests, one at a time, and only while it is idle, so that no request is
 * cut short for it (L-16). An async worker gets no new requests until the last one it has is over; where that takes too
 * long, because of a stream without end, it goes on and is tried again after as many requests.
 */
export class Retirement {
  private readonly options: RetirementOptions;
  /** Requests that the present threads have served, and those after which they leave; by index in the pool. */
  private readonly served: number[] = [];
  private readonly limits: number[] = [];
  /** The worker that is to leave, or has left and whose successor is not ready; -1: none. */
  private leaving = -1;
  /** It ends its requests before it is told to. */
  private resting = false;
  /** Milliseconds of the gateway's clock. */
  private since = 0;

  constructor(options: RetirementOptions) {
    this.options = options;
  }

  /** A new thread takes requests. */
  started(worker: number): void {
    const { first, maxRequests, maxRequestsJitter } = this.options;
    this.served[worker - first] = 0;
    this.limits[worker - first] = maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1));
    if (worker === this.leaving) this.leaving = -1;
  }

  /** A thread has ended, as it was told or not. */
  ended(worker: number): void {
    if (worker === this.leaving) this.resting = false;
  }

  /** A worker is through with a request. */
  finished(worker: number, now: number): void {
    const { rings, first, ready } = this.options;
    const served = ++this.served[worker - first];
    const idle = worker < rings.layout.syncWorkers || rings.inFlight(worker) === 0;
    if (worker === this.leaving) {
      if (this.resting && idle) this.retire(worker);
      return;
    }
    if (served < this.limits[worker - first] || this.leaving >= 0 || !this.allReady()) return;
    this.leaving = worker;
    ready[worker] = false;
    if (idle) {
      this.retire(worker);
    } else {
      this.resting = true;
      this.since = now;
    }
  }

  /** With every tick of the clock. */
  tick(now: number): void {
    if (!this.resting) return;
    const { kind, first, size, patience, ready, resumed, report } = this.options;
    const limit = size > 1 ? patience : Math.min(patience, ONLY_WORKER_PATIENCE);
    if (now - this.since < limit) return;
    const worker = this.leaving;
    report(`${kind} worker ${worker - first} was not replaced: its requests went on for ${limit} ms`);
    this.resting = false;
    this.leaving = -1;
    this.served[worker - first] = 0;
    ready[worker] = true;
    resumed();
  }

  private retire(worker: number): void {
    const { rings, kind, first, report } = this.options;
    this.resting = false;
    report(`${kind} worker ${worker - first} is replaced after ${this.served[worker - first]} requests`);
    rings.retire(worker);
  }

  /** Whether no worker of the pool is missing, for whatever reason. */
  private allReady(): boolean {
    const { first, size, ready } = this.options;
    for (let worker = first; worker < first + size; worker++) if (!ready[worker]) return false;
    return true;
  }
}
