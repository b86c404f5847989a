/** Whether something takes more time than its input grows. */

/**
 * Milliseconds below which nothing is said: what grows with the square takes many times as long at the largest size.
 */
export const FLOOR = 0.5;
/** Units of input. */
const SIZE = 2048;
/** Tried before, since what grows with the cube, or faster, would take minutes. */
const SMALL = 64;
/** From a size to the next, to compare. */
const FACTOR = 4;
/**
 * How much longer `FACTOR` times the input takes at least where the time grows faster; in the square it is 16 times.
 */
const LEAST_STEP = 7;
/** How much longer it may take after two steps: 16 times by right, and 256 times in the square. */
const MOST_GROWTH = 100;
/** Growth that needs no other step, which would take minutes. */
const CUBIC = 40;
const REPETITIONS = 25;
/** Milliseconds for all repetitions: what takes long is repeated less often, since it stands out from the noise. */
const ENOUGH = 100;

/** Milliseconds of work of this process: those of the clock grow with whatever else the machine does. */
function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The least of some runs, as other threads only ever add; the first of at most `enough` will do. */
export function least(run: () => void, enough = 0): number {
  let best = Number.MAX_VALUE;
  for (let i = 0; i < REPETITIONS && i * best < ENOUGH && best > enough; i++) {
    const start = worked();
    run();
    best = Math.min(best, worked() - start);
  }
  return best;
}

/**
 * Null where the time grows no faster than the input, else what was measured: in two steps, each of which has to be too
 * large, since the collection of garbage begins at some size. The first of the sizes compared takes longer than the
 * floor: what takes less is lost in the noise of a busy machine.
 *
 * @param prepare makes the input, of so many units; what it returns is what is measured
 * @param floor milliseconds that it may take in any case
 */
export function superlinear(prepare: (units: number) => () => void, floor = FLOOR): string | null {
  for (const size of [SMALL, SIZE]) {
    if (least(prepare(size), floor) <= floor) continue;
    const times = [least(prepare(size))];
    for (let units = size * FACTOR; times.length < 3; units *= FACTOR) {
      const before = times[times.length - 1];
      const time = least(prepare(units), LEAST_STEP * before);
      const growth = time / before;
      if (growth <= LEAST_STEP) break;
      times.push(time);
      if (growth > CUBIC || time / times[0] > MOST_GROWTH) {
        return times.map((each, index) => `${each.toFixed(2)} ms for ${size * FACTOR ** index}`).join(', ');
      }
    }
  }
  return null;
}
