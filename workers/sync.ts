export { runSyncWorker as default } from '../src/pool/sync-worker.ts';
