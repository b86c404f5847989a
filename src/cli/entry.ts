/** The module that is served where none is named. */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EXTENSIONS, isFile } from '../pool/find-module.ts';
import { property } from '../rules/property.ts';

/** Without their extensions, in the order in which they are tried. */
const USUAL = ['server', 'app', 'index', 'src/server', 'src/app', 'src/index'];

/** Where an entry is looked for, in words. */
export const PLACES = `package.json, ${USUAL.join(', ')}`;

interface Entry {
  /** A path from the directory, such as `./app.ts`. */
  readonly module: string;
  /** What messages call its origin. */
  readonly origin: string;
}

/** The first that exists: what package.json names as `exports` or `main`, then a file of the usual names. */
export function findEntry(directory: string): Entry | null {
  const manifest = readManifest(join(directory, 'package.json'));
  const named = [mainExport(property(manifest, 'exports')), property(manifest, 'main')].filter(
    (path) => typeof path === 'string',
  );
  const tried = [
    ...named.map((path) => ({
      origin: 'package.json',
      paths: [path, ...extended(path), ...extended(`${path}/index`)],
    })),
    { origin: 'a file of the usual name', paths: USUAL.flatMap(extended) },
  ];
  for (const { origin, paths } of tried) {
    const found = paths.find((path) => isFile(join(directory, path)));
    if (found !== undefined) return { module: `./${posix.normalize(found)}`, origin };
  }
  return null;
}

function extended(stem: string): string[] {
  return EXTENSIONS.map((extension) => stem + extension);
}

/** What a file of JSON has; undefined where it cannot be read. */
function readManifest(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** What `exports` has for the package itself, by the conditions of an import. */
function mainExport(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return undefined;
  for (const key of ['.', 'node', 'import', 'default', 'require']) {
    const found = mainExport(property(exports, key));
    if (found !== undefined) return found;
  }
  return undefined;
}
