import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../src/validate/index.ts';
import { asyncEnviron, bytes, syncEnviron } from './transport.ts';
import {
  answering,
  CHUNK,
  fine,
  gateway,
  OK,
  serveSync,
  steps,
  tryAsync,
  trySync,
  untyped,
  validated,
  type Wrong,
  type WrongApplication,
} from './trial.ts';

describe('calls of the application', () => {
  it('V-01 the application is called with exactly two arguments', () => {
    const broken = trySync(fine, { serve: (app, environ, start) => app(environ, start, {}) });
    expect(broken).toMatchObject({ row: 'V-01', side: 'server' });
    expect(trySync(fine, { serve: (app, environ) => app(environ) }).row).toBe('V-01');
    expect(trySync(fine).row).toBeNull();
  });

  it('V-02 startResponse is a function', () => {
    const broken = trySync(fine, { serve: (app, environ, start) => app(environ, { startResponse: start }) });
    expect(broken).toMatchObject({ row: 'V-02', side: 'server' });
    expect(trySync(fine).row).toBeNull();
  });

  it('V-03 startResponse gets two or three arguments', () => {
    expect(trySync(answering(['200 OK']))).toMatchObject({ row: 'V-03', side: 'application' });
    expect(trySync(answering([...OK, null, 1])).row).toBe('V-03');
    expect(trySync(answering([...OK, null])).row).toBeNull();
  });

  it('V-04 the first argument of startResponse is no object of options', () => {
    const broken = trySync(answering([{ status: '200 OK', headers: [] }]));
    expect(broken).toMatchObject({ row: 'V-04', side: 'application' });
    expect(broken.messages[0]).toContain('positional');
    expect(trySync(answering(OK)).row).toBeNull();
  });

  it.each([[null], [undefined], [false]])('V-05 the result is not %s', async (result) => {
    const app = (_environ: Wrong, start: Wrong) => {
      start(...OK);
      return result;
    };
    expect(trySync(app)).toMatchObject({ row: 'V-05', side: 'application' });
    expect((await tryAsync(async (environ: Wrong, start: Wrong) => app(environ, start))).row).toBe('V-05');
    expect(trySync(answering(OK, [])).row).toBeNull();
  });

  it('V-06 startResponse returns a function, and the application gets a checked one', () => {
    expect(trySync(fine, { startResponse: () => undefined })).toMatchObject({ row: 'V-06', side: 'server' });
    const write = () => {};
    let got: unknown;
    const app: WrongApplication = (_environ: Wrong, start: Wrong) => {
      got = start(...OK);
      return [];
    };
    expect(trySync(app, { startResponse: () => write }).row).toBeNull();
    expect(got).toBeTypeOf('function');
    expect(got).not.toBe(write);
  });

  it('V-07 status, headers, Content-Type and error are checked in this order, before the server is called', () => {
    const called: unknown[] = [];
    const startResponse = (...args: unknown[]) => {
      called.push(args);
      return () => {};
    };
    const rows = [
      ['bad', 'bad', 'bad'],
      ['204 No Content', 'bad', 'bad'],
      ['204 No Content', [['Content-Type', 'a/b']], 'bad'],
      ['204 No Content', [], 'bad'],
      ['204 No Content', [], null],
    ].map((args) => trySync(answering(args), { startResponse }).row);
    expect(rows).toEqual(['V-42', 'V-50', 'V-61', 'V-62', null]);
    expect(called).toEqual([['204 No Content', [], null]]);
  });

  it('V-63 the result is no string and no bytes', async () => {
    for (const result of ['text', bytes('x'), Buffer.from('x'), new ArrayBuffer(1), new DataView(new ArrayBuffer(1))]) {
      expect(trySync(answering(OK, result))).toMatchObject({ row: 'V-63', side: 'application' });
      expect((await tryAsync(answering(OK, Promise.resolve(result)))).row).toBe('V-63');
    }
    expect(trySync(answering(OK, [bytes('x')])).row).toBeNull();
  });

  it('A-02 the result is iterable', async () => {
    for (const result of [5, true, {}, () => {}]) {
      expect(trySync(answering(OK, result)).row).toBe('A-02');
      expect((await tryAsync(answering(OK, result))).row).toBe('A-02');
    }
    expect(trySync(answering(OK, steps([{}, 5]))).row).toBe('V-86');
    const noObject = { [Symbol.iterator]: () => ({ next: () => 5 }) };
    expect(trySync(answering(OK, noObject)).row).toBe('A-02');
    expect(trySync(answering(OK, { [Symbol.iterator]: () => 5 })).row).toBe('A-02');
  });

  it('V-134 a sync application returns no promise and no async iterable, and yields no promise', async () => {
    const late = trySync(async (_environ: Wrong, start: Wrong) => {
      start(...OK);
      return [];
    });
    expect(late).toMatchObject({ row: 'V-134', side: 'application' });
    expect(late.messages[0]).toContain('markAsync');
    async function* generator() {}
    expect(trySync(answering(OK, generator())).row).toBe('V-134');
    expect(trySync(answering(OK, steps([Promise.reject(new Error('handled'))]))).row).toBe('V-134');
    expect(trySync(answering(OK, [Promise.reject(new Error('handled'))])).row).toBe('V-134');
    expect((await tryAsync(answering(OK, steps([Promise.resolve(CHUNK)])))).row).toBe('V-134');
    // Handled, although nobody looks at it: vitest fails on an unhandled rejection.
    expect(trySync(answering(OK, Promise.reject(new Error('handled')))).row).toBe('V-134');
    const both = { ...steps([CHUNK]), async *[Symbol.asyncIterator]() {} };
    expect(trySync(answering(OK, both)).row).toBeNull();
    expect((await tryAsync(async (environ: Wrong, start: Wrong) => fine(environ, start))).row).toBeNull();
  });

  it('V-134 a body that a refused promise brings is closed', async () => {
    let closed = 0;
    const body = steps([], () => closed++);
    expect(trySync(answering(OK, Promise.resolve(body))).row).toBe('V-134');
    await null;
    await null;
    expect(closed).toBe(1);
  });

  it('V-110 V-10 environ is refused before the application is called', () => {
    let called = false;
    const app = () => {
      called = true;
      return [];
    };
    expect(trySync(app, { environ: Object.freeze(syncEnviron()) }).row).toBe('V-110');
    expect(called).toBe(false);
  });

  it('V-102 an application is called in its own convention', async () => {
    expect(trySync(fine, { environ: asyncEnviron() })).toMatchObject({ row: 'V-102', side: 'server' });
    expect((await tryAsync(fine, { environ: syncEnviron() })).row).toBe('V-102');
  });

  it('refuses what is no function', () => {
    expect(() => validated(null)).toThrow(TypeError);
  });
});

