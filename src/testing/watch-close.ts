import { isPromise } from 'node:util/types';
import type { Recording } from './response.ts';

/**
 * Counts the calls of `close` of a body (G-111), by a method of the body itself that shadows the true one for the time
 * of the request: a wrapper would hide what the body is from the engine. Of a frozen body nothing is counted.
 *
 * @returns undoes it
 */
function watch(body: unknown, recording: Recording): () => void {
  if ((typeof body !== 'object' && typeof body !== 'function') || body === null) return () => {};
  const close: unknown = Reflect.get(body, 'close');
  if (typeof close !== 'function') return () => {};
  const own = Reflect.getOwnPropertyDescriptor(body, 'close');
  const counting = function (this: unknown, ...args: unknown[]): unknown {
    recording.closed++;
    return Reflect.apply(close, this, args);
  };
  const shadow = { value: counting, configurable: true, writable: true, enumerable: own?.enumerable ?? false };
  if (!Reflect.defineProperty(body, 'close', shadow)) return () => {};
  return () => {
    if (own === undefined) Reflect.deleteProperty(body, 'close');
    else Reflect.defineProperty(body, 'close', own);
  };
}

/** The same application, whose bodies are watched. `undo` is to be called when the request is over. */
export function watchingClose<A extends (environ: never, startResponse: never) => unknown>(
  app: A,
  recording: Recording,
): { app: A; undo(): void } {
  let restore = (): void => {};
  const note = (body: unknown): unknown => {
    restore = watch(body, recording);
    return body;
  };
  const watching = (environ: never, startResponse: never): unknown => {
    const result = app(environ, startResponse); // G-01
    return isPromise(result) ? result.then(note) : note(result);
  };
  // It takes what the application takes, and gives what that gives.
  return { app: watching as A, undo: () => restore() };
}
