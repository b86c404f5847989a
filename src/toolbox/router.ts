/** Handlers by method and path. The patterns and the search among them are those of `rou3`. */
import { addRoute, createRouter, findRoute } from 'rou3';
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf, markAsync, markSync } from '../interface/kind.ts';
import type {
  Application,
  ApplicationOf,
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  Body,
  InPlaceEnviron,
  InPlaceStartResponse,
} from '../interface/types.ts';
import { nativeToText, percentDecode, percentEncodeBytes } from '../rules/native-strings.ts';
import { shown } from '../rules/show.ts';
import { sendNotFound, sendText } from './send.ts';

/** What the parts of a path are that a pattern names, percent-decoded, as text; those that are left out are missing. */
export type RouteParameters = Readonly<Record<string, string>>;

/** An application that gets the parameters of its route besides. */
export type RouteHandler = (
  environ: InPlaceEnviron,
  startResponse: InPlaceStartResponse,
  parameters: RouteParameters,
) => Body | AsyncBody | Promise<AsyncBody>;

/** `METHOD /pattern`, or `/pattern` for all methods; then its handler. */
export type RouteTable = Readonly<Record<string, RouteHandler>>;

interface Found {
  handler: RouteHandler;
  parameters: RouteParameters;
}

/** A method in capitals, as all that are registered are, in front of a path. */
const ROUTE = /^(?:([A-Z][A-Z-]*) +)?(\/.*)$/s;
/** Visible ASCII that the library leaves as it is in a pattern, but for the percent sign, which begins an escape. */
const SAFE_IN_PATTERN = "/!$&'()*+,:;=@[\\]|";

class Routes {
  readonly #tree = createRouter<RouteHandler>();
  /** Methods that have a route of their own. */
  readonly #methods = new Set<string>();

  /** @throws ConfigurationError for what is no route */
  constructor(table: RouteTable) {
    for (const [route, handler] of Object.entries(table)) {
      const match = ROUTE.exec(route);
      if (match === null) {
        throw new ConfigurationError(
          `router: ${shown(route)} is no route: write 'GET /path', or '/path' for all methods`,
        );
      }
      const [, method = '', path] = match;
      try {
        addRoute(this.#tree, method, path, handler);
      } catch (error) {
        throw new ConfigurationError(`router: ${shown(route)} is no route: ${String(error)}`, { cause: error });
      }
      if (method !== '') this.#methods.add(method);
    }
  }

  answer(environ: InPlaceEnviron, startResponse: InPlaceStartResponse): ReturnType<RouteHandler> {
    const { REQUEST_METHOD: method, PATH_INFO: path } = environ;
    // Percent-encoded in one way, as the library takes it: PATH_INFO is decoded (G-15).
    const target = path === '' ? '/' : percentEncodeBytes(path, SAFE_IN_PATTERN);
    if (!target.startsWith('/')) return sendNotFound(startResponse); // OPTIONS *
    const found = this.#find(method, target);
    if (found !== null) return found.handler(environ, startResponse, found.parameters);
    const methods = this.#allowed(target);
    if (methods.length === 0) return sendNotFound(startResponse);
    const headers = [['Allow', methods.join(', ')]] as const;
    return sendText(startResponse, 'Method Not Allowed\n', { status: 405, headers });
  }

  /** The handler of the most particular route; those of GET answer HEAD where it has none. */
  #find(method: string, target: string): Found | null {
    const found =
      findRoute(this.#tree, method, target) ?? (method === 'HEAD' ? findRoute(this.#tree, 'GET', target) : undefined);
    return found === undefined ? null : { handler: found.data, parameters: decoded(found.params ?? {}) };
  }

  /** The methods that have a route for a path, for `Allow`. */
  #allowed(target: string): string[] {
    const methods = [...this.#methods].filter((method) => findRoute(this.#tree, method, target, { params: false }));
    return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
  }
}

function decoded(encoded: Readonly<Record<string, string | undefined>>): RouteParameters {
  const parameters: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(encoded)) {
    if (value !== undefined) parameters[name] = nativeToText(percentDecode(value));
  }
  return parameters;
}

/** @throws ConfigurationError for what is no handler, and for handlers of two kinds */
function kindOfAll(table: RouteTable): 'sync' | 'async' {
  const [first, ...others] = Object.entries(table);
  if (first === undefined) throw new ConfigurationError('router: there is no route in the table');
  for (const [route, handler] of [first, ...others]) {
    if (typeof handler !== 'function') {
      throw new ConfigurationError(`router: the handler of ${shown(route)} is ${shown(handler)}, expected a function`);
    }
  }
  const kind = kindOf(first[1]);
  const other = others.find(([, handler]) => kindOf(handler) !== kind);
  if (other === undefined) return kind;
  throw new ConfigurationError(
    `router: the handler of ${shown(first[0])} is ${kind}, and that of ${shown(other[0])} is not: write "async" ` +
      'before all of them or none, or make two routers (M-18)',
  );
}

/**
 * An application of handlers by method and path (U-62), of their kind:
 *
 * ```ts
 * export const app = router({
 *   'GET /': (environ, startResponse) => sendText(startResponse, 'Hello\n'),
 *   'GET /users/:id': (environ, startResponse, { id }) => sendJson(startResponse, { id }),
 * });
 * ```
 *
 * A path that no route has gets 404; a method that a path has not, 405. `environ` is handed on as it is: SCRIPT_NAME
 * and PATH_INFO stay those of the router, since a route is all of a path and no part of it. Middleware goes around the
 * router, and does not know the parameters.
 *
 * @throws ConfigurationError for what is no route or no handler, and where kinds are mixed
 */
export function router<T extends RouteTable>(table: T): ApplicationOf<T[keyof T]>;
export function router(table: RouteTable): Application | AsyncApplication {
  const kind = kindOfAll(table);
  const routes = new Routes(table);
  // What calls the handlers is of their kind, so each gets what its convention has, and gives what it expects.
  const answer = (environ: unknown, startResponse: unknown) =>
    routes.answer(environ as InPlaceEnviron, startResponse as InPlaceStartResponse);
  return kind === 'async'
    ? markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) => answer(environ, startResponse))
    : markSync((environ, startResponse) => answer(environ, startResponse) as Body);
}
