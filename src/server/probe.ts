import { Worker } from 'node:worker_threads';
import { ConfigurationError, QuaichError } from '../interface/errors.ts';
import { failureError } from '../pool/applications.ts';
import type { ProbedApplication, ProbeMessage, ProbeTask } from '../pool/probe.ts';
import { builtModule } from '../rules/own-files.ts';
import type { ResolvedOptions } from './options.ts';

/**
 * Loads the applications on a thread of their own and tells what they are (B-01, L-18).
 *
 * @throws ConfigurationError for a module that does not load, and QuaichError for one that has not loaded after
 *   `timeoutStartup` milliseconds
 */
export async function probe({
  apps,
  directory,
  import: imports,
  timeoutStartup,
}: Pick<ResolvedOptions, 'apps' | 'directory' | 'import' | 'timeoutStartup'>): Promise<ProbedApplication[]> {
  const workerData: ProbeTask = { apps, directory, imports };
  const worker = new Worker(builtModule('workers/probe'), { workerData });
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
  }
}
