/** Finds an application and its hooks. */
import { isMainThread } from 'node:worker_threads';
import { ConfigurationError } from '../interface/errors.ts';
import { ownHook, type Stage } from '../interface/hooks.ts';
import { hasMark, kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, Kind, Lifespan } from '../interface/types.ts';
import type { PreparedPython } from '../python/load.ts';
import { noApplication } from '../rules/no-application.ts';
import { shown } from '../rules/show.ts';
import { lookUp, pick } from './find-export.ts';
import { isPython, resolveModule } from './find-module.ts';
import { adapt, type Declared, type ForeignInterface, foreignInterface, interfaceNamed } from './foreign.ts';
import { type Exports, importModule } from './import-module.ts';
import { isRegistry, type MetricsRegistry } from './own-metrics.ts';

type ListenCallsModule = typeof import('./listen-calls.ts');

/** Where an application is found and how it is run. Plain data: it travels to worker threads. */
export interface AppOptions {
  /** Mount point: `''` or `/` for all paths, else `/blog` (G-11). Ordinary text, not percent-encoded. */
  prefix?: string;
  /** A path, a `file:` URL, or the name of a package (`@me/blog/wsgi`) or Python module (`python:blog.wsgi`). */
  module: string;
  /**
   * The export, dots allowed (`sites.blog`). Without it: `application`, `app`, the default export, or `fetch`; of
   * Python `application`, `app`, or what `create_app()` returns.
   */
  export?: string;
  /** Overrules what the function itself shows (B-01); and that it is an application of the convention. */
  kind?: Kind;
  /** What a function is that is no application of the convention. Frameworks are recognised without it. */
  adapt?: Declared;
  /** Runs this application on the gateway's own thread, if it is async. Without it the setting `inline` decides. */
  inline?: boolean;
  /** Workers for this application alone. Without it the workers of its kind serve it beside others. */
  workers?: number;
}

type ApplicationOfKind =
  | { readonly kind: 'sync'; readonly app: Application }
  | { readonly kind: 'async'; readonly app: AsyncApplication };

/** A loaded application with the hooks of L-01. */
export type LoadedApplication = ApplicationOfKind & {
  /** Called without `this`. One and the same function for all mounts of its owner: application or module (L-19). */
  readonly startup?: Lifespan['startup'];
  /** As `startup`. */
  readonly shutdown?: Lifespan['shutdown'];
  /** What its module measures with: the export `metrics` (L-73). */
  readonly metrics?: MetricsRegistry;
  readonly known: KnownApplication;
};

/**
 * What was found out of an application when it was first loaded, for the threads that load it after that, and decide
 * nothing anew. Plain data.
 */
export interface KnownApplication {
  readonly kind: Kind;
  /** The name of the interface that it is adapted from, such as `koa application`; null for none. */
  readonly foreign: string | null;
  /** The export; null where a server is served that its module lets listen. */
  readonly export: string | null;
  /** What servers of its module were to listen on, and do not. */
  readonly listens: readonly string[];
  /** Of a Python application: what its interpreters are made of. */
  readonly python?: PreparedPython;
}

interface LoadOptions {
  /** What another thread has found out. */
  known?: KnownApplication | undefined;
  /**
   * Of the first thread: fulfils when nothing is left to run on it, so that a module that has not let a server listen
   * never will. Without it, and if it is not known, servers listen as they say.
   */
  idle?: Promise<void>;
  /** No other application is loaded on this thread. */
  alone?: boolean;
}

/**
 * Reads `[PREFIX=]MODULE[:EXPORT]`. A prefix begins with `/` and ends at the first `=`; an export follows the last
 * colon that has no slash behind it and is not the colon of `file:` or `python:`, so drive letters and URLs stay whole.
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
  if (colon >= 0 && !/[\\/]/.test(module.slice(colon + 1)) && !/^(?:file|python)$/.test(module.slice(0, colon))) {
    name = module.slice(colon + 1);
    module = module.slice(0, colon);
    if (name === '') throw new ConfigurationError(`application "${text}": the name of the export is missing after ":"`);
  }
  if (module === '') throw new ConfigurationError(`application "${text}": the module is missing`);
  return { ...(prefix !== undefined && { prefix }), module, ...(name !== undefined && { export: name }) };
}

/** What this thread has loaded to find out what it is, and may go on with; by mount, module and export. */
const kept = new Map<string, LoadedApplication>();

function keyOf({ prefix, module, export: name }: AppOptions): string {
  return JSON.stringify([prefix, module, name]);
}

/** Keeps an application for the next time that this thread loads it. */
export function keepLoaded(spec: AppOptions, loaded: LoadedApplication): void {
  kept.set(keyOf(spec), loaded);
}

/**
 * Loads an application: imports its module, picks the export or the server that the module lets listen, adapts what was
 * written for another interface, decides the kind (configuration, then `kindOf`) and finds the lifespan hooks, which
 * are properties of the application or else exports of the module (L-01). Nothing is called.
 *
 * @param directory where relative paths and packages are looked up; an absolute path
 * @throws ConfigurationError in one line, for everything that the owner of the application has to mend
 */
