/** Locks on files, of which the threads of a process know in memory that they share: what remains of those that end. */
import { threadId } from 'node:worker_threads';
import { LOCKS_USED, sharedFileLocks } from '../rings/index.ts';
import { turn } from '../rules/event-loop.ts';

/** Frees what a thread had locked that has ended. */
export async function releaseFileLocks(thread: number): Promise<void> {
  const memory = sharedFileLocks();
  if (Atomics.load(new Int32Array(memory), LOCKS_USED) === 0) return;
  const { FileLocks } = await import('../python/file-locks.ts');
  const locks = new FileLocks(memory, threadId);
  // Ends: when nobody is at the table, which takes microseconds, or when the end of its holder is told here.
  while (!locks.releaseThread(thread)) await turn();
}
