/** Whether something takes more time than its input grows. */

/** Milliseconds below which nothing is said: what grows with the square takes many times as long at the largest size. */
const FLOOR = 1;
/** Units of input. Small ones first: what grows with the cube would take minutes at the largest. */
const SIZES = [64, 512, 4096];
/** From one size to the next. */
const FACTOR = 8;
/** How much longer `FACTOR` times the input may take; in the square it is 64 times. */
const MOST_GROWTH = 20;
const REPETITIONS = 7;

/** The least of some runs, as another process in between only ever adds; the first of at most `enough` will do. */
function least(run: () => void, enough: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPETITIONS && best > enough; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * Null where the time grows no faster than the input, else what was measured.
 *
 * @param prepare makes the input, of so many units; what it returns is what is measured
 */
export function superlinear(prepare: (units: number) => () => void): string | null {
  for (const size of SIZES) {
    const large = least(prepare(size), FLOOR);
    if (large <= FLOOR) continue;
    const small = least(prepare(size / FACTOR), 0);
    if (large <= MOST_GROWTH * small) continue;
    return `${small.toFixed(2)} ms for ${size / FACTOR} times, ${large.toFixed(2)} ms for ${size} times`;
  }
  return null;
}
