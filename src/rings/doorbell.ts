/**
 * A wake-up that cannot be lost and costs nothing while the other side is awake. One word: even while its owner is
 * awake, odd while it sleeps. A ringer makes it even again, so of many ringers one pays for the notification.
 *
 * The order is that of Dekker's algorithm. The sleeper stores the odd value and then looks for work; the ringer stores
 * its work and then looks at the word. All four are sequentially consistent, so at least one of them sees the other.
 */

interface WaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
  ): { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<'ok' | 'timed-out'> };
}

declare global {
  // Part of ES2024; Node 20 has it, the library files of ES2023 do not.
  interface Atomics extends WaitAsync {}
}

/** Wakes the owner of the bell if it sleeps. */
export function ringBell(words: Int32Array, index: number): void {
  // Sequentially consistent, after the store that published the work.
  const value = Atomics.load(words, index);
  // One of several ringers wins the exchange; the sleeper's next wait is at another value, so a late one fails.
  if ((value & 1) === 1 && Atomics.compareExchange(words, index, value, value + 1) === value) {
    // After the change of the word: a wait that begins in between sees the new value and does not sleep.
    Atomics.notify(words, index, 1);
  }
}

/** The owner's side: one thread, one wait at a time. */
export class Sleeper {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #hasWork: () => boolean;
  #callback: (() => void) | null = null;
  readonly #woken = (): void => {
    const callback = this.#callback;
    this.#callback = null;
    if (callback !== null) callback();
  };

  /** `hasWork` looks, with sequentially consistent loads, at everything that is followed by a `ringBell`. */
  constructor(words: Int32Array, index: number, hasWork: () => boolean) {
    this.#words = words;
    this.#index = index;
    this.#hasWork = hasWork;
  }

  /**
   * Calls `callback` once, later, when somebody rings. False, and nothing is called, where there is work already.
   * Does not keep the event loop alive.
   */
  arm(callback: () => void): boolean {
    if (this.#callback !== null) return true;
    const words = this.#words;
    // Only ringers change an odd value and only the owner an even one, so this read and store need no exchange.
    const asleep = Atomics.load(words, this.#index) | 1;
    // Before the look for work (see above).
    Atomics.store(words, this.#index, asleep);
    if (this.#hasWork()) {
      // Awake again. A ringer may have done the same, to the same value.
      Atomics.store(words, this.#index, asleep + 1);
      return false;
    }
    // Compares and enqueues as one step: a ring since the store above shows as another value.
    // Ends: with a ring, and with `wake`, which the owner calls when it learns that a ringer has died.
    const wait = Atomics.waitAsync(words, this.#index, asleep);
    if (!wait.async) return false;
    this.#callback = callback;
    void wait.value.then(this.#woken);
    return true;
  }

  /** Ends a pending wait, also one whose ringer died between changing the word and notifying. Owner's thread only. */
  wake(): void {
    if (this.#callback === null) return;
    // The owner waits at an odd value; where a ringer has made it even already, this changes nothing.
    const value = Atomics.load(this.#words, this.#index);
    Atomics.store(this.#words, this.#index, (value + 1) & ~1);
    Atomics.notify(this.#words, this.#index, 1);
  }
}
