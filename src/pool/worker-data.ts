import type { TrustProxyOptions } from '../environ/trusted-proxies.ts';
import type { RingLayout } from '../rings/index.ts';
import type { SharedMemory } from '../rules/webassembly.ts';
import type { AppOptions, KnownApplication } from './load.ts';
import type { SharedLogFile } from './log-file.ts';

/** A mount as a worker sees it; requests name it by its place in the list. */
export interface WorkerMount {
  /** Decoded: '' or '/app' (G-11). */
  prefix: string;
  app: AppOptions;
  /** What the server has found out by loading it; absent on the threads of bridges. */
  known?: KnownApplication;
}

/** What a thread is to load. */
export interface ThreadLoad {
  /** Modules are resolved from here. */
  directory: string;
  /** Modules that run ahead of the applications (L-49). */
  imports: readonly string[];
  /** Null where the application is of another kind, or runs elsewhere. */
  mounts: readonly (WorkerMount | null)[];
  /** Puts the conformance validator around each application. */
  validate: boolean;
  /** The URL of a module whose `wrap` goes around each application, outermost. */
  wrapper?: string | undefined;
}

/** What a server may offer beyond what all environs have: settings of the same names. */
export interface Offers {
  /** `quaich.early_hints` (G-152). */
  earlyHints: boolean;
  /** `quaich.queue_time` (L-48). */
  queueTime: boolean;
}

/** What every worker of a server gets: plain data, and the shared memory. `environ` is the setting `env`. */
export interface WorkerData extends ThreadLoad, Offers {
  memory: SharedMemory;
  layout: RingLayout;
  environ: Readonly<Record<string, string>>;
  /** Who is believed about clients; null: nobody. */
  proxies: TrustProxyOptions | null;
  /** Whether the server has more workers of this kind, so that module state is not shared (G-44). */
  multiprocess: boolean;
  /** Where the output of workers goes; absent: to standard output and error. */
  logFile?: SharedLogFile | undefined;
  /** Whether workers note when they take a request. */
  timed: boolean;
  /** Bytes of memory beyond which a worker says how much it has; 0: it never does (L-30). */
  recycleMemory: number;
  /** Whether an async worker may have several requests in progress (G-09, G-44). */
  multithread: boolean;
}
