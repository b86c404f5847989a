/** From async to sync: the application on another thread with a live event loop, the caller blocked (B-50). */
import { ConfigurationError } from '../interface/errors.ts';
import { kindOf, markSync } from '../interface/kind.ts';
import type { Application, AsyncApplication, Environ, StartResponse } from '../interface/types.ts';
import { blockingBridges, functionsBehind } from './inner-application.ts';
import { BridgeLine } from './threads/single.ts';
import type { ThreadOptions } from './threads/target.ts';

export interface AsyncToSyncOptions extends ThreadOptions {
  /**
   * Milliseconds for one step of the application, 0 for no limit. By default there is none where the gateway can tell
   * whether the client has gone (`quaich.client_disconnected`), and 60000 where it cannot.
   */
  timeout?: number;
}

/**
 * A sync application that runs an async one on a bridge's thread, while its caller blocks. Its `startup` hook starts
 * the thread, and where nobody calls that, the first request does. An application that is sync already is returned as
 * it is (B-05), and so is the one behind `syncToAsync`.
 *
 * @param app where the application is found: `./module.js:export`
 * @throws ConfigurationError for a function, which cannot go to another thread (B-51)
 */
export function asyncToSync(app: string, options?: AsyncToSyncOptions): Application;
export function asyncToSync(app: Application | AsyncApplication): Application;
export function asyncToSync(
  app: Application | AsyncApplication | string,
  options: AsyncToSyncOptions = {},
): Application {
  if (typeof app === 'string') return bridgeTo(app, options);
  if (typeof app !== 'function') throw new ConfigurationError(`asyncToSync takes a reference, got ${app}`);
  const inner = functionsBehind.get(app);
  if (inner !== undefined) return inner;
  if (kindOf(app) === 'sync') return app as Application;
  throw new ConfigurationError(
    "asyncToSync: a sync caller cannot wait for a promise on its own thread, and a function cannot be moved to another. Name the application's module, './module.js:app'; or mount the async application itself, which needs no bridge (B-50, B-51)",
  );
}

function bridgeTo(reference: string, options: AsyncToSyncOptions): Application {
  const line = new BridgeLine(reference, options);
  const bridged: Application = markSync((environ: Environ, startResponse: StartResponse) =>
    line.run(environ, startResponse),
  );
  bridged.startup = () => line.start();
  bridged.shutdown = () => line.stop();
  blockingBridges.add(bridged);
  return bridged;
}
