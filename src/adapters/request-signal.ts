/** The signal of a request for fetch, made of `quaich.signal`. */
import { RequestAbort } from '../engine/signal.ts';

/**
 * Aborts something when the client has gone or the server gives up, or at once if that was before. The reason is an
 * AbortError, as handlers know it (DOM Standard, 3.1), whose cause is the reason of `quaich.signal`.
 */
export function whenGone(gone: AbortSignal, abort: (reason: DOMException) => void): void {
  const tell = (): void => {
    const error = new DOMException('the request was aborted', 'AbortError');
    abort(Object.assign(error, { cause: gone.reason }));
  };
  if (gone.aborted) tell();
  else gone.addEventListener('abort', tell, { once: true });
}

export function requestSignal(gone: AbortSignal): AbortSignal {
  const source = new RequestAbort();
  whenGone(gone, (reason) => source.abort(reason));
  return source.signal;
}
