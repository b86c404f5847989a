import { workerData } from 'node:worker_threads';
import type { WorkerTask } from '../src/pool/thread.ts';
import { runBridgeThread } from '../src/shim/far/thread.ts';
import type { BridgeData } from '../src/shim/threads/target.ts';

const task: WorkerTask<BridgeData> = workerData;
await runBridgeThread(task);
// What the application leaves behind does not hold its thread.
process.exit(0);
