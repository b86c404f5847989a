/**
 * What the thread that loads this module is there for: whether others wait for its event loop, so that nothing may
 * block it (B-23), and what is to be ended together with its applications (L-09).
 */

import { describeError } from '../rules/show.ts';

const duties: { what: string }[] = [];

/**
 * Says that others wait for the event loop of this thread.
 *
 * @param duty for error messages: 'an async worker of the server'
 * @returns takes it back
 */
export function serveByEventLoop(duty: string): () => void {
  const entry = { what: duty };
  duties.push(entry);
  return () => {
    const index = duties.indexOf(entry);
    if (index >= 0) duties.splice(index, 1);
  };
}

/** For what others wait for this thread's event loop; undefined where nobody does. */
export function eventLoopDuty(): string | undefined {
  return duties.at(-1)?.what;
}

type End = () => Promise<void>;

const ends = new Set<End>();
let watchesExit = false;

/**
 * Has something ended with the applications of this thread, or before the process ends by itself, whichever comes
 * first.
 *
 * @returns takes it back
 */
export function atThreadEnd(end: End): () => void {
  ends.add(end);
  if (!watchesExit) {
    watchesExit = true;
    process.on('beforeExit', () => void endThread((error) => process.emitWarning(describeError(error))));
  }
  return () => ends.delete(end);
}

/** Ends all that is to be ended, last begun first; what fails is reported and keeps nothing else from ending (L-10). */
export async function endThread(report: (error: unknown) => void): Promise<void> {
  const all = [...ends].reverse();
  ends.clear();
  for (const end of all) {
    try {
      await end();
    } catch (error) {
      report(error);
    }
  }
}
