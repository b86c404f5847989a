/** What several processes tell of themselves, as what one server tells. */
import { version } from '../../rules/version.ts';
import { Histogram } from './histogram.ts';
import type { RecentSummary } from './recent.ts';
import type { MountStatus, Snapshot } from './snapshot.ts';
import { inProcess, type Replaced } from './workers.ts';

/** What the supervisor knows better. */
type Whole = Pick<Snapshot, 'stage' | 'ready'> & { readonly replaced: number };

/**
 * @param processes by place, as they have come from there: histograms as plain data; null for one that tells nothing
 * @param past of which the counters count, of processes that have ended
 */
export function mergeSnapshots(
  processes: readonly (Snapshot | null)[],
  past: Snapshot | null,
  { stage, ready, replaced }: Whole,
): Snapshot {
  const live = processes.filter((snapshot) => snapshot !== null);
  const all = past === null ? live : [...live, past];
  return {
    version: version(),
    node: process.version,
    pid: process.pid,
    stage,
    ready,
    processes: { serving: live.length, replaced },
    uptime: process.uptime(),
    requests: {
      inProgress: total(live, ({ requests }) => requests.inProgress),
      queued: total(live, ({ requests }) => requests.queued),
    },
    recent: mergeRecent(processes),
    mounts: mergeMounts(all.flatMap(({ mounts }) => mounts)),
    workers: processes.flatMap((snapshot, place) =>
      (snapshot?.workers ?? []).map((worker) => ({ ...worker, process: String(place) })),
    ),
    replaced: mergeReplaced(all.flatMap(({ replaced }) => replaced)),
    connections: {
      accepted: total(all, ({ connections }) => connections.accepted),
      refused: total(all, ({ connections }) => connections.refused),
      dropped: total(all, ({ connections }) => connections.dropped),
      received: total(all, ({ connections }) => connections.received),
      sent: total(all, ({ connections }) => connections.sent),
      open: sums(live.map(({ connections }) => connections.open)),
    },
    logLinesDropped: total(all, ({ logLinesDropped }) => logLinesDropped),
    process: {
      cpu: total(all, ({ process }) => process.cpu),
      memory: total(live, ({ process }) => process.memory),
      loop: {
        active: total(all, ({ process }) => process.loop.active),
        idle: total(all, ({ process }) => process.loop.idle),
      },
    },
  };
}

function mergeRecent(processes: readonly (Snapshot | null)[]): RecentSummary {
  const recents = processes.flatMap((snapshot) => snapshot?.recent ?? []);
  const length = Math.max(0, ...recents.map(({ rates }) => rates.length));
  const loops = processes.flatMap((snapshot, place) =>
    Object.entries(snapshot?.recent.loops ?? {}).map(([name, use]) => [inProcess(name, String(place)), use]),
  );
  return {
    seconds: Math.max(0, ...recents.map(({ seconds }) => seconds)),
    // All of them end now.
    rates: Array.from({ length }, (_, index) =>
      total(recents, ({ rates }) => rates[rates.length - length + index] ?? 0),
    ),
    queue: together(recents.map(({ queue }) => queue)),
    application: together(recents.map(({ application }) => application)),
    total: together(recents.map(({ total }) => total)),
    loops: Object.fromEntries(loops),
  };
}

function mergeMounts(mounts: readonly MountStatus[]): MountStatus[] {
  return grouped(mounts, ({ mount, kind }) => `${kind} ${mount}`).map((same) => ({
    mount: same[0].mount,
    kind: same[0].kind,
    statuses: sums(same.map(({ statuses }) => statuses)),
    disconnects: total(same, ({ disconnects }) => disconnects),
    queue: together(same.map(({ queue }) => queue)),
    application: together(same.map(({ application }) => application)),
    total: together(same.map(({ total }) => total)),
  }));
}

function mergeReplaced(replaced: readonly Replaced[]): Replaced[] {
  return grouped(replaced, ({ mount, kind }) => `${kind} ${mount}`).map((same) => ({
    ...same[0],
    causes: sums(same.map(({ causes }) => causes)),
  }));
}

/** Those with the same key together, in the order in which the keys came. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups.values()];
}

function together(histograms: readonly Pick<Histogram, 'counts' | 'sum'>[]): Histogram {
  const all = new Histogram();
  for (const histogram of histograms) all.add(histogram);
  return all;
}

function total<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((sum, item) => sum + numberOf(item), 0);
}

/** By name. */
function sums<Name extends string>(records: readonly Readonly<Record<Name, number>>[]): Record<Name, number> {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  const entries = [...names].map((name) => [name, total(records, (record) => Reflect.get(record, name) ?? 0)]);
  return Object.fromEntries(entries);
}
