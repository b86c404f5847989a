/** Applications that a command calls itself, in its own process and without a server. */
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
import { importFirst } from '../../pool/imports.ts';
import { type KnownApplication, type LoadedApplication, loadApplication } from '../../pool/load.ts';
import { percentDecode, textToNative } from '../../rules/native-strings.ts';
import { prefixText } from '../../rules/prefix.ts';
import { describeError } from '../../rules/show.ts';
import { within } from '../../rules/within.ts';
import type { ResolvedApp } from '../../server/apps.ts';
import { MountTable } from '../../server/mounts.ts';
import type { ResolvedOptions } from '../../server/options.ts';
import { AsyncTestClient } from '../../testing/async-client.ts';
import type { ClientOptions } from '../../testing/client.ts';
import { SyncTestClient } from '../../testing/sync-client.ts';

/** An application with a client for it. */
export type CalledMount =
  | { readonly kind: 'sync'; readonly client: SyncTestClient }
  | { readonly kind: 'async'; readonly client: AsyncTestClient };

/**
 * The application that a server would give a request to.
 *
 * @param target a path, with or without a query
 * @throws ConfigurationError where none is mounted there
 */
export function applicationAt(target: string, apps: readonly ResolvedApp[]): ResolvedApp {
  const [path] = target.split('?', 1);
  const found = new MountTable(apps).find(percentDecode(textToNative(path)));
  if (found !== null) return found;
  throw new ConfigurationError(
    `nothing is mounted at ${path}: there is ${apps.map(({ prefix }) => prefixText(prefix)).join(' and ')}`,
  );
}

/** What is loaded to be called. */
interface LoadOrder {
  readonly app: ResolvedApp;
  /** What was found out where it was loaded first. */
  readonly known: KnownApplication;
  readonly options: ResolvedOptions;
  /** Puts something around it, or leaves it as it is. */
  around(loaded: LoadedApplication): LoadedApplication | Promise<LoadedApplication>;
}

/**
 * Loads an application, runs its startup hook, calls it, and runs its shutdown hook.
 *
 * @param call sends it requests
 * @throws ConfigurationError where it does not load; QuaichError where a hook fails
 */
export async function callMount<T>(order: LoadOrder, call: (mount: CalledMount) => Promise<T>): Promise<T> {
  const { app, known, options } = order;
  const { directory, timeoutStartup } = options;
  await importFirst(options.import, directory);
  const loaded = await order.around(await loadApplication(app, directory, { known }));
  const mount = withClient(loaded, app.prefix, options);
  const hook = async (stage: 'startup' | 'shutdown'): Promise<void> => {
    try {
      await within(mount.client[stage](), timeoutStartup, 'it');
    } catch (error) {
      const message = `the ${stage} hook of ${app.module} failed: ${describeError(error)}`;
      throw new QuaichError(`QUAICH_${stage.toUpperCase()}`, message, { cause: error });
    }
  };
  await hook('startup');
  try {
    return await call(mount);
  } finally {
    await hook('shutdown');
  }
}

function withClient(loaded: LoadedApplication, prefix: string, { env, limitBody }: ResolvedOptions): CalledMount {
  const { startup, shutdown } = loaded;
  const options: ClientOptions = {
    prefix,
    environ: env,
    lifespan: { startup, shutdown },
    ...(limitBody > 0 && { limitBody }),
  };
  return loaded.kind === 'sync'
    ? { kind: 'sync', client: new SyncTestClient(loaded.app, options) }
    : { kind: 'async', client: new AsyncTestClient(loaded.app, options) };
}
