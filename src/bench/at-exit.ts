/**
 * What is undone when this process ends, however far its work has come: children are ended, temporary files removed.
 */
import type { ChildProcess } from 'node:child_process';

const open = new Set<() => void>();
process.on('exit', () => {
  for (const undo of open) undo();
});

/**
 * Calls `undo` when the process exits.
 *
 * @returns what takes that back, once there is nothing to undo any more
 */
export function atExit(undo: () => void): () => void {
  open.add(undo);
  return () => {
    open.delete(undo);
  };
}

/**
 * Ends a child that has a group of its own (`detached`), with all that it has started; by SIGKILL if nothing else is
 * said.
 */
export function endGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, signal);
  } catch {
    // it has ended
  }
}
