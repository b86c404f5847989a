/** Threads of bridges that do not start, once or for a while: the next one does, and nobody waits for ever. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SyncToAsyncOptions } from 'quaich/shim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type Bridged, bridgeTo } from './bridges.ts';

const module = fileURLToPath(new URL('./apps/restarts.mjs', import.meta.url));
let folder = '';
let reports: string[] = [];
let ends: Bridged[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-test-'));
  process.env.QUAICH_TEST_FOLDER = folder;
  reports = [];
  ends = [];
});

afterEach(async () => {
  for (const { app } of ends) await app.shutdown?.({});
  rmSync(folder, { recursive: true });
});

const block = (name: string): void => writeFileSync(join(folder, name), '');
const clear = (name: string): void => rmSync(join(folder, name), { force: true });
const trace = (): string[] => readFileSync(join(folder, 'trace'), 'utf8').split('\n').slice(0, -1);

function bridge(kind: 'sync' | 'async', options: SyncToAsyncOptions = {}, name = kind === 'sync' ? 'sync' : 'async_') {
  const bridged = bridgeTo(kind, `${module}:${name}`, { report: (message) => void reports.push(message), ...options });
  ends.push(bridged);
  return bridged;
}

const SERVED = /^served by \d+$/;
const kinds = ['sync', 'async'] as const;

describe.each(kinds)('a bridge to an application that is %s', (kind) => {
  it.each(['startup', 'module'])(
    'L-05 G-147 a thread whose successor fails at first is replaced later, with fresh modules (%s)',
    async (cause) => {
      const { app, ask } = bridge(kind);
      await app.startup?.({});
      expect((await ask()).body).toMatch(SERVED);
      block(cause);
      expect((await ask({ PATH_INFO: '/die' })).events[0]).toContain('500');
      const seen: Answer[] = [];
      await expect
        .poll(
          async () => {
            seen.push(await ask());
            return reports.filter((text) => text.includes('did not start')).length;
          },
          { timeout: 15_000 },
        )
        .toBeGreaterThan(1);
      // Every request has an answer, and soon.
      for (const { events, log } of seen) {
        expect(events[0]).toContain('500');
        expect(log).toMatch(/BridgeError|expected: does not/);
      }
      expect(reports.join()).toMatch(/RangeError: expected: does not (load|start)(\n +at | \(at ).*restarts\.mjs:\d+/);
      clear(cause);
      await expect.poll(async () => (await ask()).body, { timeout: 15_000 }).toMatch(SERVED);
    },
  );

  it('G-147 whatever comes together: each request has an answer, in the end the application serves, and the bridge stops', async () => {
    const { app, ask } = bridge(kind, { threads: 2 });
    await app.startup?.({});
    for (const [index, cause] of ['startup', 'none', 'module', 'startup'].entries()) {
      if (cause !== 'none') block(cause);
      const asked = [ask({ PATH_INFO: '/die' }), ask(), ask({ PATH_INFO: index % 2 === 0 ? '/die' : '/' }), ask()];
      for (const { events } of await Promise.all(asked)) expect(events.at(-1)).toBe('done');
      const started = trace().length;
      if (cause !== 'none') await expect.poll(() => trace().length, { timeout: 15_000 }).toBeGreaterThan(started);
      clear(cause);
    }
    await expect.poll(async () => (await ask()).body, { timeout: 20_000 }).toMatch(SERVED);
  });

  it('B-22 without hooks, a start that has failed is the error of the requests for a while, and is not tried for each', async () => {
    block('startup');
    const { ask } = bridge(kind);
    expect((await ask()).log).toContain('expected: does not start');
    const { length } = trace();
    expect((await ask()).log).toContain('expected: does not start');
    expect(trace()).toHaveLength(length);
    clear('startup');
    await expect.poll(async () => (await ask()).body, { timeout: 15_000 }).toMatch(SERVED);
  });

  it('L-11 a shutdown does not wait for a thread that never starts', async () => {
    const name = kind === 'sync' ? 'starts' : 'startsAsync';
    const { app } = bridge(kind, { startupTimeout: 0, shutdownTimeout: 200 }, name);
    const started = Promise.resolve(app.startup?.({})).catch((error) => String(error));
    await expect.poll(() => trace().length, { timeout: 15_000 }).toBe(1);
    await expect(app.shutdown?.({})).rejects.toThrow(/had to be terminated/);
    expect(await started).toMatch(/was terminated|was shut down while it started/);
    ends = [];
  });
});

it('G-147 an async application whose thread a request ends is there for the next one, however often', async () => {
  const { app, ask } = bridge('async');
  await app.startup?.({});
  for (let i = 0; i < 6; i++) {
    expect((await ask({ PATH_INFO: '/die' })).events[0]).toContain('500');
    expect((await ask()).body).toMatch(SERVED);
  }
});

it('B-22 requests that wait for a thread get an error when none can be started, though they may wait without limit', async () => {
  const { app, ask } = bridge('sync', { queueTimeout: 0 });
  await app.startup?.({});
  block('startup');
  const [, ...waiting] = await Promise.all([ask({ PATH_INFO: '/die' }), ask(), ask()]);
  for (const { log } of waiting) expect(log).toMatch(/BridgeError: no thread of .* can be started/);
});

it('L-09 hooks of the threads that did start run when another does not', async () => {
  const { app } = bridge('sync', { threads: 2 }, 'once');
  await expect(app.startup?.({})).rejects.toThrow('expected: does not start twice');
  expect(trace().filter((line) => line !== 'load')).toEqual(['startup', 'shutdown']);
});
