/**
 * A clock that all threads share, for the moments at which a request comes and a worker takes it. `performance.now()`
 * begins anew with each thread, but goes by the same clock of the system as `process.hrtime()`, whose beginning is one
 * for all threads of a process: the two differ by a constant of the thread.
 */
import type { GatewayEnd } from './gateway-end.ts';
import { ARRIVED, CLAIMED } from './layout.ts';
import { highWord, joinWords, lowWord } from './response-ring.ts';

/** Looks at both clocks; the one with the least time in between counts. */
const LOOKS = 5;

/** What to add to this thread's `performance.now()`, in milliseconds. */
const ORIGIN = difference();

function difference(): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < LOOKS; look++) {
    const before = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const after = performance.now();
    if (after - before >= least) continue;
    least = after - before;
    best = seconds * 1000 + nanoseconds / 1e6 - (before + after) / 2;
  }
  return best;
}

/** Notes a time of this thread in two words. Plain stores: what hands the slot on releases them. */
function note(words: Int32Array, at: number, time: number): void {
  const microseconds = Math.round((time + ORIGIN) * 1000);
  words[at] = lowWord(microseconds);
  words[at + 1] = highWord(microseconds);
}

/** The time that was noted in two words, as one of this thread. */
function noted(words: Int32Array, at: number): number {
  return joinWords(words[at], words[at + 1]) / 1000 - ORIGIN;
}

/** Notes that the worker takes the request in a slot now. `header`: index of the first word of the slot. */
export function noteClaim(words: Int32Array, header: number): void {
  note(words, header + CLAIMED, performance.now());
}

/**
 * When the worker took the request in a slot, as noted: milliseconds of this thread's `performance.now()`. Of requests
 * that a worker has answered, or has begun to.
 */
export function claimTime({ words, layout }: Pick<GatewayEnd, 'words' | 'layout'>, slot: number): number {
  return noted(words, layout.slot + slot * layout.slotWords + CLAIMED);
}

/** Notes in an acquired slot when its request came: milliseconds of this thread's `performance.now()`. */
export function noteArrival({ words, layout }: Pick<GatewayEnd, 'words' | 'layout'>, slot: number, time: number): void {
  note(words, layout.slot + slot * layout.slotWords + ARRIVED, time);
}

/** Milliseconds since the request in a slot came, as noted. `header` as for `noteClaim`. */
export function timeSinceArrival(words: Int32Array, header: number): number {
  return Math.max(0, performance.now() - noted(words, header + ARRIVED)); // two threads' looks at a clock
}
