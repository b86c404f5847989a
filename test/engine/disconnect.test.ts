import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ClientDisconnected, RequestAborted } from '../../src/interface/errors.ts';
import { bytes, type Trace } from './application-table.ts';
import { deferred, finish, start } from './async-runner.ts';

describe('the signal', () => {
  test('G-48 it is an own data property and a real AbortSignal, untouched when all goes well', async () => {
    const { environ } = await finish(
      start((env, startResponse) => {
        const own = Object.getOwnPropertyDescriptor(env, 'quaich.signal');
        expect(own).toMatchObject({ enumerable: true });
        expect(own?.value).toBeInstanceOf(AbortSignal);
        startResponse('200 OK', []);
        return [bytes('x')];
      }),
    );
    expect(environ['quaich.signal']?.aborted).toBe(false);
  });

  test('B-36 the signal first, then return, then close', async () => {
    const trace: Trace = [];
    const running = start((environ, startResponse) => {
      startResponse('200 OK', []);
      environ['quaich.signal']?.addEventListener('abort', () => trace.push('abort'));
      const never = new Promise<never>(() => {});
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            trace.push('next');
            return never;
          },
          return: async () => {
            trace.push('return');
            return { done: true as const, value: undefined };
          },
        }),
        close: () => void trace.push('close'),
      };
    });
    running.recorder.abandoned = true;
    const reason = new ClientDisconnected();
    running.handle?.disconnect(reason);
    expect(trace).toEqual(['next', 'abort']);
    expect(running.environ['quaich.signal']?.reason).toBe(reason);
    await turn();
    expect(trace).toEqual(['next', 'abort', 'return']); // the outstanding step is waited for
    running.handle?.disconnect(new ClientDisconnected()); // a second one changes nothing
  });

  test('B-36, G-112 close waits for return, also when the outstanding step ends first', async () => {
    const trace: Trace = [];
    const running = start((environ, startResponse) => {
      startResponse('200 OK', []);
      return {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise<IteratorResult<Uint8Array>>((resolve) => {
              environ['quaich.signal']?.addEventListener('abort', () => {
                trace.push('step');
                resolve({ done: false, value: bytes('discarded') });
              });
            }),
          async return() {
            await turn();
            trace.push('returned');
            return { done: true as const, value: undefined };
          },
        }),
        close: () => void trace.push('close'),
      };
    });
    running.recorder.abandoned = true;
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual(['step', 'returned', 'close']);
    expect(running.recorder.sends).toEqual([]);
  });

  test('B-13, B-36 a thenable of next, return or close is waited for as a promise is, and asked once', async () => {
    const trace: Trace = [];
    const thenable = <T>(what: string, value: T) => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then(resolve: (value: T) => void) {
        trace.push(`${what} asked`);
        setTimeout(() => {
          trace.push(`${what} over`);
          resolve(value);
        }, 20);
      },
    });
    const running = start((_, startResponse) => {
      startResponse('200 OK', []);
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => thenable('next', { done: true, value: undefined }),
          return: () => thenable('return', {}),
        }),
        close: () => thenable('close', undefined),
      } as unknown as AsyncIterable<Uint8Array>;
    });
    await turn();
    running.recorder.abandoned = true;
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual(['next asked', 'return asked', 'next over', 'return over', 'close asked', 'close over']);
  });

  test('B-36 the wait for an outstanding step is limited; close is called at the limit', async () => {
    const trace: Trace = [];
    const running = start(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign(
          (async function* () {
            yield bytes('a');
            await new Promise(() => {});
          })(),
          { close: () => void trace.push('close') },
        );
      },
      { closeTimeout: 20 },
    );
    running.recorder.abandoned = true;
    await turn();
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual(['close']);
    expect(running.errors.text).toMatch(/B-36/);
    expect(running.counters).toEqual({ failures: 0, disconnects: 1 });
  });

  test('B-36, B-38 a generator that listens to the signal ends in order; its AbortError is no failure', async () => {
    const trace: Trace = [];
    const running = start((environ, startResponse) => {
      startResponse('200 OK', []);
      return Object.assign(
        (async function* () {
          try {
            yield bytes('a');
            await wait(60_000, undefined, { signal: environ['quaich.signal'] });
          } finally {
            trace.push('finally');
          }
        })(),
        { close: async () => void trace.push('close') },
      );
    });
    running.recorder.abandoned = true;
    await turn();
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual(['finally', 'close']);
    expect(running.errors.text).toBe('');
    expect(running.counters).toEqual({ failures: 0, disconnects: 1 });
  });

  test('B-35 a disconnect before the application has returned: no step, the body is closed', async () => {
    const trace: Trace = [];
    const gate = deferred();
    const running = start(async (environ, startResponse) => {
      startResponse('200 OK', []);
      await gate.promise;
      trace.push(environ['quaich.signal']?.aborted === true ? 'aborted' : 'not aborted');
      return Object.assign([bytes('x')], { close: () => void trace.push('close') });
    });
    running.recorder.abandoned = true;
    running.handle?.disconnect(new ClientDisconnected());
    gate.resolve();
    await finish(running);
    expect(trace).toEqual(['aborted', 'close']);
    expect(running.recorder.sends).toEqual([]);
  });

  test('B-36 the connection does not wait for an application that never returns; a late body is still closed', async () => {
    const trace: Trace = [];
    const gate = deferred();
    const running = start(
      async () => {
        await gate.promise;
        return Object.assign([bytes('x')], { close: () => void trace.push('close') });
      },
      { closeTimeout: 10 },
    );
    running.recorder.abandoned = true;
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual([]);
    gate.resolve();
    await turn();
    expect(trace).toEqual(['close']);
    expect(running.recorder.dones).toBe(1);
  });

  test('G-131, B-36 an application that throws after it was given up: its transport is not called again', async () => {
    const gate = deferred();
    const running = start(
      async () => {
        await gate.promise;
        throw new Error('expected: late');
      },
      { closeTimeout: 10 },
    );
    running.recorder.abandoned = true;
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    gate.resolve();
    await turn();
    expect(running.recorder.breaches).toEqual([]);
    expect(running.recorder.dones).toBe(1);
    expect(running.errors.text).toMatch(/expected: late/);
  });

  test('G-148 giving up on a request aborts the signal with the reason of the server', async () => {
    const running = start(async (environ) => {
      await new Promise((_resolve, reject) => {
        environ['quaich.signal']?.addEventListener('abort', () => reject(environ['quaich.signal']?.reason));
      });
      return [];
    });
    running.recorder.abandoned = true;
    const reason = new RequestAborted('one step took longer than 30 s');
    running.handle?.disconnect(reason);
    await finish(running);
    expect(running.environ['quaich.signal']?.reason).toBe(reason);
    expect(running.errors.text).toBe('');
  });

  test('B-36 a send that rejects aborts the signal before return is called', async () => {
    const trace: Trace = [];
    const running = start(
      (environ, startResponse) => {
        startResponse('200 OK', []);
        environ['quaich.signal']?.addEventListener('abort', () => trace.push('abort'));
        return (async function* () {
          try {
            yield bytes('a');
          } finally {
            trace.push('finally');
          }
        })();
      },
      {},
      (recorder) => {
        recorder.disconnectAt = 0;
      },
    );
    await finish(running);
    expect(trace).toEqual(['abort', 'finally']);
    expect(running.counters).toEqual({ failures: 0, disconnects: 1 });
  });

  test('B-35 a disconnect while a send waits: return and close, then the rejection of the send is nothing new', async () => {
    const trace: Trace = [];
    const running = start(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign(
          (async function* () {
            try {
              yield bytes('a');
              trace.push('resumed');
            } finally {
              trace.push('finally');
            }
          })(),
          { close: () => void trace.push('close') },
        );
      },
      {},
      (recorder) => {
        recorder.gate(0);
        recorder.abandoned = true;
      },
    );
    await turn();
    running.handle?.disconnect(new ClientDisconnected());
    running.recorder.gates.get(0)?.refuse(new ClientDisconnected());
    await finish(running);
    expect(trace).toEqual(['finally', 'close']);
    expect(running.counters).toEqual({ failures: 0, disconnects: 1 });
    expect(running.errors.text).toBe('');
  });

  test('G-113 an error of a finally after a disconnect is reported', async () => {
    const running = start(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      try {
        yield bytes('a');
        await turn();
        await turn();
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: a careless application
        throw new Error('careless');
      }
    });
    running.recorder.abandoned = true;
    await null;
    running.handle?.disconnect(new ClientDisconnected());
    await finish(running);
    expect(running.errors.text).toMatch(/careless/);
  });

  test('a disconnect of a request that is over does nothing', async () => {
    const running = await finish(
      start(async (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [bytes('x')];
      }),
    );
    running.handle?.disconnect(new ClientDisconnected());
    expect(running.environ['quaich.signal']?.aborted).toBe(false);
    expect(running.counters.disconnects).toBe(0);
  });
});

describe('close', () => {
  test('B-13 a promise of close is awaited before the request is over', async () => {
    const gate = deferred();
    const running = start((_environ, startResponse) => {
      startResponse('200 OK', []);
      return Object.assign([bytes('x')], { close: () => gate.promise });
    });
    await turn();
    expect(running.recorder.complete).toBe(true);
    expect(running.recorder.dones).toBe(0);
    gate.resolve();
    await finish(running);
  });

  test('B-13 the wait for close is limited', async () => {
    const running = start(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([bytes('x')], { close: () => new Promise<void>(() => {}) });
      },
      { closeTimeout: 10 },
    );
    await finish(running);
    expect(running.errors.text).toMatch(/close\(\).*10 ms.*B-13/);
  });

  test('G-113, G-146 a rejection of close is logged, also one that comes after the limit', async () => {
    const gate = deferred();
    const running = start(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([bytes('x')], {
          close: async () => {
            await gate.promise;
            throw new Error('too late');
          },
        });
      },
      { closeTimeout: 10 },
    );
    await finish(running);
    gate.resolve();
    await turn();
    expect(running.errors.text).toMatch(/too late/);
  });
});
