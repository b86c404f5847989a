/**
 * A copy of an environ, to be changed for the inner application alone (M-12). It keeps the null prototype (G-05).
 */
export function copyEnviron<E extends object>(environ: E): E {
  return Object.assign(Object.create(Object.getPrototypeOf(environ)), environ);
}
