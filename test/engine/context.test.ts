import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { KEEPS_ENTERED, newContext } from '../../src/engine/context.ts';
import { runAsync } from '../../src/engine/run-async.ts';
import { toFetchHandler } from '../../src/hosts/index.ts';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import type { AsyncApplication } from '../../src/interface/types.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { bytes, type Trace } from './application-table.ts';
import { asyncEnviron, MemoryErrors } from './environs.ts';
import { AsyncRecorder } from './recording-transport.ts';

describe('context', () => {
  const storage = new AsyncLocalStorage<string>();
  const startup = (): void => storage.enterWith('hook');
  const idle: AsyncApplication = async () => [];

  /** A body and an application that write down the context of each of their steps. */
  function traced(trace: Trace): AsyncApplication {
    const at = (place: string) => trace.push(`${place} ${storage.getStore()}`);
    return async (environ, startResponse) => {
      at('call');
      environ['quaich.signal']?.addEventListener('abort', () => trace.push('abort'));
      const write = startResponse('200 OK', []);
      await write(bytes('written'));
      at('after write');
      const steps = [bytes('a'), bytes('b')];
      return {
        [Symbol.asyncIterator]: () => ({
          async next() {
            at('next');
            await turn();
            at('after await');
            const value = steps.shift();
            return value === undefined ? { done: true as const, value } : { done: false as const, value };
          },
          async return() {
            at('return');
            return { done: true as const, value: undefined };
          },
        }),
        async close() {
          at('close');
        },
      };
    };
  }

  test('B-60 whether a context keeps what is entered in it is known', () => {
    const context = newContext();
    context.runInAsyncScope(() => storage.enterWith('entered'));
    expect(context.runInAsyncScope(() => storage.getStore() === 'entered')).toBe(KEEPS_ENTERED);
  });

  test('B-60 the context of the call is there in each step and in close, though sends settle elsewhere', async () => {
    const trace: Trace = [];
    const recorder = new AsyncRecorder();
    recorder.gate(0, 1, 2);
    storage.run('request', () => {
      runAsync(traced(trace), asyncEnviron('GET', new MemoryErrors()), recorder, {});
    });
    for (const index of [0, 1, 2]) {
      while (!recorder.gates.has(index)) await turn();
      storage.run('elsewhere', () => recorder.gates.get(index)?.open());
    }
    await recorder.over;
    expect(trace.length).toBeGreaterThan(8);
    expect(trace.filter((line) => !line.endsWith(' request'))).toEqual([]);
    expect(trace.at(-1)).toBe('close request');
  });

  test('B-60 return and close after a disconnect have it too', async () => {
    const trace: Trace = [];
    const recorder = new AsyncRecorder();
    recorder.abandoned = true;
    recorder.gate(1);
    const handle = storage.run('request', () =>
      runAsync(traced(trace), asyncEnviron('GET', new MemoryErrors()), recorder, {}),
    );
    while (!recorder.gates.has(1)) await turn();
    storage.run('elsewhere', () => handle?.disconnect(new ClientDisconnected()));
    await recorder.over;
    expect(trace.slice(-3)).toEqual(['abort', 'return request', 'close request']);
  });

  test('B-60 return and close after a disconnect have what the body has entered when it was asked for its steps', async () => {
    const seen: unknown[] = [];
    const see = (): unknown => seen.push(storage.getStore());
    const recorder = new AsyncRecorder();
    recorder.abandoned = true;
    const body = {
      [Symbol.asyncIterator]() {
        storage.enterWith('entered');
        return { next: () => new Promise<never>(() => {}), return: see };
      },
      close: see,
    };
    const application: AsyncApplication = async (_environ, startResponse) => {
      startResponse('200 OK', []);
      return body as unknown as AsyncIterable<Uint8Array>; // its `return` gives no step, which nobody looks at
    };
    const options = { closeTimeout: 20 };
    const handle = runAsync(application, asyncEnviron('GET', new MemoryErrors()), recorder, options);
    await turn();
    handle?.disconnect(new ClientDisconnected());
    await recorder.over;
    expect(seen).toEqual(['entered', 'entered']);
  });

  test('G-190 B-60 listeners of the signal have it, and what they enter stays with the request', async () => {
    const seen: (string | undefined)[] = [];
    const recorder = new AsyncRecorder();
    recorder.abandoned = true;
    const app: AsyncApplication = async (environ) => {
      storage.enterWith('request');
      environ['quaich.signal']?.addEventListener('abort', () => {
        seen.push(storage.getStore());
        storage.enterWith('listener');
      });
      await turn();
      return [];
    };
    await storage.run('gateway', async () => {
      const handle = runAsync(app, asyncEnviron('GET', new MemoryErrors()), recorder, {});
      handle?.disconnect(new ClientDisconnected());
      seen.push(storage.getStore());
    });
    await recorder.over;
    expect(seen).toEqual(['request', 'gateway']);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a mount', () => toFetchHandler(idle, { lifespan: { startup } }).startup()],
    ['a test client', () => new AsyncTestClient(idle, { lifespan: { startup } }).startup()],
  ])('G-190 what a hook enters stays with it: %s', async (_way, start) => {
    // Not awaited before the look: what a function enters before its first pause would be in its caller.
    const started = start();
    expect(storage.getStore()).toBe(undefined);
    await started;
  });
});
