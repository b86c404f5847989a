import { Worker } from 'node:worker_threads';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { failureError } from '../pool/applications.ts';
import { releaseFileLocks } from '../pool/file-locks.ts';
import type { ProbedApplication, ProbedPython, ProbeMessage, ProbeTask } from '../pool/probe.ts';
import { sharedFileLocks } from '../rings/index.ts';
import type { ResolvedOptions } from './options.ts';
import { pythonOptions } from './python-settings.ts';

type ProbeOptions = Pick<ResolvedOptions, 'apps' | 'directory' | 'import' | 'timeoutStartup' | 'pythonPreload'> &
  Parameters<typeof pythonOptions>[0];

/**
 * Loads the applications on a thread of their own and tells what they are (B-01, L-18).
 *
 * @throws ConfigurationError for a module that does not load, and QuaichError for one that has not loaded after
 *   `timeoutStartup` milliseconds
 *
 * @param python what is done with Python modules
 */
export async function probe(
  options: ProbeOptions,
  python: ProbedPython['modules'] = options.pythonPreload ? 'preload' : 'prepare',
): Promise<ProbedApplication[]> {
  const { apps, directory, import: imports, timeoutStartup } = options;
  const workerData: ProbeTask = { apps, directory, imports, python: { ...pythonOptions(options), modules: python } };
  sharedFileLocks();
  const worker = new Worker(new URL('../../workers/probe.js', import.meta.url), { workerData });
  const { threadId } = worker;
  let loading = '';
  let timer: NodeJS.Timeout | undefined;
  try {
    // Ends: when the thread says so, or has ended, whatever ended it, and at the limit.
    return await new Promise<ProbedApplication[]>((resolve, reject) => {
      worker.on('message', (message: ProbeMessage) => {
        if (message.type === 'loading') loading = message.module;
        else if (message.type === 'loaded') resolve(message.found);
        else reject(failureError(message));
      });
      const cannotLoad = (reason: string): void => reject(new ConfigurationError(`cannot load ${loading}: ${reason}`));
      worker.on('error', (error: unknown) => cannotLoad(error instanceof Error ? error.message : String(error)));
      worker.on('exit', (code) => cannotLoad(`it ended its thread as process.exit does, with exit code ${code}`));
      timer = setTimeout(
        () => reject(new QuaichError('QUAICH_STARTUP', `loading ${loading} took longer than ${timeoutStartup} ms`)),
        timeoutStartup,
      );
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
    await releaseFileLocks(threadId);
  }
}
