/** Imports the modules of applications and configurations, also those in TypeScript. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../interface/errors.ts';
import { property } from '../rules/property.ts';
import { nodeFlags, resolvePackage } from './find-module.ts';
import { explain } from './module-error.ts';

/** What a module exports. */
export type Exports = Readonly<Record<string, unknown>>;

/**
 * Imports a file, TypeScript too: natively where Node strips types, else through `tsx` from the project or beside us.
 *
 * @param shown how messages name the module
 * @param time how often it has been imported before, as it was then: 0 for what Node may have of it already
 * @throws ConfigurationError with the module's own error and its position in one line
 */
export async function importModule(file: string, shown: string, directory: string, time = 0): Promise<Exports> {
  if (/\.(?:[cm]?ts|[jt]sx)$/.test(file)) await loadTypeScript(file, shown, directory);
  try {
    const url = pathToFileURL(file);
    if (time > 0) {
      url.search = String(time);
      // Where it is a CommonJS module, Node goes by its file.
      delete createRequire(file).cache[file];
    }
    return await quietly(() => import(url.href));
  } catch (error) {
    throw new ConfigurationError(`cannot load ${shown}: ${explain(error, file)}`, { cause: error });
  }
}

/** What Node has to say on the two kinds of modules: each thread would repeat it, and our message has the remedy. */
function isNoise(warning: unknown): boolean {
  if (property(warning, 'code') === 'MODULE_TYPELESS_PACKAGE_JSON') return true;
  return /^(?:To load an|Failed to load the) ES module/.test(String(property(warning, 'message')));
}

/** Node warns in two ways: later, and at once. */
const filters = {
  emitWarning(...given: unknown[]): void {
    if (!given.some(isNoise)) Reflect.apply(own.emitWarning, process, given);
  },
  emit(...given: unknown[]): unknown {
    return given[0] === 'warning' && isNoise(given[1]) ? true : Reflect.apply(own.emit, process, given);
  },
};

/** Imports under way on this thread. */
let importing = 0;
/** The functions of Node, or of whoever has put others there. */
let own: Pick<typeof process, keyof typeof filters> = process;

async function quietly(load: () => Promise<Exports>): Promise<Exports> {
  if (importing === 0) {
    own = { emitWarning: process.emitWarning, emit: process.emit };
    Object.assign(process, filters);
  }
  importing += 1;
  try {
    return await load();
  } finally {
    importing -= 1;
    if (importing === 0) Object.assign(process, own);
  }
}

let registered = false;

async function loadTypeScript(file: string, shown: string, directory: string): Promise<void> {
  // Decided before the import: Node 20 remembers a refused .ts file, and no later loader gets to see it.
  const native = Reflect.get(process.features, 'typescript') && !file.endsWith('x');
  const flags = nodeFlags();
  // A loader of the user's own choice goes before ours and before Node. tsx has to be helped: a flag registers it on
  // the main thread only.
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
      : `Node ${process.versions.node} does not run TypeScript by itself: install "tsx" (npm i -D tsx) or use Node ` +
        '22.18 or later';
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
