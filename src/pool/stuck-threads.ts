import type { Worker } from 'node:worker_threads';

/** Threads that were to end when they had loaded applications, and go on inside native code: an exit waits for them. */
export const stuckThreads = new Set<Worker>();
