/** From sync to async: on the same thread, or on worker threads that may block. */
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf, markAsync } from '../interface/kind.ts';
import type { Application, AsyncApplication, AsyncEnviron, AsyncStartResponse } from '../interface/types.ts';
import { bridgeHere, type HereOptions, refusal } from './here.ts';
import { blockingBridges } from './inner-application.ts';
import { BlockingThreads, type BlockingThreadsOptions } from './threads/pool.ts';

export interface SyncToAsyncOptions extends HereOptions, BlockingThreadsOptions {
  /**
   * `worker`: on threads of its own, which may block; takes a module reference. `here`: on the calling thread's event
   * loop, which it holds up for as long as each step takes; takes the function (B-20). A reference runs on a worker by
   * default; for a function there is no default.
   */
  where?: 'here' | 'worker';
}

/**
 * An async application that runs a sync one. An application that is async already is returned as it is (B-05).
 *
 * @param app the application, or where it is found: `./module.js:export`
 * @throws ConfigurationError for a place that does not fit: a function cannot go to another thread
 */
export function syncToAsync(app: Application | string, options?: SyncToAsyncOptions): AsyncApplication;
export function syncToAsync(app: AsyncApplication): AsyncApplication;
export function syncToAsync(
  app: Application | AsyncApplication | string,
  options: SyncToAsyncOptions = {},
): AsyncApplication {
  const { where } = options;
  if (where !== undefined && where !== 'here' && where !== 'worker') {
    throw new ConfigurationError(`syncToAsync: where is 'here' or 'worker', got ${String(where)}`);
  }
  if (typeof app === 'string') {
    if (where === 'here') {
      throw new ConfigurationError(
        `syncToAsync('${app}'): where: 'here' takes the function itself; import it, or leave 'where' out`,
      );
    }
    return bridgeTo(app, options);
  }
  if (typeof app !== 'function')
    throw new ConfigurationError(`syncToAsync takes a function or a reference, got ${app}`);
  if (kindOf(app) === 'async') return app as AsyncApplication;
  if (where === 'worker') {
    throw new ConfigurationError(
      "syncToAsync: a function cannot be moved to another thread; name its module, './module.js:app', or choose where: 'here' (B-20)",
    );
  }
  if (where === undefined) {
    throw new ConfigurationError(
      "syncToAsync: a sync application may block; name its module, './module.js:app', to run it on a worker, or say where: 'here' to run it on this thread, which it then holds up (B-20)",
    );
  }
  if (blockingBridges.has(app)) {
    throw new ConfigurationError(
      "syncToAsync: the application is an async one behind asyncToSync, which would block this thread; mount the async one itself, or use where: 'worker' (B-23)",
    );
  }
  return bridgeHere(app as Application, options);
}

function bridgeTo(reference: string, options: SyncToAsyncOptions): AsyncApplication {
  const threads = new BlockingThreads(reference, options);
  const bridged: AsyncApplication = markAsync(
    async (environ: AsyncEnviron, startResponse: AsyncStartResponse) =>
      (await threads.run(environ, startResponse)) ?? refusal(startResponse, '503 Service Unavailable'),
  );
  bridged.startup = () => threads.start();
  bridged.shutdown = () => threads.stop(true);
  return bridged;
}
