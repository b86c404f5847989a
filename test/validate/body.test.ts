import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Application } from '../../src/interface/index.ts';
import { validator } from '../../src/validate/index.ts';
import { bytes, runSyncly, syncEnviron } from './transport.ts';
import { answering, bytesOf, CHUNK, OK, type Serve, steps, tryAsync, trySync, untyped, type Wrong } from './trial.ts';

const TEXT: [string, string] = ['Content-Type', 'text/plain'];
const withLength = (length: number): unknown[] => ['200 OK', [TEXT, ['Content-Length', String(length)]]];

/** The same values as an async iterable. */
function later(values: unknown[], close?: () => unknown): object {
  return {
    async *[Symbol.asyncIterator]() {
      yield* values;
    },
    ...(close === undefined ? {} : { close }),
  };
}

function promiseOf(value: unknown): Promise<unknown> {
  expect(value).toBeInstanceOf(Promise);
  return value as Promise<unknown>;
}

/** Takes the iterator and so many steps; then what `then` does. */
const taking =
  (count: number, then: (body: Wrong, iterator: Wrong) => void): Serve =>
  (app, environ, start) => {
    const body = app(environ, start);
    const iterator = body[Symbol.iterator]();
    for (let i = 0; i < count; i++) iterator.next();
    then(body, iterator);
  };
const takingLater =
  (count: number, then: (body: Wrong, iterator: Wrong) => unknown): Serve =>
  async (app, environ, start) => {
    const body = await app(environ, start);
    const iterator = body[Symbol.asyncIterator]();
    for (let i = 0; i < count; i++) await iterator.next();
    await then(body, iterator);
  };

