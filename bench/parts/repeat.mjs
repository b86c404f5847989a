// How the work of a part is repeated and timed.

/** @param {'ns' | 'µs'} unit */
export const partMetrics = (unit) => [
  { key: 'cpu', title: 'CPU time, all threads', unit: `${unit}/request`, better: 'lower' },
  { key: 'elapsed', title: 'elapsed time', unit: `${unit}/request`, better: 'lower' },
];

/**
 * Takes the time from now on.
 *
 * @returns what so many requests have taken, in microseconds for each
 */
export function stopwatch() {
  const began = performance.now();
  const before = process.cpuUsage();
  return (requests) => {
    const { user, system } = process.cpuUsage(before);
    return { cpu: (user + system) / requests, elapsed: ((performance.now() - began) * 1000) / requests };
  };
}

/** Milliseconds between two looks at the clock, about: a look takes as long as a short request. */
const LOOK = 1;

/**
 * Calls `once` for so many seconds.
 *
 * @param {() => void} once
 */
export function repeatSync(once, seconds) {
  const read = stopwatch();
  const until = performance.now() + seconds * 1000;
  let requests = 0;
  let batch = 1;
  for (let now = 0; now < until; ) {
    const before = performance.now();
    for (let i = 0; i < batch; i++) once();
    requests += batch;
    now = performance.now();
    if (now - before < LOOK) batch *= 2;
  }
  return { requests, sample: read(requests) };
}

/**
 * Keeps `parallel` calls of `once` under way for so many seconds.
 *
 * @param {() => Promise<void>} once
 */
export async function repeat(once, seconds, parallel) {
  const read = stopwatch();
  const until = performance.now() + seconds * 1000;
  let requests = 0;
  const line = async () => {
    while (performance.now() < until) {
      await once();
      requests++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, line));
  return { requests, sample: read(requests) };
}
