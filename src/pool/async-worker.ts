import { AsyncInput } from '../engine/async-input.ts';
import { asyncFileWrapper } from '../engine/file-wrapper.ts';
import { runAsync } from '../engine/run-async.ts';
import { type AsyncRingRequest, AsyncWorkerEnd } from '../rings/index.ts';
import { isNoted } from './open-files.ts';
import { writeOutputDirectly } from './output.ts';
import { serveByEventLoop } from './this-thread.ts';
import type { WorkerTask } from './thread.ts';
import { live, ringEnviron, runnables, type ServeRequests } from './worker.ts';
import type { WorkerData } from './worker-data.ts';

/** The task of an async worker: many requests at once on its event loop. */
export function runAsyncWorker(task: WorkerTask<WorkerData>): Promise<never> {
  writeOutputDirectly(task.data.logFile, task.files);
  serveByEventLoop('an async worker of the server');
  return live(task, serve);
}

const serve: ServeRequests = async ({ index, files, data }, applications, proxies) => {
  const mounts = runnables<true>(
    applications,
    {
      async: true,
      multithread: data.multithread,
      multiprocess: data.multiprocess,
      proxies,
      fileWrapper: asyncFileWrapper,
    },
    data.environ,
  );
  const run = (request: AsyncRingRequest): void => {
    if (data.timed) request.claim();
    const mount = mounts[request.mount];
    if (mount === null) throw new Error(`mount ${request.mount} is not one of this worker`);
    const environ = ringEnviron(mount, request, new AsyncInput(request.hasBody ? request : null), data);
    const running = runAsync(mount.app, environ, request, mount.options);
    if (running === undefined) return;
    const cancel = (reason: Error): void => running.disconnect(reason);
    request.onCancel = cancel;
  };
  // Async workers come after the sync ones in the rings.
  const end = new AsyncWorkerEnd(data.memory, data.layout, data.layout.syncWorkers + index, run);
  if (files !== undefined) end.takesFile = (descriptor) => isNoted(files, descriptor);
  await end.run();
};
