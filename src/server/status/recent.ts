import { performance } from 'node:perf_hooks';
import type { LoopUse } from '../../pool/vitals.ts';
import type { Service } from '../service.ts';
import { Histogram } from './histogram.ts';
import type { CountedTraffic } from './traffic.ts';
import { workerName } from './workers.ts';

/** Milliseconds from sample to sample, and samples that are kept: those of a minute, and the one before. */
export const SAMPLE_EVERY = 2000;
const KEPT = 31;

/** The sums of all mounts at a moment. */
interface Sample {
  /** Milliseconds. */
  readonly time: number;
  readonly queue: Histogram;
  readonly application: Histogram;
  readonly total: Histogram;
  /** By the name of the thread. */
  readonly loops: ReadonlyMap<string, LoopUse>;
}

/** What happened within the last minute; times in milliseconds. */
export interface RecentSummary {
  readonly seconds: number;
  /** Requests a second in each part of it, oldest first. */
  readonly rates: readonly number[];
  readonly queue: Histogram;
  readonly application: Histogram;
  readonly total: Histogram;
  /** The share of the time that event loops were active: `{ gateway: 0.2, 'async 0': 0.1 }`. */
  readonly loops: Readonly<Record<string, number>>;
}

/** The last minute of a server, by looks at counters that only grow. */
export class Recent {
  private readonly traffic: CountedTraffic;
  private readonly services: readonly Pick<Service, 'status'>[];
  private readonly samples: Sample[] = [];

  constructor(traffic: CountedTraffic, services: readonly Pick<Service, 'status'>[]) {
    this.traffic = traffic;
    this.services = services;
    this.look();
  }

  /** Takes a sample; due every SAMPLE_EVERY. */
  look(): void {
    this.samples.push(this.now());
    if (this.samples.length > KEPT) this.samples.shift();
  }

  private now(): Sample {
    const sample = {
      time: performance.now(),
      queue: new Histogram(),
      application: new Histogram(),
      total: new Histogram(),
      loops: this.loops(),
    };
    for (const { queue, application, total } of [this.traffic.unrouted, ...this.traffic.mounts]) {
      sample.queue.add(queue);
      sample.application.add(application);
      sample.total.add(total);
    }
    return sample;
  }

  private loops(): Map<string, LoopUse> {
    const workers = this.services.flatMap((service) => service.status().workers);
    // A sync worker sleeps outside of its event loop.
    const turning = workers.filter(({ kind }) => kind === 'async');
    return new Map([
      ['gateway', performance.eventLoopUtilization()],
      ...turning.map((worker): [string, LoopUse] => [workerName(worker), worker.loop]),
    ]);
  }

  summary(): RecentSummary {
    const now = this.now();
    const [first] = this.samples;
    const samples = [...this.samples, now];
    const rates = samples.slice(1).map((sample, index) => {
      const before = samples[index];
      const seconds = (sample.time - before.time) / 1000;
      return seconds === 0 ? 0 : (sample.total.count - before.total.count) / seconds;
    });
    return {
      seconds: (now.time - first.time) / 1000,
      rates,
      queue: now.queue.since(first.queue),
      application: now.application.since(first.application),
      total: now.total.since(first.total),
      loops: Object.fromEntries([...now.loops].map(([name, use]) => [name, share(use, first.loops.get(name))])),
    };
  }
}

/** The share of the time in which a loop was active since an earlier look; since its start where it is another one. */
function share(now: LoopUse, before: LoopUse = { active: 0, idle: 0 }): number {
  const since = before.active + before.idle > now.active + now.idle ? { active: 0, idle: 0 } : before;
  const active = now.active - since.active;
  const all = active + now.idle - since.idle;
  return all === 0 ? 0 : active / all;
}
