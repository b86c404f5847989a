/**
 * Both ends of the rings on one thread. Every Atomics call of the code under test is a point at which the stage may let
 * another actor run, or kill the one that runs; waits and notifications are played, so that a lost wake-up shows as an
 * actor that sleeps for ever.
 */

/** Thrown out of an Atomics call: the thread is gone. */
export class Killed extends Error {}

interface Waiter {
  readonly index: number;
  woken: boolean;
  readonly callback: (() => void) | null;
}

type Original = Pick<
  Atomics,
  'load' | 'store' | 'add' | 'exchange' | 'compareExchange' | 'wait' | 'notify' | 'waitAsync'
>;

export class Stage {
  readonly #words: Int32Array;
  readonly #original: Original;
  #waiters: Waiter[] = [];
  /** Atomics calls so far: no test needs so many that a loop without end would not show. */
  calls = 0;
  /** Called before each Atomics call on the shared words. */
  interleave: () => void = () => {};
  /** Called again and again while an actor blocks on a word; false when nothing can happen any more. */
  advance: (index: number) => boolean = () => false;

  constructor(words: Int32Array) {
    this.#words = words;
    const { load, store, add, exchange, compareExchange, wait, notify, waitAsync } = Atomics;
    this.#original = { load, store, add, exchange, compareExchange, wait, notify, waitAsync };
    const mine = (array: ArrayBufferView) => array.buffer === words.buffer;
    const before =
      <A extends unknown[], R>(original: (array: Int32Array, ...rest: A) => R) =>
      (array: Int32Array, ...rest: A): R => {
        if (mine(array) && ++this.calls > 2e5) throw new Error('an endless loop');
        if (mine(array)) this.interleave();
        return original(array, ...rest);
      };
    Object.assign(Atomics, {
      load: before<[number], number>(load),
      store: before<[number, number], number>(store),
      add: before<[number, number], number>(add),
      exchange: before<[number, number], number>(exchange),
      compareExchange: before<[number, number, number], number>(compareExchange),
      notify: (array: Int32Array, index: number, count = Number.POSITIVE_INFINITY) =>
        mine(array) ? this.#notify(index, count) : notify(array, index, count),
      wait: (array: Int32Array, index: number, value: number, timeout?: number) =>
        mine(array) ? this.#wait(index, value) : wait(array, index, value, timeout),
      waitAsync: (array: Int32Array, index: number, value: number) =>
        mine(array) ? this.#waitAsync(index, value) : waitAsync(array, index, value),
    });
  }

  /** Gives Atomics back. */
  close(): void {
    Object.assign(Atomics, this.#original);
  }

  #notify(index: number, count: number): number {
    this.interleave();
    let left = count;
    // In the order of their waits, as the engine does.
    for (const waiter of [...this.#waiters]) {
      if (waiter.index !== index || left <= 0) continue;
      left--;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.woken = true;
      waiter.callback?.();
    }
    return count - left;
  }

  #wait(index: number, value: number): string {
    this.interleave();
    if (this.#words[index] !== value) return 'not-equal';
    const waiter = { index, woken: false, callback: null };
    this.#waiters.push(waiter);
    try {
      while (!waiter.woken)
        if (!this.advance(index) && !waiter.woken) throw new Error(`a wake-up was lost: word ${index}`);
    } finally {
      const at = this.#waiters.indexOf(waiter);
      if (at >= 0) this.#waiters.splice(at, 1);
    }
    return 'ok';
  }

  #waitAsync(index: number, value: number) {
    this.interleave();
    if (this.#words[index] !== value) return { async: false, value: 'not-equal' };
    // `then` alone is used. The callback runs at once; the actors only note in it that they are awake.
    const then = (callback: () => void) => {
      this.#waiters.push({ index, woken: false, callback });
    };
    return { async: true, value: { then } };
  }

  /** The waits of a dead thread die with it. */
  forget(index: number): void {
    this.#waiters = this.#waiters.filter((waiter) => waiter.index !== index);
  }
}

/** Takes decisions from a list made by fast-check; after its end every answer is the first one. */
export class Choices {
  readonly #list: readonly number[];
  #at = 0;

  constructor(list: readonly number[]) {
    this.#list = list;
  }

  get spent(): boolean {
    return this.#at >= this.#list.length;
  }

  /** From 0 to below `count`. */
  pick(count: number): number {
    return this.spent ? 0 : this.#list[this.#at++] % count;
  }
}
