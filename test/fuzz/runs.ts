/**
 * How many inputs a property sees, and which: QUAICH_FUZZ_RUNS in place of the usual number, and QUAICH_FUZZ_SEED. A
 * failure prints its seed and path.
 */
const { QUAICH_FUZZ_RUNS: wanted, QUAICH_FUZZ_SEED: seed } = process.env;

interface Runs {
  parameters: { numRuns: number; seed?: number };
  /** Milliseconds for all of them. */
  timeout: number;
}

/** @param each milliseconds that one may take */
export function runsOf(usual: number, each: number): Runs {
  const numRuns = Number(wanted ?? usual);
  return { parameters: { numRuns, ...(seed && { seed: Number(seed) }) }, timeout: 30_000 + numRuns * each };
}