describe('what the body yields', () => {
  it('V-86 every chunk is bytes', async () => {
    for (const chunk of ['text', 5, null, undefined, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
      expect(trySync(answering(OK, steps([chunk])))).toMatchObject({ row: 'V-86', side: 'application' });
      expect(trySync(answering(OK, [chunk])).row).toBe('V-86');
      expect((await tryAsync(answering(OK, later([chunk])))).row).toBe('V-86');
    }
    const good = [CHUNK, Buffer.from('x'), new (class extends Uint8Array {})(2), runInNewContext('new Uint8Array(1)')];
    expect(trySync(answering(OK, steps(good))).row).toBeNull();
    expect(trySync(answering(OK, good)).row).toBeNull();
    expect((await tryAsync(answering(OK, later(good)))).row).toBeNull();
  });

  it('V-86 the iterator inside is returned when its chunk is refused, and the body closed', () => {
    const order: string[] = [];
    const body = {
      *[Symbol.iterator]() {
        try {
          yield 'text';
        } finally {
          order.push('finally');
        }
      },
      close: () => order.push('close'),
    };
    expect(trySync(answering(OK, body)).row).toBe('V-86');
    expect(order).toEqual(['finally', 'close']);
  });

  it('V-87 startResponse was called when the first chunk arrives', async () => {
    expect(trySync(() => steps([CHUNK]))).toMatchObject({ row: 'V-87', side: 'application' });
    expect(trySync(() => [CHUNK]).row).toBe('V-87');
    expect((await tryAsync(() => later([CHUNK]))).row).toBe('V-87');
    const refused = (_environ: Wrong, start: Wrong) => {
      try {
        start('bad', []);
      } catch {}
      return [CHUNK];
    };
    expect(trySync(refused).row).toBe('V-87');
    const late = function* (_environ: Wrong, start: Wrong) {
      start(...OK);
      yield CHUNK;
    };
    expect(trySync(late)).toMatchObject({ row: null, warned: [] });
  });

  it('V-87 an empty chunk before startResponse is a warning', () => {
    const app = function* (_environ: Wrong, start: Wrong) {
      yield bytes('');
      yield bytes('');
      start(...OK);
      yield CHUNK;
    };
    expect(trySync(app)).toMatchObject({ row: null, warned: ['V-87'] });
  });

  it('V-123 startResponse was called at the end of the body', async () => {
    expect(trySync(() => steps([]))).toMatchObject({ row: 'V-123', side: 'application' });
    expect(trySync(() => [])).toMatchObject({ row: 'V-123' });
    expect((await tryAsync(() => later([]))).row).toBe('V-123');
    expect(trySync(answering(OK, steps([]))).row).toBeNull();
  });

  it('V-124 the body has as many bytes as Content-Length says', async () => {
    for (const [length, row] of [
      [1, 'V-124'],
      [3, 'V-124'],
      [2, null],
    ] as const) {
      expect(trySync(answering(withLength(length), steps([CHUNK]))).row).toBe(row);
      expect(trySync(answering(withLength(length), [CHUNK])).row).toBe(row);
      expect((await tryAsync(answering(withLength(length), later([CHUNK])))).row).toBe(row);
      const writing = (_environ: Wrong, start: Wrong) => {
        start(...withLength(length))(CHUNK.subarray(0, 1));
        return steps([CHUNK.subarray(1)]);
      };
      expect(trySync(writing).row).toBe(row);
    }
  });

  it('V-124 is not applied to HEAD, nor when the server stops early', () => {
    expect(trySync(answering(withLength(9), [CHUNK]), { method: 'HEAD' }).row).toBeNull();
    const stop = taking(1, (body, iterator) => {
      iterator.return();
      body.close();
    });
    expect(trySync(answering(withLength(9), steps([CHUNK, CHUNK])), { serve: stop }).row).toBeNull();
    expect(trySync(answering(['304 Not Modified', [['Content-Length', '9']]], steps([]))).row).toBeNull();
  });

  it('V-125 an array yields its length and is not changed', () => {
    class Short extends Array<Uint8Array> {
      override *[Symbol.iterator](): Generator<Uint8Array, undefined> {
        yield CHUNK;
        return undefined;
      }
    }
    class Long extends Array<Uint8Array> {
      override *[Symbol.iterator](): Generator<Uint8Array, undefined> {
        yield CHUNK;
        yield CHUNK;
        yield CHUNK;
        return undefined;
      }
    }
    expect(trySync(answering(OK, Short.from([CHUNK, CHUNK]))).row).toBe('V-125');
    expect(trySync(answering(OK, Long.from([CHUNK, CHUNK]))).row).toBe('V-125');
    const changing = (change: (body: unknown[]) => void): Serve => {
      return (app, environ, start) => {
        const body = app(environ, start);
        change(source);
        return [...body];
      };
    };
    let source: unknown[] = [];
    const app = (_environ: Wrong, start: Wrong) => {
      start(...OK);
      source = [CHUNK, CHUNK];
      return source;
    };
    const swap = (body: unknown[]) => {
      body[1] = bytes('other');
    };
    expect(trySync(app, { serve: changing((body) => body.pop()) })).toMatchObject({
      row: 'V-125',
      side: 'application',
    });
    expect(trySync(app, { serve: changing(swap) }).row).toBe('V-125');
    expect(trySync(app, { serve: changing(() => {}) }).row).toBeNull();
    const assigning: Serve = (checked, environ, start) => {
      checked(environ, start)[0] = untyped(CHUNK);
    };
    expect(trySync(app, { serve: assigning })).toMatchObject({ row: 'V-125', side: 'server' });
  });

  it('V-126 204 and 304 have no body', () => {
    for (const status of ['204 No Content', '304 Not Modified']) {
      expect(trySync(answering([status, []], [CHUNK]))).toMatchObject({ row: 'V-126', side: 'application' });
      expect(trySync(answering([status, []], steps([CHUNK]))).row).toBe('V-126');
      expect(trySync(answering([status, []], steps([bytes('')]))).row).toBeNull();
    }
  });

  it('V-126 warns of a body for HEAD', () => {
    const app = answering(OK, steps([CHUNK, CHUNK]));
    expect(trySync(app, { method: 'HEAD' })).toMatchObject({ row: null, warned: ['V-126'] });
    expect(trySync(app)).toMatchObject({ row: null, warned: [] });
    expect(trySync(answering(['205 Reset Content', [TEXT]], [CHUNK])).warned).toEqual(['G-129']);
  });
});

describe('what the server does with the body', () => {
  const app = (close?: () => void) => answering(OK, steps([CHUNK, CHUNK], close));

  it('V-85 does not iterate after close', async () => {
    const afterClose = taking(2, (body, iterator) => {
      iterator.return();
      body.close();
      iterator.next();
    });
    expect(trySync(app(), { serve: afterClose })).toMatchObject({ row: 'V-85', side: 'server' });
    const iterateLate: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      body.close();
      [...body];
    };
    expect(trySync(app(), { serve: iterateLate }).row).toBe('V-85');
    expect(trySync(answering(OK, Object.assign([CHUNK], { close() {} })), { serve: iterateLate }).row).toBe('V-85');
    expect(trySync(app()).row).toBeNull();
    const late = takingLater(3, async (body, iterator) => {
      await body.close();
      await iterator.next();
    });
    expect((await tryAsync(answering(OK, later([CHUNK, CHUNK])), { serve: late })).row).toBe('V-85');
  });

  it('V-88 close of the body is called, on the body itself', async () => {
    const seen: unknown[] = [];
    const body = {
      ...steps([CHUNK]),
      close(this: unknown) {
        seen.push(this === body);
      },
    };
    expect(trySync(answering(OK, body)).row).toBeNull();
    expect(seen).toEqual([true]);
    expect(trySync(answering(OK, { ...steps([]), close: 5 })).row).toBe('V-88');
    expect(trySync(answering(OK, steps([]))).row).toBeNull();
    const array = Object.assign([CHUNK], { close: () => void seen.push('array') });
    expect(trySync(answering(OK, array)).row).toBeNull();
    expect(
      (
        await tryAsync(
          answering(
            OK,
            later([CHUNK], async () => seen.push('async')),
          ),
        )
      ).row,
    ).toBeNull();
    expect(seen).toEqual([true, 'array', 'async']);
  });

  it('V-88 an error of close passes as it is', async () => {
    const error = new Error('in close');
    const close = () => {
      throw error;
    };
    expect(trySync(app(close)).error).toBe(error);
    expect(
      (
        await tryAsync(
          answering(
            OK,
            later([], async () => close()),
          ),
        )
      ).error,
    ).toBe(error);
  });

  it('V-128 takes one iterator, and calls next neither after the end nor with an argument', async () => {
    const second = taking(0, (body) => body[Symbol.iterator]());
    expect(trySync(app(), { serve: second })).toMatchObject({ row: 'V-128', side: 'server' });
    expect(trySync(app(), { serve: taking(4, () => {}) }).row).toBe('V-128');
    expect(trySync(app(), { serve: taking(0, (_body, iterator) => iterator.next(5)) }).row).toBe('V-128');
    const afterReturn = taking(1, (_body, iterator) => {
      iterator.return();
      iterator.next();
    });
    expect(trySync(app(), { serve: afterReturn }).row).toBe('V-128');
    const throwing = answering(OK, {
      *[Symbol.iterator]() {
        yield CHUNK;
        throw new Error('mine');
      },
    });
    const afterThrow = taking(1, (_body, iterator) => {
      expect(() => iterator.next()).toThrow('mine');
      iterator.next();
    });
    expect(trySync(throwing, { serve: afterThrow }).row).toBe('V-128');
    expect(trySync(app(), { serve: taking(3, (body) => body.close()) }).row).toBeNull();
    const asyncApp = answering(OK, later([CHUNK]));
    expect((await tryAsync(asyncApp, { serve: takingLater(3, () => {}) })).row).toBe('V-128');
    expect((await tryAsync(asyncApp, { serve: takingLater(0, (body) => body[Symbol.asyncIterator]()) })).row).toBe(
      'V-128',
    );
    expect((await tryAsync(asyncApp, { serve: takingLater(0, (_body, iterator) => iterator.next(5)) })).row).toBe(
      'V-128',
    );
    expect((await tryAsync(asyncApp)).row).toBeNull();
  });

  it.each<[string, (body: Wrong) => void]>([
    ['reads a property', (body) => body.length],
    ['looks for one', (body) => 'path' in body],
    ['sets one', (body) => Object.assign(body, { path: 1 })],
    ['defines one', (body) => Object.defineProperty(body, 'path', { value: 1 })],
    ['deletes one', (body) => delete body.close],
  ])('V-129 uses no other property of the body: %s', (_title, use) => {
    const serve: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      use(body);
      body.close();
    };
    const options = { strictProperties: true };
    expect(trySync(app(), { serve, options })).toMatchObject({ row: 'V-129', side: 'server' });
    expect(trySync(app(), { options }).row).toBeNull();
  });

  it('V-129 the length and elements of an array may be used, nothing else', async () => {
    const options = { strictProperties: true };
    const array = answering(OK, [CHUNK]);
    const serve: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      for (let i = 0; i < body.length; i++) expect(body[i]).toBe(CHUNK);
    };
    expect(trySync(array, { serve, options }).row).toBeNull();
    expect(trySync(array, { options, serve: (c, e, s) => c(e, s).map }).row).toBe('V-129');
    expect((await tryAsync(async (e: Wrong, s: Wrong) => array(e, s), { options })).row).toBeNull();
    const right: Application = (_environ, startResponse) => {
      startResponse(...OK);
      return [CHUNK];
    };
    expect(runSyncly(validator(right, options)).head?.length).toBe(2);
  });

  it('V-130 closes exactly once, and returns the iterator before it when it stops early', async () => {
    const twice: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      body.close();
      body.close();
    };
    let closed = 0;
    expect(
      trySync(
        app(() => closed++),
        { serve: twice },
      ),
    ).toMatchObject({ row: 'V-130', side: 'server' });
    expect(closed).toBe(1);
    expect(trySync(answering(OK, Object.assign([CHUNK], { close() {} })), { serve: twice }).row).toBe('V-130');
    const early = taking(1, (body) => body.close());
    expect(
      trySync(
        app(() => closed++),
        { serve: early },
      ).row,
    ).toBe('V-130');
    expect(closed).toBe(2);
    const twiceReturned = taking(1, (_body, iterator) => {
      iterator.return();
      iterator.return();
    });
    expect(trySync(app(), { serve: twiceReturned }).row).toBe('V-130');
    const orderly = taking(1, (body, iterator) => {
      iterator.return();
      body.close();
    });
    expect(trySync(app(), { serve: orderly }).row).toBeNull();
    const noReturn = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: CHUNK }) }) };
    expect(trySync(answering(OK, noReturn), { serve: orderly }).row).toBeNull();
    const lateApp = answering(OK, later([CHUNK, CHUNK]));
    expect((await tryAsync(lateApp, { serve: takingLater(1, (body) => body.close()) })).row).toBe('V-130');
    const orderlyLater = takingLater(1, async (body, iterator) => {
      await iterator.return();
      await body.close();
    });
    expect((await tryAsync(lateApp, { serve: orderlyLater })).row).toBeNull();
  });

  it('V-137 does not change a chunk', async () => {
    const options = { compareChunks: true };
    const changing: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      try {
        for (const chunk of body) bytesOf(chunk)[0] ^= 1;
      } finally {
        body.close?.();
      }
    };
    const make = () => answering(OK, steps([bytes('a'), bytes('b')]));
    expect(trySync(make(), { serve: changing, options })).toMatchObject({ row: 'V-137', side: 'server' });
    expect(trySync(make(), { serve: changing }).row).toBeNull();
    expect(trySync(make(), { options }).row).toBeNull();
    const array = () => answering(OK, Object.assign([bytes('a')], { close() {} }));
    expect(trySync(array(), { serve: changing, options }).row).toBe('V-137');
    expect(trySync(array(), { options }).row).toBeNull();
    const last = takingLater(1, async (body, iterator) => {
      kept[0] ^= 1;
      await iterator.return();
      await body.close();
    });
    const kept = bytes('a');
    expect((await tryAsync(answering(OK, later([kept, CHUNK])), { serve: last, options })).row).toBe('V-137');
    const writing = (_environ: Wrong, start: Wrong) => {
      start(...OK)(bytes('a'));
      return [];
    };
    const spoiling = () => (chunk: Uint8Array) => {
      chunk[0] ^= 1;
    };
    expect(trySync(writing, { startResponse: spoiling, options }).row).toBe('V-137');
    expect(trySync(writing, { options }).row).toBeNull();
  });

  it('V-137 the application itself may refill a chunk', () => {
    const app = function* (_environ: Wrong, start: Wrong) {
      start(...OK);
      const buffer = bytes('a');
      for (let i = 0; i < 3; i++) {
        yield buffer;
        buffer[0]++;
      }
    };
    expect(trySync(app, { options: { compareChunks: true } }).row).toBeNull();
  });
});

