import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fileOf, fileWrapper } from '../../src/engine/file-wrapper.ts';
import { markAsync } from '../../src/interface/index.ts';
import type { AsyncBody, Body } from '../../src/interface/types.ts';
import { testClient } from '../../src/testing/index.ts';
import { guardedBody } from '../../src/toolbox/index.ts';
import { gather } from './gather.ts';

const chunk = Buffer.from('x');

describe('U-52 guardedBody of the sync convention', () => {
  test('closes the body, then calls onClose, each once', () => {
    const events: string[] = [];
    const inner: Body = {
      *[Symbol.iterator]() {
        yield chunk;
      },
      close: () => void events.push('close'),
    };
    const body = guardedBody(inner, () => events.push('onClose'));
    expect([...body]).toEqual([chunk]);
    body.close?.();
    body.close?.();
    expect(events).toEqual(['close', 'onClose']);
  });

  test('calls onClose also where what close gives cannot be asked what it is', () => {
    let closed = 0;
    const hostile: unknown = new Proxy({}, { get: () => expect.fail('expected'), has: () => expect.fail('expected') });
    const body = guardedBody({ *[Symbol.iterator]() {}, close: () => hostile as never }, () => {
      closed++;
    });
    expect(() => body.close?.()).toThrow('expected');
    expect(closed).toBe(1);
  });

  test('works for a generator that was never started, and for bodies without close', () => {
    let closed = 0;
    const body = guardedBody(
      (function* () {
        yield chunk;
      })(),
      () => closed++,
    );
    body.close?.();
    expect(closed).toBe(1);
  });

  test('M-16 a file wrapper stays the object that the gateway sends by itself, and is closed first', () => {
    const events: string[] = [];
    const file = { read: () => new Uint8Array(0), close: () => void events.push('close') };
    const wrapper = fileWrapper(file);
    const body = guardedBody(wrapper, () => events.push('onClose'));
    expect(body).toBe(wrapper);
    body.close?.();
    body.close?.();
    expect(events).toEqual(['close', 'onClose']);
    // It closes itself when it is returned (U-08).
    const returned = guardedBody(fileWrapper(file), () => events.push('onClose'));
    for (const _ of returned) break;
    returned[Symbol.iterator]().return?.();
    returned.close?.();
    expect(events).toEqual(['close', 'onClose', 'close', 'onClose']);
    // The file has no close: what guards it has to be called all the same.
    const bare = guardedBody(fileWrapper({ read: () => new Uint8Array(0) }), () => events.push('alone'));
    bare.close?.();
    expect(events.at(-1)).toBe('alone');
    const descriptor = openSync(new URL(import.meta.url), 'r');
    const opened = guardedBody(fileWrapper(descriptor), () => events.push('descriptor'));
    expect(fileOf(opened)).toMatchObject({ descriptor });
    opened.close?.();
    expect([events.at(-1), fileOf(opened)]).toEqual(['descriptor', null]);
    expect(() => closeSync(descriptor)).toThrow('EBADF');
  });

  test('calls onClose also when close throws, and passes the error on', () => {
    let closed = 0;
    const inner: Body = {
      *[Symbol.iterator]() {},
      close() {
        throw new Error('bad close');
      },
    };
    expect(() => guardedBody(inner, () => closed++).close?.()).toThrow('bad close');
    expect(closed).toBe(1);
  });

  test('M-02 takes the iterator only when it is asked for one, and M-09 closes the body itself', () => {
    let taken = 0;
    let self: unknown;
    const inner: Body = {
      [Symbol.iterator]() {
        taken++;
        return [chunk][Symbol.iterator]();
      },
      close() {
        self = this;
      },
    };
    const body = guardedBody(inner, () => {});
    expect(taken).toBe(0);
    expect([...body]).toHaveLength(1);
    body.close?.();
    expect([taken, self === inner]).toEqual([1, true]);
  });

  test('B-04 it has the iterators of the body and no other', () => {
    const sync = guardedBody({ *[Symbol.iterator]() {} } as Body, () => {});
    const async = guardedBody({ async *[Symbol.asyncIterator]() {} } as AsyncBody, () => {});
    expect([Symbol.iterator in sync, Symbol.asyncIterator in sync]).toEqual([true, false]);
    expect([Symbol.iterator in async, Symbol.asyncIterator in async]).toEqual([false, true]);
  });

  test('G-123 an array keeps its length under the gateway, and is not changed', () => {
    const cached = [chunk];
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return guardedBody(cached, () => {});
    }).get('/');
    expect(response.headers.get('Content-Length')).toBe('1');
    expect(response.closed).toBe(1);
    expect(Reflect.ownKeys(cached)).toEqual(['0', 'length']);
  });

  test('an array that iterates in its own way is left to the gateway', () => {
    const watched = Object.assign([chunk], {
      [Symbol.iterator]: () => {
        taken++;
        return [chunk].values();
      },
    });
    let taken = 0;
    const body = guardedBody(watched, () => {});
    expect(taken).toBe(0);
    expect([...body]).toEqual([chunk]);
    expect(taken).toBe(1);
  });
});

describe('U-52 guardedBody of the async convention', () => {
  test('waits for the close of the body before onClose, and for that', async () => {
    const events: string[] = [];
    const inner: AsyncBody = {
      async *[Symbol.asyncIterator]() {
        yield chunk;
      },
      async close() {
        await Promise.resolve();
        events.push('close');
      },
    };
    const body = guardedBody(inner, async () => {
      await Promise.resolve();
      events.push('onClose');
    });
    expect(await gather(body)).toEqual([chunk]);
    await body.close?.();
    await body.close?.();
    expect(events).toEqual(['close', 'onClose']);
  });

  test('calls onClose also when close rejects or throws', async () => {
    for (const close of [
      () => Promise.reject(new Error('bad')),
      () => {
        throw new Error('bad');
      },
    ]) {
      let closed = 0;
      const body = guardedBody({ async *[Symbol.asyncIterator]() {}, close } as AsyncBody, async () => {
        closed++;
      });
      await expect((async () => body.close?.())()).rejects.toThrow('bad');
      expect(closed).toBe(1);
    }
  });

  test('under the engine a disconnect closes once', async () => {
    let closed = 0;
    const app = markAsync((_environ, startResponse) => {
      startResponse('200 OK', []);
      return guardedBody(
        (async function* () {
          for (;;) yield chunk;
        })(),
        () => void closed++,
      );
    });
    const response = await testClient(app, { kind: 'async' }).get('/', { disconnectAfter: 2 });
    expect([response.closed, closed]).toEqual([1, 1]);
  });
});
