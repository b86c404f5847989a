/** Values of which nothing is known yet, and how they are asked without a throw. */
import { hasMethod } from '../rules/body.ts';

/** A function that may be called with anything. */
export type Callable = (...args: unknown[]) => unknown;

export function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return hasMethod(value, Symbol.iterator);
}

/** Calls a method that is there; the result is whatever it gives. */
export function callMethod(object: unknown, key: string | symbol, args: readonly unknown[] = []): unknown {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return undefined;
  const method: unknown = Reflect.get(object, key);
  return typeof method === 'function' ? Reflect.apply(method, object, args) : undefined;
}

/** An entry of what should be an environ; `''` where it is no string. */
export function entryText(environ: unknown, key: string): string {
  const value: unknown = typeof environ === 'object' && environ !== null ? Reflect.get(environ, key) : undefined;
  return typeof value === 'string' ? value : '';
}
