/** What the modules and programs of a bench are told, and by which variables. */
import type { AppOptions } from '../../pool/load.ts';

/** For `adapted`, as JSON: the export that it makes an application of. */
export const ADAPTED = 'QUAICH_BENCH_ADAPTED';

/** For `prepared`: how many bytes its response has. */
export const PREPARED = 'QUAICH_BENCH_PREPARED';

export interface AppOrder {
  readonly app: AppOptions;
  readonly directory: string;
}
