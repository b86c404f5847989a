/**
 * A clock that all threads share, for the moment at which a worker takes a request. `performance.now()` begins anew
 * with each thread, but goes by the same clock of the system as `process.hrtime()`, whose beginning is one for all
 * threads of a process: the two differ by a constant of the thread.
 */
import type { GatewayEnd } from './gateway-end.ts';
import { CLAIMED } from './layout.ts';
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

/** Notes that the worker takes the request in a slot now. `header`: index of the first word of the slot. */
export function noteClaim(words: Int32Array, header: number): void {
  const microseconds = Math.round((performance.now() + ORIGIN) * 1000);
  // Plain: the message with the head of the response releases them.
  words[header + CLAIMED] = lowWord(microseconds);
  words[header + CLAIMED + 1] = highWord(microseconds);
}

/**
 * When the worker took the request in a slot, as noted: milliseconds of this thread's `performance.now()`. Of requests
 * that a worker has answered, or has begun to.
 */
export function claimTime({ words, layout }: Pick<GatewayEnd, 'words' | 'layout'>, slot: number): number {
  const header = layout.slot + slot * layout.slotWords;
  return joinWords(words[header + CLAIMED], words[header + CLAIMED + 1]) / 1000 - ORIGIN;
}
