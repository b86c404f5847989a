/** Metrics as a parser of the format reads them. */
import { getMetricsFromIterator, type PromHistogramData, type PromMetrics } from 'prom2javascript';
import type { Server } from 'quaich';
import { expect, vi } from 'vitest';
import { get } from './command.ts';

type Labels = Record<string, string>;

export class Scrape {
  readonly text: string;
  readonly parsed: PromMetrics;

  constructor(text: string, parsed: PromMetrics) {
    this.text = text;
    this.parsed = parsed;
  }

  #find(name: string, labels: Labels) {
    return (this.parsed[name]?.data ?? []).filter((one) =>
      Object.entries(labels).every(([label, value]) => one.labels[label] === value),
    );
  }

  /** The sum of the values of a metric that have these labels. */
  value(name: string, labels: Labels = {}): number {
    return this.#find(name, labels).reduce((sum, one) => sum + ('value' in one ? one.value : Number.NaN), 0);
  }

  /** The counts of a histogram with these labels, from the least bucket on; the sum in seconds. */
  histogram(name: string, labels: Labels): { count: number; sum: number; buckets: number[] } {
    const [found] = this.#find(name, labels) as PromHistogramData[]; // as its type says
    const { count, sum = Number.NaN, buckets } = found;
    const ends = Object.keys(buckets).sort(
      (a, b) => Number(a.replace('+Inf', 'Infinity')) - Number(b.replace('+Inf', 'Infinity')),
    );
    return { count, sum, buckets: ends.map((end) => buckets[end]) };
  }
}

export async function scrape(statusUrl: string | null): Promise<Scrape> {
  const { status, text } = await get(String(statusUrl), '/metrics');
  if (status !== 200) throw new Error(`status ${status}: ${text}`);
  return new Scrape(text, await getMetricsFromIterator(text.split('\n')[Symbol.iterator]()));
}

/** A server that was started with `status: '127.0.0.1:0'`. */
type Told = Pick<Server, 'statusUrl'>;

/** Metrics once they say what is expected. A request is counted when its application is done with it. */
export const settled = ({ statusUrl }: Told, check: (metrics: Scrape) => void): Promise<Scrape> =>
  vi.waitFor(
    async () => {
      const metrics = await scrape(statusUrl);
      check(metrics);
      return metrics;
    },
    { timeout: 15_000, interval: 20 },
  );

/** Once so many requests are in progress: they have come, and are with an application, or wait for it. */
export const inProgress = (server: Told, count = 1): Promise<Scrape> =>
  settled(server, (metrics) => expect(metrics.value('quaich_requests_in_progress')).toBe(count));

/** Once so many sync workers have a request each. */
export const busy = (server: Told, count = 1): Promise<Scrape> =>
  settled(server, (metrics) => expect(metrics.value('quaich_workers', { kind: 'sync', state: 'busy' })).toBe(count));

/** Once so many requests wait for an application. */
export const queued = (server: Told, count = 1): Promise<Scrape> =>
  settled(server, (metrics) => expect(metrics.value('quaich_requests_queued')).toBe(count));
