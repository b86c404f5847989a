/** The end of bodies that a gateway did not take to theirs: closing them, and saying what went wrong with that. */
import { CLOSE_FAILED, RETURN_FAILED, ResponseState } from '../engine/response.ts';
import { RequestAborted } from '../interface/errors.ts';
import { isAbortError } from '../rules/failures.ts';

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
export function tellsDisconnect({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(typeof reason === 'object' && reason !== null && earlyCloses.has(reason));
}

/**
 * Says that `return()` of a body failed which the gateway did not call itself, since it was told of a failure, or a
 * disconnect came first: so it is to be said here (G-113). `gone`: the client has gone.
 */
export function reportReturn(environ: Record<string, unknown>, error: unknown, gone: boolean): void {
  if (gone && isAbortError(error)) return;
  new ResponseState(environ, undefined).logError(RETURN_FAILED, error);
}

/** The same of `close()`, of a body that the gateway did not get. */
export function reportClose(environ: Record<string, unknown>, error: unknown): void {
  new ResponseState(environ, undefined).logError(CLOSE_FAILED, error);
}
