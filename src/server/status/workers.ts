import type { Kind } from '../../interface/types.ts';
import type { Cause, WorkerPool } from '../../pool/pool.ts';
import { READY, SUPERVISION } from '../../pool/states.ts';
import type { HeapUse, LoopUse } from '../../pool/vitals.ts';
import { type GatewayEnd, survey } from '../../rings/index.ts';

/** A worker's thread as it is now. */
export interface WorkerStatus {
  readonly kind: Kind;
  /** Its place, among those of its kind. */
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

/** What a service says of itself. */
export interface ServiceStatus {
  /** Requests that it has, those in its queue among them. */
  readonly inProgress: number;
  readonly queued: number;
  readonly workers: readonly WorkerStatus[];
  /** Workers of each kind that have been replaced. */
  readonly replaced: Partial<Record<Kind, Readonly<Record<Cause, number>>>>;
}

/** A place of a worker, as its supervisor knows it. */
interface Place {
  readonly of: { readonly kind: Kind; readonly pool: Pick<WorkerPool<unknown>, 'threads'> };
  readonly index: number;
  readonly served: number;
}

/** @param places by index in the rings */
export function workerStatuses(rings: GatewayEnd, places: readonly Place[]): Pick<ServiceStatus, 'queued' | 'workers'> {
  const { queued, byWorker } = survey(rings);
  const workers: WorkerStatus[] = [];
  for (const [worker, { of, index, served }] of places.entries()) {
    const thread = of.pool.threads[index];
    if (thread === null) continue;
    const { state, vitals } = thread;
    const requests = byWorker[worker];
    vitals.askHeap();
    workers.push({
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
