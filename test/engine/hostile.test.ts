/** Objects of an application that throw where the engine looks at them, and promises that are none of the usual. */
import { afterEach, describe, expect, test } from 'vitest';
import { runAsync } from '../../src/engine/run-async.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import type { AsyncApplication, StartResponse } from '../../src/interface/types.ts';
import { bytes, tracedBody } from './application-table.ts';
import { asyncEnviron, MemoryErrors, syncEnviron } from './environs.ts';
import { AsyncRecorder, type Recorder, SyncRecorder } from './recording-transport.ts';

const rejections: unknown[] = [];
process.on('unhandledRejection', (error) => rejections.push(error));

afterEach(() => expect(rejections.splice(0)).toEqual([]));

/**
 * Wraps objects, and all that they lead to, so that each operation on them is counted and the one with this number
 * throws.
 */
function trapping(number: number) {
  const state = { count: 0 };
  const handler: Record<string, unknown> = {};
  const wrap = (value: unknown): unknown => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value;
    return value instanceof Uint8Array ? value : new Proxy(value, handler);
  };
  for (const name of Object.getOwnPropertyNames(Reflect)) {
    handler[name] = (...args: unknown[]) => {
      if (state.count++ === number) throw new Error(`expected: trap ${name}`);
      const operation = Reflect.get(Reflect, name) as (...args: unknown[]) => unknown;
      const result = operation(...args);
      return name === 'get' || name === 'apply' ? wrap(result) : result;
    };
  }
  return { state, wrap };
}

type Wrap = (value: unknown) => unknown;
type Scenario = (wrap: Wrap, startResponse: StartResponse) => unknown;

function* endless() {
  for (;;) yield bytes('x');
}

const iterator = (steps: number) => {
  let at = 0;
  return {
    next: () => ({ done: at === steps, value: at++ === steps ? undefined : bytes('x') }),
    return: () => ({ done: true, value: undefined }),
  };
};

const SCENARIOS: Record<string, Scenario> = {
  array: (wrap) => wrap(Object.assign([bytes('a'), bytes('b')], { close: () => {} })),
  'large array': (wrap) => wrap([new Uint8Array(20_000), new Uint8Array(20_000)]),
  iterable: (wrap) => wrap({ [Symbol.iterator]: () => iterator(2), close: () => {} }),
  'iterable left early': (wrap, start) => {
    start('200 OK', [['Content-Length', '1']], new Error('again'));
    return wrap({ [Symbol.iterator]: () => iterator(3), close: () => {} });
  },
  'body that throws': (wrap) => ({
    [Symbol.iterator]: () => ({
      next() {
        throw wrap(new Error('step', { cause: wrap(new AggregateError([wrap({ a: 1 })])) }));
      },
    }),
    close() {
      throw wrap(new Error('close'));
    },
  }),
  'no body': (wrap) => wrap({}),
  'thrown value': (wrap) => {
    throw wrap(Object.assign(new Error('thrown'), { code: 7, status: 404, deep: { er: {} } }));
  },
  chunk: (wrap) => [wrap([1])],
  head: (wrap, start) => {
    start('200 OK', wrap([['A', 'b']]) as [], wrap(new Error('again')) as Error);
    return endless();
  },
};

const ASYNC_SCENARIOS: Record<string, Scenario> = {
  ...SCENARIOS,
  thenable: (wrap) =>
    // biome-ignore lint/suspicious/noThenProperty: the subject
    wrap({ then: (resolve: (value: unknown) => void) => resolve(wrap([bytes('a')])) }),
  'async iterable': (wrap) => wrap({ [Symbol.asyncIterator]: () => iterator(2), close: async () => {} }),
  'rejected promise': async (wrap) => {
    throw wrap(new Error('rejected'));
  },
};

/** Runs one scenario with each of its operations failing in turn, until there are no more. */
async function eachTrap(run: (wrap: Wrap) => Promise<void>): Promise<void> {
  for (let number = 0; ; number++) {
    const { state, wrap } = trapping(number);
    await run(wrap);
    if (state.count <= number) break;
    expect(number).toBeLessThan(500);
  }
}

