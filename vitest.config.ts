import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
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
