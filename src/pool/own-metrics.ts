/** What the applications of this thread measure: their registries, read. */
import { property } from '../rules/property.ts';
import { describeError, shown } from '../rules/show.ts';
import {
  AGGREGATORS,
  type Aggregator,
  bounded,
  METRIC_TYPES,
  type MetricData,
  type MetricSample,
} from './metric-data.ts';

/** As far as we know a Registry of prom-client. */
export interface MetricsRegistry {
  getMetricsAsJSON(): unknown;
}

/** What a thread tells of its metrics. */
export interface ToldMetrics {
  readonly metrics: readonly MetricData[];
  /** Why some are left out; '' where none are. */
  readonly fault: string;
}

/** Names of metrics that are the server's. */
const RESERVED = 'quaich_';
const METRIC_NAME = /^[A-Za-z_:][\w:]*$/;
const LABEL_NAME = /^[A-Za-z_]\w*$/;

export function isRegistry(value: unknown): value is MetricsRegistry {
  return typeof property(value, 'getMetricsAsJSON') === 'function';
}

/** Reads registries; never rejects. They run code of the application, so it may take its time. */
export async function tellMetrics(registries: Iterable<MetricsRegistry>): Promise<ToldMetrics> {
  const metrics: MetricData[] = [];
  const faults: string[] = [];
  for (const registry of registries) {
    try {
      const told: unknown = await registry.getMetricsAsJSON();
      if (!Array.isArray(told)) throw new TypeError(`getMetricsAsJSON() gives ${shown(told)}`);
      for (const one of told) {
        const metric = readMetric(one, faults);
        if (metric !== null) metrics.push(metric);
      }
    } catch (error) {
      faults.push(describeError(error));
    }
  }
  const { metrics: kept, left } = bounded(metrics);
  if (left.length > 0)
    faults.push(`there are too many samples: ${left.length} metrics are left out, such as ${left[0]}`);
  return { metrics: kept, fault: faults[0] ?? '' };
}

/** A metric, checked and copied; null where it is left out. @param faults are added to */
function readMetric(told: unknown, faults: string[]): MetricData | null {
  const [name, help, values, aggregator] = ['name', 'help', 'values', 'aggregator'].map((key) => property(told, key));
  const type = METRIC_TYPES.find((known) => known === property(told, 'type'));
  if (!isMetricName(name) || type === undefined || !Array.isArray(values)) {
    faults.push(`${shown(name)} is no metric of prom-client`);
    return null;
  }
  if (name.startsWith(RESERVED)) {
    faults.push(`${name} is left out: names that begin with ${RESERVED} are the server's`);
    return null;
  }
  if (aggregator === 'omit') return null;
  return {
    name,
    type,
    help: String(help),
    aggregator: isAggregator(aggregator) ? aggregator : 'sum',
    values: values.map(readSample),
  };
}

function readSample(told: unknown): MetricSample {
  const labels = Object.entries(Object(property(told, 'labels')))
    .filter(([label]) => LABEL_NAME.test(label))
    .map(([label, value]): [string, string] => [label, String(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const metricName = property(told, 'metricName');
  return {
    value: Number(property(told, 'value')),
    labels: Object.fromEntries(labels),
    ...(isMetricName(metricName) && { metricName }),
  };
}

function isMetricName(value: unknown): value is string {
  return typeof value === 'string' && METRIC_NAME.test(value);
}

function isAggregator(value: unknown): value is Aggregator {
  return typeof value === 'string' && Object.hasOwn(AGGREGATORS, value);
}
