import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { ownHook, type Stage } from '../interface/hooks.ts';
import { kindOf } from '../interface/kind.ts';
import type { Application, AsyncApplication, Kind, Lifespan } from '../interface/types.ts';
import { shown } from '../rules/show.ts';
import { filePathOf, framePosition } from '../rules/stack-frame.ts';
import { adapterLine } from './adapter-line.ts';

/** Where an application is found and how it is run. Plain data: it travels to worker threads. */
export interface AppOptions {
  /** Mount point: `''` or `/` for all paths, else `/blog` (G-11). Ordinary text, not percent-encoded. */
  prefix?: string;
  /** A path, a `file:` URL or the name of a package (`blog`, `@me/blog/wsgi`). */
  module: string;
  /** Name of the export, dots allowed (`sites.blog`). Without it: `application`, then `app`, then the default export. */
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
  /** To be called without `this`. One and the same function for all mounts of its owner: application or module (L-19). */
  readonly startup?: Lifespan['startup'];
  /** As `startup`. */
  readonly shutdown?: Lifespan['shutdown'];
};

/** What a module exports. */
export type Exports = Readonly<Record<string, unknown>>;

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.cts', '.tsx'];
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
  const file = resolveModule(spec.module, directory);
  const exports = await importModule(file, spec.module, directory);
  const { name, value } = pickExport(exports, spec);
  const line = adapterLine(value, name);
  if (!isCallable(value) || line !== null) {
    const what = isCallable(value) ? "a framework's function" : `${shown(value)}, expected a function`;
    throw new ConfigurationError(`"${name}" in ${spec.module} is ${what}${line === null ? '' : `; ${line}`}`);
  }
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    throw new ConfigurationError(
      `"${name}" in ${spec.module} is a class: export a function (environ, startResponse), for example one that calls an instance`,
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
 * The file of a module: a path (relative to `directory`), a `file:` URL, or a package. A file that exists wins over a
 * package of the same name, so that `site.js` means what it means to Node.
 *
 * @throws ConfigurationError when there is none; names a file that was probably meant
 */
export function resolveModule(module: string, directory: string): string {
  if (module.startsWith('file:')) return existing(filePath(module), module);
  const file = resolve(directory, module);
  const path = /^\.{0,2}[\\/]|^\.{1,2}$|^[A-Za-z]:[\\/]/.test(module);
  if (path || (EXTENSIONS.includes(extname(module)) && isFile(file))) return existing(file, module);
  const found = resolvePackage(module, directory);
  if (found === undefined) {
    const meant = likelyFile(file);
    throw new ConfigurationError(
      `cannot find module "${module}": no such package from ${directory}${meant ? `; did you mean ./${basename(meant)}?` : ''}`,
    );
  }
  return found;
}

function filePath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new ConfigurationError(`cannot find module "${url}": not a file URL of this machine`, { cause: error });
  }
}

