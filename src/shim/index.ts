export { type AsyncToSyncOptions, asyncToSync } from './async-to-sync.ts';
export { BridgeError, DeadlockError } from './errors.ts';
export { shareContext } from './link/context.ts';
export { type SyncToAsyncOptions, syncToAsync } from './sync-to-async.ts';
