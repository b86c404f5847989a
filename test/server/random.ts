/** A small generator of its own (xorshift), so that a run can be repeated from its seed: whole numbers below one. */
export type Random = (below: number) => number;

export function random(seed: number): Random {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The seed that the variable names, or a new one; printed, for who wants to repeat the run. */
export function seedFrom(variable: string): number {
  const seed = Number(process.env[variable] ?? Date.now() & 0x7fffffff);
  console.log(`${variable}=${seed}`);
  return seed;
}
