/**
 * What applications on the threads of bridges leave behind: errors outside of every request, inputs of earlier ones.
 */
import { fileURLToPath } from 'node:url';
import { asyncToSync, type SyncToAsyncOptions } from 'quaich/shim';
import { afterEach, describe, expect, it } from 'vitest';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { Blocks, environWith } from '../shim/gateway.ts';
import { type Bridged, bridgeTo } from './bridges.ts';

const module = fileURLToPath(new URL('./apps/late.mjs', import.meta.url));
let reports: string[] = [];
const report = (message: string): void => void reports.push(message);
const ends: Bridged['app'][] = [];

afterEach(async () => {
  for (const app of ends.splice(0)) await app.shutdown?.({});
  reports = [];
});

function bridge(kind: 'sync' | 'async', options: SyncToAsyncOptions = {}): Bridged {
  const bridged = bridgeTo(kind, `${module}:${kind === 'sync' ? 'sync' : 'async_'}`, { report, ...options });
  ends.push(bridged.app);
  return bridged;
}

const WAYS = ['/timeout', '/immediate', '/tick', '/microtask', '/rejection', '/event'];

describe.each(['sync', 'async'] as const)('the thread of an application that is %s', (kind) => {
  it('G-146 an error that nobody catches is told with class, stack and cause, and the thread goes on', async () => {
    const { ask } = bridge(kind);
    const { body: thread } = await ask();
    for (const [index, path] of WAYS.entries()) {
      expect((await ask({ PATH_INFO: path })).body).toBe(thread);
      await expect.poll(() => reports.length, { timeout: 10_000 }).toBe(index + 1);
      expect(reports[index]).toMatch(/G-146.*TypeError: expected: late\n +at .*late\.mjs:\d+/s);
      expect(reports[index]).toContain('caused by: RangeError: expected: the cause');
    }
    expect((await ask()).body).toBe(thread);
    expect(reports).toHaveLength(WAYS.length);
  });

  it('B-22 B-66 a read from the input of an earlier request throws at once, and nothing of the line is lost', async () => {
    const { ask } = bridge(kind);
    expect((await ask({ PATH_INFO: '/keep', REQUEST_METHOD: 'POST' }, new Blocks('never read'))).body).toContain(
      'thread',
    );
    for (const path of ['/read', '/readline', '/read']) {
      const { body } = await ask({ PATH_INFO: path, REQUEST_METHOD: 'POST' }, new Blocks('its own'));
      expect(body).toBe('RequestAborted: the request is over, its own');
    }
    for (let i = 0; i < 3; i++) {
      const { body } = await ask({ PATH_INFO: '/poll', REQUEST_METHOD: 'POST' }, new Blocks('its ', 'own'));
      expect(body).toMatch(/^(true|false), its own$/);
    }
  });
});

describe.each(['sync', 'async'] as const)('there and back, for an application that is %s', (kind) => {
  it('B-57 B-66 an input that was kept throws here as it does without a bridge', async () => {
    const name = kind === 'sync' ? 'syncThere' : 'asyncThere';
    const bridged = bridgeTo(kind === 'sync' ? 'async' : 'sync', `${module}:${name}`, { report });
    ends.push(bridged.app);
    await bridged.ask({ PATH_INFO: '/keep', REQUEST_METHOD: 'POST' }, new Blocks('never read'));
    const { body } = await bridged.ask({ PATH_INFO: '/read', REQUEST_METHOD: 'POST' }, new Blocks('its own'));
    expect(body).toBe('RequestAborted: the request is over, its own');
  });
});

it('G-146 an error outside of every request leaves the others on its thread whole', () => {
  const app = asyncToSync(`${module}:waits`, { report });
  ends.push(app);
  const begin = (path: string) =>
    app(environWith(new SyncInput(null), { PATH_INFO: path }), () => () => {})[Symbol.iterator]();
  const text = (step: IteratorResult<Uint8Array>) => Buffer.from(step.value ?? []).toString();
  const waiting = begin('/wait');
  expect(text(waiting.next())).toMatch(/^thread/);
  for (const path of WAYS) {
    const failing = begin(path);
    while (failing.next().done !== true);
  }
  for (const path of ['/', '/release']) {
    const next = begin(path);
    while (next.next().done !== true);
  }
  expect(text(waiting.next())).toBe(', whole');
  expect(waiting.next().done).toBe(true);
});

it('B-22 errors outside of every request, one after the other, keep no limit from passing', async () => {
  const { app, ask } = bridgeTo('async', `${module}:floods`, { report });
  ends.push(app);
  const gone = performance.now() + 300;
  const { log } = await ask({ 'quaich.client_disconnected': () => performance.now() > gone });
  expect(log).toBe('');
  expect(performance.now() - gone).toBeLessThan(3000);
  await expect.poll(() => reports.length).toBeGreaterThan(1);
});
