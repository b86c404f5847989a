import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import type {
  AsyncApplication,
  AsyncBody,
  AsyncEnviron,
  AsyncStartResponse,
  AsyncWrite,
} from '../../src/interface/types.ts';
import { bytes, type Trace } from './application-table.ts';
import { finish, start } from './async-runner.ts';

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

  test('B-04 an array with an async iterator method is taken by that method', async () => {
    const { recorder } = await finish(
      start((_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([bytes('sync')], {
          async *[Symbol.asyncIterator]() {
            yield bytes('async');
          },
        });
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
    expect(running.recorder.sends.map((send) => send.chunk)).toEqual(['1', '2', '3', '4']);
  });

  test('G-117 an array is sent as one, also after a write that had to wait: a slow client gets the same chunks', async () => {
    for (const slow of [false, true]) {
      const running = start(
        async (_environ, startResponse) => {
          startResponse('200 OK', [])(bytes('1'));
          return [bytes('2'), bytes('3')];
        },
        {},
        (recorder) => {
          recorder.slow = slow;
        },
      );
      await finish(running);
      expect(running.recorder.sends.map((send) => send.chunk)).toEqual(['1', '23']);
    }
  });

  test('G-103 an array with a bad chunk breaks the response off, also after a write that had to wait', async () => {
    for (const slow of [false, true]) {
      const running = start(
        (async (_environ: unknown, startResponse: AsyncStartResponse) => {
          startResponse('200 OK', [])(bytes('1'));
          return [bytes('2'), 'text'];
        }) as unknown as AsyncApplication,
        {},
        (recorder) => {
          recorder.slow = slow;
        },
      );
      await finish(running);
      expect(running.recorder.sends.map((send) => send.chunk)).toEqual(['1']);
      expect(running.recorder.aborted).toBe(true);
    }
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
