import type { MessagePort } from 'node:worker_threads';
import { createErrorStream } from '../engine/error-stream.ts';
import { type ConnectionInfo, EnvironBuilder, type EnvironTemplate } from '../http/environ.ts';
import { FIELD_NAMES, METHODS } from '../http/wasm/tables.ts';
import { Applications, describeFailure } from './applications.ts';
import type { WorkerMessage, WorkerTask } from './pool.ts';
import type { WorkerData } from './worker-data.ts';

/** `SERVER_SOFTWARE`. */
export const SOFTWARE = 'quaich';

/** What differs between the environs of the ways to run an application. */
export type EnvironKind = Pick<
  EnvironTemplate,
  'async' | 'multithread' | 'multiprocess' | 'fileWrapper' | 'clientDisconnected'
>;

/** One environ builder for each mount, null where a mount is not this thread's. */
export function environBuilders(
  applications: Applications,
  kind: EnvironKind,
  extra: Readonly<Record<string, string>>,
): (EnvironBuilder | null)[] {
  return applications.mounted.map((application) =>
    application === null
      ? null
      : new EnvironBuilder({
          ...kind,
          fieldNames: FIELD_NAMES,
          methods: METHODS,
          serverSoftware: SOFTWARE,
          errors: createErrorStream(),
          state: application.state,
          extra,
        }),
  );
}

/** The inverse of `SocketHost.meta`. */
export function connectionInfo(meta: string): ConnectionInfo {
  const [remoteAddress, remotePort, serverName, serverPort, scheme] = meta.split('\n');
  return { remoteAddress, remotePort, serverName, serverPort, scheme: scheme === 'https' ? 'https' : 'http' };
}

/**
 * The frame of a worker's life: loads and starts up the applications, says `ready`, serves until told to stop, runs the
 * shutdown hooks.
 */
export async function live(
  { port, data }: WorkerTask<WorkerData>,
  serve: (applications: Applications) => void | Promise<void>,
): Promise<void> {
  const post = (message: WorkerMessage): void => (port as MessagePort).postMessage(message);
  const applications = new Applications();
  try {
    try {
      await applications.start(data.mounts, data.directory);
    } catch (error) {
      post({ type: 'failed', ...describeFailure(error) });
      return;
    }
    post({ type: 'ready' });
    await serve(applications);
    await applications.stop((error) => {
      post({ type: 'shutdown-failed', message: `a shutdown hook failed: ${describeFailure(error).message}` });
    });
  } finally {
    // Tells the pool that this thread touches shared memory no more.
    port.close();
  }
}
