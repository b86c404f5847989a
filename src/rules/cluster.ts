/** `node:cluster`, loaded where it may be of use: it takes as long as many of our modules. */
import type { Cluster } from 'node:cluster';

export function clusterModule(): Cluster {
  // Node's types know it as an ES module alone.
  return process.getBuiltinModule('node:cluster') as unknown as Cluster;
}

/** Whether this process is one of several that a primary of `node:cluster` has started, which listens for them. */
export function isClusterWorker(): boolean {
  return process.send !== undefined && clusterModule().isWorker;
}
