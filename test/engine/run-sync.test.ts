import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { EngineOptions } from '../../src/engine/options.ts';
import { runSync } from '../../src/engine/run-sync.ts';
import { ClientDisconnected, RequestAborted, RequestBodyError } from '../../src/interface/errors.ts';
import type { Transport } from '../../src/interface/transport.ts';
import type { Application, Body, Environ, StartResponse } from '../../src/interface/types.ts';
import { copyBytes } from '../../src/rules/bytes.ts';
import { detach } from '../detach.ts';
import { bytes, type Trace, tracedBody } from './application-table.ts';
import { MemoryErrors, syncEnviron } from './environs.ts';
import { SyncRecorder } from './recording-transport.ts';

function run(app: Application, options: EngineOptions = {}, prepare: (recorder: SyncRecorder) => void = () => {}) {
  const errors = new MemoryErrors();
  const recorder = new SyncRecorder();
  prepare(recorder);
  const counters = { failures: 0, disconnects: 0 };
  runSync(app, syncEnviron('GET', errors), recorder, { ...options, counters });
  expect(recorder.breaches).toEqual([]);
  expect(recorder.dones).toBe(1);
  return { recorder, errors, counters };
}

/** A Proxy that writes down which properties are read of an object. */
function watched<T extends object>(target: T, reads: Trace): T {
  return new Proxy(target, {
    get(object, key) {
      reads.push(String(key));
      const value: unknown = Reflect.get(object, key);
      return typeof value === 'function' ? value.bind(object) : value;
    },
    has(object, key) {
      reads.push(`has ${String(key)}`);
      return Reflect.has(object, key);
    },
  });
}

describe('calling', () => {
  test('G-01 the application is called once, with two arguments and without this', () => {
    const calls: unknown[][] = [];
    function app(this: unknown, ...args: unknown[]) {
      calls.push([this, ...args]);
      (args[1] as (status: string, headers: []) => void)('200 OK', []);
      return [];
    }
    run(app as unknown as Application);
    expect(calls).toHaveLength(1);
    expect(calls[0]).toHaveLength(3);
    expect(calls[0][0]).toBe(undefined);
  });

  test('G-02, G-03 name, arity and class do not matter, and it may be called again and again', () => {
    const odd = new Proxy(class Odd {}, {
      apply(_target, _this, [, startResponse]) {
        startResponse('200 OK', []);
        return [bytes('odd')];
      },
    }) as unknown as Application;
    for (let i = 0; i < 3; i++) expect(run(odd).recorder.body).toBe('odd');
  });

  test('G-109 of an array nothing is read but the iterator method, length, the elements and close', () => {
    const reads: Trace = [];
    const { recorder } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return new Proxy([bytes('a'), bytes('b')], {
        get(target, key) {
          reads.push(String(key));
          return Reflect.get(target, key);
        },
      });
    });
    expect(recorder.body).toBe('ab');
    expect(new Set(reads)).toEqual(new Set(['Symbol(Symbol.iterator)', 'length', '0', '1', 'close']));
  });

  test('G-109 of another body nothing is read but the iterator method and close', () => {
    const reads: Trace = [];
    run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return watched(tracedBody([], [bytes('a')]), reads);
    });
    expect(new Set(reads)).toEqual(new Set(['Symbol(Symbol.iterator)', 'close']));
  });

  test('G-108 the iterator is taken once and next gets no argument', () => {
    const counts: number[] = [];
    let taken = 0;
    run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return {
        [Symbol.iterator]: () => {
          taken++;
          let left = 2;
          return {
            next(...args: unknown[]) {
              counts.push(args.length);
              return left-- > 0 ? { done: false, value: bytes('x') } : { done: true, value: bytes('ignored') };
            },
          } as Iterator<Uint8Array>;
        },
      };
    });
    expect(taken).toBe(1);
    expect(counts).toEqual([0, 0, 0]);
  });

  test('G-123 an array subclass iterates by its own method', () => {
    class Checked extends Array<Uint8Array> {
      override *[Symbol.iterator](): ArrayIterator<Uint8Array> {
        yield bytes('own');
        return undefined;
      }
    }
    const { recorder } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return Checked.of(bytes('other'));
    });
    expect(recorder.body).toBe('own');
  });

  test('G-103 a Uint8Array of another realm is a chunk, what only looks like one is not', () => {
    const foreign = runInNewContext('Uint8Array.of(97, 98)');
    expect(
      run((_environ, startResponse) => {
        startResponse('200 OK', []);
        return [foreign];
      }).recorder.body,
    ).toBe('ab');
    for (const fake of [Object.create(Uint8Array.prototype), new Uint16Array(1), new ArrayBuffer(1), [1]]) {
      const { recorder, errors } = run((_environ, startResponse) => {
        startResponse('200 OK', []);
        return [fake];
      });
      expect(recorder.status).toBe(500);
      expect(errors.text).toMatch(/G-103/);
    }
  });

  test('G-103 G-120 the transport gets chunks as they were given, and how many of their bytes to send', () => {
    const sent: [Uint8Array | null, number][] = [];
    const transport: Transport<false> = {
      send: (_head, chunk, _final, size) => void sent.push([chunk, size]),
      abort: () => {},
      done: () => {},
    };
    const chunks = ['abc', 'defgh'].map(bytes);
    const app = (body: Body) => (_environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return body;
    };
    runSync(app(new Set(chunks)), syncEnviron('GET', new MemoryErrors()), transport);
    runSync(app([bytes('ab').subarray(2), ...chunks.slice(1)]), syncEnviron('GET', new MemoryErrors()), transport);
    expect(sent.map(([, size]) => size)).toEqual([3, 2, 5]);
    expect(sent[0][0]).toBe(chunks[0]);
    expect(sent[1][0]).toBe(chunks[1]);
  });

  test('G-103 few bytes stay where V8 keeps them: their buffer, which they would move to, is not asked for', () => {
    const COUNT = 4096;
    const SIZE = 64;
    const target = new Uint8Array(SIZE);
    const transport: Transport<false> = {
      send: (_head, chunk, _final, size) => void (chunk !== null && copyBytes(target, 0, chunk, 0, size)),
      abort: () => {},
      done: () => {},
    };
    const kept: Uint8Array[] = [];
    const environ = syncEnviron('GET', new MemoryErrors());
    const before = process.memoryUsage().arrayBuffers;
    const app: Application = (_environ, startResponse) => {
      startResponse('200 OK', []);
      return (function* () {
        for (let i = 0; i < COUNT; i++) {
          const chunk = new Uint8Array(SIZE);
          kept.push(chunk);
          yield chunk;
        }
      })();
    };
    runSync(app, environ, transport);
    expect(kept).toHaveLength(COUNT);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan((COUNT * SIZE) / 4);
  });

  test.each([1, 100, 3000, 20_000])('G-118 %i bytes that the look-up of close takes away fail the response', (size) => {
    const { recorder, errors } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      const body = [new Uint8Array(size)];
      Object.defineProperty(body, 'close', { get: () => void detach(body[0]) });
      return body;
    });
    expect([recorder.status, recorder.aborted]).toEqual([500, false]);
    expect(errors.text).toContain('G-118');
  });

  test('G-104 each chunk is sent before the next one is asked for, the last one too', () => {
    const sent: string[] = [];
    run(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return (function* () {
          for (const text of ['a', 'b', 'c']) {
            sent.push(`make ${text}`);
            yield bytes(text);
          }
        })();
      },
      {},
      (recorder) => {
        recorder.onSend = (index) => sent.push(`send ${index}`);
      },
    );
    expect(sent).toEqual(['make a', 'send 0', 'make b', 'send 1', 'make c', 'send 2', 'send 3']);
  });

  test('G-117 an array without close takes one send that ends everything', () => {
    const { recorder } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [bytes('one')];
    });
    expect(recorder.sends).toEqual([{ head: true, chunk: 'one', final: 2 }]);
  });

  test('B-04 a body with both iterator symbols is taken as sync', () => {
    const { recorder } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return {
        *[Symbol.iterator]() {
          yield bytes('sync');
        },
        async *[Symbol.asyncIterator]() {
          yield bytes('async');
        },
      };
    });
    expect(recorder.body).toBe('sync');
  });
});

