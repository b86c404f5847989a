import type { Kind } from '../../interface/types.ts';
import type { Cause, WorkerPool } from '../../pool/pool.ts';
import { READY, SUPERVISION } from '../../pool/states.ts';
import type { HeapUse, LoopUse } from '../../pool/vitals.ts';
import { type GatewayEnd, survey } from '../../rings/index.ts';

/** A worker's thread as it is now. */
export interface WorkerStatus {
  /** The number of its process, where there are several; else ''. */
  readonly process: string;
  /** The mount that has it for itself: `/blog`; '' where mounts share it. */
  readonly mount: string;
  readonly kind: Kind;
  /** Its place, among those of its mount and kind. */
  readonly place: number;
  /** Idle or busy, or how far its thread has come with its start or its end (docs/worker-states.md). */
  readonly state: string;
  /** Requests that it has. */
  readonly requests: number;
  /** Requests that it has been through with. */
  readonly served: number;
  readonly loop: LoopUse;
  readonly heap: HeapUse | null;
}

/** Workers that have been replaced, of one mount or of those that share them. */
export interface Replaced {
  readonly mount: string;
  readonly kind: Kind;
  readonly causes: Readonly<Record<Cause, number>>;
}

/** What a service says of itself. */
export interface ServiceStatus {
  /** Requests that it has, those in its queue among them. */
  readonly inProgress: number;
  readonly queued: number;
  readonly workers: readonly WorkerStatus[];
  readonly replaced: readonly Replaced[];
}

/** A place of a worker, as its supervisor knows it. */
interface Place {
  readonly of: { readonly kind: Kind; readonly pool: Pick<WorkerPool<unknown>, 'threads'> };
  readonly index: number;
  readonly served: number;
}

/** What people call a worker: `sync 0`, `sync 0 of /blog`, `sync 0 of /blog in process 1`. */
export function workerName({ kind, place, mount, process }: WorkerStatus): string {
  return inProcess(`${kind} ${place}${mount === '' ? '' : ` of ${mount}`}`, process);
}

/** The name of a thread; `process` as in WorkerStatus. */
export function inProcess(name: string, process: string): string {
  return process === '' ? name : `${name} in process ${process}`;
}

/**
 * @param places by index in the rings
 * @param mount that has these workers for itself; '' where mounts share them
 */
export function workerStatuses(
  rings: GatewayEnd,
  places: readonly Place[],
  mount: string,
): Pick<ServiceStatus, 'queued' | 'workers'> {
  const { queued, byWorker } = survey(rings);
  const workers: WorkerStatus[] = [];
  for (const [worker, { of, index, served }] of places.entries()) {
    const thread = of.pool.threads[index];
    if (thread === null) continue;
    const { state, vitals } = thread;
    const requests = byWorker[worker];
    vitals.askHeap();
    workers.push({
      process: '',
      mount,
      kind: of.kind,
      place: index,
      state: state === READY ? (requests > 0 ? 'busy' : 'idle') : SUPERVISION.states[state],
      requests,
      served,
      loop: vitals.loop,
      heap: vitals.heap,
    });
  }
  return { queued, workers };
}