describe('what the server does with an async body', () => {
  const endless = () => {
    let wake = () => {};
    const body = {
      async *[Symbol.asyncIterator]() {
        yield CHUNK;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        yield CHUNK;
      },
      async close() {},
    };
    return { app: answering(OK, body), wake: () => wake() };
  };

  it('V-135 has at most one next outstanding', async () => {
    const { app, wake } = endless();
    const serve = takingLater(1, async (_body, iterator) => {
      iterator.next();
      try {
        await iterator.next();
      } finally {
        wake();
      }
    });
    expect(await tryAsync(app, { serve })).toMatchObject({ row: 'V-135', side: 'server' });
    expect((await tryAsync(answering(OK, later([CHUNK])))).row).toBeNull();
  });

  it('V-135 awaits return before close', async () => {
    const slow = () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: CHUNK }),
        return: () => turn({ done: true }),
      }),
      async close() {},
    });
    const hasty = takingLater(1, async (body, iterator) => {
      const returned = iterator.return();
      await Promise.all([returned, body.close()]);
    });
    expect((await tryAsync(answering(OK, slow()), { serve: hasty })).row).toBe('V-135');
    const patient = takingLater(1, async (body, iterator) => {
      await iterator.return();
      await body.close();
    });
    expect(await tryAsync(answering(OK, slow()), { serve: patient })).toMatchObject({ row: null, warned: [] });
  });

  it('V-135 warns when nobody awaits return or close', async () => {
    const careless = takingLater(1, async (body, iterator) => {
      iterator.return();
      await turn();
      body.close();
      await turn();
      await turn();
    });
    const app = answering(
      OK,
      later([CHUNK, CHUNK], async () => {}),
    );
    expect(await tryAsync(app, { serve: careless })).toMatchObject({ row: null, warned: ['V-135', 'V-135'] });
    const careful = takingLater(1, async (body, iterator) => {
      await iterator.return();
      await body.close();
      await turn();
      await turn();
    });
    expect(await tryAsync(app, { serve: careful })).toMatchObject({ row: null, warned: [] });
  });

  it('V-135 warns when somebody only catches the errors of return or close, and goes on without waiting', async () => {
    const app = answering(
      OK,
      later([CHUNK, CHUNK], async () => {}),
    );
    const catching = (awaiting: boolean) =>
      takingLater(1, async (body, iterator) => {
        const returned = promiseOf(iterator.return()).catch(() => {});
        if (awaiting) await returned;
        await turn();
        const closed = promiseOf(body.close()).catch(() => {});
        if (awaiting) await closed;
        await turn();
        await turn();
      });
    expect(await tryAsync(app, { serve: catching(false) })).toMatchObject({ row: null, warned: ['V-135', 'V-135'] });
    expect(await tryAsync(app, { serve: catching(true) })).toMatchObject({ row: null, warned: [] });
    const together = takingLater(1, async (body, iterator) => {
      await Promise.race([iterator.return(), turn()]);
      await Promise.allSettled([body.close()]);
      await turn();
    });
    expect(await tryAsync(app, { serve: together })).toMatchObject({ row: null, warned: [] });
  });

  it('V-135 B-13 what has a then is a promise too', async () => {
    const thenable = () => {
      let told = 0;
      const made = {
        // biome-ignore lint/suspicious/noThenProperty: that is what is tried
        then(resolve: (value: unknown) => void) {
          told++;
          setImmediate(() => resolve({ done: true }));
        },
      };
      return { made, told: () => told };
    };
    const closed = thenable();
    const returned = thenable();
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: CHUNK }),
        return: () => returned.made,
      }),
      close: () => closed.made,
    };
    const hasty = takingLater(1, async (checked, iterator) => {
      const going = iterator.return();
      await Promise.all([going, checked.close()]);
    });
    expect((await tryAsync(answering(OK, body), { serve: hasty })).row).toBe('V-135');
    expect([returned.told(), closed.told()]).toEqual([1, 1]);
    const careless = takingLater(1, async (checked, iterator) => {
      await iterator.return();
      checked.close();
      await turn();
      await turn();
    });
    expect((await tryAsync(answering(OK, body), { serve: careless })).warned).toEqual(['V-135']);
  });

  it('V-135 B-36 return() may be called while a step is running, and that step may still call startResponse', async () => {
    let wake = () => {};
    const app = async function* (_environ: Wrong, start: Wrong) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      start(...OK);
      yield CHUNK;
    };
    const serve = takingLater(0, async (body, iterator) => {
      const step = iterator.next();
      const returned = iterator.return();
      wake();
      await step;
      await returned;
      await body.close();
    });
    expect(await tryAsync(app, { serve })).toMatchObject({ row: null, error: undefined });
  });

  it('A-23 warns of a sync close that returns a promise', () => {
    expect(
      trySync(
        answering(
          OK,
          steps([], async () => {}),
        ),
      ).warned,
    ).toEqual(['A-23']);
    expect(
      trySync(
        answering(
          OK,
          steps([], () => {}),
        ),
      ).warned,
    ).toEqual([]);
  });
});

