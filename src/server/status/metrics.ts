/**
 * Metrics in the text format of Prometheus. What they are called and where their values come from stands in the table;
 * the format is the business of the package prom-client, which is loaded when somebody wants metrics.
 */
import { ConfigurationError } from '../../interface/errors.ts';
import type { MetricData, MetricSample } from '../../pool/metric-data.ts';
import { EDGES, Histogram } from './histogram.ts';
import type { Snapshot } from './snapshot.ts';

/** A value, and that of each label. */
type Row = readonly [value: number | Histogram, ...labels: (string | number)[]];

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  rows(snapshot: Snapshot): readonly Row[];
}

type Mounts = Snapshot['mounts'];

const perMount =
  (value: (mount: Mounts[number]) => number | Histogram) =>
  ({ mounts }: Snapshot): Row[] =>
    mounts.map((mount) => [value(mount), mount.mount, mount.kind]);

const WORKER_LABELS = ['process', 'mount', 'kind', 'worker'];

function workerLabels(worker: { process: string; mount: string; kind: string; place: number }): (string | number)[] {
  return [worker.process, worker.mount, worker.kind, worker.place];
}

export const METRICS: readonly Metric[] = [
  {
    name: 'quaich_info',
    type: 'gauge',
    help: 'Always 1; the versions are its labels.',
    labels: ['version', 'node'],
    rows: ({ version, node }) => [[1, version, node]],
  },
  {
    name: 'quaich_ready',
    type: 'gauge',
    help: 'Whether the server is to be sent requests: 1 or 0.',
    labels: [],
    rows: ({ ready }) => [[Number(ready)]],
  },
  {
    name: 'quaich_processes',
    type: 'gauge',
    help: 'Processes that serve.',
    labels: [],
    rows: ({ processes }) => [[processes.serving]],
  },
  {
    name: 'quaich_processes_replaced_total',
    type: 'counter',
    help: 'Processes that have died and were replaced.',
    labels: [],
    rows: ({ processes }) => [[processes.replaced]],
  },
  {
    name: 'quaich_requests_total',
    type: 'counter',
    help: 'Requests that are over. Without mount and kind: those that came to no application.',
    labels: ['mount', 'kind', 'status'],
    rows: ({ mounts }) =>
      mounts.flatMap(({ mount, kind, statuses }) =>
        Object.entries(statuses).map(([status, count]): Row => [count, mount, kind, status]),
      ),
  },
  {
    name: 'quaich_request_seconds',
    type: 'histogram',
    help: 'From the head of a request to the end of its response, as the server has it.',
    labels: ['mount', 'kind'],
    rows: perMount(({ total }) => total),
  },
  {
    name: 'quaich_queue_seconds',
    type: 'histogram',
    help: 'From the head of a request until an application gets it, of those that were answered by one.',
    labels: ['mount', 'kind'],
    rows: perMount(({ queue }) => queue),
  },
  {
    name: 'quaich_application_seconds',
    type: 'histogram',
    help: 'From there until the application has the head of its response.',
    labels: ['mount', 'kind'],
    rows: perMount(({ application }) => application),
  },
  {
    name: 'quaich_disconnects_total',
    type: 'counter',
    help: 'Requests whose client left before the end of the response.',
    labels: ['mount', 'kind'],
    rows: perMount(({ disconnects }) => disconnects),
  },
  {
    name: 'quaich_requests_in_progress',
    type: 'gauge',
    help: 'Requests that applications have, or are to have.',
    labels: [],
    rows: ({ requests }) => [[requests.inProgress]],
  },
  {
    name: 'quaich_requests_queued',
    type: 'gauge',
    help: 'Requests that wait for a worker, or for room.',
    labels: [],
    rows: ({ requests }) => [[requests.queued]],
  },
  {
    name: 'quaich_workers',
    type: 'gauge',
    help: 'Worker threads by what they do: idle or busy; or starting, draining, leaving, ending.',
    labels: ['mount', 'kind', 'state'],
    rows: ({ workers }) => {
      const rows = new Map<string, [number, string, string, string]>();
      for (const { mount, kind, state } of workers) {
        const key = `${mount} ${kind} ${state}`;
        const row = rows.get(key) ?? [0, mount, kind, state];
        row[0]++;
        rows.set(key, row);
      }
      return [...rows.values()];
    },
  },
  {
    name: 'quaich_workers_replaced_total',
    type: 'counter',
    help: 'Workers that were replaced: after their number of requests, at their age, for their memory, by a reload, for an error that nobody caught, because they took too long, because their thread died, because it did not start up.',
    labels: ['mount', 'kind', 'cause'],
    rows: ({ replaced }) =>
      replaced.flatMap(({ mount, kind, causes }) =>
        Object.entries(causes).map(([cause, count]): Row => [count, mount, kind, cause]),
      ),
  },
  {
    name: 'quaich_worker_requests',
    type: 'gauge',
    help: 'Requests that a worker has.',
    labels: WORKER_LABELS,
    rows: ({ workers }) => workers.map((worker) => [worker.requests, ...workerLabels(worker)]),
  },
  {
    name: 'quaich_worker_heap_bytes',
    type: 'gauge',
    help: 'JavaScript heap in use of a worker, as it was told last; from Node 22.16 on.',
    labels: WORKER_LABELS,
    rows: ({ workers }) =>
      workers.flatMap((worker): Row[] => (worker.heap === null ? [] : [[worker.heap.used, ...workerLabels(worker)]])),
  },
  {
    name: 'quaich_event_loop_seconds_total',
    type: 'counter',
    help: "What an event loop has done with its time, active or idle: of the gateway's thread, and of async workers.",
    labels: [...WORKER_LABELS, 'state'],
    rows: ({ process, workers }) =>
      [
        { loop: process.loop, process: '', mount: '', kind: 'gateway', place: 0 },
        // A sync worker sleeps outside of its event loop.
        ...workers.filter(({ kind }) => kind === 'async'),
      ].flatMap((thread): Row[] => [
        [thread.loop.active / 1000, ...workerLabels(thread), 'active'],
        [thread.loop.idle / 1000, ...workerLabels(thread), 'idle'],
      ]),
  },
  {
    name: 'quaich_connections',
    type: 'gauge',
    help: 'Open connections by what they do.',
    labels: ['state'],
    rows: ({ connections }) => Object.entries(connections.open).map(([state, count]) => [count, state]),
  },
  {
    name: 'quaich_connections_total',
    type: 'counter',
    help: 'Connections as they came: accepted; refused with 503, because there were too many; dropped without a word.',
    labels: ['outcome'],
    rows: ({ connections: { accepted, refused, dropped } }) => [
      [accepted, 'accepted'],
      [refused, 'refused'],
      [dropped, 'dropped'],
    ],
  },
  {
    name: 'quaich_received_bytes_total',
    type: 'counter',
    help: 'Bytes that connections have received, heads and framing among them.',
    labels: [],
    rows: ({ connections }) => [[connections.received]],
  },
  {
    name: 'quaich_sent_bytes_total',
    type: 'counter',
    help: 'Bytes that connections have sent, heads and framing among them.',
    labels: [],
    rows: ({ connections }) => [[connections.sent]],
  },
  {
    name: 'quaich_log_lines_dropped_total',
    type: 'counter',
    help: 'Lines of the access log and of the error log that their destinations did not take.',
    labels: [],
    rows: ({ logLinesDropped }) => [[logLinesDropped]],
  },
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, all threads together.',
    labels: [],
    rows: ({ process }) => [[process.cpu]],
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process.',
    labels: [],
    rows: ({ process }) => [[process.memory]],
  },
];