export async function loadApplication(
  spec: AppOptions,
  directory: string,
  { known, idle, alone = false }: LoadOptions = {},
): Promise<LoadedApplication> {
  const before = known === undefined ? undefined : kept.get(keyOf(spec));
  if (before !== undefined) return before;
  if (isPython(spec.module)) return loadPythonApplication(spec, directory, known);
  // Servers that are started beside an application of the convention are its own affair.
  const takes = known === undefined ? idle !== undefined : known.foreign !== null;
  const calls = takes ? await takeListenCalls(alone) : null;
  let adapted = false;
  try {
    const load = () => importModule(resolveModule(spec.module, directory), spec.module, directory);
    const loading = calls === null ? load() : calls.during(load);
    const exports = await (idle === undefined ? loading : unlessIdle(loading, spec.module, idle));
    const { name, value } = await pick(exports, spec, { known, idle, calls });
    const foreign = foreignOf(value, spec, known);
    adapted = foreign !== null;
    const made: ApplicationOfKind =
      foreign === null
        ? ofKind(checked(value, name, spec), spec, known)
        : { kind: 'async', app: await adapt(foreign, value) };
    const startup = hook('startup', made.app, exports, spec);
    const shutdown = hook('shutdown', made.app, exports, spec);
    const metrics = lookUp(exports, 'metrics');
    const found: KnownApplication = {
      kind: made.kind,
      foreign: foreign?.name ?? null,
      export: value === calls?.server ? null : name,
      listens: [...(calls?.addresses ?? [])],
    };
    return {
      ...made,
      ...(startup && { startup }),
      ...(shutdown && { shutdown }),
      ...(isRegistry(metrics) && { metrics }),
      known: known ?? found,
    };
  } finally {
    // A program may call `listen` long after it was loaded, where that harms others: on each of several threads.
    if (!adapted || isMainThread) calls?.release();
  }
}

/** The same of Python; what it needs is loaded by threads that do. */
async function loadPythonApplication(
  spec: AppOptions,
  directory: string,
  known: KnownApplication | undefined,
): Promise<LoadedApplication> {
  const { loadPython, preparePython } = await import('../python/load.ts');
  const python = known?.python ?? (await preparePython(directory));
  const target = { ...spec, module: resolveModule(spec.module, directory) };
  const { export: name, ...loaded } = await loadPython(target, python);
  return { kind: 'sync', ...loaded, known: known ?? knownPython(python, name) };
}

/** What is known of a Python application before it is loaded, or after that. */
export function knownPython(python: PreparedPython, name: string | null): KnownApplication {
  return { kind: 'sync', foreign: 'python application', export: name, listens: [], python };
}

/** What a module gives, unless nothing is left to run before that: then nothing ever lets it go on. */
export function unlessIdle<T>(loading: Promise<T>, module: string, idle: Promise<void>): Promise<T> {
  const never = idle.then(() => {
    throw new ConfigurationError(`cannot load ${module}: its top-level await never settles`);
  });
  return Promise.race([loading, never]);
}

/** Loaded by threads that need it. */
let listenCalls: ListenCallsModule | null = null;

async function takeListenCalls(alone: boolean): Promise<InstanceType<ListenCallsModule['ListenCalls']>> {
  listenCalls ??= await import('./listen-calls.ts');
  return new listenCalls.ListenCalls(alone);
}

/** No application is loaded on this thread after those that have been. */
export function endLoading(): void {
  listenCalls?.forgetModules();
}

/** The interface that a value is adapted from; null for an application of the convention, or what is none at all. */
function foreignOf(value: unknown, spec: AppOptions, known: KnownApplication | undefined): ForeignInterface | null {
  if (known !== undefined) {
    if (known.foreign === null) return null;
    const foreign = interfaceNamed(known.foreign, value);
    if (foreign !== null) return foreign;
    const what = `${spec.module} is ${shown(value)} on this thread, and was recognised on another as "${known.foreign}"`;
    throw new ConfigurationError(`${what}: a module has to export the same on each`);
  }
  // Whose kind was declared is an application of the convention.
  if (spec.kind !== undefined || (isCallable(value) && hasMark(value))) return null;
  return foreignInterface(value, spec.adapt);
}

/**
 * What can be called as either is of the kind that its owner declares, or that it shows.
 *
 * @throws ConfigurationError where it is of another kind than on the first thread (L-28)
 */
function ofKind(
  app: Application & AsyncApplication,
  { module, kind = kindOf(app) }: AppOptions,
  known: KnownApplication | undefined,
): ApplicationOfKind {
  if (known !== undefined && known.kind !== kind) {
    const what = `${module} exports ${aKind(kind)} application on this thread, and ${aKind(known.kind)} one on another`;
    throw new ConfigurationError(`${what}: a module has to export the same on each`);
  }
  return kind === 'async' ? { kind, app } : { kind, app };
}

const aKind = (kind: Kind): string => (kind === 'async' ? 'an async' : 'a sync');

/** @throws ConfigurationError for what cannot be an application */
function checked(value: unknown, name: string, { module }: AppOptions): Application & AsyncApplication {
  const what = `"${name}" in ${module} is`;
  const fault = noApplication(value);
  if (fault !== null || !isCallable(value)) {
    const hint =
      typeof value === 'object' && value !== null && !(value instanceof Promise)
        ? '; if it was written for node:http or fetch, export its listener or its handler and start it with --adapt node ' +
          'or --adapt fetch'
        : '';
    throw new ConfigurationError(`${what} ${fault}${hint}`);
  }
  if (!/^class\b/.test(Function.prototype.toString.call(value))) return value;
  throw new ConfigurationError(
    `${what} a class: export a function (environ, startResponse), for example one that calls an instance`,
  );
}

function hook(stage: Stage, app: Lifespan, exports: Exports, spec: AppOptions): Lifespan['startup'] {
  const own: unknown = app[stage] ?? null;
  const value = own ?? lookUp(exports, stage) ?? null;
  if (value === null) return undefined;
  if (isCallable(value)) return ownHook(own === null ? exports : app, stage, value, app);
  throw new ConfigurationError(`"${stage}" in ${spec.module} is ${shown(value)}, expected a function`);
}

// All that can be known before the first call (G-02); results are checked by the engine (B-02).
function isCallable(value: unknown): value is Application & AsyncApplication & NonNullable<Lifespan['startup']> {
  return typeof value === 'function';
}
