import { parentPort, workerData } from 'node:worker_threads';
import type { WorkOrder } from '../src/pool/loaded-thread.ts';
import { type ProbeTask, probeApplications } from '../src/pool/probe.ts';

const task: ProbeTask = workerData;
if (await probeApplications(task, (message) => parentPort?.postMessage(message))) {
  // Ends: with the thread, which the server ends. Until then this keeps it alive, as the workers of Piscina are, also
  // where a startup waits for what never happens.
  parentPort?.on('message', async ({ entry, task }: WorkOrder) => {
    const { default: work }: { default: (task: unknown) => Promise<void> } = await import(entry);
    await work(task);
  });
}
