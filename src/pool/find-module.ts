/** Which file the module of an application is. */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolveModuleURL } from 'exsolve';
import { ConfigurationError } from '../interface/errors.ts';

/** Before the dotted name of a Python module, which is looked for on Python's path. */
const PYTHON = 'python:';

/** Whether a module is one of Python: a file, or a name such as `python:blog.wsgi`. */
export function isPython(module: string): boolean {
  return module.startsWith(PYTHON) || extname(module) === '.py';
}

/** Of files that can be modules. */
export const EXTENSIONS = ['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.cts', '.tsx'];
/** The name of a package, perhaps with a subpath. */
const PACKAGE = /^((?:@[^/\\]+\/)?[^@/\\.][^/\\]*)(?:\/.+)?$/;

/**
 * The file of a module: a path (relative to `directory`), a `file:` URL, or a package. A file that exists wins over a
 * package of the same name, so that `site.js` means what it means to Node. The name of a Python module stays as it is.
 *
 * @throws ConfigurationError when there is none; names a file that was probably meant
 */
export function resolveModule(module: string, directory: string): string {
  if (module.startsWith('file:')) return existing(filePath(module), module);
  if (module.startsWith(PYTHON)) return module;
  const file = resolve(directory, module);
  if (isPython(module)) return existing(file, module);
  const path = /^\.{0,2}[\\/]|^\.{1,2}$|^[A-Za-z]:[\\/]/.test(module);
  if (path || (EXTENSIONS.includes(extname(module)) && isFile(file))) return existing(file, module);
  const found = resolvePackage(module, directory);
  if (found !== undefined) return found;
  const meant = likelyFile(file);
  const hint = meant ? `; did you mean ./${basename(meant)}?` : '';
  throw new ConfigurationError(`cannot find module "${module}": ${whyNoPackage(module, directory)}${hint}`);
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

export function isFile(file: string): boolean {
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

/** The flags of Node in one text. */
export function nodeFlags(): string {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
}

/** The conditions of `exports` that hold in this process beside `import` or `require`. */
function conditions(): string[] {
  const own = [...nodeFlags().matchAll(/(?:^|\s)(?:-C|--conditions)[=\s]\s*(\S+)/g)].map(([, condition]) => condition);
  // Node goes by `module-sync` where it can `require()` ES modules.
  return ['node', 'node-addons', ...(Reflect.get(process.features, 'require_module') ? ['module-sync'] : []), ...own];
}

/**
 * The file of a package that Node imports in a program of the directory, or undefined. Node itself can be asked only
 * from the importing file: the second argument of `import.meta.resolve` is behind a flag, and `require.resolve` does
 * not see what is exported to `import` alone.
 */
export function resolvePackage(specifier: string, directory: string): string | undefined {
  if (!PACKAGE.test(specifier)) return undefined;
  const from = pathToFileURL(join(directory, 'package.json'));
  const find = (way: 'import' | 'require') =>
    resolveModuleURL(specifier, { from, conditions: [way, ...conditions()], cache: false, try: true });
  const found = find('import');
  if (found !== undefined) return found.startsWith('file:') ? fileURLToPath(found) : undefined; // else Node's own
  // Packages that have no `exports` are found as by `require` too: a subpath without its extension, what lies in a
  // folder of NODE_PATH, or in an archive of Yarn's. What is exported to `require` alone is not.
  if (find('require') !== undefined) return undefined;
  try {
    return createRequire(from).resolve(specifier);
  } catch {
    return undefined;
  }
}

function whyNoPackage(specifier: string, directory: string): string {
  const name = PACKAGE.exec(specifier)?.[1] ?? '';
  const places = createRequire(join(directory, 'package.json')).resolve.paths(name) ?? [];
  const manifest = places.map((place) => join(place, name, 'package.json')).find(isFile);
  if (manifest === undefined) return `no such package from ${directory}`;
  try {
    JSON.parse(readFileSync(manifest, 'utf8'));
  } catch (error) {
    return `cannot read ${manifest}: ${error instanceof SyntaxError ? 'it is not valid JSON' : error}`;
  }
  return `no such package export, or no file for it: see ${manifest}`;
}
