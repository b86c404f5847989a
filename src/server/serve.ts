import { resolveOptions, type ServeOptions } from './options.ts';
import { claimPidFile } from './processes/pid-file.ts';
import { type Server, serveHere } from './server.ts';

/**
 * Serves applications. Fulfils when requests can be answered: all workers have started up (L-03) and all sockets
 * listen. Sets no signal handlers, and keeps no global state; but for `umask`, and for `processes`, `user` and `group`,
 * whose processes are those of `node:cluster`.
 *
 * @throws ConfigurationError for wrong options, a module or an export that is missing; BindError when a socket cannot
 *   listen; QuaichError when an application does not start up
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const resolved = resolveOptions(options);
  const { processes, user, group, umask } = resolved;
  if (umask !== undefined) process.umask(umask);
  const pidFile = claimPidFile(resolved.pidFile);
  // These are loaded where they are needed.
  const isOther = user !== undefined || group !== undefined;
  const identity = isOther ? (await import('./processes/identity.ts')).findIdentity(resolved) : null;
  if (processes === 1 && identity === null) return serveHere(resolved, { pidFile });
  const { serveByProcesses } = await import('./processes/supervisor.ts');
  return serveByProcesses(options, resolved, { identity, pidFile });
}