describe('mistakes', () => {
  test('B-02, G-146 a promise is refused, the message names markAsync, and its rejection is handled', async () => {
    const { recorder, errors } = run((async () => {
      throw new Error('nobody sees this');
    }) as unknown as Application);
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/markAsync.*B-02/);
    await turn(); // an unhandled rejection would fail the test run
  });

  test('B-02 a body that arrives late by a promise is closed', async () => {
    const trace: Trace = [];
    run((async () => tracedBody(trace, [])) as unknown as Application);
    await turn();
    expect(trace).toEqual(['close']);
  });

  test('B-02 an async iterable is refused, closed, and the message names markAsync', () => {
    const trace: Trace = [];
    const body = Object.assign((async function* () {})(), { close: () => void trace.push('close') });
    const { recorder, errors } = run((() => body) as unknown as Application);
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/async iterable.*markAsync/);
    expect(trace).toEqual(['close']);
  });

  test('B-02, G-146 a promise as step is refused, the message names markAsync, and its rejection is handled', async () => {
    const trace: Trace = [];
    const { recorder, errors } = run(((_environ: unknown, startResponse: StartResponse) => {
      startResponse('200 OK', []);
      return {
        [Symbol.iterator]: () => ({
          next: () => Promise.reject(new Error('unseen')),
          return: () => void trace.push('return'),
        }),
        close: () => void trace.push('close'),
      };
    }) as unknown as Application);
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/gave a promise; .*markAsync.*B-02/);
    expect(trace).toEqual(['close']); // what threw is not returned (G-110)
    await turn();
  });

  test('G-103, G-146 a promise as chunk is refused and its rejection handled', async () => {
    const { errors } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [Promise.reject(new Error('unseen'))] as unknown as Body;
    });
    expect(errors.text).toMatch(/got Promise.*await it/);
    await turn();
  });

  test('G-113, G-146 close and return that return rejected promises do no harm', async () => {
    run((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '1']]);
      return {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: bytes('ab') }),
          return: () => Promise.reject(new Error('in return')) as never,
        }),
        close: () => Promise.reject(new Error('in close')) as never,
      };
    });
    await turn();
  });

  test('G-113 getters for close and return that throw are logged', () => {
    const { recorder, errors } = run((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '1']]);
      return {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: bytes('ab') }),
          get return(): undefined {
            throw new Error('return getter');
          },
        }),
        get close(): undefined {
          throw new Error('close getter');
        },
      };
    });
    expect(recorder.body).toBe('a');
    expect(errors.text).toMatch(/return getter/);
    expect(errors.text).toMatch(/close getter/);
  });

  test('G-100 a next that returns no object fails the request', () => {
    const { recorder, errors } = run((_environ, startResponse) => {
      startResponse('200 OK', []);
      return { [Symbol.iterator]: () => ({ next: () => 5 }) } as unknown as Body;
    });
    expect(recorder.status).toBe(500);
    expect(errors.text).toMatch(/G-100/);
  });

  test('G-145 a broken error stream does not break the request', () => {
    const recorder = new SyncRecorder();
    const environ = syncEnviron('GET', {
      write() {
        throw new Error('full');
      },
      writelines() {},
      flush() {},
    });
    runSync(
      () => {
        throw new Error('x');
      },
      environ,
      recorder,
    );
    expect(recorder.status).toBe(500);
    expect(recorder.dones).toBe(1);
  });

  test('G-140 the report goes to the error stream of the gateway, whatever the application put into environ', () => {
    const { errors } = run((environ) => {
      environ['wsgi.errors'] = { write() {}, writelines() {}, flush() {} };
      environ.PATH_INFO = '/another';
      throw new Error('seen');
    });
    expect(errors.text).toMatch(/^quaich: GET "\/path": the application threw\nError: seen/);
  });

  test('G-128 the method is that of the request, whatever the application put into environ', () => {
    const { recorder } = run((environ, startResponse) => {
      environ.REQUEST_METHOD = 'HEAD';
      startResponse('200 OK', []);
      return [bytes('body')];
    });
    expect(recorder.body).toBe('body');
  });
});

