/** The end of bodies that a gateway did not take to theirs: closing them, and saying what went wrong with that. */
import { ResponseState } from '../engine/response.ts';
import { RequestAborted } from '../interface/errors.ts';
import { isAbortError, isClientFault } from '../rules/failures.ts';

const earlyCloses = new WeakSet<object>();

/** The reason of the signal where the gateway has closed a body before its end (B-54). */
export function closedEarly(): RequestAborted {
  const reason = new RequestAborted('the gateway closed the body before its end');
  earlyCloses.add(reason);
  return reason;
}

/**
 * Whether a signal tells that the client has gone or the request was given up, and not only that nobody wants the rest.
 */
export function tellsDisconnect(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && !earlyCloses.has(signal.reason);
}

/**
 * Says that `return()` or `close()` of a body failed which the gateway did not call itself, since it was told of a
 * failure, a disconnect came first, or it did not get the body: so it is to be said here (G-113).
 *
 * @param what RETURN_FAILED or CLOSE_FAILED
 */
export function reportClosing(environ: Record<string, unknown>, what: string, error: unknown): void {
  new ResponseState(environ, undefined).logError(what, error);
}

/**
 * Says that the application has failed, where its caller left before it could hear of that (B-32).
 *
 * @param what APPLICATION_THREW or BODY_FAILED
 */
export function reportUnheard(environ: Record<string, unknown>, what: string, error: unknown): void {
  // What a signal made of a call is no failure (B-38).
  if (!isClientFault(error) && !isAbortError(error)) reportClosing(environ, what, error);
}
