import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Application, AsyncApplication } from '../../src/interface/index.ts';
import { validator } from '../../src/validate/index.ts';
import { bytes, runAsyncly, runSyncly, syncEnviron } from './transport.ts';
import { CHUNK, OK, type Serve, tryAsync, trySync, untyped, validated, type Wrong } from './trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-validate-'));
const path = join(folder, 'file');
writeFileSync(path, 'content');
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of these values. */
function file(values: unknown[], close: (() => unknown) | null = () => {}) {
  const rest = [...values];
  return { read: () => rest.shift() ?? bytes(''), ...(close === null ? {} : { close }) };
}

const sending =
  (what: unknown, args: unknown[] | null = OK) =>
  (environ: Wrong, start: Wrong) => {
    if (args !== null) start(...args);
    return environ['wsgi.file_wrapper'](what);
  };

/** A server that sends files by itself: it asks nothing of the body but its close. */
const sendfile: Serve = (app, environ, start) => app(environ, start).close?.();

describe('a file wrapper is checked on its way, and stays the object that the server made (V-138)', () => {
  it('V-86 its chunks are bytes', async () => {
    expect(trySync(sending(file(['text'])))).toMatchObject({ row: 'V-86', side: 'application' });
    expect(await tryAsync(sending(file(['text'])))).toMatchObject({ row: 'V-86', side: 'application' });
    expect(trySync(sending(file([CHUNK, CHUNK])))).toMatchObject({ row: null, warned: [] });
    expect(await tryAsync(sending(file([CHUNK, CHUNK])))).toMatchObject({ row: null, warned: [] });
    expect(validator.unclosed()).toEqual([]);
  });

  it('V-124 they are as many bytes as Content-Length says', async () => {
    const head = (length: string) => ['200 OK', [...OK[1], ['Content-Length', length]]];
    expect(trySync(sending(file([CHUNK]), head('1'))).row).toBe('V-124');
    expect(trySync(sending(file([CHUNK]), head('3'))).row).toBe('V-124');
    expect((await tryAsync(sending(file([CHUNK]), head('3')))).row).toBe('V-124');
    expect(trySync(sending(file([CHUNK]), head('2'))).row).toBeNull();
  });

  it('V-60 V-126 they are there where the head allows and describes them', () => {
    expect(trySync(sending(file([CHUNK]), ['200 OK', []])).row).toBe('V-60');
    expect(trySync(sending(file([CHUNK]), ['304 Not Modified', []])).row).toBe('V-126');
    expect(trySync(sending(file([CHUNK]), ['200 OK', []]), { serve: sendfile })).toMatchObject({
      row: null,
      warned: ['V-60'],
    });
    expect(trySync(sending(file([CHUNK])), { serve: sendfile })).toMatchObject({ row: null, warned: [] });
  });

  it('V-87 V-123 startResponse has been called: by the first read at the latest, before it for a descriptor', async () => {
    expect(trySync(sending(file([CHUNK]), null)).row).toBe('V-87');
    expect(trySync(sending(file([]), null)).row).toBe('V-123');
    const late = (environ: Wrong, start: Wrong) => {
      const { read } = file([CHUNK]);
      let first = true;
      return environ['wsgi.file_wrapper']({
        read() {
          if (first) start(...OK);
          first = false;
          return read();
        },
      });
    };
    expect(trySync(late).row).toBeNull();
    const descriptor = openSync(path, 'r');
    expect(trySync(sending(descriptor, null), { serve: sendfile })).toMatchObject({
      row: 'V-123',
      side: 'application',
    });
    expect(() => closeSync(descriptor)).toThrow('EBADF'); // the server never saw it
    const handle = await open(path);
    expect((await tryAsync(sending(handle.fd, null), { serve: sendfile })).row).toBe('V-123');
    await expect(handle.close()).rejects.toThrow('EBADF');
  });

  it('V-130 it is closed exactly once, and by the server', async () => {
    const twice: Serve = (app, environ, start) => {
      const body = app(environ, start);
      body.close();
      body.close();
    };
    let closed = 0;
    const counting = () =>
      file([CHUNK, CHUNK], () => {
        closed++;
      });
    expect(trySync(sending(counting()), { serve: twice })).toMatchObject({ row: 'V-130', side: 'server' });
    expect(closed).toBe(1);
    const twiceLater: Serve = async (app, environ, start) => {
      const body = await app(environ, start);
      await body.close();
      await body.close();
    };
    expect((await tryAsync(sending(counting()), { serve: twiceLater })).row).toBe('V-130');
    expect(closed).toBe(2);
  });

  it('V-130 return() comes before close where iteration is cut short, though it closes the file by itself (U-08)', async () => {
    const cut =
      (proper: boolean): Serve =>
      (app, environ, start) => {
        const body = app(environ, start);
        const iterator = body[Symbol.iterator]();
        iterator.next();
        if (proper) untyped(iterator).return();
        body.close();
      };
    let closed = 0;
    const counting = () =>
      file([CHUNK, CHUNK], () => {
        closed++;
      });
    expect(trySync(sending(counting()), { serve: cut(true) }).row).toBeNull();
    expect(trySync(sending(counting()), { serve: cut(false) }).row).toBe('V-130');
    expect(closed).toBe(2);
    const cutLater: Serve = async (app, environ, start) => {
      const body = await app(environ, start);
      const iterator = body[Symbol.asyncIterator]();
      await iterator.next();
      await untyped(iterator).return();
      await body.close();
    };
    expect(await tryAsync(sending(counting()), { serve: cutLater })).toMatchObject({ row: null, warned: [] });
    expect(closed).toBe(3);
    expect(validator.unclosed()).toEqual([]);
  });

  it('V-85 V-128 it is iterated once and not after close', () => {
    const again: Serve = (app, environ, start) => {
      const body = app(environ, start);
      for (const _ of body);
      for (const _ of body);
    };
    expect(trySync(sending(file([CHUNK], null)), { serve: again }).row).toBe('V-128');
    const after: Serve = (app, environ, start) => {
      const body = app(environ, start);
      body.close();
      for (const _ of body);
    };
    expect(trySync(sending(file([CHUNK])), { serve: after }).row).toBe('V-85');
  });

  it('V-89 V-130 one that was not closed is listed', () => {
    const before = validator.unclosed().length;
    const open: Wrong[] = [];
    const forgetting: Serve = (app, environ, start) => {
      const body = app(environ, start);
      open.push(body);
      for (const _ of body);
    };
    trySync(sending(file([CHUNK])), { serve: forgetting });
    trySync(sending(file([CHUNK], null)), { serve: forgetting });
    expect(validator.unclosed().slice(before)).toEqual([{ request: 'GET /path' }]);
    open[0].close();
    expect(validator.unclosed()).toHaveLength(before);
  });

  it('V-132 middleware that puts a body in its place closes it', () => {
    const replacing = (closing: boolean) => (environ: Wrong, start: Wrong) => {
      const body = untyped(validated(sending(file([CHUNK])))(environ, start));
      return {
        *[Symbol.iterator]() {
          for (const chunk of body) yield chunk;
        },
        close() {
          if (closing) body.close();
        },
      };
    };
    expect(trySync(replacing(true)).row).toBeNull();
    expect(trySync(replacing(false)).row).toBe('V-132');
  });

  it('V-138 it keeps its members: no close where it had none, none that shows', () => {
    const wrapped = new Map<unknown, string[]>();
    const app = (what: unknown) => (environ: Wrong, start: Wrong) => {
      start(...OK);
      const body = environ['wsgi.file_wrapper'](what);
      wrapped.set(body, Object.keys(body));
      return body;
    };
    const serve: Serve = (checked, environ, start) => {
      const body = checked(environ, start);
      expect(wrapped.get(body)).toEqual(Object.keys(body));
      for (const _ of body);
      body.close?.();
    };
    expect(trySync(app(file([CHUNK])), { serve }).error).toBeUndefined();
    expect(trySync(app(file([CHUNK], null)), { serve }).error).toBeUndefined();
    expect(wrapped.size).toBe(2);
  });

  it('V-138 a wrapper that cannot be watched passes as it is', () => {
    let closed = 0;
    const frozen = Object.freeze({
      *[Symbol.iterator]() {
        yield CHUNK;
      },
      close() {
        closed++;
      },
    });
    const environ = Object.assign(syncEnviron(), { 'wsgi.file_wrapper': () => frozen });
    const serve: Serve = (app, given, start) => {
      const body = app(given, start);
      expect(body).toBe(frozen);
      for (const _ of body);
      body.close();
    };
    expect(trySync(sending(file([])), { environ, serve })).toMatchObject({ error: undefined, warned: [] });
    expect(closed).toBe(1);
  });

  it('V-138 M-16 the server sends a file by its descriptor, through any number of validators, and closes it', async () => {
    const before = validator.unclosed().length;
    const app: Application = (environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return environ['wsgi.file_wrapper']!(openSync(path, 'r'));
    };
    const later: AsyncApplication = async (environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return environ['wsgi.file_wrapper']!(openSync(path, 'r'));
    };
    for (const outcome of [runSyncly(validator(validator(app))), await runAsyncly(validator(validator(later)))]) {
      expect(outcome.errors).toBe('');
      expect(outcome.files).toHaveLength(1);
      expect(() => closeSync(outcome.files[0][0])).toThrow('EBADF');
    }
    expect(validator.unclosed()).toHaveLength(before);
  });
});
