import { Worker } from 'node:worker_threads';
import { failureError } from '../pool/applications.ts';
import { LoadedThread, threadOptions } from '../pool/loaded-thread.ts';
import { createOpenFiles } from '../pool/open-files.ts';
import type { ProbedApplication, ProbedPython, ProbeMessage, ProbeTask } from '../pool/probe.ts';
import { stackSize } from '../pool/python-stack.ts';
import { brokeThread, endedThread, type Failure, STARTUP, tookTooLong } from '../pool/start-step.ts';
import { sharedFileLocks } from '../rings/index.ts';
import { builtModule } from '../rules/own-files.ts';
import { nothing } from '../rules/promises.ts';
import type { ResolvedOptions } from './options.ts';
import { pythonOptions } from './python-settings.ts';

type ProbeOptions = Pick<
  ResolvedOptions,
  'apps' | 'directory' | 'import' | 'limitWorkerMemory' | 'timeoutStartup' | 'wrapper'
> &
  Parameters<typeof pythonOptions>[0];

/**
 * Loads the applications on a thread of their own, which ends with that, and tells what they are (B-01, L-18).
 *
 * @throws as `loadOnThread`
 */
export async function probe(options: ProbeOptions): Promise<ProbedApplication[]> {
  const { found, loaded } = await loadOnThread(options, 'check');
  await loaded.end();
  return found;
}

/**
 * Loads the applications on a thread of their own, and tells what they are. The thread is the caller's to end.
 *
 * @param modules what is done with those of Python
 * @throws ConfigurationError for a module that does not load, and QuaichError for one that has not loaded after
 *   `timeoutStartup` milliseconds; the reason of `signal`, when it is aborted
 */
export async function loadOnThread(
  options: ProbeOptions,
  modules: ProbedPython['modules'],
  signal?: AbortSignal,
): Promise<{ found: ProbedApplication[]; loaded: LoadedThread }> {
  const { apps, directory, import: imports, timeoutStartup, limitWorkerMemory, wrapper } = options;
  const files = createOpenFiles();
  const python = { ...pythonOptions(options), modules };
  const workerData: ProbeTask = { apps, directory, imports, python, files, wrapper };
  sharedFileLocks();
  const worker = new Worker(builtModule('workers/probe'), {
    workerData,
    ...threadOptions(limitWorkerMemory, stackSize(apps)),
  });
  const loaded = new LoadedThread(worker, files);
  let step = STARTUP;
  let timer: NodeJS.Timeout | undefined;
  let cancel = nothing;
  try {
    signal?.throwIfAborted();
    // Ends: when the thread says so, or has ended, whatever ended it, by `signal`, and at the limit.
    const found = await new Promise<ProbedApplication[]>((resolve, reject) => {
      const fail = (failure: Failure): void => reject(failureError(failure));
      worker.on('message', (message: ProbeMessage) => {
        if (message.type === 'loading') step = message.step;
        else if (message.type === 'loaded') resolve(message.found);
        else fail(message);
      });
      worker.on('error', (error: unknown) => fail(brokeThread(step, error)));
      worker.on('exit', (code) => fail(endedThread(step, code)));
      cancel = () => reject(signal?.reason);
      signal?.addEventListener('abort', cancel);
      timer = setTimeout(() => fail(tookTooLong(step, timeoutStartup)), timeoutStartup);
    });
    return { found, loaded };
  } catch (error) {
    await loaded.end();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}
