/**
 * A thread that has loaded the applications of a server, to find out what they are. Where workers of one kind serve
 * them all, it goes on as the first of these: what modules do when they are loaded is done once for each worker, and
 * nowhere else (L-72). In all other cases it is ended.
 */
import type { MessagePort, ResourceLimits, Worker } from 'node:worker_threads';
import { disregard, nothing } from '../rules/promises.ts';
import { within } from '../rules/within.ts';
import { LAST_WAIT } from './delays.ts';
import { releaseFileLocks } from './file-locks.ts';
import { closeOpenFiles, type OpenFiles } from './open-files.ts';
import { stuckThreads } from './stuck-threads.ts';

/** What it is told when it is to go on: the task of a worker, for the default export of an entry. */
export interface WorkOrder {
  entry: string;
  task: unknown;
}

interface ThreadOptions {
  trackUnmanagedFds: boolean;
  resourceLimits: ResourceLimits;
}

/** What all threads are made with that may be workers. Bytes of heap and of stack; 0: as Node has it. */
export function threadOptions(heapLimit: number, stackSize = 0): ThreadOptions {
  return {
    // See open-files.ts.
    trackUnmanagedFds: false,
    resourceLimits: {
      ...(heapLimit > 0 && { maxOldGenerationSizeMb: Math.ceil(heapLimit / 2 ** 20) }),
      ...(stackSize > 0 && { stackSizeMb: stackSize / 2 ** 20 }),
    },
  };
}

export class LoadedThread {
  readonly thread: Worker;
  /** Where it notes the files that it opens. */
  readonly files: OpenFiles;
  readonly #threadId: number;
  #isAlive = true;
  #isTaken = false;

  constructor(thread: Worker, files: OpenFiles) {
    this.thread = thread;
    this.files = files;
    this.#threadId = thread.threadId;
    thread.once('exit', () => {
      this.#isAlive = false;
      stuckThreads.delete(thread);
    });
  }

  /** Takes it, to let it go on and to see to its end; null where somebody has taken it, or it has ended. */
  take(): LoadedThread | null {
    if (this.#isTaken || !this.#isAlive) return null;
    this.#isTaken = true;
    return this;
  }

  goOn(order: WorkOrder, transferred: readonly MessagePort[]): void {
    this.thread.postMessage(order, transferred);
  }

  /**
   * Ends it, unless somebody has taken it. What cannot be ended is left behind a moment later (`stuckThreads`), with
   * its files, which are closed when it has ended after all.
   */
  async end(): Promise<void> {
    if (this.#isTaken) return;
    this.#isTaken = true;
    const terminated = this.thread.terminate();
    const released = terminated.then(() => this.#release());
    await within(terminated, LAST_WAIT, 'the end of a thread').catch(nothing);
    if (this.#isAlive) {
      stuckThreads.add(this.thread);
      disregard(released); // nobody is left to hear of it
    } else {
      await released;
    }
  }

  /** What it had, when it has ended. */
  async #release(): Promise<void> {
    await releaseFileLocks(this.#threadId);
    closeOpenFiles(this.files, new Set());
  }
}
