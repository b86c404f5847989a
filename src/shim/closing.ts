/** The end of bodies that a gateway did not take to theirs: closing them, and saying what went wrong with that. */
import { ResponseState } from '../engine/response.ts';
import { RequestAborted } from '../interface/errors.ts';
import { isAbortError } from '../rules/failures.ts';
import { disregard, nothing } from '../rules/promises.ts';

/**
 * `close` of a body, read once (G-109). Where reading it throws, it is a `close` that throws: no failure of the
 * response (G-113). Undefined where there is none.
 */
export function closeOf(body: unknown): (() => unknown) | undefined {
  try {
    const close: unknown = body === null || body === undefined ? undefined : (body as { close?: unknown }).close;
    return typeof close === 'function' ? () => Reflect.apply(close, body, []) : undefined;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Closes what the promise of a sync application, which is refused, turns out to be after all. */
export function closeLate(promise: Promise<unknown>, environ: Record<string, unknown>): void {
  promise.then((late) => {
    try {
      disregard(closeOf(late)?.());
    } catch (error) {
      reportClose(environ, error);
    }
  }, nothing);
}

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
  new ResponseState(environ, undefined).logError('return() of the body failed', error);
}

/** The same of `close()`, of a body that the gateway did not get. */
export function reportClose(environ: Record<string, unknown>, error: unknown): void {
  new ResponseState(environ, undefined).logError('close() of the body failed', error);
}
