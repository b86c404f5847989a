import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bytes } from './transport.ts';
import {
  answering,
  bytesOf,
  CHUNK,
  OK,
  steps,
  tryAsync,
  trySync,
  untyped,
  validated,
  type Wrong,
  type WrongApplication,
} from './trial.ts';

type Middleware = (app: Wrong) => WrongApplication;

const options = { warn: () => {} };

/** Middleware between two validators. */
const between = (middleware: Middleware, app: unknown) => middleware(validated(app, options));
const betweenLater = (middleware: Middleware, app: unknown) =>
  middleware(validated(app, { ...options, kind: 'async' as const }));

const inner = (...values: unknown[]) =>
  answering(
    OK,
    steps(values.length > 0 ? values : [CHUNK, CHUNK, CHUNK], () => {}),
  );
const innerLater =
  (...values: unknown[]) =>
  async (_environ: Wrong, start: Wrong) => {
    start(...OK);
    return {
      async *[Symbol.asyncIterator]() {
        yield* values.length > 0 ? values : [CHUNK, CHUNK, CHUNK];
      },
      async close() {},
    };
  };

/** A body made of another one by a generator, closed with it. */
const mapped = (body: Wrong, generate: (body: Wrong) => unknown) => ({
  [Symbol.iterator]: () => generate(body),
  close: () => body.close?.(),
});

const good: Middleware = (app) => (environ, start) =>
  mapped(app(environ, start), function* (body) {
    for (const chunk of body) yield chunk;
  });

const goodLater: Middleware = (app) => async (environ: Wrong, start: Wrong) => {
  const body = await app(environ, start);
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of body) yield chunk;
    },
    close: () => body.close?.(),
  };
};

