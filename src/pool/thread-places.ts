import { nothing } from '../rules/promises.ts';
import type { WorkerThread } from './thread.ts';

/** The places of a pool: each has a thread, of whatever state, or none. */
export class ThreadPlaces {
  /** By place; null where there is none. */
  readonly threads: (WorkerThread | null)[];
  #changed: () => void = nothing;

  constructor(places: number) {
    this.threads = new Array(places).fill(null);
  }

  /** Those that take requests, or will by themselves. */
  get living(): WorkerThread[] {
    return this.present.filter(({ living }) => living);
  }

  get present(): WorkerThread[] {
    return this.threads.filter((thread) => thread !== null);
  }

  get free(): number {
    return this.threads.length - this.present.length;
  }

  /** A place without a thread; -1 where there is none. */
  get next(): number {
    return this.threads.indexOf(null);
  }

  vacate(place: number): void {
    this.threads[place] = null;
    this.#changed();
  }

  /** Has `whenFree` look again. */
  wake(): void {
    this.#changed();
  }

  /**
   * Waits until so many places are free, which are taken by threads that are to leave: their requests get `patience`
   * milliseconds for that. One call at a time.
   *
   * @param isWanted whether there is something to wait for; `wake` says that it has changed
   * @param limit milliseconds
   * @returns false where the time is over
   */
  async whenFree(count: number, isWanted: () => boolean, patience: number, limit: number): Promise<boolean> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#changed();
    }, limit);
    while (this.free < count && isWanted() && !isLate) {
      for (const thread of this.present) thread.hurry(patience);
      // Ends: with a thread, by the limit, or by `wake`.
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    clearTimeout(timer);
    return !isLate;
  }
}
