/** What the engine owes the application when the gateway fails for a reason of its own. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { type Final, MORE, type ResponseHead, type Transport } from '../../src/interface/transport.ts';
import type { AsyncApplication, StartResponse } from '../../src/interface/types.ts';
import { streaming } from './applications/parts.ts';
import { start } from './async-runner.ts';
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

/** Bodies that are sent at once, at once but for `close`, and in steps; the number of the last `send` of each. */
const BODIES: [what: string, body: () => Iterable<Uint8Array>, last: number][] = [
  ['an array', () => [bytes('ab')], 0],
  ['an array with close', () => Object.assign([bytes('ab')], { close: () => {} }), 0],
  ['an array of many bytes', () => [new Uint8Array(20_000), new Uint8Array(20_000)], 1],
  ['steps', () => new Set([bytes('a'), bytes('b')]), 2],
];

const app = (body: () => Iterable<Uint8Array>) => (_environ: unknown, startResponse: StartResponse) => {
  startResponse('200 OK', []);
  return body();
};

/** Runs an application for a gateway that fails at the `send` with this number, and gives what was asked of it. */
async function failAt(number: number, kind: string, body: () => Iterable<Uint8Array>) {
  const asked: string[] = [];
  const errors = new MemoryErrors();
  const transport = {
    send(head: ResponseHead | null, _chunk: Uint8Array | null, final: Final): undefined {
      asked.push(`${head?.status ?? 'more'}${final === MORE ? '' : ', last'}`);
      if (asked.length - 1 === number) throw new Error('expected: the gateway failed');
    },
    abort: () => void asked.push('abort'),
    done: () => void asked.push('done'),
  };
  if (kind === 'sync') runSync(app(body), syncEnviron('GET', errors), transport);
  else runAsync(app(body) as unknown as AsyncApplication, asyncEnviron('GET', errors), transport);
  await turn();
  expect(errors.text.match(/^quaich: /gm)).toHaveLength(1);
  return asked;
}

describe.each(BODIES)('a gateway that fails within %s', (_what, body, last) => {
  test.each(['sync', 'async'])('G-140 is given the error page, where nothing has been sent: %s', async (kind) => {
    const asked = await failAt(0, kind, body);
    expect(asked.slice(0, 2)).toEqual([last === 0 ? '200, last' : '200', '500, last']);
    expect(asked).not.toContain('abort');
  });

  test('G-141 is told to break off, where it refuses the wait for the end', async () => {
    const { recorder, counters } = start(app(body) as unknown as AsyncApplication, {}, (made) => made.gate(last));
    await expect.poll(() => recorder.gates.size).toBe(1);
    recorder.complete = false;
    recorder.gates.get(last)?.refuse(new Error('expected: the gateway failed'));
    await expect.poll(() => recorder.aborted).toBe(true);
    expect(counters.failures).toBe(1);
  });
});

describe.each(BODIES.filter(([, , last]) => last > 0))('a gateway that fails at the end of %s', (_what, body, last) => {
  test.each(['sync', 'async'])('G-141 is told to break off: %s', async (kind) => {
    const asked = await failAt(last, kind, body);
    expect(asked.slice(last)).toEqual(['more, last', 'abort', 'done']);
  });
});

/** What an application does with a `write` that fails, and what of it. */
const WRITES: [how: string, app: (write: (chunk: Uint8Array) => unknown) => unknown][] = [
  ['passed on', (write) => write(bytes('ab'))],
  [
    'caught',
    async (write) => {
      try {
        await write(bytes('ab'));
      } catch {
        // goes on
      }
    },
  ],
  ['forgotten', (write) => void write(bytes('ab'))],
];

describe.each(WRITES)('a gateway that fails within a write, which is %s', (_how, use) => {
  /** Fails at the `send` with this number; by a promise: `waits`. */
  async function failWrite(number: number, waits: boolean) {
    const asked: string[] = [];
    const errors = new MemoryErrors();
    const failure = new Error('expected: the gateway failed');
    const transport: Transport<true> = {
      send(head, _chunk, final) {
        const count = asked.push(`${head?.status ?? 'more'}${final === MORE ? '' : ', last'}`);
        if (count - 1 !== number) return undefined;
        if (waits) return Promise.reject(failure);
        throw failure;
      },
      abort: () => void asked.push('abort'),
      done: () => void asked.push('done'),
    };
    const app: AsyncApplication = async (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      if (number > 0) await write(bytes('first'));
      await use(write);
      return [bytes('rest')];
    };
    runAsync(app, asyncEnviron('GET', errors), transport);
    await expect.poll(() => asked.at(-1)).toBe('done');
    expect(errors.text.match(/^quaich: /gm)).toHaveLength(1);
    return asked;
  }

  test('G-140 is given the error page, where nothing has been sent', async () => {
    expect(await failWrite(0, false)).toEqual(['200', '500, last', 'done']);
  });

  test.each([true, false])('G-141 is told to break off, where something has been; by a promise: %s', async (waits) => {
    expect(await failWrite(1, waits)).toEqual(['200', 'more', 'abort', 'done']);
  });

  test('G-141 is told to break off, where it refuses the wait for the first', async () => {
    expect(await failWrite(0, true)).toEqual(['200', 'abort', 'done']);
  });
});

test.each([true, false])('G-140 a gateway that fails within a write of a sync application; caught: %s', (caught) => {
  const asked: string[] = [];
  const errors = new MemoryErrors();
  const transport: Transport<false> = {
    send(head, _chunk, final) {
      asked.push(`${head?.status ?? 'more'}${final === MORE ? '' : ', last'}`);
      if (asked.length === 1) throw new Error('expected: the gateway failed');
      return undefined;
    },
    abort: () => void asked.push('abort'),
    done: () => void asked.push('done'),
  };
  runSync(
    (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      try {
        write(bytes('ab'));
      } catch (error) {
        if (!caught) throw error;
      }
      return [bytes('rest')];
    },
    syncEnviron('GET', errors),
    transport,
  );
  expect(asked).toEqual(['200', '500, last', 'done']);
  expect(errors.text.match(/^quaich: /gm)).toHaveLength(1);
});
