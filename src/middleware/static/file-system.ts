/**
 * What is asked of the file system, blocking or awaited, so that the way to a file is written once: as steps
 * (`src/rules/steps.ts`) over one of the two.
 */
import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  open,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Steps, wait } from '../../rules/steps.ts';

/** A result of one of the two conventions; null where there is no such file, or none that may be read. */
type Found<T> = T | null | Promise<T | null>;

/** One convention's operations. */
export interface FileSystem {
  /** The path without symbolic links, in the spelling of the directories. */
  realPath(path: string): Found<string>;
  stat(path: string): Found<Stats>;
  readLink(path: string): Found<string>;
  open(path: string): Found<number>;
  fstat(descriptor: number): Found<Stats>;
  close(descriptor: number): Found<void>;
}

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES', 'EPERM', 'EINVAL']);

function nullIfMissing(error: unknown): null {
  if (error instanceof Error && MISSING.has(String(Reflect.get(error, 'code')))) return null;
  throw error;
}

function blocking<A, T>(operation: (subject: A) => T): (subject: A) => T | null {
  return (subject) => {
    try {
      return operation(subject);
    } catch (error) {
      return nullIfMissing(error);
    }
  };
}

function awaited<A, T>(operation: (subject: A) => Promise<T>): (subject: A) => Promise<T | null> {
  return (subject) => operation(subject).catch(nullIfMissing);
}

/** Not through a link that took the place of the file meanwhile, and without waiting for the writer of a pipe. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const openAsync = promisify(open);
const fstatAsync = promisify(fstat);
export const closeAsync = promisify(close);

export const blockingFileSystem: FileSystem = {
  realPath: blocking((path) => realpathSync.native(path)),
  stat: blocking((path) => statSync(path)),
  readLink: blocking((path) => readlinkSync(path)),
  open: blocking((path) => openSync(path, FLAGS)),
  fstat: blocking((descriptor) => fstatSync(descriptor)),
  close: blocking(closeSync),
};

export const awaitedFileSystem: FileSystem = {
  realPath: awaited((path) => realpath(path)),
  stat: awaited((path) => stat(path)),
  readLink: awaited((path) => readlink(path)),
  open: awaited((path) => openAsync(path, FLAGS)),
  fstat: awaited((descriptor) => fstatAsync(descriptor)),
  close: awaited(closeAsync),
};

export interface OpenedFile {
  descriptor: number;
  stat: Stats;
}

/** Opens a regular file; null for anything else. The descriptor is the caller's to close. */
export function* openRegular(files: FileSystem, path: string): Steps<OpenedFile | null> {
  const descriptor = yield* wait(files.open(path));
  if (descriptor === null) return null;
  let regular = false;
  try {
    const found = yield* wait(files.fstat(descriptor));
    if (found === null || !found.isFile()) return null;
    regular = true;
    return { descriptor, stat: found };
  } finally {
    if (!regular) yield* wait(files.close(descriptor));
  }
}

/** What Linux adds to the name of a file that was replaced meanwhile. */
const DELETED = ' (deleted)';

/**
 * Where an open file lies. Directories on the way to it may have been exchanged for links between the moment in which
 * its path was looked at and that in which it was opened. Linux tells the path of a descriptor; elsewhere the path is
 * looked at once more, and has to lead to the same file.
 */
export function* openedPath(
  files: FileSystem,
  { descriptor, stat: opened }: OpenedFile,
  path: string,
): Steps<string | null> {
  const link = process.platform === 'linux' ? yield* wait(files.readLink(`/proc/self/fd/${descriptor}`)) : null;
  if (link !== null) return link.endsWith(DELETED) && link !== path ? link.slice(0, -DELETED.length) : link;
  const real = yield* wait(files.realPath(path));
  const found = real === null ? null : yield* wait(files.stat(real));
  return found !== null && found.dev === opened.dev && found.ino === opened.ino ? real : null;
}
