/**
 * What applications measure for themselves, with registries of the package prom-client, as plain data: read on their
 * threads (own-metrics.ts), sent to the server's (thread-metrics.ts), and put together with that of others here.
 */
import { turn } from '../rules/event-loop.ts';

/** One line of the text format. */
export interface MetricSample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Where that is not the name of its metric: a histogram `x` has `x_bucket`, `x_sum` and `x_count`. */
  readonly metricName?: string;
}

/** A metric as registries have it as JSON. */
export interface MetricData {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly aggregator: Aggregator;
  readonly values: readonly MetricSample[];
}

/** Those of several threads. */
export type MetricLists = readonly (readonly MetricData[])[];

export const METRIC_TYPES = ['counter', 'gauge', 'histogram', 'summary'] as const;
type MetricType = (typeof METRIC_TYPES)[number];

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** How the values of several threads become one, by the names that prom-client has for it. */
export const AGGREGATORS = {
  sum,
  first: ([first]: readonly number[]) => first,
  average: (values: readonly number[]) => sum(values) / values.length,
  min: (values: readonly number[]) => Math.min(...values),
  max: (values: readonly number[]) => Math.max(...values),
};
export type Aggregator = keyof typeof AGGREGATORS;

/** Characters of the text that one thread's metrics may become: the server's own thread puts them together. */
export const MOST_TEXT = 2 ** 20;
/** What a line has beside its name and labels, and a label beside its name and value. */
const LINE = 20;
const LABEL = 4;

/** A metric with the values of all that have it: those of one sample by its name and labels. */
interface Gathered {
  readonly metric: MetricData;
  readonly samples: Map<string, { readonly sample: MetricSample; readonly values: number[] }>;
}

/** Puts lists of metrics together. Of two metrics that have one name and are not the same the first counts. */
class Merging {
  readonly #all = new Map<string, Gathered>();

  add(list: readonly MetricData[]): void {
    for (const metric of list) {
      const { name, type, aggregator, values } = metric;
      const known = this.#all.get(name) ?? { metric, samples: new Map() };
      if (known.metric.type !== type || known.metric.aggregator !== aggregator) continue;
      this.#all.set(name, known);
      for (const sample of values) {
        // Labels come in the order of their names.
        const key = `${sample.metricName ?? ''} ${JSON.stringify(sample.labels)}`;
        const same = known.samples.get(key);
        if (same === undefined) known.samples.set(key, { sample, values: [sample.value] });
        else same.values.push(sample.value);
      }
    }
  }

  get merged(): MetricData[] {
    return [...this.#all.values()].map(({ metric, samples }) => ({
      ...metric,
      values: [...samples.values()].map(({ sample, values }) => ({
        ...sample,
        value: AGGREGATORS[metric.aggregator](values),
      })),
    }));
  }
}

/** Puts lists together; between two of them the event loop has a turn. */
export async function mergeMetrics(lists: MetricLists): Promise<MetricData[]> {
  const merging = new Merging();
  for (const list of lists) {
    if (list.length === 0) continue;
    merging.add(list);
    await turn();
  }
  return merging.merged;
}

/**
 * Counts on what a thread or a process has counted that has ended, so that the sum over all never falls.
 *
 * @param past of those that have ended before it
 * @param last what it told last
 */
export function addToPast(past: readonly MetricData[], last: readonly MetricData[]): readonly MetricData[] {
  if (last.length === 0) return past;
  const merging = new Merging();
  merging.add(past);
  merging.add(growing(last));
  return bounded(merging.merged).metrics;
}

/** What only grows. */
function growing(metrics: readonly MetricData[]): MetricData[] {
  return metrics
    .filter(({ type, aggregator }) => type !== 'gauge' && aggregator === 'sum')
    .map((metric) => ({ ...metric, values: metric.values.filter(({ labels }) => !Object.hasOwn(labels, 'quantile')) }));
}

/** Those metrics that there is room for, and the names of the others. */
export function bounded(metrics: readonly MetricData[]): { metrics: MetricData[]; left: string[] } {
  const kept: MetricData[] = [];
  const left: string[] = [];
  let room = MOST_TEXT;
  for (const metric of metrics) {
    const size = sizeOf(metric);
    if (size > room) left.push(metric.name);
    else {
      room -= size;
      kept.push(metric);
    }
  }
  return { metrics: kept, left };
}

function sizeOf({ name, help, values }: MetricData): number {
  let size = name.length + help.length;
  for (const { metricName = name, labels } of values) {
    size += LINE + metricName.length;
    for (const [label, value] of Object.entries(labels)) size += LABEL + label.length + String(value).length;
  }
  return size;
}