describe('bodies that are not closed', () => {
  const environ = () => Object.assign(syncEnviron(), { PATH_INFO: '/unclosed' });
  const names = () => validator.unclosed().filter(({ request }) => request === 'GET /unclosed').length;

  it('V-89 validator.unclosed() names them', () => {
    const open: Wrong[] = [];
    const serve: Serve = (checked, given, start) => {
      open.push(checked(given, start));
    };
    trySync(answering(OK, steps([CHUNK])), { serve, environ: environ() });
    trySync(answering(OK, [CHUNK]), { serve, environ: environ() });
    expect(names()).toBe(1);
    open[0].close();
    expect(names()).toBe(0);
    trySync(answering(OK, steps([CHUNK])), { environ: environ() });
    expect(names()).toBe(0);
  });

  it('V-89 one that is garbage-collected is reported', async () => {
    setFlagsFromString('--expose_gc');
    const collect: () => void = runInNewContext('gc');
    const serve: Serve = (checked, given, start) => void checked(given, start);
    const seen = trySync(answering(OK, steps([CHUNK])), { serve, environ: environ() });
    // A registry may take its time; vitest's own limit ends the test if it never speaks.
    while (seen.warned.length === 0) {
      collect();
      await turn();
    }
    expect(seen.warned).toEqual(['V-89']);
    expect(names()).toBe(0);
  });
});
