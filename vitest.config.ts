import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const PROGRAMS = [
  ...['bench{,-*}', 'deploy-*', 'five-minutes', 'gunicorn', 'package', 'python-{documentation,guestbook,memory}'],
  ...['site', 'status-page'],
].map((name) => `test/server/${name}.test.ts`);

/** Folders of tests that leave nothing behind, neither in their process nor in the modules that they import. */
const SHARED = [
  ...['bench', 'conformance', 'docs', 'environ', 'fuzz', 'house', 'interface'],
  ...['protocols', 'rings', 'rules', 'toolbox', 'types'],
].map((folder) => `test/${folder}/**/*.test.ts`);

/** Milliseconds that a test waits for what it expects to come, on a busy machine, too. */
const PATIENCE = { poll: { timeout: 15_000, interval: 20 } };

export default defineConfig({
  test: {
    // Tests with servers wait for much of their time: on two cores, too, three files at a time are faster than two.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        // No sockets, no worker threads: seconds. Files share a process: starting one for each would take most of it.
        test: { name: 'unit', include: SHARED, isolate: false, testTimeout: 20_000, expect: PATIENCE },
      },
      {
        // The same, each file in a process of its own.
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: [...SHARED, 'test/server/**', ...PROGRAMS],
          testTimeout: 20_000,
          expect: PATIENCE,
        },
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
