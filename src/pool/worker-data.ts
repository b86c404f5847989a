import type { RingLayout } from '../rings/index.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import type { AppOptions, KnownApplication } from './load.ts';

/** A mount as a worker sees it; requests name it by its place in the list. */
export interface WorkerMount {
  /** Decoded: '' or '/app' (G-11). */
  prefix: string;
  /** With the kind that the server has settled on. */
  app: AppOptions;
  /** What the server has found out by loading it; absent on the threads of bridges. */
  known?: KnownApplication;
}

/**
 * What every worker of a server gets: plain data, and the shared memory. `validate`, `wrapper`, `environ`
 * and `earlyHints` are options of the server.
 */
export interface WorkerData {
  memory: SharedMemory;
  layout: RingLayout;
  /** Modules are resolved from here. */
  directory: string;
  /** Null where the application is of another kind, or runs inline. */
  mounts: (WorkerMount | null)[];
  validate: boolean;
  wrapper?: string | undefined;
  environ: Readonly<Record<string, string>>;
  /** Whether the server has more workers of this kind, so that module state is not shared (G-44). */
  multiprocess: boolean;
  earlyHints: boolean;
  /** Whether workers note when they take a request. */
  timed: boolean;
  /** Whether an async worker may have several requests in progress (G-09, G-44). */
  multithread: boolean;
}
