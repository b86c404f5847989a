/** Whether something takes more time than its input grows. */

/** Milliseconds below which nothing is said: what grows with the square takes many times as long at the largest size. */
export const FLOOR = 0.5;
/** Units of input. */
const SIZE = 2048;
/** Tried before, since what grows with the cube, or faster, would take minutes. */
const SMALL = 64;
/** From a size to the next, to compare. */
const FACTOR = 4;
/** How much longer `FACTOR` times the input may take; in the square it is 16 times. */
const MOST_GROWTH = 9;
const REPETITIONS = 7;
/** What takes longer than this many milliseconds is not repeated as often: it stands out from the noise. */
const LONG = 50;

/** The least of some runs, as another process in between only ever adds; the first of at most `enough` will do. */
export function least(run: () => void, enough = 0): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < (best > LONG ? 3 : REPETITIONS) && best > enough; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * Null where the time grows no faster than the input, else what was measured: two steps, each of which has to be too large,
 * since a collection of garbage begins at some size.
 *
 * @param prepare makes the input, of so many units; what it returns is what is measured
 * @param floor milliseconds that it may take in any case
 */
export function superlinear(prepare: (units: number) => () => void, floor = FLOOR): string | null {
  for (const size of [SMALL, SIZE]) {
    const middle = least(prepare(size), floor);
    if (middle <= floor) continue;
    const small = least(prepare(size / FACTOR));
    if (middle <= MOST_GROWTH * small) continue;
    const large = least(prepare(size * FACTOR));
    if (large <= MOST_GROWTH * middle) continue;
    const figures = [small, middle, large].map(
      (time, index) => `${time.toFixed(2)} ms for ${size * FACTOR ** (index - 1)}`,
    );
    return figures.join(', ');
  }
  return null;
}
