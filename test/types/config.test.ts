/** What the compiler sees of a configuration file (U-63). */
import { describe, expect, it } from 'vitest';
import { defineConfig } from '../../src/index.ts';

/** Types only: what is given here is never run. */
function compiled(..._programs: unknown[]): void {}

describe('defineConfig', () => {
  it('U-63 gives back what it was given', () => {
    const config = {
      apps: ['/=./site.js', { prefix: '/api', module: './api.js', kind: 'async' as const }],
      syncWorkers: 4,
      limitBody: '10m',
    };
    expect(defineConfig(config)).toBe(config);
    expect(defineConfig({ bind: '127.0.0.1:0' })).toEqual({ bind: '127.0.0.1:0' });
  });

  it('U-63 refuses names and values that no setting has', () => {
    compiled(
      // @ts-expect-error a name that no setting has
      () => defineConfig({ syncWorker: 4 }),
      // @ts-expect-error a switch that is a text
      () => defineConfig({ inline: 'yes' }),
      // @ts-expect-error an application without its module
      () => defineConfig({ apps: { prefix: '/' } }),
      // @ts-expect-error what only serve() takes
      () => defineConfig({ directory: '/srv' }),
    );
  });
});
