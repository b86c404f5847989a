import { parentPort, workerData } from 'node:worker_threads';
import { type ProbeTask, probeApplications } from '../src/pool/probe.ts';

const task: ProbeTask = workerData;
await probeApplications(task, (message) => parentPort?.postMessage(message));
