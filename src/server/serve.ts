import { resolveOptions, type ServeOptions } from './options.ts';
import { type Server, serveHere } from './server.ts';

/**
 * Serves applications. Fulfils when requests can be answered: all workers have started up (L-03) and all sockets
 * listen. Sets no signal handlers, and keeps no global state; but for `processes`, which are those of `node:cluster`.
 *
 * @throws ConfigurationError for wrong options, a module or an export that is missing; BindError when a socket cannot
 *   listen; QuaichError when an application does not start up
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const resolved = resolveOptions(options);
  if (resolved.processes === 1) return serveHere(resolved);
  // Loaded where it is needed.
  const { serveByProcesses } = await import('./processes/supervisor.ts');
  return serveByProcesses(options, resolved);
}
