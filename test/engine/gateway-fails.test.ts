/** What the engine owes the application when the gateway fails for a reason of its own. */
import { expect, test } from 'vitest';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import type { Transport } from '../../src/interface/transport.ts';
import type { AsyncApplication } from '../../src/interface/types.ts';
import { streaming } from './applications/parts.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

test('G-114 sync: a transport that fails ends the body, which is still closed', () => {
  const trace: string[] = [];
  const over: string[] = [];
  const transport: Transport<false> = {
    send() {
      throw new Error('expected: the gateway failed');
    },
    abort: () => void over.push('abort'),
    done: () => void over.push('done'),
  };
  runSync(streaming(bytes('a'), bytes('b'))(trace), syncEnviron('GET', new MemoryErrors()), transport);
  expect(trace).toEqual(['iterator', 'next', 'return', 'close']);
  expect(over.at(-1)).toBe('done');
});

test('G-114 async: a transport that fails ends the body, which is still closed', async () => {
  const trace: string[] = [];
  const over: string[] = [];
  await new Promise<void>((resolve) => {
    const transport: Transport<true> = {
      send: () => Promise.reject(new Error('expected: the gateway failed')),
      abort: () => void over.push('abort'),
      done() {
        over.push('done');
        resolve();
      },
    };
    const app = streaming(bytes('a'), bytes('b'))(trace) as unknown as AsyncApplication;
    runAsync(app, asyncEnviron('GET', new MemoryErrors()), transport);
  });
  expect(trace).toEqual(['iterator', 'next', 'return', 'close']);
  expect(over.at(-1)).toBe('done');
});

test('G-114 an application that throws has nothing to close', () => {
  const errors = new MemoryErrors();
  const sent: string[] = [];
  const transport: Transport<false> = {
    send(head) {
      if (head !== null) sent.push(String(head.status));
      return undefined;
    },
    abort: () => void sent.push('abort'),
    done: () => void sent.push('done'),
  };
  const app = () => {
    throw new Error('expected: early');
  };
  runSync(app, syncEnviron('GET', errors), transport);
  expect(sent[0]).toBe('500');
  expect(errors.text.match(/^quaich: /gm)).toHaveLength(1);
});
