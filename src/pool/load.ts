/** Finds an application and its hooks. */
import { ConfigurationError } from '../interface/errors.ts';
import { ownHook, type Stage } from '../interface/hooks.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, Kind, Lifespan } from '../interface/types.ts';
import { shown } from '../rules/show.ts';
import { adapterLine } from './adapter-line.ts';
import { resolveModule } from './find-module.ts';
import { type Exports, importModule } from './import-module.ts';

/** Where an application is found and how it is run. Plain data: it travels to worker threads. */
export interface AppOptions {
  /** Mount point: `''` or `/` for all paths, else `/blog` (G-11). Ordinary text, not percent-encoded. */
  prefix?: string;
  /** A path, a `file:` URL or the name of a package (`blog`, `@me/blog/wsgi`). */
  module: string;
  /** The export, dots allowed (`sites.blog`). Without it: `application`, then `app`, then the default export. */
  export?: string;
  /** Overrules what the function itself shows (B-01). */
  kind?: Kind;
  /** Runs this application on the gateway's own thread, if it is async. Without it the setting `inline` decides. */
  inline?: boolean;
}

/** A loaded application with the hooks of L-01. */
export type LoadedApplication = (
  | { readonly kind: 'sync'; readonly app: Application }
  | { readonly kind: 'async'; readonly app: AsyncApplication }
) & {
  /** Called without `this`. One and the same function for all mounts of its owner: application or module (L-19). */
  readonly startup?: Lifespan['startup'];
  /** As `startup`. */
  readonly shutdown?: Lifespan['shutdown'];
};

const DEFAULT_EXPORTS = ['application', 'app', 'default'];

/**
 * Reads `[PREFIX=]MODULE[:EXPORT]`. A prefix begins with `/` and ends at the first `=`; an export follows the last
 * colon that has no slash behind it and is not the colon of `file:`, so drive letters and URLs stay whole.
 *
 * @throws ConfigurationError
 */
export function parseApplication(text: string): AppOptions {
  const equals = text.indexOf('=');
  const prefixed = text.startsWith('/') && equals > 0;
  if (!prefixed && /^[\w-]*=/.test(text)) {
    throw new ConfigurationError(`application "${text}": a prefix begins with "/": write "/${text}"`);
  }
  const prefix = prefixed ? text.slice(0, equals) : undefined;
  let module = prefixed ? text.slice(equals + 1) : text;
  let name: string | undefined;
  const colon = module.lastIndexOf(':');
  if (colon >= 0 && !/[\\/]/.test(module.slice(colon + 1)) && module.slice(0, colon) !== 'file') {
    name = module.slice(colon + 1);
    module = module.slice(0, colon);
    if (name === '') throw new ConfigurationError(`application "${text}": the name of the export is missing after ":"`);
  }
  if (module === '') throw new ConfigurationError(`application "${text}": the module is missing`);
  return { ...(prefix !== undefined && { prefix }), module, ...(name !== undefined && { export: name }) };
}

/**
 * Loads an application: imports its module, picks the export, decides the kind (configuration, then `kindOf`) and finds
 * the lifespan hooks, which are properties of the application or else exports of the module (L-01). Nothing is called.
 *
 * @param directory where relative paths and packages are looked up; an absolute path
 * @throws ConfigurationError in one line, for everything that the owner of the application has to mend
 */
export async function loadApplication(spec: AppOptions, directory: string): Promise<LoadedApplication> {
  const { exports, name, value } = await importExport(spec, directory);
  const line = adapterLine(value, name);
  if (!isCallable(value) || line !== null) {
    const what = isCallable(value) ? "a framework's function" : `${shown(value)}, expected a function`;
    throw new ConfigurationError(`"${name}" in ${spec.module} is ${what}${line === null ? '' : `; ${line}`}`);
  }
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    throw new ConfigurationError(
      `"${name}" in ${spec.module} is a class: export a function (environ, startResponse), for example one that ` +
        'calls an instance',
    );
  }
  const startup = hook('startup', value, exports, spec);
  const shutdown = hook('shutdown', value, exports, spec);
  const hooks = { ...(startup && { startup }), ...(shutdown && { shutdown }) };
  return (spec.kind ?? kindOf(value)) === 'async'
    ? { kind: 'async', app: value, ...hooks }
    : { kind: 'sync', app: value, ...hooks };
}

/**
 * The export that is meant, whatever it is, with its name and the others of its module.
 *
 * @throws ConfigurationError, as `loadApplication`
 */
export async function importExport(
  spec: AppOptions,
  directory: string,
): Promise<{ exports: Exports; name: string; value: unknown }> {
  const exports = await importModule(resolveModule(spec.module, directory), spec.module, directory);
  return { exports, ...pickExport(exports, spec) };
}

function pickExport(exports: Exports, spec: AppOptions): { name: string; value: unknown } {
  for (const name of spec.export === undefined ? DEFAULT_EXPORTS : [spec.export]) {
    const value = lookUp(exports, name);
    if (value !== undefined) return { name, value };
  }
  const names = Object.keys(exports).filter((key) => key !== 'module.exports' && key !== '__esModule');
  const wanted = spec.export === undefined ? '"application", "app" or default' : `"${spec.export}"`;
  const there = names.length > 0 ? `it exports ${names.slice(0, 20).join(', ')}` : 'it exports nothing';
  throw new ConfigurationError(`${spec.module} has no export ${wanted}: ${there}`);
}

/** An export; dots lead into objects. */
export function lookUp(exports: Exports, path: string): unknown {
  const [first, ...rest] = path.split('.');
  // What a CommonJS module exports is the default export; beside it stand the named exports that Node could guess.
  const whole = exports.default;
  const compiled = isObject(whole) && whole.__esModule === true;
  let value = exports[first];
  if (first === 'default' && compiled) value = whole.default;
  else if (value === undefined && isObject(whole) && Object.hasOwn(whole, first)) value = whole[first];
  for (const key of rest) value = isObject(value) || typeof value === 'function' ? Reflect.get(value, key) : undefined;
  return value;
}

function hook(stage: Stage, app: Lifespan, exports: Exports, spec: AppOptions): Lifespan['startup'] {
  const own: unknown = app[stage] ?? null;
  const value = own ?? lookUp(exports, stage) ?? null;
  if (value === null) return undefined;
  if (isCallable(value)) return ownHook(own === null ? exports : app, stage, value, app);
  throw new ConfigurationError(`"${stage}" in ${spec.module} is ${shown(value)}, expected a function`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

// All that can be known before the first call (G-02); results are checked by the engine (B-02).
function isCallable(value: unknown): value is Application & AsyncApplication & NonNullable<Lifespan['startup']> {
  return typeof value === 'function';
}
