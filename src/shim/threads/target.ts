/** What a bridge leads to: the reference of an application on other threads, and how these are run. */
import { createErrorStream } from '../../engine/error-stream.ts';
import { ConfigurationError } from '../../interface/errors.ts';
import type { Kind } from '../../interface/types.ts';
import { type AppOptions, parseApplication, resolveModule } from '../../pool/load.ts';
import type { BridgeData } from '../far/thread.ts';
import { createBells } from '../link/link.ts';
import { descendants } from './deadlock.ts';

/** What both directions can be told about their threads. Times are milliseconds. */
export interface ThreadOptions {
  /** Relative modules and packages are looked up here; an absolute path. The working directory by default. */
  directory?: string;
  /**
   * Bytes of the response that the application may be ahead of whoever takes it (B-27); 65536 by default. 0: each step waits
   * until it is asked for. An array is always taken as a whole.
   */
  ahead?: number;
  /** For loading and startup hooks; 60000 by default, 0: no limit (L-04). */
  startupTimeout?: number;
  /** For running requests and shutdown hooks at the end; then the thread is terminated. 10000 by default (L-11). */
  shutdownTimeout?: number;
  /** For `return()` and `close()` of a body; 5000 by default (B-13, B-56). */
  closeTimeout?: number;
  /** Heap of each thread, MiB. */
  maxOldGenerationSizeMb?: number;
  /** Takes messages about threads: those that died, and errors there that nobody has caught. Standard error by default. */
  report?(message: string): void;
}

/** What is said of an error outside of every request, with its stack. */
export function uncaught(text: string): string {
  return `an error that nobody has caught, outside of every request (G-146): ${text}`;
}

export const DEFAULT_AHEAD = 65536;
export const DEFAULT_STARTUP_TIMEOUT = 60_000;
export const DEFAULT_SHUTDOWN_TIMEOUT = 10_000;

export class BridgeTarget {
  /** The file, and the export where one was named: the same for every way to write it. */
  readonly reference: string;
  readonly options: ThreadOptions;
  readonly bells: Int32Array;
  readonly report: (message: string) => void;
  readonly #app: AppOptions;
  readonly #directory: string;
  readonly #kind: Kind;
  readonly #size: number;

  /** @throws ConfigurationError for a reference that cannot be read or found */
  constructor(reference: string, kind: Kind, size: number, options: ThreadOptions) {
    this.#app = parseApplication(reference);
    this.#directory = options.directory ?? process.cwd();
    if (this.#app.prefix !== undefined) {
      throw new ConfigurationError(`a bridge to "${reference}": a prefix belongs where the bridge is mounted`);
    }
    if (!Number.isInteger(size) || size < 1) throw new ConfigurationError(`a bridge needs threads, got ${size}`);
    const file = this.#find();
    this.reference = this.#app.export === undefined ? file : `${file}:${this.#app.export}`;
    this.options = options;
    this.#kind = kind;
    this.#size = size;
    this.bells = createBells(size);
    const report = options.report ?? ((message) => createErrorStream().write(`quaich: ${message}\n`));
    this.report = (message) => report(`bridge to ${this.reference}: ${message}`);
  }

  #find(): string {
    try {
      return resolveModule(this.#app.module, this.#directory);
    } catch (error) {
      if (!(error instanceof ConfigurationError) || this.#app.module.startsWith('file:')) throw error;
      const hint = 'relative paths start from the working directory, or from the option directory: import.meta.dirname';
      throw new ConfigurationError(`${error.message} (${hint})`, { cause: error });
    }
  }

  /** For the threads. */
  get data(): BridgeData {
    return {
      app: this.#app,
      kind: this.#kind,
      directory: this.#directory,
      bells: this.bells,
      chain: descendants(this.reference),
      multiprocess: this.#size > 1,
      closeTimeout: this.options.closeTimeout ?? 0,
    };
  }
}
