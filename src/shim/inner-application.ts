/** What stands behind bridges on this thread, by bridge. */
import type { Application, AsyncApplication } from '../interface/types.ts';

/** The sync functions that run here, which bridging back gives again (B-57). */
export const functionsBehind = new WeakMap<Application | AsyncApplication, Application>();

/** The bridges that block, for an async application on another thread (B-23). */
export const blockingBridges = new WeakSet<Application | AsyncApplication>();
