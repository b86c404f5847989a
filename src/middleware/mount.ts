import { copyEnviron } from '../environ/copy.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf, markAsync, markSync } from '../interface/kind.ts';
import type { Application, AsyncApplication, AsyncEnviron, AsyncStartResponse } from '../interface/types.ts';
import { assertDistinct, isBelow, nativePrefix } from '../rules/prefix.ts';
import { plainAnswer } from './answers.ts';
import { checkApplication, isAsync } from './define.ts';
import { passLifespan } from './lifespan.ts';
import type { AnyApplication, AnyEnviron } from './types.ts';

interface Route<A> {
  /** A native string, `''` for the root (G-11). */
  prefix: string;
  app: A;
}

/** The longest prefix that ends on a segment boundary (G-14). */
function find<A>(routes: readonly Route<A>[], path: string): Route<A> | undefined {
  return routes.find(({ prefix }) => isBelow(path, prefix));
}

/** The environ for a mounted application: segments move from PATH_INFO to SCRIPT_NAME (M-13), in a copy (M-12). */
function shifted<E extends AnyEnviron>(environ: E, prefix: string): E {
  if (prefix === '') return environ;
  const inner = copyEnviron(environ);
  inner.SCRIPT_NAME = (environ.SCRIPT_NAME ?? '') + prefix;
  inner.PATH_INFO = environ.PATH_INFO.slice(prefix.length);
  return inner;
}

/**
 * One application of several, each below a path of its own: `mount({ '/': site, '/api': api })`. The longest prefix
 * wins, whole segments only; a path below none of them gets 404. Prefixes are plain text, not percent-encoded. Each
 * application sees its own `SCRIPT_NAME` and `PATH_INFO`, and its lifespan hooks run once, also if it is mounted twice
 * (L-14).
 *
 * @throws ConfigurationError for a bad or repeated prefix, and where kinds are mixed: bridge the others (M-18)
 */
export function mount(table: Readonly<Record<string, Application>>): Application;
export function mount(table: Readonly<Record<string, AsyncApplication>>): AsyncApplication;
export function mount(table: Readonly<Record<string, AnyApplication>>): AnyApplication {
  const entries = Object.entries(table);
  if (entries.length === 0) throw new ConfigurationError('mount: there is no application in the table');
  const sync: Route<Application>[] = [];
  const async: Route<AsyncApplication>[] = [];
  const kind = typeof entries[0][1] === 'function' ? kindOf(entries[0][1]) : undefined;
  for (const [key, app] of entries) {
    checkApplication('mount', app, kind);
    const prefix = nativePrefix(key);
    if (isAsync(app)) async.push({ prefix, app });
    else sync.push({ prefix, app });
  }
  assertDistinct([...sync, ...async].map(({ prefix }) => prefix));
  const longestFirst = (a: { prefix: string }, b: { prefix: string }) => b.prefix.length - a.prefix.length;
  sync.sort(longestFirst);
  async.sort(longestFirst);
  const wrapper: AnyApplication =
    kind === 'async'
      ? markAsync((environ: AsyncEnviron, startResponse: AsyncStartResponse) => {
          const route = find(async, environ.PATH_INFO);
          if (route !== undefined) return route.app(shifted(environ, route.prefix), startResponse);
          const answer = plainAnswer(404);
          startResponse(answer.status, answer.headers);
          return answer.body;
        })
      : markSync((environ, startResponse) => {
          const route = find(sync, environ.PATH_INFO);
          if (route !== undefined) return route.app(shifted(environ, route.prefix), startResponse);
          const answer = plainAnswer(404);
          startResponse(answer.status, answer.headers);
          return answer.body;
        });
  return passLifespan(
    wrapper,
    entries.map(([, app]) => app),
  );
}
