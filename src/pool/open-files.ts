/**
 * The files that a worker has open, in memory that outlives its thread. The worker notes what it opens; when its thread
 * has ended, the pool closes what is still noted. Node could close them with the thread (`trackUnmanagedFds`), but it
 * does so while the gateway may still be sending one of them, whose number may then become another file. A number alone
 * says little, since a file may be closed without our knowledge and its number given to the socket of a client: so it
 * is noted together with the file's identity.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Descriptors that are noted; untouched pages cost nothing. */
const MOST = 65_536;

/** Device and inode by descriptor, one after the other; an inode of 0: none. */
export type OpenFiles = Float64Array;

export function createOpenFiles(): OpenFiles {
  return new Float64Array(new SharedArrayBuffer(MOST * 16));
}

// The functions as they are before `noteOpenFiles`. No order of memory is needed for the notes: a thread looks at its
// own, and the gateway at those of a thread that has ended.
const { open, openSync, close, closeSync, fstatSync } = fs;

/**
 * Whether a descriptor is a file that the thread itself has opened, so that it stays open until the thread, or
 * `closeOpenFile`, closes it. Never throws.
 */
export function isNoted(files: OpenFiles, descriptor: number): boolean {
  const inode = files[2 * descriptor + 1];
  if (!(descriptor < MOST) || inode === 0) return false;
  try {
    const { dev, ino } = fstatSync(descriptor);
    return dev === files[2 * descriptor] && ino === inode;
  } catch {
    return false; // closed
  }
}

/**
 * Only regular files, but where nothing but `fs.close` will close it: things of other kinds end by other means, too.
 */
export function note(files: OpenFiles, descriptor: number, anyKind = false): void {
  if (!(descriptor < MOST)) return;
  const stat = fstatSync(descriptor);
  files[2 * descriptor] = stat.dev;
  files[2 * descriptor + 1] = anyKind || stat.isFile() ? stat.ino : 0;
}

function forget(files: OpenFiles, descriptor: unknown): void {
  if (typeof descriptor === 'number' && descriptor >= 0 && descriptor < MOST) files[2 * descriptor + 1] = 0;
}

/** Replaces the callback of a call, which comes last. */
function withCallback(args: unknown[], then: (error: unknown, value: unknown) => void): unknown[] {
  const callback = args.at(-1);
  if (typeof callback !== 'function') return args;
  return args.with(-1, (error: unknown, value: unknown) => {
    then(error, value);
    callback(error, value);
  });
}

/**
 * Notes from now on what this thread opens with the functions of `node:fs`; before an application is loaded. A
 * FileHandle is not noted: Node closes it with its thread. Nor is what is just being opened when the thread ends.
 */
export function noteOpenFiles(files: OpenFiles): void {
  const opening = (...args: unknown[]): void => {
    const noted = withCallback(args, (_error, descriptor) => {
      if (typeof descriptor === 'number') note(files, descriptor);
    });
    Reflect.apply(open, fs, noted);
  };
  const closing = (...args: unknown[]): void => {
    const [descriptor] = args;
    const before = typeof descriptor === 'number' ? files[2 * descriptor + 1] : 0;
    // Forgotten when it is closed, unless its number has been noted anew by then.
    const forgotten = withCallback(args, () => {
      if (typeof descriptor === 'number' && files[2 * descriptor + 1] === before) forget(files, descriptor);
    });
    if (forgotten === args) forget(files, descriptor);
    Reflect.apply(close, fs, forgotten);
  };
  // What the types call `__promisify__` does not exist.
  fs.open = opening as typeof open;
  fs.close = closing as typeof close;
  fs.openSync = (...args) => {
    const descriptor = openSync(...args);
    note(files, descriptor);
    return descriptor;
  };
  fs.closeSync = (descriptor) => {
    forget(files, descriptor);
    closeSync(descriptor);
  };
  syncBuiltinESMExports();
}

/** Closes a file that a thread which has ended left open, if it still is that file. */
export function closeOpenFile(files: OpenFiles, descriptor: number): void {
  const same = isNoted(files, descriptor);
  forget(files, descriptor);
  if (same) close(descriptor, () => {});
}

/** Closes all of them, but for those that are still `inUse`. */
export function closeOpenFiles(files: OpenFiles, inUse: ReadonlySet<number>): void {
  for (let descriptor = 0; descriptor < MOST; descriptor++) {
    if (files[2 * descriptor + 1] !== 0 && !inUse.has(descriptor)) closeOpenFile(files, descriptor);
  }
}
