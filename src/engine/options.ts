import type { Contexts } from './context.ts';
import type { EngineCounters, ResponseState } from './response.ts';

/** The same for all requests of a worker or a mount; a bridge makes them for each request. */
export interface EngineOptions {
  /** Polled before each step of a sync body (B-35). */
  disconnected?: () => boolean;
  /** The longest wait for `return()` and `close()` of an async body, in milliseconds (B-13, B-36); 5000 by default. */
  closeTimeout?: number;
  counters?: EngineCounters;
  /** What reports call the application: its module, and its mount. */
  application?: string;
  /** Where the contexts of requests come from (G-190); without it each begins as the one that it is run in. */
  contexts?: Contexts;
  /** For bridges: the state of the request, of a class that passes on what the application gives. */
  response?: ResponseState;
  /**
   * For bridges: called before each step of a body. The step is taken when this returns or fulfils (B-27). If it throws
   * or rejects, the body is abandoned and the request fails with that error.
   */
  mayStep?: () => Promise<void> | undefined;
  /**
   * For bridges: called before the body is closed, unless a DONE was sent. The body is closed when this returns or
   * fulfils; it neither throws nor rejects.
   *
   * @param closes whether the body has a `close`
   */
  closing?: (closes: boolean) => Promise<void> | undefined;
}

export const DEFAULT_CLOSE_TIMEOUT = 5000;