describe('disconnect', () => {
  test('B-35, G-143 no further step; return and close follow; counted, not logged', () => {
    const trace: Trace = [];
    const { recorder, errors, counters } = run(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return tracedBody(trace, [bytes('a'), bytes('b'), bytes('c')]);
      },
      {},
      (record) => {
        record.disconnectAt = 1;
      },
    );
    expect(trace).toEqual(['iterator', 'next', 'next', 'return', 'close']);
    expect(recorder.body).toBe('a');
    expect(errors.text).toBe('');
    expect(counters).toEqual({ failures: 0, disconnects: 1 });
  });

  test('B-35, B-37 the flag is polled after each step, also of steps that send nothing', () => {
    const trace: Trace = [];
    let gone = false;
    const { recorder, counters } = run(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return tracedBody(trace, [
          bytes('a'),
          () => {
            gone = true;
            return bytes('');
          },
          bytes('never'),
        ]);
      },
      { disconnected: () => gone },
    );
    expect(trace).toEqual(['iterator', 'next', 'next', 'return', 'close']);
    expect(recorder.aborted).toBe(true);
    expect(counters.disconnects).toBe(1);
  });

  test('B-38 the error may pass through the application and is no failure', () => {
    for (const error of [new ClientDisconnected(), new RequestAborted('the server stops')]) {
      const { errors, counters, recorder } = run(() => {
        throw error;
      });
      expect(errors.text).toBe('');
      expect(counters).toEqual({ failures: 0, disconnects: 1 });
      expect(recorder.aborted).toBe(true);
    }
  });

  test('B-38 an application that catches the error goes on; what it writes is discarded, its body closed', () => {
    const trace: Trace = [];
    const { counters } = run(
      (_environ, startResponse) => {
        const write = startResponse('200 OK', []);
        try {
          write(bytes('a'));
        } catch (error) {
          trace.push((error as Error).name);
        }
        write(bytes('b'));
        return tracedBody(trace, [bytes('c')]);
      },
      {},
      (recorder) => {
        recorder.disconnectAt = 0;
      },
    );
    expect(trace).toEqual(['ClientDisconnected', 'close']);
    expect(counters.disconnects).toBe(1);
  });

  test('G-63 a request body that broke off gives its own status where nothing was sent', () => {
    const { recorder, counters, errors } = run(() => {
      throw new RequestBodyError('the body is too large', 413);
    });
    expect(recorder.status).toBe(413);
    expect(recorder.dones).toBe(1);
    expect(counters.failures).toBe(0); // the client's fault, not the application's
    expect(errors.text).toBe('');
  });

  test('G-143 a disconnect during a single send of an array is counted', () => {
    const { counters, errors } = run(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [bytes('x')];
      },
      {},
      (recorder) => {
        recorder.disconnectAt = 0;
      },
    );
    expect(counters).toEqual({ failures: 0, disconnects: 1 });
    expect(errors.text).toBe('');
  });
});
