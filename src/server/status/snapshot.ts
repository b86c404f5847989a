import { performance } from 'node:perf_hooks';
import type { Kind } from '../../interface/types.ts';
import { type MetricData, mergeMetrics } from '../../pool/metric-data.ts';
import type { LoopUse } from '../../pool/vitals.ts';
import {
  WAIT_APPLICATION,
  WAIT_BODY,
  WAIT_CLIENT,
  WAIT_HALF_CLOSED,
  WAIT_HEAD,
  WAIT_LINGERING,
  WAIT_REQUEST,
  WAIT_ROOM,
} from '../../protocols/host.ts';
import { version } from '../../rules/version.ts';
import type { Gateway } from '../gateway.ts';
import type { AccessLog } from '../log/access-log.ts';
import type { Service } from '../service.ts';
import type { Histogram } from './histogram.ts';
import type { Readiness, ServerStage } from './readiness.ts';
import { Recent, type RecentSummary, SAMPLE_EVERY } from './recent.ts';
import type { Admitted, Carried, CountedTraffic, MountTraffic } from './traffic.ts';
import type { ServiceStatus, WorkerStatus } from './workers.ts';

/** A mount by its name, and where its application runs. */
interface MountName {
  /** `/blog`; `/` for the root. */
  readonly mount: string;
  readonly kind: Kind | 'inline';
}

/** The requests of a mount. Of those that came to none both names are empty. */
export interface MountStatus {
  readonly mount: string;
  readonly kind: MountName['kind'] | '';
  /** Requests that are over: `{ '2xx': 100, … }`. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly disconnects: number;
  readonly queue: Histogram;
  readonly application: Histogram;
  readonly total: Histogram;
}

/** All that is known of a server at a moment; as JSON, the answer of `/status`. */
export interface Snapshot {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly stage: ServerStage;
  readonly ready: boolean;
  /** Those that serve, and those that have died and were replaced. */
  readonly processes: { readonly serving: number; readonly replaced: number };
  /** Seconds since the start of the process. */
  readonly uptime: number;
  readonly requests: { readonly inProgress: number; readonly queued: number };
  readonly recent: RecentSummary;
  readonly mounts: readonly MountStatus[];
  readonly workers: readonly WorkerStatus[];
  readonly replaced: ServiceStatus['replaced'];
  /** Open ones by state, all that ever came by what became of them, and the bytes that they have carried. */
  readonly connections: Readonly<Record<Admitted, number>> &
    Carried & { readonly open: Readonly<Record<string, number>> };
  readonly logLinesDropped: number;
  readonly process: {
    /** Seconds. */
    readonly cpu: number;
    /** Resident, in bytes. */
    readonly memory: number;
    /** Of the gateway's thread. */
    readonly loop: LoopUse;
  };
}

/** What a snapshot is made from. */
interface Sources {
  readonly gateway: Pick<Gateway, 'hosts' | 'queued'>;
  readonly services: readonly Pick<Service, 'status' | 'metrics'>[];
  readonly logs: readonly Pick<AccessLog, 'dropped'>[];
  readonly readiness: Readiness;
  readonly traffic: CountedTraffic;
  readonly recent: Recent;
  /** By number of the mount. */
  readonly names: readonly MountName[];
}

/** Where those who tell of a server have their snapshots from. */
export interface SnapshotSource {
  start(): void;
  take(): Snapshot | Promise<Snapshot>;
  /** What the applications measure (L-73). */
  metrics(): Promise<readonly MetricData[]>;
  close(): void;
}

/** The snapshots of the server of this process. */
export class OwnSnapshots implements SnapshotSource {
  private readonly sources: Sources;
  private timer: NodeJS.Timeout | undefined;

  constructor(sources: Omit<Sources, 'recent'>) {
    this.sources = { ...sources, recent: new Recent(sources.traffic, sources.services) };
  }

  start(): void {
    this.timer = setInterval(() => this.sources.recent.look(), SAMPLE_EVERY);
    this.timer.unref();
  }

  take(): Snapshot {
    return takeSnapshot(this.sources);
  }

  async metrics(): Promise<readonly MetricData[]> {
    const lists = await Promise.all(this.sources.services.map((service) => service.metrics()));
    return mergeMetrics(lists.flat());
  }

  close(): void {
    clearInterval(this.timer);
  }
}

/** What a connection does, by what it waits for. */
const STATES: readonly string[] = stateNames();

function stateNames(): string[] {
  const names: string[] = [];
  names[WAIT_REQUEST] = 'idle';
  names[WAIT_HEAD] = 'reading';
  names[WAIT_BODY] = 'reading';
  names[WAIT_ROOM] = 'queued';
  names[WAIT_APPLICATION] = 'application';
  names[WAIT_HALF_CLOSED] = 'application';
  names[WAIT_CLIENT] = 'writing';
  names[WAIT_LINGERING] = 'closing';
  return names;
}

function takeSnapshot(sources: Sources): Snapshot {
  const { gateway, services, logs, readiness, traffic, recent, names } = sources;
  const statuses = services.map((service) => service.status());
  const { user, system } = process.cpuUsage();
  const { active, idle } = performance.eventLoopUtilization();
  return {
    version: version(),
    node: process.version,
    pid: process.pid,
    stage: readiness.stage,
    ready: readiness.objection === '',
    processes: { serving: 1, replaced: 0 },
    uptime: process.uptime(),
    requests: {
      inProgress: sum(statuses.map(({ inProgress }) => inProgress)),
      queued: sum(statuses.map(({ queued }) => queued)) + gateway.queued,
    },
    recent: recent.summary(),
    mounts: [
      ...names.map((name, mount) => mountStatus(name, traffic.mounts[mount])),
      mountStatus({ mount: '', kind: '' }, traffic.unrouted),
    ],
    workers: statuses.flatMap(({ workers }) => workers),
    replaced: statuses.flatMap(({ replaced }) => replaced),
    connections: { ...traffic.connections, ...connectionsOf(gateway, traffic) },
    logLinesDropped: sum(logs.map(({ dropped }) => dropped)),
    process: { cpu: (user + system) / 1e6, memory: process.memoryUsage.rss(), loop: { active, idle } },
  };
}

function mountStatus({ mount, kind }: Pick<MountStatus, 'mount' | 'kind'>, counted: MountTraffic): MountStatus {
  const { disconnects, queue, application, total } = counted;
  const statuses = Object.fromEntries([2, 3, 4, 5].map((digit) => [`${digit}xx`, counted.statuses[digit]]));
  return { mount, kind, statuses, disconnects, queue, application, total };
}

function connectionsOf(
  { hosts }: Sources['gateway'],
  traffic: CountedTraffic,
): Carried & { open: Record<string, number> } {
  const open = Object.fromEntries(STATES.map((state) => [state, 0]));
  let { received, sent } = traffic.carried;
  for (const host of hosts) {
    open[STATES[host.connection.waitingFor]]++;
    received += host.received;
    sent += host.sent;
  }
  return { open, received, sent };
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