function expectOver(recorder: Recorder): void {
  expect(recorder.breaches).toEqual([]);
  expect(recorder.dones).toBe(1);
}

describe('G-145 G-146 whatever throws, wherever it is looked at: the request ends, once', () => {
  test.each(Object.entries(SCENARIOS))('sync: %s', async (_name, scenario) => {
    await eachTrap(async (wrap) => {
      const recorder = new SyncRecorder();
      recorder.disconnectAt = 50;
      const app = (_environ: unknown, startResponse: StartResponse) => {
        startResponse('200 OK', []);
        return scenario(wrap, startResponse) as never;
      };
      runSync(app, syncEnviron('GET', new MemoryErrors()), recorder);
      expectOver(recorder);
    });
  });

  test.each(Object.entries(ASYNC_SCENARIOS))('async: %s', async (_name, scenario) => {
    await eachTrap(async (wrap) => {
      const recorder = new AsyncRecorder();
      recorder.disconnectAt = 50;
      const app: AsyncApplication = (_environ, startResponse) => {
        startResponse('200 OK', []);
        return scenario(wrap, startResponse as unknown as StartResponse) as never;
      };
      runAsync(app, asyncEnviron('GET', new MemoryErrors()), recorder, { closeTimeout: 50 });
      await recorder.over;
      expectOver(recorder);
    });
  });
});

describe('close that cannot be looked up', () => {
  const body = (steps: Uint8Array[]) =>
    Object.defineProperty(steps, 'close', {
      get() {
        throw new Error('expected: close');
      },
    });

  test('G-113 is logged and changes nothing: sync', () => {
    const errors = new MemoryErrors();
    const recorder = new SyncRecorder();
    const app = (_environ: unknown, startResponse: StartResponse) => {
      startResponse('200 OK', []);
      return body([bytes('whole')]);
    };
    runSync(app, syncEnviron('GET', errors), recorder);
    expectOver(recorder);
    expect([recorder.status, recorder.body]).toEqual([200, 'whole']);
    expect(errors.text).toMatch(/close\(\) of the body failed\nError: expected: close/);
  });

  test('G-113 is logged and changes nothing: async', async () => {
    const errors = new MemoryErrors();
    const recorder = new AsyncRecorder();
    runAsync(
      async (_environ, startResponse) => {
        startResponse('200 OK', []);
        return body([bytes('whole')]);
      },
      asyncEnviron('GET', errors),
      recorder,
    );
    await recorder.over;
    expectOver(recorder);
    expect([recorder.status, recorder.body]).toEqual([200, 'whole']);
    expect(errors.text).toMatch(/close\(\) of the body failed\nError: expected: close/);
  });
});

describe('promises with a then of their own', () => {
  test('B-06 G-112 one that settles twice is a result once', async () => {
    const trace: string[] = [];
    const recorder = new AsyncRecorder();
    const promise = Promise.resolve([bytes('own')]);
    // biome-ignore lint/suspicious/noThenProperty: the subject
    promise.then = ((resolve: (value: unknown) => void) => {
      resolve(tracedBody(trace, [bytes('a')]));
      resolve(tracedBody(trace, [bytes('b')]));
    }) as never;
    runAsync(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return promise;
      },
      asyncEnviron('GET', new MemoryErrors()),
      recorder,
    );
    await recorder.over;
    expectOver(recorder);
    expect(recorder.body).toBe('own'); // as `await` has it
  });
});

test('B-35 sync: no step for a client that has gone before the application returned', () => {
  const trace: string[] = [];
  const recorder = new SyncRecorder();
  recorder.abandoned = true;
  const counters = { failures: 0, disconnects: 0 };
  const app = (_environ: unknown, startResponse: StartResponse) => {
    startResponse('200 OK', []);
    return tracedBody(trace, [bytes('a')]);
  };
  runSync(app, syncEnviron('GET', new MemoryErrors()), recorder, { disconnected: () => true, counters });
  expect(trace).toEqual(['close']);
  expect(counters).toEqual({ failures: 0, disconnects: 1 });
  expectOver(recorder);
});
