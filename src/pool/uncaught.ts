import { isAbortError, isDisconnect } from '../rules/failures.ts';

/**
 * Has what nobody catches on this thread (a throw in a timer, a promise that nobody awaits) handed to `handle`, where Node
 * would end the thread and with it the requests of others (G-146). What only says that a client has gone is passed over
 * (G-143).
 *
 * @returns takes it back
 */
export function onUncaught(handle: (error: unknown) => void): () => void {
  const listener = (error: unknown): void => {
    if (isDisconnect(error) || (isAbortError(error) && isDisconnect((error as Error).cause))) return;
    handle(error);
  };
  // Rejections come by this event too, unless the owner of the process wants it otherwise (--unhandled-rejections).
  process.on('uncaughtException', listener);
  return () => {
    process.off('uncaughtException', listener);
  };
}
