import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/response.ts';
import { type RunningRequest, runAsync } from '../../src/engine/run-async.ts';
import { ClientDisconnected, RequestAborted } from '../../src/interface/errors.ts';
import type { AsyncApplication, AsyncBody, AsyncEnviron, AsyncWrite } from '../../src/interface/types.ts';
import { bytes, type Trace } from './application-table.ts';
import { asyncEnviron, MemoryErrors } from './environs.ts';
import { AsyncRecorder } from './recording-transport.ts';

interface Running {
  recorder: AsyncRecorder;
  errors: MemoryErrors;
  counters: { failures: number; disconnects: number };
  environ: AsyncEnviron;
  handle: RunningRequest | undefined;
}

function start(
  app: AsyncApplication,
  options: EngineOptions = {},
  prepare: (recorder: AsyncRecorder) => void = () => {},
): Running {
  const errors = new MemoryErrors();
  const recorder = new AsyncRecorder();
  prepare(recorder);
  const counters = { failures: 0, disconnects: 0 };
  const environ = asyncEnviron('GET', errors);
  const handle = runAsync(app, environ, recorder, { ...options, counters });
  return { recorder, errors, counters, environ, handle };
}

/** Runs to the end, which must come by itself. */
async function finish(running: Running): Promise<Running> {
  await running.recorder.over;
  await turn();
  expect(running.recorder.breaches).toEqual([]);
  expect(running.recorder.dones).toBe(1);
  return running;
}

interface Deferred {
  promise: Promise<void>;
  resolve(): void;
}

