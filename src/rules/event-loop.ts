/**
 * Milliseconds after which a thread that blocks gives its event loop a turn, so that timers and promises of
 * applications go on.
 */
export const TURN_EVERY = 20;

/** Lets the event loop have a turn. */
export function turn(): Promise<void> {
  // Ends: by itself.
  return new Promise((resolve) => setImmediate(resolve));
}
