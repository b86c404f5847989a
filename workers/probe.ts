import { parentPort, workerData } from 'node:worker_threads';
import type { WorkOrder } from '../src/pool/loaded-thread.ts';
import { type ProbeTask, probeApplications } from '../src/pool/probe.ts';

const task: ProbeTask = workerData;
if (await probeApplications(task, (message) => parentPort?.postMessage(message))) {
  // Ends: with the order to go on, or with the thread, which the server ends where it has none.
  parentPort?.once('message', async ({ entry, task }: WorkOrder) => {
    const { default: work }: { default: (task: unknown) => Promise<void> } = await import(entry);
    await work(task);
  });
}
