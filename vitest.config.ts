import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const PROGRAMS = [
  ...[
    ...['bench{,-*}', 'deploy-*', 'five-minutes', 'gunicorn', 'package', 'python-{documentation,guestbook,memory}'],
    ...['site', 'status-page'],
  ].map((name) => `test/server/${name}.test.ts`),
  'test/python/frameworks.test.ts',
];

export default defineConfig({
  test: {
    // Tests with servers wait for much of their time: on two cores, too, two files at a time are faster than one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        // No sockets, no worker threads: seconds.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/server/**', ...PROGRAMS],
          testTimeout: 20_000,
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
        },
      },
      {
        // The same beside other programs: load generators, balancers, service managers, a browser, npm. Minutes.
        test: { name: 'programs', include: PROGRAMS, testTimeout: 30_000, hookTimeout: 30_000 },
      },
    ],
  },
});