function samplesOf({ name, labels: names, rows }: Metric, snapshot: Snapshot): MetricSample[] {
  return rows(snapshot).flatMap(([value, ...values]) => {
    const labels = Object.fromEntries(names.map((label, index) => [label, values[index]]));
    return value instanceof Histogram ? histogramSamples(name, labels, value) : [{ value, labels }];
  });
}

function histogramSamples(
  name: string,
  labels: MetricSample['labels'],
  { counts, sum, count }: Histogram,
): MetricSample[] {
  let below = 0;
  const buckets = EDGES.map((edge, bucket) => {
    below += counts[bucket];
    return { metricName: `${name}_bucket`, labels: { ...labels, le: edge / 1000 }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum / 1000 },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/** As registries have it. */
function dataOf(metric: Metric, snapshot: Snapshot): MetricData {
  const { name, type, help } = metric;
  return { name, type, help, aggregator: 'sum', values: samplesOf(metric, snapshot) };
}

/** A text with its media type. */
export interface MetricsText {
  readonly type: string;
  readonly text: string;
}

/** Those of applications give way to them: what `collectDefaultMetrics` says of a process, each thread would add. */
const OWN_NAMES = new Set(METRICS.map(({ name }) => name));

/**
 * Loads prom-client, and tells how to write a snapshot with it, and what applications measure.
 *
 * @throws ConfigurationError where it is not installed
 */
export async function loadMetrics(): Promise<
  (snapshot: Snapshot, measured: readonly MetricData[]) => Promise<MetricsText>
> {
  const { AggregatorRegistry } = await import('prom-client').catch((error: unknown) => {
    throw new ConfigurationError('status: needs the package prom-client: type "npm install prom-client"', {
      cause: error,
    });
  });
  return async (snapshot, measured) => {
    // What it offers to processes that put their metrics together: plain data in, a registry out.
    const registry = AggregatorRegistry.aggregate([
      METRICS.map((metric) => dataOf(metric, snapshot)),
      measured.filter(({ name }) => !OWN_NAMES.has(name)),
    ]);
    return { type: registry.contentType, text: await registry.metrics() };
  };
}
