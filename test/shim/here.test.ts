import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { AsyncInput } from '../../src/engine/async-input.ts';
import { asyncFileWrapper } from '../../src/engine/file-wrapper.ts';
import { ClientDisconnected, RequestBodyError } from '../../src/interface/errors.ts';
import { kindOf, markAsync, markSync } from '../../src/interface/kind.ts';
import type { Application, AsyncApplication, Environ, StartResponse } from '../../src/interface/types.ts';
import { Gate } from '../../src/rules/gate.ts';
import { asyncToSync, DeadlockError, syncToAsync } from '../../src/shim/index.ts';
import { detach } from '../detach.ts';
import { Blocks, environWith, logOf } from './gateway.ts';
import { answer, begin } from './here.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('choosing a bridge', () => {
  it('B-05 returns an application of the wanted kind itself', () => {
    const sync = markSync(() => []);
    const async = markAsync(async () => []);
    expect(syncToAsync(async)).toBe(async);
    expect(asyncToSync(sync)).toBe(sync);
  });

  it('B-57 bridging a function there and back gives the function', () => {
    const sync: Application = () => [];
    expect(asyncToSync(syncToAsync(sync, { where: 'here' }))).toBe(sync);
  });

  it('B-03 marks the bridge as async', () => {
    expect(kindOf(syncToAsync(() => [], { where: 'here' }))).toBe('async');
  });

  it('B-20 a function runs on the event loop only by explicit choice, and never on a worker', () => {
    const app: Application = () => [];
    expect(() => syncToAsync(app)).toThrow(/where: 'here'/);
    expect(() => syncToAsync(app, { where: 'worker' })).toThrow(/module\.js:app/);
    expect(() => syncToAsync('./app.js', { where: 'here' })).toThrow(/takes the function/);
  });

  it('B-51 a closure is refused by asyncToSync at once, naming the alternatives', () => {
    expect(() => asyncToSync(async () => [])).toThrow(/'\.\/module\.js:app'; or mount the async application itself/);
  });

  it('a reference to nothing is refused at once', () => {
    expect(() => syncToAsync('./no-such-module.mjs:app')).toThrow(/cannot find module/);
    expect(() => asyncToSync('./no-such-module.mjs:app')).toThrow(/cannot find module/);
  });
});

