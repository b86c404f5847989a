export { type AsyncToSyncOptions, asyncToSync } from './async-to-sync.ts';
export { shareContext } from './context.ts';
export { BridgeError, DeadlockError } from './errors.ts';
export { type SyncToAsyncOptions, syncToAsync } from './sync-to-async.ts';
