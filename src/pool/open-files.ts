/**
 * The files that a worker has open, in memory that outlives its thread. Node could close them with the thread
 * (`trackUnmanagedFds`), but at a moment of its own, when the gateway may still be sending one of them: its number could be
 * another file by then. So a worker notes what it opens, and who buries it closes what is left, at the right moment.
 */
import fs, { close as closeFile } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Descriptors that are noted; untouched pages of the bits cost nothing. */
const MOST = 1 << 20;

/** A bit for each descriptor. */
export type OpenFiles = Int32Array;

export function createOpenFiles(): OpenFiles {
  return new Int32Array(new SharedArrayBuffer(MOST / 8));
}

/** Whether the thread itself has opened the file, so that it stays open until `closeOpenFiles`. */
export function isNoted(files: OpenFiles, descriptor: number): boolean {
  // No data hangs on the bits here and below: one thread writes them, another one looks when that has ended.
  return descriptor < MOST && (Atomics.load(files, descriptor >>> 5) & (1 << (descriptor & 31))) !== 0;
}

function note(files: OpenFiles, descriptor: number): void {
  if (descriptor < MOST) Atomics.or(files, descriptor >>> 5, 1 << (descriptor & 31));
}

function forget(files: OpenFiles, descriptor: unknown): void {
  if (typeof descriptor !== 'number' || !(descriptor >= 0 && descriptor < MOST)) return;
  Atomics.and(files, descriptor >>> 5, ~(1 << (descriptor & 31)));
}

/**
 * Notes from now on what this thread opens with the functions of `node:fs`; before an application is loaded. A FileHandle
 * is not noted: Node closes it with its thread.
 */
export function noteOpenFiles(files: OpenFiles): void {
  const { open, openSync, close, closeSync } = fs;
  const noting = (...args: unknown[]): void => {
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      args[args.length - 1] = (error: unknown, descriptor: unknown) => {
        if (typeof descriptor === 'number') note(files, descriptor);
        callback(error, descriptor);
      };
    }
    Reflect.apply(open, fs, args);
  };
  // What the types call `__promisify__` does not exist.
  fs.open = noting as typeof open;
  fs.openSync = (...args) => {
    const descriptor = openSync(...args);
    note(files, descriptor);
    return descriptor;
  };
  // Forgotten before it is closed: from then on the number may be somebody else's.
  const forgetting = (...args: unknown[]): void => {
    forget(files, args[0]);
    Reflect.apply(close, fs, args);
  };
  fs.close = forgetting as typeof close;
  fs.closeSync = (descriptor) => {
    forget(files, descriptor);
    closeSync(descriptor);
  };
  syncBuiltinESMExports();
}

/** Closes what a thread that has ended left open, but for those that are still `inUse`. */
export function closeOpenFiles(files: OpenFiles, inUse: ReadonlySet<number>): void {
  files.forEach((word, index) => {
    for (let bits = word; bits !== 0; bits &= bits - 1) {
      const descriptor = index * 32 + (31 - Math.clz32(bits & -bits));
      if (!inUse.has(descriptor)) closeFile(descriptor, () => {});
    }
  });
}
