/**
 * Which threads may block. Node permits `Atomics.wait` on every thread, also on one whose event loop others wait for,
 * so nothing but this module keeps a bridge from waiting for itself (B-23, B-41).
 */
import { eventLoopDuty } from '../../pool/this-thread.ts';
import { DeadlockError } from '../errors.ts';

/** Calls of a sync application on this thread's event loop that are under way (`where: 'here'`). */
let inline = 0;

/** Set on the thread of an `asyncToSync` bridge: its event loop is what a blocked caller waits for. */
let servesCaller = false;

/** The references of the bridges whose threads this one descends from, outermost first. */
let ancestors: readonly string[] = [];

/** Runs a step of a sync application that has been put on an event loop at its owner's wish. */
export function onEventLoop<T>(step: () => T): T {
  inline++;
  try {
    return step();
  } finally {
    inline--;
  }
}

/**
 * Throws DeadlockError where blocking would stop an event loop that others wait for.
 *
 * @param bridge as its owner wrote it, for the message
 */
export function assertMayBlock(bridge: string): void {
  if (servesCaller) {
    throw new DeadlockError(
      `${bridge} was called on the thread of another bridge, for which its caller waits: ` +
        `await the async application there, or bridge the sync one between them with where: 'worker' (B-41)`,
    );
  }
  if (inline > 0) {
    throw new DeadlockError(
      `${bridge} was called by a sync application that runs on an event loop (where: 'here'): it would ` +
        `stop that loop. Use where: 'worker', or mount the async application itself (B-23)`,
    );
  }
  const duty = eventLoopDuty();
  if (duty !== undefined) {
    throw new DeadlockError(
      `${bridge} was called on ${duty}: it would stop the event loop that all requests there wait for. ` +
        `Await the async application itself there, or call the bridge from a sync application, which runs on a sync worker (B-23)`,
    );
  }
}

/** Throws DeadlockError where a bridge thread for `reference` is about to be started by its own descendant. */
export function assertNoRecursion(reference: string): void {
  if (!ancestors.includes(reference)) return;
  throw new DeadlockError(
    `the bridge to ${reference} was started on a thread that a bridge to it has started (${ancestors.join(' > ')}): ` +
      `each would start the next, for ever. Call the application itself there, and not a bridge to it (B-41)`,
  );
}

/** The chain for the threads that this one starts. */
export function descendants(reference: string): readonly string[] {
  return [...ancestors, reference];
}

/** Says what a bridge's thread is, before it loads anything. */
export function enterBridgeThread(chain: readonly string[], eventLoop: boolean): void {
  ancestors = chain;
  servesCaller = eventLoop;
}
