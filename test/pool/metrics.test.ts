/** What registries of prom-client tell, read and put together. */
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { addToPast, bounded, type MetricData, MOST_TEXT, mergeMetrics } from '../../src/pool/metric-data.ts';
import { isRegistry, type MetricsRegistry, tellMetrics } from '../../src/pool/own-metrics.ts';

const told = async (registry: MetricsRegistry): Promise<readonly MetricData[]> =>
  (await tellMetrics([registry])).metrics;

/** The values of a metric, by the text of their labels. */
function valuesOf(metrics: readonly MetricData[], name: string): Record<string, number> {
  const found = metrics.find((metric) => metric.name === name)?.values ?? [];
  return Object.fromEntries(
    found.map(({ metricName = name, labels, value }) => [
      [metricName, ...Object.entries(labels).map((label) => label.join('='))].join(' '),
      value,
    ]),
  );
}

/** One of several threads, as it has counted. */
async function thread(count: number): Promise<readonly MetricData[]> {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'orders', help: 'x', labelNames: ['a', 'b'], registers }).inc(
    count % 2 === 0 ? { a: '1', b: '2' } : { b: '2', a: '1' },
    count,
  );
  const gauge = (name: string, aggregator: 'sum' | 'first' | 'min' | 'max' | 'average' | 'omit') =>
    new Gauge({ name, help: 'x', aggregator, registers }).set(count);
  for (const aggregator of ['sum', 'first', 'min', 'max', 'average', 'omit'] as const) gauge(aggregator, aggregator);
  new Histogram({ name: 'sizes', help: 'x', buckets: [2, 4], registers }).observe(count);
  new Summary({ name: 'times', help: 'x', percentiles: [0.5], registers }).observe(count);
  return told(registry);
}

describe('metrics of threads', () => {
  it('L-73 become one as their aggregators say, whatever the order of labels', async () => {
    const merged = await mergeMetrics([await thread(1), await thread(2), await thread(6)]);
    expect(valuesOf(merged, 'orders')).toEqual({ 'orders a=1 b=2': 9 });
    const gauges = ['sum', 'first', 'min', 'max', 'average', 'omit'].map((name) => valuesOf(merged, name)[name]);
    expect(gauges).toEqual([9, 1, 1, 6, 3, undefined]);
    expect(valuesOf(merged, 'sizes')).toEqual({
      'sizes_bucket le=2': 2,
      'sizes_bucket le=4': 2,
      'sizes_bucket le=+Inf': 3,
      sizes_sum: 9,
      sizes_count: 3,
    });
  });

  it('L-73 that have one name and are not the same are those of the first', async () => {
    const counter: MetricData = {
      ...{ name: 'x', type: 'counter', help: '', aggregator: 'sum' },
      values: [{ value: 1, labels: {} }],
    };
    const gauge: MetricData = { ...counter, type: 'gauge' };
    expect(await mergeMetrics([[counter], [gauge], [counter]])).toEqual([
      { ...counter, values: [{ value: 2, labels: {} }] },
    ]);
  });

  it('L-74 that have ended go on to count with what only grows', async () => {
    const past = addToPast(addToPast([], await thread(1)), await thread(2));
    expect(past.map(({ name }) => name)).toEqual(['orders', 'sizes', 'times']);
    expect(valuesOf(past, 'times')).toEqual({ times_sum: 3, times_count: 2 });
    expect(valuesOf(await mergeMetrics([past, await thread(4)]), 'orders')).toEqual({ 'orders a=1 b=2': 7 });
    expect(addToPast(past, [])).toBe(past);
  });

  it('L-74 are left out beyond a limit, each as a whole', () => {
    const metric = (name: string, length: number): MetricData => ({
      ...{ name, type: 'gauge', help: '', aggregator: 'sum' },
      values: [{ value: 1, labels: { label: 'x'.repeat(length) } }],
    });
    const [small, large] = [metric('small', 10), metric('large', MOST_TEXT)];
    expect(bounded([large, small])).toEqual({ metrics: [small], left: ['large'] });
  });
});

describe('a registry', () => {
  it('L-73 is what has the method of one', () => {
    expect([new Registry(), {}, null, () => {}, 'x'].map(isRegistry)).toEqual([true, false, false, false, false]);
  });

  it('L-73 is read with its default labels, and values that are no number', async () => {
    const registry = new Registry();
    registry.setDefaultLabels({ site: 'blog' });
    new Gauge({ name: 'g', help: 'x', registers: [registry] }).set(Number.NaN);
    expect(await told(registry)).toEqual([
      {
        name: 'g',
        type: 'gauge',
        help: 'x',
        aggregator: 'sum',
        values: [{ value: Number.NaN, labels: { site: 'blog' } }],
      },
    ]);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('no registry')), 'no registry'],
    ['is no list', () => 5, 'getMetricsAsJSON() gives 5'],
    ['has what is no metric', () => [{ name: 'a b', type: 'gauge', values: [] }], '"a b" is no metric of prom-client'],
    ['has a type of its own', () => [{ name: 'a', type: 'untyped', values: [] }], '"a" is no metric of prom-client'],
    ['has a name of the server', () => [{ name: 'quaich_a', type: 'gauge', values: [] }], 'quaich_a is left out'],
  ])('L-74 that %s is told of', async (_, getMetricsAsJSON, fault) => {
    const { metrics, fault: said } = await tellMetrics([{ getMetricsAsJSON }]);
    expect(metrics).toEqual([]);
    expect(said).toContain(fault);
  });

  it('L-74 gives nothing that is more than text and numbers', async () => {
    const values = [{ value: '3', labels: { 'a"b': 1, c: { toString: () => 'x' } }, metricName: 'no name' }];
    expect(await told({ getMetricsAsJSON: () => [{ name: 'a', type: 'gauge', values }] })).toEqual([
      { name: 'a', type: 'gauge', help: 'undefined', aggregator: 'sum', values: [{ value: 3, labels: { c: 'x' } }] },
    ]);
  });
});
