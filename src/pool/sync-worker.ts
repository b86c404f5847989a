import { fileWrapper } from '../engine/file-wrapper.ts';
import { runSync } from '../engine/run-sync.ts';
import { SyncInput } from '../engine/sync-input.ts';
import { isThreadBroken, setGivenUp } from '../engine/thread-state.ts';
import { type SyncRingRequest, SyncWorkerEnd } from '../rings/index.ts';
import { TURN_EVERY, turn } from '../rules/event-loop.ts';
import { isNoted } from './open-files.ts';
import { writeOutputDirectly } from './output.ts';
import type { WorkerTask } from './thread.ts';
import { live, ringEnviron, runnables, type ServeRequests } from './worker.ts';
import type { WorkerData } from './worker-data.ts';

/** The task of a sync worker: one request at a time, blocking wherever it has to wait (B-22, B-63). */
export function runSyncWorker(task: WorkerTask<WorkerData>): Promise<never> {
  writeOutputDirectly(task.data.logFile, task.files);
  return live(task, serve);
}

const serve: ServeRequests = async ({ index, files, data }, applications, proxies) => {
  const end = new SyncWorkerEnd(data.memory, data.layout, index);
  if (files !== undefined) end.takesFile = (descriptor) => isNoted(files, descriptor);
  let current: SyncRingRequest | null = null;
  const disconnected = (): boolean => current === null || current.disconnected();
  const mounts = runnables<false>(
    applications,
    {
      async: false,
      multithread: false,
      multiprocess: data.multiprocess,
      proxies,
      fileWrapper,
      clientDisconnected: disconnected,
    },
    data.environ,
  );
  const options = { disconnected };
  setGivenUp(() => current?.isGivenUp === true);
  let turned = performance.now();
  for (;;) {
    const now = performance.now();
    const due = now - turned;
    if (due >= TURN_EVERY) {
      turned = now;
      await turn();
    }
    current = end.take(TURN_EVERY);
    if (current === null) {
      if (end.leaving) return;
      continue;
    }
    if (data.timed) current.claim();
    const mount = mounts[current.mount];
    if (mount === null) throw new Error(`mount ${current.mount} is not one of this worker`);
    const environ = ringEnviron(mount, current, new SyncInput(current.hasBody ? current : null), data);
    runSync(mount.app, environ, current, options);
    current = null;
    if (isThreadBroken()) return;
  }
};
