import { emptyEnviron } from './variables.ts';

/**
 * A copy of an environ, to be changed for the inner application alone (M-12). Its prototype is null, too (G-05), so
 * that only own keys are met here. (0.5 µs for an environ of the server, 1.3 µs for any other: `Object.assign` takes
 * 4 µs for those, which V8 keeps as dictionaries.)
 */
export function copyEnviron<E extends object>(environ: E): E {
  const copy = emptyEnviron() as E; // the keys follow
  for (const key in environ) copy[key] = environ[key];
  // A validator leaves its link under one.
  for (const key of Object.getOwnPropertySymbols(environ)) Reflect.set(copy, key, Reflect.get(environ, key));
  return copy;
}
