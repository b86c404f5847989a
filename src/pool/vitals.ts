import type { Worker } from 'node:worker_threads';
import { nothing } from '../rules/promises.ts';
import { property } from '../rules/property.ts';

/** What an event loop has done since its start, in milliseconds. */
export interface LoopUse {
  readonly active: number;
  readonly idle: number;
}

/** A JavaScript heap, in bytes. */
export interface HeapUse {
  readonly used: number;
  /** It grows no larger than that. */
  readonly limit: number;
}

/** What Node tells of a worker's thread, also of one that is blocked. */
export class Vitals {
  /** As it was told last; null before that, and where this version of Node does not tell (22.16 and 24 do). */
  heap: HeapUse | null = null;
  readonly #worker: Worker;
  #isAsked = false;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  get loop(): LoopUse {
    const { active, idle } = this.#worker.performance.eventLoopUtilization();
    return { active, idle };
  }

  /** Asks for `heap`, which nobody waits for: a thread that sleeps answers when it wakes up, or never. */
  askHeap(): void {
    // Newer than the types.
    const ask: unknown = Reflect.get(this.#worker, 'getHeapStatistics');
    if (typeof ask !== 'function' || this.#isAsked) return;
    this.#isAsked = true;
    const told: unknown = Reflect.apply(ask, this.#worker, []);
    Promise.resolve(told)
      .then((heap) => {
        this.heap = {
          used: Number(property(heap, 'used_heap_size')),
          limit: Number(property(heap, 'heap_size_limit')),
        };
        this.#isAsked = false;
      })
      .catch(nothing); // its thread has ended
  }
}