function deferred(): Deferred {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

describe('the fast path', () => {
  test('G-117 an array is sent during the call, with one send, and nothing is left running', () => {
    const { handle, recorder } = start((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [bytes('now')];
    });
    expect(handle).toBe(undefined);
    expect(recorder.sends).toEqual([{ head: true, chunk: 'now', final: 2 }]);
  });

  test('B-06 a promise of an array takes one microtask turn and one send', async () => {
    const { handle, recorder } = start(async (_environ, startResponse) => {
      startResponse('200 OK', []);
      return [bytes('soon')];
    });
    expect(handle).not.toBe(undefined);
    await null;
    expect(recorder.sends).toEqual([{ head: true, chunk: 'soon', final: 2 }]);
    expect(recorder.dones).toBe(1);
  });
});

describe('the result', () => {
  test('B-06 a thenable is awaited, once', async () => {
    let awaited = 0;
    const { recorder } = await finish(
      start((_environ, startResponse) => {
        startResponse('200 OK', []);
        return {
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
          then(resolve: (body: AsyncBody) => void) {
            awaited++;
            resolve([bytes('then')]);
          },
        } as unknown as Promise<AsyncBody>;
      }),
    );
    expect(recorder.body).toBe('then');
    expect(awaited).toBe(1);
  });

  test('B-04 a body with both iterator symbols is taken as async', async () => {
    const { recorder } = await finish(
      start((_environ, startResponse) => {
        startResponse('200 OK', []);
        return {
          *[Symbol.iterator]() {
            yield bytes('sync');
          },
          async *[Symbol.asyncIterator]() {
            yield bytes('async');
          },
        };
      }),
    );
    expect(recorder.body).toBe('async');
  });

  test('B-06 a plain iterable that yields promises is an error, and the promise is handled', async () => {
    const { recorder, errors } = await finish(
      start(function* (_environ: AsyncEnviron, startResponse: (status: string, headers: []) => unknown) {
        startResponse('200 OK', []);
        yield Promise.reject(new Error('unseen'));
      } as unknown as AsyncApplication),
    );
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/got Promise/);
  });

  test('B-07 startResponse may be called after awaiting, in the body', async () => {
    const { recorder } = await finish(
      start(async function* (_environ, startResponse) {
        await turn();
        yield bytes('');
        await turn();
        startResponse('201 Created', []);
        yield bytes('late');
      }),
    );
    expect(recorder.status).toBe(201);
    expect(recorder.body).toBe('late');
  });

  test('G-109 of a body nothing is read but its iterator methods and close', async () => {
    const reads = new Set<string>();
    await finish(
      start((_environ, startResponse) => {
        startResponse('200 OK', []);
        const body = (async function* () {
          yield bytes('x');
        })();
        return new Proxy(body, {
          get(target, key) {
            reads.add(String(key));
            const value: unknown = Reflect.get(target, key);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      }),
    );
    expect(reads).toEqual(new Set(['Symbol(Symbol.asyncIterator)', 'close']));
  });

  test('B-12, G-47 the error stream is synchronous and the environ says that the convention is async', async () => {
    await finish(
      start((environ, startResponse) => {
        expect(environ['wsgi.errors'].write('')).toBe(undefined);
        expect(environ['quaich.async']).toBe(true);
        startResponse('200 OK', []);
        return [];
      }),
    );
  });

  test('G-140, G-146 an application that rejects gets the page; the rejection is handled', async () => {
    const { recorder, errors } = await finish(
      start(async () => {
        await turn();
        throw new Error('rejected');
      }),
    );
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/Error: rejected/);
  });
});

describe('backpressure', () => {
  test('G-105 the next step is asked for only when the transport wants more', async () => {
    const trace: Trace = [];
    const running = start(
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        for (const text of ['a', 'b']) {
          trace.push(text);
          yield bytes(text);
        }
      },
      {},
      (recorder) => recorder.gate(0, 1),
    );
    await turn();
    expect(trace).toEqual(['a']);
    running.recorder.gates.get(0)?.open();
    await turn();
    expect(trace).toEqual(['a', 'b']);
    running.recorder.gates.get(1)?.open();
    await finish(running);
    expect(running.recorder.body).toBe('ab');
  });

  test('G-105 at most one step is outstanding', async () => {
    let outstanding = 0;
    let most = 0;
    await finish(
      start(
        (_environ, startResponse) => {
          startResponse('200 OK', []);
          let left = 3;
          return {
            [Symbol.asyncIterator]: () => ({
              async next() {
                most = Math.max(most, ++outstanding);
                await turn();
                outstanding--;
                return left-- > 0
                  ? { done: false as const, value: bytes('x') }
                  : { done: true as const, value: undefined };
              },
            }),
          };
        },
        {},
        (recorder) => {
          recorder.slow = true;
        },
      ),
    );
    expect(most).toBe(1);
  });
});

describe('write', () => {
  test('B-09 unawaited writes take effect in call order, before the body, and may share a buffer', async () => {
    const running = start(
      async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        const buffer = bytes('1');
        write(buffer);
        buffer[0]++;
        write(buffer);
        buffer[0]++;
        write(buffer);
        buffer[0] = 0;
        return [bytes('4')];
      },
      {},
      (recorder) => {
        recorder.slow = true;
      },
    );
    await finish(running);
    expect(running.recorder.sends.map((send) => send.chunk ?? 'end')).toEqual(['1', '2', '3', '4', 'end']);
  });

  test('B-09 the promise settles when the transport wants more', async () => {
    const trace: Trace = [];
    const running = start(
      async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        const written = write(bytes('a')).then(() => trace.push('settled'));
        trace.push('pending');
        await written;
        return [];
      },
      {},
      (recorder) => recorder.gate(0),
    );
    await turn();
    expect(trace).toEqual(['pending']);
    running.recorder.gates.get(0)?.open();
    await finish(running);
    expect(trace).toEqual(['pending', 'settled']);
  });

  test('B-09, G-146 it rejects on disconnect, unhandled by the application without harm; the body is closed only', async () => {
    const trace: Trace = [];
    const running = start(
      async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        write(bytes('unawaited'));
        await expect(write(bytes('a'))).resolves.toBe(undefined); // B-38: discarded from then on
        return Object.assign([bytes('never')], { close: () => void trace.push('close') });
      },
      {},
      (recorder) => {
        recorder.disconnectAt = 0;
      },
    );
    await finish(running);
    expect(trace).toEqual(['close']);
    expect(running.counters).toEqual({ failures: 0, disconnects: 1 });
    expect(running.environ['quaich.signal']?.aborted).toBe(true);
  });

  test('B-09 an awaited write of a client that has gone rejects', async () => {
    const running = start(
      async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        await expect(write(bytes('a'))).rejects.toBeInstanceOf(ClientDisconnected);
        return [];
      },
      {},
      (recorder) => {
        recorder.disconnectAt = 0;
      },
    );
    await finish(running);
  });

  test('G-98, G-103, G-121 mistakes reject', async () => {
    let late: AsyncWrite | undefined;
    const running = start(async (_environ, startResponse) => {
      const write = startResponse('200 OK', [['Content-Length', '3']]);
      late = write;
      await expect(write('x' as unknown as Uint8Array)).rejects.toThrow(/G-103/);
      await expect(write(bytes('abcd'))).rejects.toThrow(/G-121/);
      return [];
    });
    await finish(running);
    expect(running.recorder.body).toBe('abc');
    await expect(late?.(bytes('x'))).rejects.toThrow(/G-98/);
  });

  test('G-141 writes that still queue up when the application fails are dropped', async () => {
    const running = start(
      async (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        write(bytes('a'));
        write(bytes('b'));
        throw new Error('in between');
      },
      {},
      (recorder) => recorder.gate(0),
    );
    await turn();
    running.recorder.gates.get(0)?.open();
    await finish(running);
    expect(running.recorder.body).toBe('a');
    expect(running.recorder.aborted).toBe(true);
  });
});

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

describe('context', () => {
  const storage = new AsyncLocalStorage<string>();

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
});
