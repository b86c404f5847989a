// @ts-check
/**
 * Blocks this thread, as a real slow query would, but without burning the processor. Ends early when nobody waits.
 *
 * @param {number} seconds
 * @param {() => boolean} isOver whether nobody waits any more; asked five times a second
 * @returns {number} the seconds that it took
 */
export function blockThread(seconds, isOver) {
  const started = performance.now();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const passed = performance.now() - started;
    const left = seconds * 1000 - passed;
    if (left <= 0 || isOver()) return passed / 1000;
    // Nobody ever notifies: this returns after the time, and looks up again five times a second.
    Atomics.wait(sleeper, 0, 0, Math.min(left, 200));
  }
}
