/** Files below a root, and nothing else: the path is looked at before a file is opened, and the file afterwards. */
import { closeSync } from 'node:fs';
import { type Steps, wait } from '../../rules/steps.ts';
import { type FileSystem, type OpenedFile, openedPath, openRegular } from './file-system.ts';
import { filePath, isServable } from './path.ts';

/** Where files may be served from. */
export interface Root {
  /** A real path. */
  readonly path: string;
  /** Hidden names are served, too. */
  readonly dotfiles: boolean;
}

/** The real path of some names below a root; null for what may not be served. */
export function* locateBelow(files: FileSystem, root: Root, segments: readonly string[]): Steps<string | null> {
  const asked = filePath(root.path, segments);
  const real = yield* wait(files.realPath(asked));
  return real !== null && isServable(root.path, asked, real, root.dotfiles) ? real : null;
}

/**
 * Opens the file of some names below a root, if what was opened lies where it may be served.
 *
 * @param real its path, as `locateBelow` has found it
 */
export function* openBelow(
  files: FileSystem,
  root: Root,
  segments: readonly string[],
  real: string,
): Steps<OpenedFile | null> {
  const file = yield* openRegular(files, real);
  if (file === null) return null;
  const opened = yield* openedPath(files, file, real);
  if (opened !== null && isServable(root.path, filePath(root.path, segments), opened, root.dotfiles)) return file;
  closeSync(file.descriptor);
  return null;
}