describe('messages', () => {
  it('V-139 name the row, the side, what was seen and what to do', () => {
    const seen = trySync(answering(['200 OK', [['Content-Length', 12]]]));
    expect(seen.messages).toEqual([
      'V-54: the value of the header "Content-Length" is 12; header values are strings: String(12) (at fault: the application)',
    ]);
    const error = seen.error as ValidationError;
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({
      name: 'ValidationError',
      row: 'V-54',
      side: 'application',
      code: 'QUAICH_VALIDATION',
    });
  });

  it('V-139 show what was seen short and escaped', () => {
    const [message] = trySync(answering([`200 ${'é'.repeat(100)}\r\n`, []])).messages;
    expect(message).toMatch(/^[ -~]+$/);
    expect(message.length).toBeLessThan(600);
    for (const [value, text] of [
      [Symbol('x'), 'a symbol'],
      [10n, '10n'],
      [new Map(), 'a Map'],
      [undefined, 'undefined'],
      [Object.create(null), 'an object'],
      [new Proxy({}, {}), 'a Proxy'],
      [new Error('x'), 'an Error'],
    ] as const) {
      expect(trySync(answering(['200 OK', value])).messages[0]).toContain(`the headers are ${text};`);
    }
  });

  it('V-139 a warning says the same, through the process if nobody listens', async () => {
    const environ = untyped(syncEnviron());
    delete environ.QUERY_STRING;
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    serveSync(validated(fine), environ, untyped(gateway('sync')));
    const warning = await warned;
    expect(warning).toMatchObject({ name: 'ValidationWarning', code: 'QUAICH_VALIDATION' });
    expect(warning.message).toMatch(/^V-22: .*at fault: the server\)$/);
    expect(trySync(fine).warned).toEqual([]);
  });
});