function existing(file: string, module: string): string {
  if (isFile(file)) return file;
  const meant = likelyFile(file);
  throw new ConfigurationError(
    `cannot find module "${module}": ${file} ${whyNoFile(file)}${meant ? `; did you mean ${basename(meant)}?` : ''}`,
  );
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function whyNoFile(file: string): string {
  try {
    return statSync(file).isDirectory() ? 'is a directory' : 'is not a file';
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read (${code})`;
  }
}

function likelyFile(file: string): string | undefined {
  const stem = EXTENSIONS.includes(extname(file)) ? file.slice(0, -extname(file).length) : file;
  return EXTENSIONS.map((extension) => stem + extension).find(isFile);
}

/**
 * Node resolves a package from the importing file only (the second argument of `import.meta.resolve` is behind a flag),
 * and `require.resolve` does not see what is exported to `import` alone: hence this walk.
 */
function resolvePackage(specifier: string, directory: string): string | undefined {
  const [, name, rest] = /^((?:@[^/\\]+\/)?[^@/\\.][^/\\]*)(\/.+)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  for (let at = directory; ; at = dirname(at)) {
    const root = join(at, 'node_modules', name);
    if (isFile(join(root, 'package.json'))) {
      const { exports } = readPackage(join(root, 'package.json'));
      if (exports !== undefined && exports !== null) {
        const target = pickTarget(exports, `.${rest ?? ''}`);
        return target === undefined ? undefined : existing(join(root, target), specifier);
      }
      break;
    }
    if (dirname(at) === at) break;
  }
  try {
    const found = createRequire(join(directory, 'package.json')).resolve(specifier);
    return isFile(found) ? found : undefined; // the name of a built-in module resolves to itself
  } catch {
    return undefined;
  }
}

function readPackage(file: string): { exports?: unknown } {
  try {
    const found: { exports?: unknown } | null = JSON.parse(readFileSync(file, 'utf8'));
    return found ?? {};
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not valid JSON' : error instanceof Error ? error.message : '';
    throw new ConfigurationError(`cannot read ${file}: ${reason}`, { cause: error });
  }
}

function pickTarget(exports: unknown, subpath: string): string | undefined {
  const table = isObject(exports) && Object.keys(exports).some((key) => key.startsWith('.')) ? exports : undefined;
  if (!table) return subpath === '.' ? pickCondition(exports) : undefined;
  if (subpath in table) return pickCondition(table[subpath]);
  for (const [key, value] of Object.entries(table)) {
    const [before, after] = key.split('*');
    if (after === undefined || !subpath.startsWith(before) || !subpath.endsWith(after)) continue;
    return pickCondition(value)?.replaceAll('*', subpath.slice(before.length, subpath.length - after.length));
  }
  return undefined;
}

function pickCondition(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  const choices = Array.isArray(target) ? target : [];
  if (isObject(target)) {
    for (const condition of Object.keys(target)) {
      if (['node', 'import', 'module-sync', 'default'].includes(condition)) choices.push(target[condition]);
    }
  }
  return choices.map(pickCondition).find((found) => found !== undefined);
}

/**
 * Imports a file, TypeScript too: natively where Node strips types, else through `tsx` from the project or beside us.
 *
 * @param shown how messages name the module
 * @throws ConfigurationError with the module's own error and its position in one line
 */
export async function importModule(file: string, shown: string, directory: string): Promise<Exports> {
  if (/\.(?:[cm]?ts|[jt]sx)$/.test(file)) await loadTypeScript(file, shown, directory);
  try {
    const exports: Exports = await import(pathToFileURL(file).href);
    return exports;
  } catch (error) {
    throw new ConfigurationError(`cannot load ${shown}: ${explain(error, file)}`, { cause: error });
  }
}

let registered = false;

async function loadTypeScript(file: string, shown: string, directory: string): Promise<void> {
  // Decided before the import: Node 20 remembers a refused .ts file, and no later loader gets to see it.
  const native = Reflect.get(process.features, 'typescript') && !file.endsWith('x');
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  // A loader of the user's own choice goes before ours and before Node. tsx has to be helped: a flag registers it on the
  // main thread only.
  const asked = /\btsx\b/.test(flags);
  if (registered || (native && !asked) || /\b(ts-node|swc|sucrase|esbuild)\b/.test(flags)) return;
  const places = [directory, import.meta.dirname];
  const find = (part: string) =>
    places.map((place) => resolvePackage(part, place)).find((found) => found !== undefined);
  // A file is an ES module or not by its package.json, so either half of tsx may have to read it.
  const halves = [find('tsx/cjs/api'), find('tsx/esm/api')].filter((found) => found !== undefined);
  if (halves.length === 0) {
    if (native || /--(import|loader|experimental-loader)\b/.test(flags)) return; // perhaps one; the import will tell
    const needs = file.endsWith('x')
      ? 'Node does not run JSX by itself: install "tsx" (npm i -D tsx)'
      : `Node ${process.versions.node} does not run TypeScript by itself: install "tsx" (npm i -D tsx) or use Node 22.18 or later`;
    throw new ConfigurationError(`cannot load ${shown}: ${needs}`);
  }
  for (const half of halves) {
    const { register }: { register?: unknown } = await import(pathToFileURL(half).href);
    if (typeof register !== 'function') {
      throw new ConfigurationError(`cannot load ${shown}: ${half} has no register(): tsx 4 or later is needed`);
    }
    register();
  }
  registered = true;
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
  // What a CommonJS module exports is the default export; named exports show beside it only where Node could guess them.
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

/** The error of a module in one line, with its position where that can be found out. */
export function explain(error: unknown, file: string): string {
  try {
    return explained(error, file);
  } catch {
    return 'it threw something that cannot be shown'; // a getter or a trap of its own
  }
}

function explained(error: unknown, file: string): string {
  if (error instanceof QuaichError) return error.message;
  if (!(error instanceof Error)) return `it threw ${shown(error)}`;
  const [line, detail] = error.message.split('\n', 2);
  const code: unknown = Reflect.get(error, 'code');
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return line;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /"\.[cm]?tsx?"/.test(line)) {
    return `${line}; start Node with "--import tsx", or use Node 22.18 or later`;
  }
  if (detail && line.endsWith(':')) return `${line} ${detail.trim()}`; // esbuild: the position is in the message
  const position = frame(error.stack ?? '') ?? (error.name === 'SyntaxError' ? syntaxPosition(file) : undefined);
  return `${error.name}: ${line}${position ? ` (at ${position})` : ''}`;
}

/** The first frame in somebody's own code, else the first that is a file at all. */
function frame(stack: string): string | undefined {
  const lines = stack.split('\n');
  // Node puts the position of a syntax error on a line of its own before the error.
  const [place] = lines;
  const number = /:\d+$/.exec(place);
  const decorated = number === null ? null : filePathOf(place.slice(0, number.index));
  if (number !== null && decorated !== null) return decorated + number[0];
  const frames = lines
    .map(framePosition)
    .filter((found) => found !== null)
    .map(({ file, line, column }) => `${file}:${line}:${column}`)
    .filter((found) => !found.startsWith(import.meta.dirname));
  return frames.find((found) => !/[\\/]node_modules[\\/]/.test(found)) ?? frames[0];
}

/** V8 keeps the position of a syntax error in an ES module to itself; `node --check` prints it, and runs nothing. */
function syntaxPosition(file: string): string | undefined {
  try {
    execFileSync(process.execPath, ['--check', file], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 5000,
    });
  } catch (error) {
    const output: unknown = error instanceof Error ? Reflect.get(error, 'stderr') : undefined;
    return typeof output === 'string' ? frame(output) : undefined;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

// All that can be known before the first call (G-02); results are checked by the engine (B-02).
function isCallable(value: unknown): value is Application & AsyncApplication & NonNullable<Lifespan['startup']> {
  return typeof value === 'function';
}
