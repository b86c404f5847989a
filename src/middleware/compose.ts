import { ConfigurationError } from '../interface/errors.ts';
import type { AnyApplication, Middleware } from './types.ts';

/**
 * One middleware of several: the first is the outermost, `compose([a, b])(app)` is `a(b(app))`. The list is folded when
 * it is applied to an application, once, and not again for each request.
 *
 * @throws ConfigurationError for a member that is no function
 */
export function compose(list: readonly Middleware[]): Middleware {
  const layers = [...list];
  for (const [index, layer] of layers.entries()) {
    if (typeof layer !== 'function') throw new ConfigurationError(`compose: member ${index} is not a middleware`);
  }
  function wrap(app: AnyApplication): AnyApplication {
    return layers.reduceRight((inner, layer) => layer(inner), app);
  }
  return wrap as Middleware; // as each of them
}
