import { isAbortError, isDisconnect } from '../rules/failures.ts';
import { property } from '../rules/property.ts';

/**
 * Hands to `handle` what nobody catches on this thread (a throw in a timer, a promise that nobody awaits), where Node
 * would end the thread and with it the requests of others (G-146). Errors that only say that a client has gone are
 * passed over (G-143).
 *
 * @returns undoes this
 */
export function onUncaught(handle: (error: unknown) => void): () => void {
  const listener = (error: unknown): void => {
    if (isDisconnect(error) || (isAbortError(error) && isDisconnect(property(error, 'cause')))) return;
    handle(error);
  };
  // Rejections come by this event too, unless the owner of the process wants it otherwise (--unhandled-rejections).
  process.on('uncaughtException', listener);
  return () => {
    process.off('uncaughtException', listener);
  };
}
