/** What the modules and programs of a bench are told, and by which variables. */
import type { AppOptions } from '../../pool/load.ts';

/** For `prepared`: how many bytes its response has. */
export const PREPARED = 'QUAICH_BENCH_PREPARED';

export interface AppOrder {
  readonly app: AppOptions;
  readonly directory: string;
}
