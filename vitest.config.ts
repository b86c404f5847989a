import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const PROGRAMS = ['bench{,-*}', 'deploy-*', 'five-minutes', 'package', 'site', 'status-page'].map(
  (name) => `test/server/${name}.test.ts`,
);

/**
 * Tests that put something in place of modules or globals, look at the time of the process, or keep state of modules.
 */
const ALONE = [
  'adapters/{fetch-globals,own-messages,served-socket}',
  'engine/hostile',
  'examples/{guestbook,streams}',
  'linear/*',
  'middleware/static-races',
  'validated/*',
].map((name) => `test/${name}.test.ts`);

/** Milliseconds that a test waits for what it expects to come, on a busy machine, too. */
const PATIENCE = { poll: { timeout: 15_000, interval: 20 } };

export default defineConfig({
  test: {
    // Tests with servers wait for much of their time: on two cores, too, two files at a time are faster than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        // No sockets, no worker threads: seconds. Files share a process, which takes half the time that one for each
        // does.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/server/**', ...ALONE],
          isolate: false,
          testTimeout: 20_000,
          expect: PATIENCE,
        },
      },
      {
        // The same, each with a process of its own.
        test: { name: 'alone', include: ALONE, testTimeout: 20_000, expect: PATIENCE },
      },
      {
        // Real servers, threads and processes, run from the built package.
        test: {
          name: 'server',
          include: ['test/server/**/*.test.ts'],
          exclude: PROGRAMS,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          expect: PATIENCE,
        },
      },
      {
        // The same beside other programs: load generators, balancers, service managers, a browser, npm. Minutes.
        test: { name: 'programs', include: PROGRAMS, testTimeout: 30_000, hookTimeout: 30_000, expect: PATIENCE },
      },
    ],
  },
});
