import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Tests with servers wait for most of their time: on two cores, too, two files at a time are faster than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        // No sockets, no worker threads: seconds.
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/server/**'], testTimeout: 20_000 },
      },
      {
        // Real servers, threads and processes, run from the built package.
        test: { name: 'server', include: ['test/server/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 },
      },
    ],
  },
});
