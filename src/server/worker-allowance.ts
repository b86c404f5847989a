import type { Cause } from '../pool/pool.ts';
import type { ResolvedOptions } from './options.ts';

/** The settings by which workers are replaced that do nothing wrong. */
export type RecycleSettings = Pick<
  ResolvedOptions,
  'maxRequests' | 'maxRequestsJitter' | 'recycleAge' | 'recycleMemory'
>;

/** Why a worker is replaced, for metrics and for people. */
interface Spent {
  readonly cause: Cause;
  readonly words: string;
}

/** The share of its age that a worker may have beyond it, at random, so that not all are replaced in a row. */
const AGE_JITTER = 0.1;

/** What a worker may use up before it is replaced (L-16, L-30). */
export class WorkerAllowance {
  private readonly settings: RecycleSettings;
  private requests = Number.POSITIVE_INFINITY;
  /** Milliseconds of the server's clock. */
  private since = 0;
  private until = Number.POSITIVE_INFINITY;
  /** Bytes, as the worker has told last where they are too many. */
  memory = 0;

  constructor(settings: RecycleSettings) {
    this.settings = settings;
  }

  /** A worker is new. */
  begin(now: number): void {
    this.since = now;
    this.renew(0, now);
  }

  /** As much as a new worker has, beyond the requests that this one has served. */
  renew(served: number, now: number): void {
    const { maxRequests, maxRequestsJitter, recycleAge } = this.settings;
    this.memory = 0;
    if (maxRequests > 0) this.requests = served + maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1));
    if (recycleAge > 0) this.until = now + recycleAge * (1 + AGE_JITTER * Math.random());
  }

  /** What it has used up; null: nothing. */
  spent(served: number, now: number): Spent | null {
    if (served >= this.requests) return { cause: 'requests', words: `after ${served} requests` };
    if (now >= this.until) return { cause: 'age', words: `after ${Math.round((now - this.since) / 1000)} s` };
    if (this.memory === 0) return null;
    return { cause: 'memory', words: `with ${Math.round(this.memory / 2 ** 20)} MiB of memory` };
  }
}
