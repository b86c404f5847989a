/**
 * Memory for locks on files (src/python/file-locks.ts) that all threads of a process share, those that threads start
 * included: whoever starts threads has it made before.
 */
import { isSharedArrayBuffer } from 'node:util/types';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** Ranges of files that may be locked at a time. */
export const LOCK_ENTRIES = 1024;
/** Index of the word that is 0 as long as nobody has locked anything. */
export const LOCKS_USED = 1;
const BYTES = 4 * (4 + 8 * LOCK_ENTRIES) + 16 * LOCK_ENTRIES;

/** The name under which threads inherit it. */
const NAME = 'quaich.file-locks';

/** The memory of this process. Untouched pages cost nothing. */
export function sharedFileLocks(): SharedArrayBuffer {
  const inherited = getEnvironmentData(NAME);
  if (isSharedArrayBuffer(inherited)) return inherited;
  const made = new SharedArrayBuffer(BYTES);
  setEnvironmentData(NAME, made);
  return made;
}
