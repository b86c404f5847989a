import type { GatewayEnd } from './gateway-end.ts';
import { OWNER } from './layout.ts';

/** Who has the requests that are under way. */
interface Survey {
  /** In the queue of the sync workers. */
  readonly queued: number;
  /** Of each worker. */
  readonly byWorker: Int32Array;
}

/** Looks at every slot: a moment's picture, for those who ask now and then. */
export function survey({ words, layout, inUse }: Pick<GatewayEnd, 'words' | 'layout' | 'inUse'>): Survey {
  const byWorker = new Int32Array(layout.workers);
  let queued = 0;
  if (inUse === 0) return { queued, byWorker };
  for (let slot = 0; slot < layout.slots; slot++) {
    // Sequentially consistent; a queued slot may be claimed the moment after.
    const owner = Atomics.load(words, layout.slot + slot * layout.slotWords + OWNER);
    if (owner < 0) queued++;
    else if (owner > 0) byWorker[owner - 1]++;
  }
  return { queued, byWorker };
}
