// Servers of this process, on a port of their own, with one sync worker and no patience at their end.
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach } from 'vitest';

const running: Server[] = [];

/** Closes those that run; done after each test in any case. */
export async function closeServers(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.close()));
}

afterEach(closeServers);

export async function startServer(options: ServeOptions): Promise<Server> {
  const server = await serve({ bind: '127.0.0.1:0', syncWorkers: 1, timeoutGraceful: 0, ...options });
  running.push(server);
  return server;
}
