import { ConfigurationError } from '../interface/errors.ts';
import { markMiddleware } from '../interface/kind.ts';
import { disregard } from '../rules/promises.ts';
import { shown } from '../rules/show.ts';
import { checkApplication } from './define.ts';
import type { AnyApplication, Middleware } from './types.ts';

const BEHIND = 'the application that is wrapped goes behind the list, compose([...])(app) (M-30)';

/**
 * One layer around an application. An application in the place of a middleware is found out by what it gives, or by the
 * `startResponse` that it misses.
 */
function layered(layer: Middleware, app: AnyApplication, index: number): AnyApplication {
  let made: unknown;
  try {
    made = layer(app);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const cause = `compose: member ${index} threw where a middleware gives an application: ${error.message}`;
    throw new ConfigurationError(`${cause}; ${BEHIND}`, { cause: error });
  }
  if (typeof made === 'function') return made as AnyApplication; // of a middleware
  disregard(made);
  throw new ConfigurationError(
    `compose: member ${index} gave ${shown(made)}, where a middleware gives an application; ${BEHIND}`,
  );
}

/**
 * One middleware of several: the first is the outermost, `compose([a, b])(app)` is `a(b(app))`. The list is folded when
 * it is applied to an application, once, and not again for each request.
 *
 * @throws ConfigurationError for what is no list, or a member that is no function; the middleware throws it for what is
 *   no application, and for a member that gives none
 */
export function compose(list: readonly Middleware[]): Middleware {
  if (!Array.isArray(list)) {
    throw new ConfigurationError(
      `compose takes a list of middleware, compose([compress()])(app), and got ${shown(list)} (M-30)`,
    );
  }
  const layers: Middleware[] = [...list];
  for (const [index, layer] of layers.entries()) {
    if (typeof layer !== 'function') throw new ConfigurationError(`compose: member ${index} is not a middleware`);
  }
  function wrap(app: AnyApplication): AnyApplication {
    checkApplication('compose', app);
    return layers.reduceRight((inner, layer, index) => layered(layer, inner, index), app);
  }
  return markMiddleware(wrap as Middleware); // as each of them
}