describe('middleware between two validators', () => {
  it('V-131 does not iterate the inner body before it returns its own', async () => {
    const collecting: Middleware = (app) => (environ, start) => {
      const body = app(environ, start);
      const all = [...body];
      body.close?.();
      return all;
    };
    expect(trySync(between(collecting, inner()))).toMatchObject({ row: 'V-131', side: 'middleware' });
    expect(trySync(between(good, inner())).row).toBeNull();
    // An array may be processed at once (M-02).
    expect(trySync(between(collecting, answering(OK, [CHUNK, CHUNK]))).row).toBeNull();
    const collectingLater: Middleware = (app) => async (environ: Wrong, start: Wrong) => {
      const all = [];
      for await (const chunk of await app(environ, start)) all.push(chunk);
      return all;
    };
    expect((await tryAsync(betweenLater(collectingLater, innerLater()))).row).toBe('V-131');
    expect((await tryAsync(betweenLater(goodLater, innerLater()))).row).toBeNull();
  });

  it('V-131 yields at least once for each inner step', async () => {
    const joining: Middleware = (app) => (environ, start) =>
      mapped(app(environ, start), function* (body) {
        const all = [];
        for (const chunk of body) all.push(chunk);
        yield Buffer.concat(all.map(bytesOf));
      });
    expect(trySync(between(joining, inner()))).toMatchObject({ row: 'V-131', side: 'middleware' });
    const dropping: Middleware = (app) => (environ, start) =>
      mapped(app(environ, start), function* (body) {
        for (const chunk of body) if (bytesOf(chunk).byteLength === 0) yield chunk;
      });
    expect(trySync(between(dropping, inner(CHUNK))).row).toBe('V-131');
    const abandoning: Middleware = (app) => (environ, start) =>
      mapped(app(environ, start), function* (body) {
        for (const chunk of body) {
          if (bytesOf(chunk).byteLength > 0) return;
          yield chunk;
        }
      });
    expect(trySync(between(abandoning, inner())).row).toBeNull(); // M-11
    const patient: Middleware = (app) => (environ, start) =>
      mapped(app(environ, start), function* (body) {
        const all = [];
        for (const chunk of body) {
          all.push(chunk);
          yield bytes('');
        }
        yield Buffer.concat(all.map(bytesOf));
      });
    expect(trySync(between(patient, inner())).row).toBeNull();
    const joiningLater: Middleware = (app) => async (environ: Wrong, start: Wrong) => {
      const body = await app(environ, start);
      return {
        async *[Symbol.asyncIterator]() {
          const all = [];
          for await (const chunk of body) all.push(chunk);
          yield Buffer.concat(all.map(bytesOf));
        },
        close: () => body.close?.(),
      };
    };
    expect((await tryAsync(betweenLater(joiningLater, innerLater()))).row).toBe('V-131');
  });

  it('V-131 middleware that is a generator and calls the application in its first step is seen too', () => {
    const lazy =
      (join: boolean): Middleware =>
      (app) =>
        function* (environ: Wrong, start: Wrong): Generator<unknown, void, undefined> {
          const body = app(environ, start);
          try {
            if (join) yield Buffer.concat([...body].map(bytesOf));
            else for (const chunk of body) yield chunk;
          } finally {
            body.close?.();
          }
        };
    expect(trySync(between(lazy(true), inner())).row).toBe('V-131');
    expect(trySync(between(lazy(false), inner())).row).toBeNull();
  });

  it('V-132 the inner body is closed when the outer one is', async () => {
    const forgetting: Middleware = (app) => (environ, start) => {
      const body = app(environ, start);
      return {
        *[Symbol.iterator]() {
          yield* body;
        },
      };
    };
    expect(trySync(between(forgetting, inner()))).toMatchObject({ row: 'V-132', side: 'middleware' });
    expect(trySync(between(good, inner())).row).toBeNull();
    const mapping: Middleware = (app) => (environ, start) => app(environ, start).map((chunk: Wrong) => chunk);
    const closable = answering(OK, Object.assign([CHUNK], { close() {} }));
    expect(trySync(between(mapping, closable)).row).toBe('V-132');
    expect(trySync(between(mapping, answering(OK, [CHUNK]))).row).toBeNull();
    const forgettingLater: Middleware = (app) => async (environ: Wrong, start: Wrong) => {
      const body = await app(environ, start);
      return {
        async *[Symbol.asyncIterator]() {
          yield* body;
        },
      };
    };
    expect((await tryAsync(betweenLater(forgettingLater, innerLater()))).row).toBe('V-132');
    expect((await tryAsync(betweenLater(goodLater, innerLater()))).row).toBeNull();
  });

  it('V-133 the outer write is called inside calls of the inner one only', async () => {
    const writing = (_environ: Wrong, start: Wrong) => {
      start(...OK)(CHUNK);
      return steps([CHUNK], () => {});
    };
    const outerWrite =
      (through: boolean): Middleware =>
      (app) =>
      (environ, start) => {
        let write = untyped(undefined);
        const body = app(environ, (...args: Wrong[]) => {
          write = start(...args);
          return (chunk: Wrong) => {
            if (through) write(chunk);
          };
        });
        if (!through) write(CHUNK);
        return body;
      };
    expect(trySync(between(outerWrite(false), writing))).toMatchObject({ row: 'V-133', side: 'middleware' });
    expect(trySync(between(outerWrite(true), writing)).row).toBeNull();
    const writingLater = async (_environ: Wrong, start: Wrong) => {
      await start(...OK)(CHUNK);
      return [];
    };
    const outerWriteLater =
      (through: boolean): Middleware =>
      (app) =>
      async (environ: Wrong, start: Wrong) => {
        let write = untyped(undefined);
        const body = await app(environ, (...args: Wrong[]) => {
          write = start(...args);
          return async (chunk: Wrong) => {
            await turn();
            if (through) await write(chunk);
          };
        });
        if (!through) await write(CHUNK);
        return body;
      };
    expect((await tryAsync(betweenLater(outerWriteLater(false), writingLater))).row).toBe('V-133');
    expect((await tryAsync(betweenLater(outerWriteLater(true), writingLater))).row).toBeNull();
  });

  it('V-131 V-132 applications that middleware tries one after the other are not taken for nested ones', async () => {
    const cascade =
      (...apps: Wrong[]): WrongApplication =>
      (environ: Wrong, start: Wrong) => {
        for (const app of apps.slice(0, -1)) app(environ, () => () => {}).close?.();
        return good(untyped(apps.at(-1)))(environ, start);
      };
    const app = cascade(validated(inner(), options), validated(inner(), options), validated(inner(), options));
    expect(trySync(app).row).toBeNull();
    const cascadeLater = async (environ: Wrong, start: Wrong) => {
      const first = await validated(innerLater(), options)(environ, () => async () => {});
      await first.close?.();
      return goodLater(validated(innerLater(), options))(environ, start);
    };
    expect((await tryAsync(cascadeLater)).row).toBeNull();
  });

  describe('an application that calls another one for a request of its own is a server to it', () => {
    const ignore = () => () => {};
    /** Reads all of another application, as a server does. */
    const read = (app: Wrong, environ: unknown) => {
      const body = app(environ, ignore);
      const all = [...body].map(bytesOf);
      body.close?.();
      return Buffer.concat(all);
    };
    const asking =
      (changes: object): Middleware =>
      (app) =>
      (environ, start) => {
        const all = read(app, Object.assign({}, environ, changes));
        start(...OK);
        return steps([all], () => {});
      };

    it('V-131 for another path, query or method; the same request, read ahead, is middleware that buffers', () => {
      for (const changes of [{ PATH_INFO: '/other' }, { QUERY_STRING: 'a' }, { REQUEST_METHOD: 'POST' }]) {
        expect(trySync(between(asking(changes), inner()))).toMatchObject({ row: null, warned: [] });
      }
      expect(trySync(between(asking({}), inner())).row).toBe('V-131');
      // As mounts do: it is the same request still (M-13).
      expect(trySync(between(asking({ SCRIPT_NAME: '/path', PATH_INFO: '' }), inner())).row).toBe('V-131');
    });

    it('V-131 middleware that rewrites the path and passes the head on is middleware still', () => {
      const rewriting: Middleware = (app) => (environ, start) =>
        mapped(app(Object.assign({}, environ, { PATH_INFO: '/other' }), start), function* (body) {
          const all = [];
          for (const chunk of body) all.push(chunk);
          yield Buffer.concat(all.map(bytesOf));
        });
      expect(trySync(between(rewriting, inner())).row).toBe('V-131');
    });

    it('V-131 V-133 it may do so in its steps, as often as it likes, and write', () => {
      const including: Middleware = (app) =>
        function* (environ: Wrong, start: Wrong): Generator<unknown, void, undefined> {
          start(...OK);
          for (const PATH_INFO of ['/a', '/b']) {
            yield Buffer.concat([read(app, { ...environ, PATH_INFO }), read(app, { ...environ, PATH_INFO })]);
          }
        };
      expect(trySync(between(including, inner()))).toMatchObject({ row: null, warned: [] });
      const writing: Middleware = (app) => (environ, start) => {
        start(...OK)(read(app, { ...environ, PATH_INFO: '/a' }));
        return [];
      };
      expect(trySync(between(writing, inner())).row).toBeNull();
    });

    it('V-132 it has to close what it got, and is an application where it does not', () => {
      const forgetting: Middleware = (app) => (environ, start) => {
        app({ ...environ, PATH_INFO: '/a' }, ignore);
        start(...OK);
        return [CHUNK];
      };
      expect(trySync(between(forgetting, inner()))).toMatchObject({ row: 'V-132', side: 'application' });
    });

    it('V-139 its own faults are those of an application', () => {
      const wrong: Middleware = (app) => (environ, start) => {
        read(app, { ...environ, PATH_INFO: '/a' });
        start(...OK);
        return steps(['text']);
      };
      expect(trySync(between(wrong, inner()))).toMatchObject({ row: 'V-86', side: 'application' });
    });

    it('V-131 M-20 in the async convention too', async () => {
      const askingLater =
        (changes: object): Middleware =>
        (app) =>
        async (environ: Wrong, start: Wrong) => {
          const body = await app(Object.assign({}, environ, changes), () => async () => {});
          const all = [];
          for await (const chunk of body) all.push(bytesOf(chunk));
          await body.close();
          start(...OK);
          return [Buffer.concat(all)];
        };
      const seen = await tryAsync(betweenLater(askingLater({ PATH_INFO: '/other' }), innerLater()));
      expect(seen).toMatchObject({ row: null, warned: [] });
      expect((await tryAsync(betweenLater(askingLater({}), innerLater()))).row).toBe('V-131');
    });
  });

  it('M-20 warns of middleware that reads ahead', async () => {
    const ahead: Middleware = (app) => async (environ: Wrong, start: Wrong) => {
      const body = await app(environ, start);
      const iterator = body[Symbol.asyncIterator]();
      return {
        async *[Symbol.asyncIterator]() {
          let step = iterator.next();
          for (;;) {
            const { done, value } = await step;
            if (done) return;
            step = turn().then(() => iterator.next());
            yield value;
            await step;
          }
        },
        close: () => body.close?.(),
      };
    };
    const serve = async (app: Wrong, environ: Wrong, start: Wrong) => {
      const body = await app(environ, start);
      for await (const _ of body) {
        await turn();
        await turn();
        await turn();
      }
      await body.close();
    };
    const warned: string[] = [];
    const app = ahead(validated(innerLater(), { warn: ({ row }) => warned.push(row) }));
    expect((await tryAsync(app, { serve })).row).not.toBe('M-20');
    expect(warned).toContain('M-20');
    warned.length = 0;
    await tryAsync(goodLater(validated(innerLater(), { warn: ({ row }) => warned.push(row) })), { serve });
    expect(warned).toEqual([]);
  });

  it('names middleware as the side at fault where it is', () => {
    const late: Middleware = (app) => (environ, start) => {
      const body = app(environ, start);
      body.close?.();
      body.close?.();
      return [];
    };
    expect(trySync(between(late, inner())).side).toBe('middleware');
  });
});
