/** B-67: nothing in a bridge keeps a finished request. */

import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { asyncToSync, syncToAsync } from 'quaich/shim';
import { expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { environWith, RecordingTransport } from '../shim/gateway.ts';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

async function collected(kept: WeakRef<object>[]): Promise<void> {
  for (let i = 0; i < 50 && kept.some((one) => one.deref() !== undefined); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
  }
  expect(kept.filter((one) => one.deref() !== undefined)).toHaveLength(0);
}

type Bridge<F extends (...args: never[]) => unknown> = ReturnType<F>;

// In functions of their own, so that no variable of a test keeps what it looks for.
async function askAsync(app: Bridge<typeof syncToAsync>): Promise<WeakRef<object>> {
  const environ = environWith(new AsyncInput(null), { 'quaich.async': true });
  const transport = new RecordingTransport<true>();
  runAsync(app, environ, transport);
  await transport.over;
  expect(transport.events[0]).toContain('200 OK');
  return new WeakRef(environ);
}

function askSync(app: Bridge<typeof asyncToSync>): WeakRef<object> {
  const environ = environWith(new SyncInput(null));
  const transport = new RecordingTransport<false>();
  runSync(app, environ, transport);
  expect(transport.events[0]).toContain('200 OK');
  return new WeakRef(environ);
}

it.each(['worker', 'here'] as const)('B-67 syncToAsync (%s) keeps no environ', async (where) => {
  const app =
    where === 'worker'
      ? syncToAsync(`${module}:syncInfo`, { threads: 1 })
      : syncToAsync(
          function* (_environ, start) {
            start('200 OK', []);
            yield new Uint8Array(1);
          },
          { where },
        );
  await app.startup?.({});
  const kept: WeakRef<object>[] = [];
  for (let i = 0; i < 5; i++) kept.push(await askAsync(app));
  await collected(kept);
  await app.shutdown?.({});
});

it('B-67 asyncToSync keeps no environ', async () => {
  const app = asyncToSync(`${module}:asyncInfo`);
  await app.startup?.({});
  const kept: WeakRef<object>[] = [];
  for (let i = 0; i < 5; i++) kept.push(askSync(app));
  await collected(kept);
  await app.shutdown?.({});
});
