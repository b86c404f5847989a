/** What a bridge leads to: the reference of an application on other threads, and how these are run. */
import { createErrorStream } from '../../engine/error-stream.ts';
import { DEFAULT_CLOSE_TIMEOUT } from '../../engine/options.ts';
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
import type { Kind } from '../../interface/types.ts';
import { resolveModule } from '../../pool/find-module.ts';
import { importedFirst } from '../../pool/imports.ts';
import { type AppOptions, parseApplication } from '../../pool/load.ts';
import { createBells } from '../link/link.ts';
import { descendants } from './deadlock.ts';

/** What both directions can be told about their threads. Times are milliseconds. */
export interface ThreadOptions {
  /** Relative modules and packages are looked up here; an absolute path. The working directory by default. */
  directory?: string;
  /**
   * Bytes of the response that the application may be ahead of whoever takes it (B-27); 65536 by default. 0: each step
   * waits until it is asked for. An array is always taken as a whole.
   */
  ahead?: number;
  /** For loading and startup hooks; 60000 by default, 0: no limit (L-04). */
  startupTimeout?: number;
  /** For running requests and shutdown hooks at the end; then the thread is terminated. 10000 by default (L-11). */
  shutdownTimeout?: number;
  /** For `return()` and `close()` of a body; 5000 by default, and for 0 (B-13, B-56). */
  closeTimeout?: number;
  /** Heap of each thread, MiB. */
  maxOldGenerationSizeMb?: number;
  /**
   * Takes messages about threads: those that died, and errors there that nobody has caught. Standard error by default.
   */
  report?(message: string): void;
}

/** What the threads of one bridge get: plain data. */
export interface BridgeData {
  app: AppOptions;
  /** The kind that the application has to have. */
  kind: Kind;
  /** Modules are resolved from here. */
  directory: string;
  /** Those that run ahead of the application, as on the thread of the bridge. */
  imports: readonly string[];
  /** Words to sleep on, by index of the thread. */
  bells: Int32Array;
  /** References of the bridges that this thread descends from. */
  chain: readonly string[];
  /** Whether the bridge has more threads than one (G-44). */
  multiprocess: boolean;
  /** Milliseconds for `return()` and `close()` of an async body (B-13). */
  closeTimeout: number;
}

/** What is said of an error outside of every request, with its stack. */
export function uncaught(text: string): string {
  return `an error that nobody has caught, outside of every request (G-146): ${text}`;
}

export class BridgeTarget {
  /** The file, and the export where one was named: the same for every way to write it. */
  readonly reference: string;
  /** For the threads. */
  readonly data: BridgeData;
  /** Bytes. */
  readonly ahead: number;
  readonly startupTimeout: number;
  readonly shutdownTimeout: number;
  /** Heap of each thread; undefined: as Node has it. */
  readonly maxOldGenerationSizeMb: number | undefined;
  readonly report: (message: string) => void;

  /**
   * @param size how many threads
   * @throws ConfigurationError for a reference that cannot be read or found
   */
  constructor(reference: string, kind: Kind, size: number, options: ThreadOptions) {
    const app = parseApplication(reference);
    const directory = options.directory ?? process.cwd();
    if (app.prefix !== undefined) {
      throw new ConfigurationError(`a bridge to "${reference}": a prefix belongs where the bridge is mounted`);
    }
    if (!Number.isInteger(size) || size < 1) throw new ConfigurationError(`a bridge needs threads, got ${size}`);
    const file = findFile(app.module, directory);
    this.reference = app.export === undefined ? file : `${file}:${app.export}`;
    this.data = {
      app,
      kind,
      directory,
      imports: importedFirst(),
      bells: createBells(size),
      chain: descendants(this.reference),
      multiprocess: size > 1,
      closeTimeout: options.closeTimeout || DEFAULT_CLOSE_TIMEOUT,
    };
    this.ahead = options.ahead ?? 65536;
    this.startupTimeout = options.startupTimeout ?? 60_000;
    this.shutdownTimeout = options.shutdownTimeout ?? 10_000;
    this.maxOldGenerationSizeMb = options.maxOldGenerationSizeMb;
    const report = options.report ?? ((message) => createErrorStream().write(`quaich: ${message}\n`));
    this.report = (message) => report(`bridge to ${this.reference}: ${message}`);
  }

  /** What kept a thread from starting; `configuration`: the fault is the owner's, and the message says all (L-05). */
  startupError(message: string, configuration = false): Error {
    return configuration
      ? new ConfigurationError(message)
      : new QuaichError('QUAICH_STARTUP', `bridge to ${this.reference}: ${message}`);
  }

  /** Throws where the end of the threads was not in order (L-09, L-10). */
  assertEnded(terminated: number, shutdownFailures: number): void {
    const say = (what: string): QuaichError =>
      new QuaichError('QUAICH_SHUTDOWN', `bridge to ${this.reference}: ${what}`);
    if (terminated > 0) throw say(`${terminated} thread(s) had to be terminated`);
    if (shutdownFailures > 0) throw say('a shutdown hook failed');
  }
}

function findFile(module: string, directory: string): string {
  try {
    return resolveModule(module, directory);
  } catch (error) {
    if (!(error instanceof ConfigurationError) || module.startsWith('file:')) throw error;
    const hint = 'relative paths start from the working directory, or from the option directory: import.meta.dirname';
    throw new ConfigurationError(`${error.message} (${hint})`, { cause: error });
  }
}
