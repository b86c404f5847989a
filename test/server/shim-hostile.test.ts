/**
 * B-57: whatever is accepted without a bridge is accepted with one, with the same outcome; whatever is refused has the
 * same error.
 */
import { fileURLToPath } from 'node:url';
import { syncToAsync } from 'quaich/shim';
import { afterAll, describe, expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { environWith } from '../shim/gateway.ts';
import { async_, asyncCases, sync, syncCases } from './apps/hostile.mjs';
import { type Answer, askAsync, askSync, bridgeTo } from './bridges.ts';

const module = fileURLToPath(new URL('./apps/hostile.mjs', import.meta.url));

const toAsync = bridgeTo('sync', `${module}:sync`);
const toSync = bridgeTo('async', `${module}:async_`);
const syncBack = bridgeTo('async', `${module}:syncThere`);
const asyncBack = bridgeTo('sync', `${module}:asyncThere`);
const here = syncToAsync(sync, { where: 'here' });
const bridges = [toAsync, toSync, syncBack, asyncBack];
afterAll(() => Promise.all(bridges.map(({ app }) => app.shutdown?.({}))));

/** Without chunk borders: an async gateway joins no chunks that a sync one joins. */
const outcome = ({ events, body, log }: Answer) => ({
  head: events.filter((event) => event.startsWith('head')),
  body,
  end: events.filter((event) => event === 'abort' || event === 'end').at(-1),
  log,
});

describe('a sync application', () => {
  it.each(syncCases)('B-57 G-96 G-103 G-145 %s', async (name) => {
    const more = { 'test.case': name };
    const native = askSync(sync, more);
    expect(outcome(await toAsync.ask(more))).toEqual(outcome(native));
    expect(outcome(await askAsync(here, more))).toEqual(outcome(native));
    expect(await syncBack.ask(more)).toEqual(native);
  });
});

describe('an async application', () => {
  it.each(asyncCases)('B-57 G-96 G-103 G-145 %s', async (name) => {
    const more = { 'test.case': name };
    const native = await askAsync(async_, more);
    expect(outcome(await toSync.ask(more))).toEqual(outcome(native));
    expect(await asyncBack.ask(more)).toEqual(native);
  });
});

describe.each(['sync', 'async'] as const)('a bridge to a %s application', (kind) => {
  const end = (bridge: ReturnType<typeof bridgeTo>) => bridge.app.shutdown?.({});

  it('G-145 an environ that throws keeps no answer from the client, and ends no thread', async () => {
    const bridge = bridgeTo(kind, `${module}:${kind === 'sync' ? 'spoiltSync' : 'spoiltAsync'}`);
    for (let i = 0; i < 2; i++) {
      const { events, log } = await bridge.ask();
      expect(events[0]).toContain('500');
      expect(log).toMatch(/GET "\/": return\(\) of the body failed\nRangeError: expected: return/);
      expect(log).toContain('G-103');
    }
    await end(bridge);
  });

  it('B-64 B-66 entries that cannot be read stay behind; an environ that cannot be costs its own request only', async () => {
    const bridge = bridgeTo(kind, `${module}:${kind === 'sync' ? 'namesSync' : 'namesAsync'}`);
    const bad = new Error('expected: trap');
    const memory = new Uint8Array(4);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    const trap = new Proxy([1], {
      get() {
        throw bad;
      },
    });
    const more = { 'test.good': 'a', 'test.trap': trap, 'test.list': [[trap]], 'test.memory': memory };
    expect((await bridge.ask(more)).body).toBe('test.good,test.memory');
    const input = kind === 'sync' ? new AsyncInput(null) : new SyncInput(null);
    // What is asked for when the request goes over.
    const environ = Object.defineProperty(
      environWith(input, { 'quaich.async': kind === 'sync' }),
      'wsgi.file_wrapper',
      {
        get() {
          throw bad;
        },
      },
    );
    const call = async () => bridge.call(environ);
    for (let i = 0; i < 3; i++) await expect(call()).rejects.toBe(bad);
    expect((await bridge.ask(more)).body).toBe('test.good,test.memory');
    await end(bridge);
  });
});
