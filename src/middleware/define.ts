/**
 * Middleware for both conventions from one definition (M-19).
 *
 * The definition says what it wants of a request, its head and its body; everything else is done here once: late and
 * repeated `startResponse` (M-07), `write` (M-05), one step for each step (M-03), no step ahead of demand (M-02, M-20),
 * close exactly once (M-08, M-09, M-11), untouched arrays and file wrappers (G-123, M-16), context (M-21), marks
 * (B-03), refusal of the other kind (M-18) and lifespan hooks (L-14).
 */
import { isPromise } from 'node:util/types';
import { ApplicationError, ConfigurationError } from '../interface/errors.ts';
import { kindOf, markAsync, markMiddleware, markSync } from '../interface/kind.ts';
import type {
  Application,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  Body,
  Environ,
  Kind,
} from '../interface/types.ts';
import { noApplication } from '../rules/no-application.ts';
import { disregard } from '../rules/promises.ts';
import { AsyncExchange } from './exchange/async.ts';
import { isBody } from './exchange/inner-body.ts';
import { SyncExchange } from './exchange/sync.ts';
import { passLifespan } from './lifespan.ts';
import type { Answer, AnyApplication, AnyEnviron, Definition, Handled, Middleware } from './types.ts';

function isAnswer<E extends AnyEnviron>(handled: NonNullable<Handled<E>>): handled is Answer {
  return 'status' in handled;
}

export function isAsync(app: AnyApplication): app is AsyncApplication {
  return kindOf(app) === 'async';
}

/** What to do about an application of the wrong kind. */
function bridge(from: Kind): string {
  return from === 'async'
    ? 'bridge it with asyncToSync, or use a middleware that is made for async applications'
    : 'bridge it with syncToAsync, or use a middleware that is made for sync applications';
}

/**
 * Refuses what a middleware cannot wrap (M-18).
 *
 * @param kind the only kind that will do; any when undefined
 * @throws ConfigurationError
 */
export function checkApplication(name: string, app: unknown, kind?: Kind): asserts app is AnyApplication {
  const fault = noApplication(app);
  if (fault !== null) throw new ConfigurationError(`${name} wraps an application, and got ${fault}`);
  const found = kindOf(app as AnyApplication); // a function, of which no type tells the kind
  if (kind !== undefined && found !== kind) {
    throw new ConfigurationError(
      `${name} needs ${kind} applications, and got one that is ${found}: ${bridge(found)} (M-18)`,
    );
  }
}

function isSyncBody(body: Body | AsyncBody): body is Body {
  return isBody(body, Symbol.iterator);
}

/**
 * Closes the body of an answer whose head was refused: the gateway never sees it (G-111). A failure to close is not the
 * news. A promise is returned as one that may reject.
 */
function closeRefused(body: Body | AsyncBody): Promise<void> | null {
  try {
    const closed = body.close?.();
    return isPromise(closed) ? closed : null;
  } catch {
    return null;
  }
}

function syncForm(definition: Definition, app: Application): Application {
  return markSync((environ, startResponse) => {
    const handled = definition.request<Environ>(environ);
    if (handled === undefined) return app(environ, startResponse);
    if (isPromise(handled)) {
      disregard(handled);
      throw new ApplicationError(`${definition.name}: request() gave a promise to a sync application (B-02)`);
    }
    if (isAnswer(handled)) {
      const { body } = handled;
      try {
        if (!isSyncBody(body)) {
          throw new ApplicationError(`${definition.name}: an async body answers a sync request (B-02)`);
        }
        startResponse(handled.status, handled.headers);
      } catch (error) {
        disregard(closeRefused(body));
        throw error;
      }
      return body;
    }
    return new SyncExchange(handled, startResponse).run(app, handled.environ ?? environ, startResponse);
  });
}

function asyncForm(definition: Definition, app: AsyncApplication): AsyncApplication {
  function respond(
    handled: Handled<AsyncEnviron>,
    environ: AsyncEnviron,
    startResponse: AsyncStartResponse,
  ): AsyncBody | Promise<AsyncBody> {
    if (handled === undefined) return app(environ, startResponse);
    if (isAnswer(handled)) {
      try {
        startResponse(handled.status, handled.headers);
      } catch (error) {
        const refused = () => {
          throw error;
        };
        return closeRefused(handled.body)?.then(refused, refused) ?? refused();
      }
      return handled.body;
    }
    return new AsyncExchange(handled, startResponse).run(app, handled.environ ?? environ, startResponse);
  }
  return markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) => {
    const handled = definition.request<AsyncEnviron>(environ);
    if (!isPromise(handled)) return respond(handled, environ, startResponse);
    return handled.then((settled) => respond(settled, environ, startResponse));
  });
}

/**
 * Makes a middleware of a definition: a function that takes an application of either kind and returns one of the same.
 *
 * @throws ConfigurationError when it is applied to something else, or to a kind that it is not made for (M-18)
 */
export function middleware(definition: Definition): Middleware {
  function wrap(app: AnyApplication): AnyApplication {
    checkApplication(definition.name, app, definition.kind);
    const wrapper = isAsync(app) ? asyncForm(definition, app) : syncForm(definition, app);
    return passLifespan(wrapper, [app], definition);
  }
  return markMiddleware(wrap as Middleware); // each form is of the kind of what is inside
}
