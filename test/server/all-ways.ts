/** Runs applications in each way they can run. */
import { type AppOptions, type Server, serve } from 'quaich';

/** The export of an application module for each way, and how it is mounted. */
export const WAYS = [
  { way: 'pooled sync', export: 'syncApp', async: false },
  { way: 'pooled async', export: 'asyncApp', async: true },
  { way: 'inline', export: 'asyncApp', async: true, inline: true },
  { way: 'shimmed: a sync application on an async worker', export: 'bridgedSync', async: false },
  { way: 'shimmed: an async application on a sync worker', export: 'bridgedAsync', async: true },
] as const;

/**
 * A server with one worker of each kind.
 *
 * @param apps without `inline`, which is added where the way is inline
 */
export function serveWay(one: (typeof WAYS)[number], apps: AppOptions[]): Promise<Server> {
  return serve({
    apps: apps.map((app) => ({ ...app, inline: 'inline' in one })),
    bind: '127.0.0.1:0',
    syncWorkers: 1,
    asyncWorkers: 1,
  });
}
