import type { GatewayEnd } from './gateway-end.ts';
import { OWNER } from './layout.ts';

/** Who has the requests that are under way. */
interface Survey {
  /** In the queue of the sync workers. */
  readonly queued: number;
  /** Of each worker. */
  readonly byWorker: Int32Array;
}

/** Looks at every slot that was ever used: a moment's picture, for those who ask now and then. */
export function survey(rings: Pick<GatewayEnd, 'words' | 'layout' | 'inUse' | 'slotsUsed'>): Survey {
  const { words, layout, inUse, slotsUsed } = rings;
  const byWorker = new Int32Array(layout.workers);
  let queued = 0;
  if (inUse === 0) return { queued, byWorker };
  for (let slot = 0; slot < slotsUsed; slot++) {
    // Sequentially consistent; a queued slot may be claimed the moment after.
    const owner = Atomics.load(words, layout.slot + slot * layout.slotWords + OWNER);
    if (owner < 0) queued++;
    else if (owner > 0) byWorker[owner - 1]++;
  }
  return { queued, byWorker };
}
