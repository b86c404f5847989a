/** The files of this package that others start, or find in stacks, wherever the code that asks was built to. */
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFolder } from './version.ts';

/**
 * A module of this package, as it is built, that is started by its address: by a thread, by a process, or as an
 * application. `scripts/bundle.mjs` lists them.
 *
 * @param name that of its source, without the extension: `workers/sync`
 */
export function builtModule(name: string): URL {
  return pathToFileURL(join(packageFolder(), 'dist', `${name}.js`));
}

let folders: string[] | undefined;

/** Whether a file is code of this package: as it is built, or its source, which source maps name. Never throws. */
export function isOwnCode(file: string): boolean {
  folders ??= codeFolders();
  return folders.some((folder) => file.startsWith(folder));
}

function codeFolders(): string[] {
  try {
    const root = packageFolder();
    return ['dist', 'src', 'workers'].map((name) => join(root, name) + sep);
  } catch {
    return []; // a bundler has put the code into somebody else's
  }
}