describe('a sync application on the same thread', () => {
  it('B-21 the body is collected first, then input is a reader over it', async () => {
    const source = new Blocks('first\nsec', 'ond\nthird');
    const { transport } = await answer(
      (environ, start) => {
        expect(source.reads).toBe(3);
        start('200 OK', []);
        const input = environ['wsgi.input'];
        return [input.readline(), input.read(3), ...input.readlines(), input.read()].filter(
          (chunk) => chunk.length > 0,
        );
      },
      { source },
    );
    expect(transport.body).toBe('first\nsecond\nthird');
  });

  it('B-21 a body beyond the threshold goes to a file that is gone afterwards', async () => {
    // A folder of its own: other tests, too, have files where temporary ones lie.
    const folder = mkdtempSync(join(tmpdir(), 'spool-'));
    vi.stubEnv('TMPDIR', folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    });
    const big = 'x'.repeat(300_000);
    let found: string | undefined;
    const { transport } = await answer(
      (environ, start) => {
        start('200 OK', []);
        found = Buffer.from(environ['wsgi.input'].read()).toString();
        expect(environ['wsgi.input'].read()).toHaveLength(0);
        return {
          close() {},
          *[Symbol.iterator]() {
            yield bytes('done');
          },
        };
      },
      { source: new Blocks(big.slice(0, 100_000), big.slice(100_000)) },
    );
    expect(found).toBe(big);
    expect(transport.body).toBe('done');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('B-21 a body over the limit is answered with 413, and the application is not called', async () => {
    const app: Application = () => expect.unreachable();
    const streamed = await answer(app, { source: new Blocks('12345', '678901'), options: { limit: 10 } });
    expect(streamed.transport.events[0]).toContain('413 Content Too Large');
    const source = new Blocks('never read');
    const declared = await answer(app, { source, more: { CONTENT_LENGTH: '11' }, options: { limit: 10 } });
    expect(declared.transport.events[0]).toContain('413');
    expect(source.reads).toBe(0);
  });

  it('B-55 no more is read than CONTENT_LENGTH where input does not end by itself', async () => {
    const { transport } = await answer(
      (environ, start) => {
        start('200 OK', []);
        return [environ['wsgi.input'].read()];
      },
      { source: new Blocks('body', 'next request'), more: { 'wsgi.input_terminated': false, CONTENT_LENGTH: '4' } },
    );
    expect(transport.body).toBe('body');
  });

  it('G-63 a body that breaks off is an error of the read that finds out', async () => {
    const source = new Blocks('half');
    const read = source.read.bind(source);
    source.read = (max) => {
      const block = read(max);
      if (block === null) throw new RequestBodyError('broken', 400);
      return block;
    };
    const { transport } = await answer(
      (environ, start) => {
        expect(environ['wsgi.input'].read(4)).toEqual(bytes('half'));
        environ['wsgi.input'].read(1);
        start('200 OK', []);
        return [];
      },
      { source },
    );
    expect(transport.events[0]).toContain('400 Bad Request');
  });

  it('B-24 the head goes with the first non-empty chunk, not before', async () => {
    const order: string[] = [];
    const { transport } = await answer(
      function* (_environ, start) {
        start('200 OK', [['X-Try', '1']]);
        yield new Uint8Array(0);
        order.push('after the empty chunk');
        yield bytes('a');
      },
      {},
      (recording) => {
        recording.onSend = () => {
          order.push('sent');
          return undefined;
        };
      },
    );
    expect(order.slice(0, 2)).toEqual(['after the empty chunk', 'sent']);
    expect(transport.events.slice(0, 2)).toEqual(['head "200 OK\\r\\nX-Try: 1\\r\\n" -1', 'chunk a']);
  });

  it('B-25 an error before the head is sent replaces it, after that it is thrown back', async () => {
    const problem = new Error('expected');
    const replaced = await answer(function* (_environ, start) {
      start('200 OK', [['X-Try', '1']]);
      yield new Uint8Array(0);
      start('503 Service Unavailable', [], problem);
      yield bytes('sorry');
    });
    expect(replaced.transport.events[0]).toBe('head "503 Service Unavailable\\r\\n" -1');
    let thrown: unknown;
    const broken = await answer(function* (_environ, start) {
      start('200 OK', []);
      yield bytes('a');
      try {
        start('503 Service Unavailable', [], problem);
      } catch (error) {
        thrown = error;
        throw error;
      }
    });
    expect(thrown).toBe(problem);
    expect(broken.transport.events).toContain('abort');
  });

  it('B-26 write works, before the body, and tells of a disconnect', async () => {
    const { transport } = await answer((_environ, start) => {
      const write = start('200 OK', []);
      write(bytes('one'));
      write(bytes('two'));
      return [bytes('three')];
    });
    expect(transport.chunks).toEqual(['one', 'two', 'three']);
  });

  it('G-118 an array is read when it is returned; what it loses while a write waits fails the response', async () => {
    const chunk = new Uint8Array(100);
    const gate = new Gate();
    const { transport, environ } = begin(
      (_environ, start) => {
        start('200 OK', [])(bytes('one'));
        return [chunk, bytes('two')];
      },
      {},
      (made) => {
        made.onSend = (number) => (number > 0 ? undefined : gate.wait());
      },
    );
    await vi.waitFor(() => expect(transport.chunks).toEqual(['one']));
    detach(chunk);
    gate.release();
    await transport.over;
    expect([transport.chunks, transport.events.includes('abort')]).toEqual([['one'], true]);
    expect(logOf(environ)).toContain('G-118');
  });

  it('G-118 an array that loses a chunk while it is read gives 500', async () => {
    const chunk = new Uint8Array(100);
    const { transport } = await answer((_environ, start) => {
      start('200 OK', []);
      return Object.defineProperty([chunk], 1, {
        get() {
          detach(chunk);
          return bytes('two');
        },
      });
    });
    expect(transport.events[0]).toContain('500 Internal');
  });

  it('B-26 B-35 after a write that met a disconnect no further step is taken; the body is returned and closed', async () => {
    const order: string[] = [];
    const { transport, environ } = await answer(
      (_environ, start) => {
        const write = start('200 OK', []);
        write(bytes('one'));
        return {
          *[Symbol.iterator]() {
            order.push('begun');
            yield bytes('two');
          },
          close() {
            write(bytes('x'));
            order.push('close');
          },
        };
      },
      {},
      (recording) => {
        recording.leaving = { at: 0, say: () => Promise.reject(new ClientDisconnected()) };
      },
    );
    expect(transport.events).toEqual(['done']);
    expect(order).toEqual(['close']);
    expect(logOf(environ)).toBe('');

    const later = await answer(
      function* (_environ, start) {
        const write = start('200 OK', []);
        try {
          for (let step = 1; ; step++) {
            order.push(`step ${step}`);
            write(bytes('one'));
            yield bytes('');
          }
        } finally {
          order.push('finally');
        }
      },
      {},
      (recording) => {
        recording.leaving = { at: 1, say: () => Promise.reject(new ClientDisconnected()) };
      },
    );
    expect(order).toEqual(['close', 'step 1', 'step 2', 'finally']);
    expect(later.transport.chunks).toEqual(['one']);
    expect(logOf(later.environ)).toBe('');
  });

  it('G-121 G-98 G-103 what else is wrong with a write is thrown in the call', async () => {
    const thrown: string[] = [];
    const attempt = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        thrown.push(String(error).replace(/^.*(G-\d+).*$/, '$1'));
      }
    };
    const { transport } = await answer((_environ, start) => {
      const write = start('200 OK', [['Content-Length', '3']]);
      attempt(() => write('text' as unknown as Uint8Array));
      write(bytes('ab'));
      attempt(() => write(bytes('cd')));
      attempt(() => write(bytes('e')));
      return {
        *[Symbol.iterator]() {},
        close: () => attempt(() => write(bytes('f'))),
      };
    });
    expect(thrown).toEqual(['G-103', 'G-121', 'G-121', 'G-98']);
    expect(transport.chunks).toEqual(['ab', 'c']);
  });

  it('B-26 what write cannot wait for is bounded', async () => {
    let release = (): void => {};
    const { environ, transport } = begin(
      (_environ, start) => {
        const write = start('200 OK', []);
        for (;;) write(new Uint8Array(1000));
      },
      { options: { limit: 10_000 } },
      (recording) => {
        recording.onSend = () =>
          new Promise((resolve) => {
            release = resolve;
          });
      },
    );
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await transport.over;
    expect(logOf(environ)).toContain("use where: 'worker' (B-26)");
  });

  it('B-27 each step waits until the chunk before it was accepted, and the loop has turns in between', async () => {
    const order: string[] = [];
    const { transport } = begin(
      function* (_environ, start) {
        start('200 OK', []);
        for (const name of ['a', 'b', 'c']) {
          order.push(`step ${name}`);
          yield bytes(name);
        }
      },
      {},
      (recording) => {
        recording.onSend = (number) =>
          new Promise((resolve) => {
            setImmediate(() => {
              order.push(`accepted ${number}`);
              resolve();
            });
          });
      },
    );
    await transport.over;
    expect(order.slice(0, 5)).toEqual(['step a', 'accepted 0', 'step b', 'accepted 1', 'step c']);

    let turns = 0;
    let going = true;
    const count = (): void => {
      turns++;
      if (going) setImmediate(count);
    };
    setImmediate(count);
    await answer(function* (_environ, start) {
      start('200 OK', []);
      for (let i = 0; i < 50; i++) yield bytes('x');
    });
    going = false;
    expect(turns).toBeGreaterThan(40);
  });

  it('B-28 an empty body still sends the head', async () => {
    for (const app of [
      (_environ: Environ, start: StartResponse) => {
        start('200 OK', []);
        return [];
      },
      function* (_environ: Environ, start: StartResponse) {
        start('200 OK', []);
        if (false as boolean) yield bytes('');
      },
    ]) {
      const { transport } = await answer(app);
      expect(transport.events).toEqual(['head "200 OK\\r\\n" 0', 'end', 'done']);
    }
  });

  it('B-29 the surplus over Content-Length is cut, then return and close', async () => {
    const order: string[] = [];
    const { transport } = await answer((_environ, start) => {
      start('200 OK', [['Content-Length', '3']]);
      const body = (function* () {
        try {
          yield bytes('ab');
          yield bytes('cd');
          order.push('too far');
        } finally {
          order.push('return');
        }
      })();
      return Object.assign(body, {
        close: () => {
          order.push('close');
        },
      });
    });
    expect(transport.body).toBe('abc');
    expect(order).toEqual(['return', 'close']);
  });

  it('B-30 close is called once on every path, with the body as this', async () => {
    for (const steps of [[], ['a'], ['a', 'throw'], ['throw']]) {
      const closed: unknown[] = [];
      const body = {
        *[Symbol.iterator]() {
          for (const step of steps) {
            if (step === 'throw') throw new Error('expected');
            yield bytes(step);
          }
        },
        close() {
          closed.push(this);
        },
      };
      await answer((_environ, start) => {
        start('200 OK', []);
        return body;
      });
      expect(closed).toHaveLength(1);
      expect(closed[0]).toBe(body);
    }
  });

  it('B-31 flags and functions tell the truth about the place, B-64 the environ has a null prototype', async () => {
    let seen: Environ | undefined;
    const { environ } = await answer(
      (inner, start) => {
        seen = inner;
        inner['app.mark'] = 1;
        start('200 OK', []);
        return [];
      },
      { more: { 'wsgi.file_wrapper': asyncFileWrapper, 'app.function': answer } },
    );
    expect(Object.getPrototypeOf(seen)).toBe(null);
    expect(seen?.['quaich.async']).toBe(false);
    expect(seen?.['wsgi.multithread']).toBe(true);
    expect(seen && 'quaich.signal' in seen).toBe(false);
    expect(seen?.['quaich.client_disconnected']?.()).toBe(false);
    expect(seen?.['wsgi.file_wrapper']).not.toBe(asyncFileWrapper);
    expect(seen?.['app.function']).toBe(answer);
    expect('app.mark' in environ).toBe(false);
  });

  it('B-32 an error before the head gives 500, after it a broken connection; it is reported once', async () => {
    const before = await answer(() => {
      throw new TypeError('expected before');
    });
    expect(before.transport.events[0]).toContain('500');
    expect(logOf(before.environ).match(/TypeError: expected before/g)).toHaveLength(1);
    const after = await answer(function* (_environ, start) {
      start('200 OK', []);
      yield bytes('a');
      throw new TypeError('expected after');
    });
    expect(after.transport.events).toContain('abort');
    expect(logOf(after.environ).match(/TypeError: expected after/g)).toHaveLength(1);
    expect(logOf(after.environ)).toContain('here.test.ts');
  });

  it('B-02 a promise or an async iterable from a sync application is an error that says how to mark it', async () => {
    const lies = [
      () => Promise.reject(new Error('handled')),
      (_environ: Environ, start: StartResponse) => {
        start('200 OK', []);
        return (async function* () {})();
      },
    ];
    for (const lie of lies) {
      const { transport, environ } = await answer(lie as unknown as Application);
      expect(transport.events[0]).toContain('500');
      expect(logOf(environ)).toMatch(/declare it with markAsync/);
    }
  });

  it('G-100 what is no body is refused', async () => {
    for (const body of ['text', null, undefined, new Uint8Array(3), 5, {}]) {
      const { transport } = await answer(((_environ: Environ, start: StartResponse) => {
        start('200 OK', []);
        return body;
      }) as unknown as Application);
      expect(transport.events[0]).toContain('500');
    }
  });

  it('G-123 an array keeps its known length', async () => {
    const { transport } = await answer((_environ, start) => {
      start('200 OK', []);
      return [bytes('abc')];
    });
    expect(transport.events).toEqual(['head "200 OK\\r\\n" 3', 'chunk abc', 'end', 'done']);
  });

  it('G-103 an array is checked as a whole: nothing is sent of one with a bad chunk', async () => {
    const order: string[] = [];
    const { transport, environ } = await answer(((_environ: Environ, start: StartResponse) => {
      start('200 OK', []);
      return Object.assign([bytes('good'), 'bad'], { close: () => order.push('close') });
    }) as unknown as Application);
    expect(transport.events[0]).toContain('500');
    expect(transport.body).not.toContain('good');
    expect(logOf(environ)).toContain('chunk 1 of the body must be a Uint8Array, got string');
    expect(order).toEqual(['close']);
  });

  it('G-123 B-21 an array is one whatever there is to close', async () => {
    for (const size of [1, 100_000]) {
      let closed = 0;
      const { transport } = await answer(
        (_environ, start) => {
          start('200 OK', []);
          return Object.assign([bytes('a'), bytes('b')], { close: () => void closed++ });
        },
        { source: new Blocks('x'.repeat(size)) },
      );
      expect(transport.events).toEqual(['head "200 OK\\r\\n" 2', 'chunk ab', 'end', 'done']);
      expect(closed).toBe(1);
    }
  });

  it('B-37 a body that is returned early for any other reason has no client that has gone', async () => {
    let gone: boolean | undefined;
    await answer((environ, start) => {
      start('200 OK', [['Content-Length', '1']]);
      return {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: bytes('abc') }),
          return() {
            gone = environ['quaich.client_disconnected']?.();
            return { done: true, value: undefined };
          },
        }),
      };
    });
    expect(gone).toBe(false);
  });

  it('B-35 B-37 a disconnect ends the body: no further step, return, close, and the poll tells', async () => {
    const order: string[] = [];
    let inner: Environ | undefined;
    const { running, transport } = begin(
      (environ, start) => {
        inner = environ;
        start('200 OK', []);
        const body = (function* () {
          try {
            for (;;) {
              order.push('step');
              yield bytes('x');
            }
          } finally {
            order.push(`return ${environ['quaich.client_disconnected']?.()}`);
          }
        })();
        return Object.assign(body, {
          close: () => {
            order.push('close');
          },
        });
      },
      {},
      (recording) => {
        recording.onSend = (number) => {
          if (number === 1) queueMicrotask(() => running?.disconnect(new ClientDisconnected()));
          return number === 1 ? new Promise(() => {}) : undefined;
        };
      },
    );
    await transport.over;
    expect(order).toEqual(['step', 'step', 'return true', 'close']);
    expect(inner?.['quaich.client_disconnected']?.()).toBe(true);
  });

  it('B-35 G-112 a step that waits for its turn when the body is returned is not taken', async () => {
    const order: string[] = [];
    const app = syncToAsync(
      () => ({
        [Symbol.iterator]: () => ({
          next() {
            order.push('next');
            return { done: false, value: bytes('x') };
          },
          return() {
            order.push('return');
            return { done: true, value: undefined };
          },
        }),
      }),
      { where: 'here' },
    );
    const body = await app(environWith(new AsyncInput(null)), () => async () => {});
    const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    await iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(order).toEqual(['next', 'return']);
  });

  it('B-60 the context of the gateway is there in every step, in return and in close', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const see = (): void => {
      seen.push(storage.getStore());
    };
    const app: AsyncApplication = syncToAsync(
      (_environ, start) => {
        see();
        start('200 OK', []);
        return {
          [Symbol.iterator]: () => ({
            next() {
              see();
              return { done: false, value: bytes('x') };
            },
            return() {
              see();
              return { done: true, value: undefined };
            },
          }),
          close: see,
        };
      },
      { where: 'here' },
    );
    const body = await storage.run('request 7', () => app(environWith(new AsyncInput(null)), () => async () => {}));
    const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    await iterator.return?.();
    await body.close?.();
    expect(seen).toEqual(Array(5).fill('request 7'));
  });

  it('L-15 the hooks of the application are those of the bridge', async () => {
    const seen: unknown[] = [];
    const app: Application = Object.assign((() => []) as Application, {
      startup(this: unknown, state: Record<string, unknown>) {
        seen.push(this);
        state.ready = true;
      },
      shutdown(this: unknown) {
        seen.push(this);
      },
    });
    const bridged = syncToAsync(app, { where: 'here' });
    const state: Record<string, unknown> = {};
    await bridged.startup?.(state);
    await bridged.shutdown?.(state);
    expect(seen).toEqual([app, app]);
    expect(state).toEqual({ ready: true });
    expect(syncToAsync(() => [], { where: 'here' }).startup).toBeUndefined();
  });

  it('B-23 an application that runs here cannot block for a bridge: refused when bridged, and when called', async () => {
    const blocking = asyncToSync(new URL('../server/apps/plan.mjs', import.meta.url).href);
    expect(() => syncToAsync(blocking, { where: 'here' })).toThrow(/would block this thread/);
    let thrown: unknown;
    await answer((environ, start) => {
      try {
        return blocking(environ, start);
      } catch (error) {
        thrown = error;
        throw error;
      }
    });
    expect(thrown).toBeInstanceOf(DeadlockError);
    expect(thrown).toMatchObject({ code: 'QUAICH_DEADLOCK' });
    expect(String(thrown)).toMatch(/Use where: 'worker', or mount the async application itself/);
  });

  it('B-23 nor may it in a step of its body, in return() or in close()', async () => {
    const blocking = asyncToSync(new URL('../server/apps/plan.mjs', import.meta.url).href);
    const thrown: unknown[] = [];
    const attempt = (environ: Environ, start: StartResponse): void => {
      try {
        blocking(environ, start);
      } catch (error) {
        thrown.push(error);
      }
    };
    await answer((environ, start) => {
      start('200 OK', [['Content-Length', '1']]);
      return {
        [Symbol.iterator]: () => ({
          next() {
            attempt(environ, start);
            return { done: false, value: bytes('ab') };
          },
          return() {
            attempt(environ, start);
            return { done: true, value: undefined };
          },
        }),
        close: () => attempt(environ, start),
      };
    });
    await answer((environ, start) => {
      start('200 OK', []);
      return Object.assign([bytes('a')], { close: () => attempt(environ, start) });
    });
    expect(thrown.map((error) => error instanceof DeadlockError)).toEqual([true, true, true, true]);
  });

  it('B-66 after an error the next request works', async () => {
    let fail = true;
    const app: Application = (_environ, start) => {
      if (fail) throw new Error('expected');
      start('200 OK', []);
      return [bytes('fine')];
    };
    expect((await answer(app)).transport.events[0]).toContain('500');
    fail = false;
    expect((await answer(app)).transport.body).toBe('fine');
  });
});
