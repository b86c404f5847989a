/** What a server is to serve: the applications of its options. */
import { ConfigurationError } from '../interface/errors.ts';
import type { Kind } from '../interface/types.ts';
import { type AppOptions, parseApplication } from '../pool/load.ts';
import { assertDistinct, nativePrefix } from '../rules/prefix.ts';
import { shown } from '../rules/show.ts';
import { checkNames } from './names.ts';
import { expected } from './setting-kinds.ts';

/** Most threads of a kind in service. */
export const MOST_WORKERS = 256;

/** An application with its prefix normalised: `''` or `/blog`, a native string (G-11). */
export type ResolvedApp = AppOptions & { prefix: string };

const APP_OPTIONS = ['prefix', 'module', 'export', 'kind', 'adapt', 'inline', 'workers'];

/**
 * Checks what is to be served.
 *
 * @param given as `ServeOptions.apps`
 * @param adapt what functions are, of which nothing else is said
 * @throws ConfigurationError in one line
 */
export function resolveApps(given: unknown, adapt: 'known' | 'node' | 'fetch'): ResolvedApp[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
  if (list.length === 0) throw new ConfigurationError('no application: expected [PREFIX=]MODULE[:EXPORT]');
  const apps = list.map((app, index) => resolveApp(app, list.length > 1 ? `apps[${index}]` : 'apps'));
  assertDistinct(apps.map(({ prefix }) => prefix));
  // Whose kind is given is an application of the convention.
  return adapt === 'known' ? apps : apps.map((app) => (app.kind === undefined ? { adapt, ...app } : app));
}

function resolveApp(given: unknown, where: string): ResolvedApp {
  if (typeof given !== 'string') checkApp(given, where);
  const app = typeof given === 'string' ? parseApplication(given) : { ...given };
  return { ...app, prefix: nativePrefix(app.prefix ?? '') };
}

/** Checks the object form of an application, as the configuration file and `serve()` take it. */
export function checkApp(given: unknown, where: string): asserts given is AppOptions {
  if (typeof given !== 'object' || given === null) {
    throw new ConfigurationError(
      `${where}: expected "[PREFIX=]MODULE[:EXPORT]" or an object { module }, got ${shown(given)}`,
    );
  }
  checkNames(given, APP_OPTIONS, `key in ${where}`);
  const { prefix, module, export: name, kind, adapt, inline, workers }: Record<string, unknown> = { ...given };
  const check = (good: boolean, key: string, what: string, value: unknown) => {
    if (!good) throw new ConfigurationError(`${where}.${key}: ${expected(what, value).message}`);
  };
  check(typeof module === 'string' && module !== '', 'module', 'the path of a module or the name of a package', module);
  check(prefix === undefined || typeof prefix === 'string', 'prefix', 'a string', prefix);
  check(name === undefined || (typeof name === 'string' && name !== ''), 'export', 'the name of an export', name);
  check(kind === undefined || kind === 'sync' || kind === 'async', 'kind', "'sync' or 'async'", kind);
  check(adapt === undefined || adapt === 'node' || adapt === 'fetch', 'adapt', "'node' or 'fetch'", adapt);
  check(adapt === undefined || kind === undefined, 'adapt', 'no kind beside it, since an adapter makes one', kind);
  check(inline === undefined || typeof inline === 'boolean', 'inline', 'true or false', inline);
  check(!(inline && kind === 'sync'), 'inline', 'an async application: a sync one may block the gateway', kind);
  const isCount = typeof workers === 'number' && Number.isInteger(workers) && workers >= 1 && workers <= MOST_WORKERS;
  check(workers === undefined || isCount, 'workers', `a whole number from 1 to ${MOST_WORKERS}`, workers);
  check(!(inline && workers !== undefined), 'workers', 'none, since an inline application has no workers', workers);
}

/** @throws ConfigurationError for a sync application that is to run on the gateway's thread */
export function assertPlace({ module, inline }: ResolvedApp, kind: Kind): void {
  if (inline && kind === 'sync') throw new ConfigurationError(`${module} is a sync application: it cannot run inline`);
}
