/** The helper: what a middleware can do, and what it may rely on. */
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { AsyncBody, Body, HeaderField } from '../../src/index.ts';
import { kindOf, markAsync, markSync } from '../../src/index.ts';
import { type BodyMapping, compose, copyEnviron, DROP, type Handling, middleware } from '../../src/middleware/index.ts';
import { asyncEnviron, bytes, call, hello, KINDS, make, type Plain, streamed, syncEnviron } from './drive.ts';

const TEXT: HeaderField[] = [['Content-Type', 'text/plain']];

function handle(handling: Handling) {
  return middleware({ name: 'test', request: () => ({ ...handling, environ: undefined }) });
}

/** Upper case, held back until a full stop: a chunk may give nothing, and something may be left at the end. */
function sentences(log: string[] = []): BodyMapping {
  let held = '';
  return {
    chunk(chunk) {
      held += Buffer.from(chunk).toString().toUpperCase();
      const end = held.lastIndexOf('.') + 1;
      const out = held.slice(0, end);
      held = held.slice(end);
      return bytes(out);
    },
    end: () => bytes(held),
    close: () => void log.push('mapping closed'),
  };
}

/** A body that writes down what is done to it. */
function watched(log: string[], steps: (string | Error)[], close?: () => void): Body {
  let index = 0;
  return {
    [Symbol.iterator]() {
      log.push('iterator');
      return {
        next() {
          log.push('next');
          const step = steps[index++];
          if (step instanceof Error) throw step;
          return step === undefined ? { done: true, value: undefined } : { done: false, value: bytes(step) };
        },
        return() {
          log.push('return');
          return { done: true, value: undefined };
        },
      };
    },
    close() {
      log.push('close');
      close?.();
    },
  };
}

describe.each(KINDS)('in the %s convention', (kind) => {
  it('keeps the kind of the application (B-03)', () => {
    expect(kindOf(handle({})(make(kind, hello())))).toBe(kind);
  });

  it('maps a body step by step: one chunk for each, empty where there is nothing yet, and the rest (M-03)', async () => {
    const log: string[] = [];
    const wrap = handle({ mapBody: () => sentences(log) });
    const app = wrap(make(kind, streamed(['a.', 'b', 'c.d', '', 'e'])));
    const chunks: string[] = [];
    if (kind === 'sync') {
      const body = (app as ReturnType<typeof markSync>)(syncEnviron(), () => () => {}) as Body;
      for (const chunk of body) chunks.push(Buffer.from(chunk).toString());
      body.close?.();
    } else {
      const body = (await (app as ReturnType<typeof markAsync>)(asyncEnviron(), () => async () => {})) as AsyncBody;
      for await (const chunk of body) chunks.push(Buffer.from(chunk).toString());
      await body.close?.();
    }
    expect(chunks).toEqual(['A.', '', 'BC.', '', '', 'DE']);
    expect(log).toEqual(['mapping closed']);
  });

  it('maps what goes through write as it maps the body (M-05)', async () => {
    const reply = await call(kind, handle({ mapBody: () => sentences() }), (_environ, startResponse) => {
      const write = startResponse('200 OK', TEXT);
      write(bytes('one'));
      write(bytes('. tw'));
      return [bytes('o.'), bytes(' three')];
    });
    expect(reply.text).toBe('ONE. TWO. THREE');
    expect(reply.sends.join('|')).toBe('ONE.| TWO.| THREE');
  });

  it('gives an array body as a whole to a mapping that can take it, so that its length is known (G-123)', async () => {
    const log: string[] = [];
    const mapping: BodyMapping = {
      chunk: () => expect.fail('chunk was called'),
      whole: (chunks) => bytes(Buffer.concat(chunks).toString().toUpperCase()),
      close: () => void log.push('mapping closed'),
    };
    const reply = await call(kind, handle({ mapBody: () => mapping }), (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return Object.assign([bytes('a'), bytes('b')], { close: () => void log.push('closed') });
    });
    expect(reply).toMatchObject({ text: 'AB', length: 2 });
    expect(log).toEqual(['closed', 'mapping closed']);
  });

  it('decides anew when startResponse is called again with an error (M-07)', async () => {
    const log: string[] = [];
    const wrap = handle({
      mapBody(head) {
        log.push(head.status);
        return head.code === 200 ? sentences(log) : undefined;
      },
    });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', [...TEXT, ['X-First', '1']]);
      yield bytes('');
      startResponse('500 Oops', TEXT, new Error('too late?'));
      yield bytes('plain.');
    });
    expect(reply).toMatchObject({ code: 500, text: 'plain.' });
    expect(reply.field('X-First')).toBeUndefined();
    expect(log).toEqual(['200 OK', '500 Oops', 'mapping closed']);
  });

  it('keeps the first decision where the head is sent already, and lets the error out (G-84, M-06)', async () => {
    const log: string[] = [];
    const wrap = handle({ mapBody: () => sentences(log) });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield bytes('a.');
      startResponse('500 Oops', TEXT, new Error('on purpose'));
      yield bytes('never');
    });
    expect(reply).toMatchObject({ code: 200, text: 'A.', broken: true });
    expect(reply.errors).toContain('on purpose');
    expect(log).toEqual(['mapping closed', 'mapping closed']);
  });

  it('closes a body that is dropped at once, and sends nothing of it (M-11)', async () => {
    const log: string[] = [];
    const wrap = handle({
      onHead: (head) => head.set('Content-Length', '0'),
      mapBody: () => DROP,
      onClose: () => void log.push('over'),
    });
    const early: Plain = (_environ, startResponse) => {
      startResponse('200 OK', TEXT)(bytes('swallowed'));
      return watched(log, ['a', 'b']);
    };
    expect(await call(kind, wrap, early)).toMatchObject({ code: 200, text: '', errors: '' });
    expect(log).toEqual(['close', 'over']);

    log.length = 0;
    const late: Plain = (_environ, startResponse) => {
      const body = watched(log, ['a', 'b']);
      const iterate = body[Symbol.iterator].bind(body);
      body[Symbol.iterator] = () => {
        startResponse('200 OK', TEXT);
        return iterate();
      };
      return body;
    };
    expect(await call(kind, wrap, late)).toMatchObject({ code: 200, text: '', errors: '' });
    expect(log).toEqual(['iterator', 'next', 'return', 'close', 'over']);
  });

  it('reports a dropped body that fails to close, without harm to the response (G-113)', async () => {
    const reply = await call(kind, handle({ mapBody: () => DROP }), (_environ, startResponse) => {
      startResponse('304 Not Modified', []);
      return watched([], ['a'], () => {
        throw new Error('close failed');
      });
    });
    expect(reply).toMatchObject({ code: 304, text: '', broken: false });
    expect(reply.errors).toContain('close failed');
  });

  it('closes once, in order, when the client goes in the middle (M-08, M-09, G-112)', async () => {
    const log: string[] = [];
    const wrap = handle({ mapBody: () => sentences(log), onClose: () => void log.push('over') });
    await call(
      kind,
      wrap,
      (_environ, startResponse) => {
        startResponse('200 OK', TEXT);
        return watched(log, ['a.', 'b.', 'c.']);
      },
      { disconnectAt: 1 },
    );
    expect(log).toEqual(['iterator', 'next', 'next', 'return', 'close', 'mapping closed', 'over']);
  });

  it('ends the request once also when the inner close throws (M-08)', async () => {
    const log: string[] = [];
    const wrap = handle({ onClose: () => void log.push('over') });
    const reply = await call(kind, wrap, (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return watched(log, ['a'], () => {
        throw new Error('close failed');
      });
    });
    expect(reply.text).toBe('a');
    expect(reply.errors).toContain('close failed');
    expect(log).toEqual(['iterator', 'next', 'next', 'close', 'over']);
  });

  it('closes a body that is never started (M-08)', async () => {
    const log: string[] = [];
    const app = handle({ mapBody: () => sentences(log), onClose: () => void log.push('over') })(
      make(kind, (_environ, startResponse) => {
        startResponse('200 OK', TEXT);
        return watched(log, ['a']);
      }),
    );
    if (kind === 'sync') {
      const body = (app as ReturnType<typeof markSync>)(syncEnviron(), () => () => {}) as Body;
      body.close?.();
      body.close?.();
    } else {
      const body = (await (app as ReturnType<typeof markAsync>)(asyncEnviron(), () => async () => {})) as AsyncBody;
      await body.close?.();
      await body.close?.();
    }
    expect(log).toEqual(['close', 'mapping closed', 'over']);
  });

  it('returns a mapping that throws its body, and closes it', async () => {
    const log: string[] = [];
    const failing: BodyMapping = {
      chunk() {
        throw new Error('mapping failed');
      },
    };
    const reply = await call(kind, handle({ mapBody: () => failing }), (_environ, startResponse) => {
      startResponse('200 OK', TEXT);
      return watched(log, ['a', 'b']);
    });
    expect(reply.code).toBe(500);
    expect(log).toEqual(['iterator', 'next', 'return', 'close']);
  });

  it('answers errors of the call, of a step and after a late head, while the head can be replaced', async () => {
    const reported: unknown[] = [];
    const wrap = handle({
      onError: (error) => ({ status: '503 Sorry', headers: TEXT, body: bytes(String(error)) }),
      onAnswered: (error) => void reported.push(error),
    });
    const failing: Plain[] = [
      () => {
        throw new Error('x');
      },
      (_environ, startResponse) => {
        startResponse('200 OK', [['X-Lost', '1']]);
        throw new Error('x');
      },
      function* () {
        throw new Error('x');
      },
      function* (_environ, startResponse) {
        startResponse('200 OK', [['X-Lost', '1']]);
        yield bytes('');
        throw new Error('x');
      },
    ];
    for (const app of failing) {
      const reply = await call(kind, wrap, app);
      expect(reply).toMatchObject({ status: '503 Sorry', text: 'Error: x', errors: '' });
      expect(reply.field('X-Lost')).toBeUndefined();
    }
    expect(reported).toHaveLength(failing.length);
  });

  it('answers an error of the rest of a mapping, while the head can be replaced', async () => {
    const failing: BodyMapping = {
      chunk: () => bytes(''),
      end() {
        throw new Error('no rest');
      },
    };
    const wrap = handle({
      mapBody: () => failing,
      onError: (error) => ({ status: '503 Sorry', headers: TEXT, body: bytes(String(error)) }),
    });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield bytes('a');
    });
    expect(reply).toMatchObject({ status: '503 Sorry', text: 'Error: no rest', errors: '', broken: false });
  });

  it('lets an error out where the head is sent, and does not call it answered (G-141)', async () => {
    const reported: unknown[] = [];
    const wrap = handle({
      onError: () => ({ status: '503 Sorry', headers: TEXT, body: bytes('sorry') }),
      onAnswered: (error) => void reported.push(error),
    });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield bytes('a');
      throw 'a string';
    });
    expect(reply).toMatchObject({ code: 200, text: 'a', broken: true });
    expect(reply.errors).toContain('a string');
    expect(reported).toEqual([]);
  });

  it('hands back the very body where nothing concerns it (G-123, M-16)', async () => {
    const array = [bytes('a')];
    const app = handle({ onHead() {}, onError: () => null })(
      make(kind, (_environ, startResponse) => {
        startResponse('200 OK', TEXT);
        return array;
      }),
    );
    const body =
      kind === 'sync'
        ? (app as ReturnType<typeof markSync>)(syncEnviron(), () => () => {})
        : await (app as ReturnType<typeof markAsync>)(asyncEnviron(), () => async () => {});
    expect(body).toBe(array);
  });

  it('passes a file wrapper through, so that the gateway sends the file itself (M-16)', async () => {
    const log: string[] = [];
    const wrap = handle({ onClose: () => void log.push('over'), around: (step) => step(), onError: () => null });
    const app: Plain = (environ, startResponse) => {
      startResponse('200 OK', TEXT);
      const fd = openSync(fileURLToPath(import.meta.url), 'r');
      const file = {
        fd,
        read: () => bytes(''),
        close() {
          log.push('close');
          closeSync(fd);
        },
      };
      return environ['wsgi.file_wrapper']!(file) as Body;
    };
    const reply = await call(kind, wrap, app, { sendFile: true });
    expect(reply.file).not.toBeNull();
    expect(log).toEqual(['close', 'over']);
  });

  it('answers in place of the application', async () => {
    const wrap = middleware({
      name: 'closed',
      request: () => ({ status: '403 Forbidden', headers: TEXT, body: [bytes('no')] }),
    });
    const reply = await call(kind, wrap, () => expect.fail('the application was called'));
    expect(reply).toMatchObject({ status: '403 Forbidden', text: 'no' });
  });

  it('closes the body of an answer whose head is refused, by the gateway or by middleware around it (G-111, M-08)', async () => {
    for (const close of [
      () => {},
      async () => {},
      () => expect.fail('in close'),
      () => Promise.reject(new Error('x')),
    ]) {
      let closed = 0;
      const wrap = middleware({
        name: 'answers',
        request: (environ) => ({
          status: environ.PATH_INFO === '/bad' ? ('nonsense' as string) : '200 OK',
          headers: TEXT,
          body: Object.assign([bytes('a')], {
            close() {
              closed++;
              return close();
            },
          }),
        }),
      });
      const never: Plain = () => expect.fail('the application was called');
      const bad = await call(kind, wrap, never, { path: '/bad' });
      expect([bad.code, closed]).toEqual([500, 1]);
      expect(bad.errors).toContain('nonsense');
      const around = middleware({
        name: 'refuses',
        request: () => ({
          onHead() {
            throw new TypeError('not this head');
          },
        }),
      });
      const refused = await call(kind, compose([around, wrap]), never);
      expect([refused.code, closed]).toEqual([500, 2]);
      expect(refused.errors).toContain('not this head');
    }
  });

  it('reports an error together with the refusal of the answer to it', async () => {
    const wrap = handle({
      onError: () => ({ status: '200' as string, headers: TEXT, body: bytes('sorry') }),
    });
    for (const app of [
      () => {
        throw new Error('the first');
      },
      function* (): Generator<Uint8Array> {
        throw new Error('the first');
      },
    ]) {
      const reply = await call(kind, wrap, app);
      expect(reply.code).toBe(500);
      expect(reply.errors).toContain('the first');
      expect(reply.errors).toContain('G-88');
    }
  });

  it('gives the application an environ of its own (M-12)', async () => {
    const wrap = middleware({
      name: 'renamed',
      request(environ) {
        const inner = copyEnviron(environ);
        inner.PATH_INFO = '/inner';
        return { environ: inner, onHead: (head) => head.set('X-Outer', environ.PATH_INFO) };
      },
    });
    const reply = await call(
      kind,
      wrap,
      (environ, startResponse) => {
        expect(Object.getPrototypeOf(environ)).toBeNull();
        return hello(environ.PATH_INFO)(environ, startResponse);
      },
      { path: '/outer' },
    );
    expect(reply.text).toBe('/inner');
    expect(reply.field('X-Outer')).toBe('/outer');
  });

  it('throws mistakes in a head that waits into the application (G-87), and repetition (G-82)', async () => {
    const wrap = handle({ deferHead: true, mapBody: () => undefined });
    const bad: [string, unknown][] = [
      ['200', TEXT],
      ['200 OK', [['Bad Name', 'x']]],
      ['200 OK', [['X', 'a\nb']]],
      ['200 OK', [['X', '\u010d\u010a']]],
      ['200 OK', [['Connection', 'close']]],
      ['200 OK', [['Content-Length', '1e3']]],
      ['200 OK', 'headers'],
    ];
    for (const [status, headers] of bad) {
      const reply = await call(kind, wrap, (_environ, startResponse) => {
        expect(() => startResponse(status, headers as HeaderField[])).toThrow(/G-|third/);
        startResponse('400 Bad', TEXT, new Error('replaced'));
        expect(() => startResponse('200 OK', TEXT)).toThrow(/G-82/);
        return [bytes('x')];
      });
      expect(reply.status).toBe('400 Bad');
    }
  });

  it('shows array bodies to a head that waits, and null for others', async () => {
    const seen: (number | null)[] = [];
    const wrap = handle({
      deferHead: true,
      mapBody(head, chunks) {
        seen.push(chunks?.length ?? null);
        head.set('X-Count', String(chunks?.length));
        return undefined;
      },
    });
    expect((await call(kind, wrap, hello())).field('X-Count')).toBe('1');
    await call(kind, wrap, streamed(['a']));
    await call(kind, wrap, (_environ, startResponse) => {
      startResponse('200 OK', TEXT)(bytes('written'));
      return [bytes('x')];
    });
    expect(seen).toEqual([1, null, null]);
  });

  it('asks the inner body once for each step it is asked for (M-02, M-20)', async () => {
    const log: string[] = [];
    const app = handle({ mapBody: () => sentences() })(
      make(kind, (_environ, startResponse) => {
        startResponse('200 OK', TEXT);
        return watched(log, ['a.', 'b.', 'c.']);
      }),
    );
    const nexts = () => log.filter((entry) => entry === 'next').length;
    if (kind === 'sync') {
      const body = (app as ReturnType<typeof markSync>)(syncEnviron(), () => () => {}) as Body;
      const iterator = body[Symbol.iterator]();
      expect(nexts()).toBe(0);
      iterator.next();
      expect(nexts()).toBe(1);
      iterator.next();
      expect(nexts()).toBe(2);
    } else {
      const body = (await (app as ReturnType<typeof markAsync>)(
        asyncEnviron(),
        () => async () => {},
      )) as AsyncIterable<Uint8Array>;
      const iterator = body[Symbol.asyncIterator]();
      expect(nexts()).toBe(0);
      await iterator.next();
      expect(nexts()).toBe(1);
      await iterator.next();
      expect(nexts()).toBe(2);
    }
  });

  it('leaves results that are no bodies to the gateway (G-100)', async () => {
    for (const result of [null, 'text', undefined, 5, new Uint8Array(3)]) {
      let ends = 0;
      const wrap = handle({ mapBody: () => sentences(), onClose: () => void ends++ });
      const app = kind === 'sync' ? markSync(() => result as never) : markAsync(() => result as never);
      const reply = await call(kind, () => wrap(app) as never, hello());
      expect(reply.code).toBe(500);
      expect(reply.errors).toContain('G-100');
      expect(ends).toBe(1);
    }
  });

  it('leaves chunks that are no bytes to the gateway (G-103)', async () => {
    const wrap = handle({ mapBody: () => sentences() });
    const reply = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', TEXT);
      yield 'text' as never;
    });
    expect(reply.errors).toContain('G-103');
  });
});

describe('M-19 one definition for both conventions', () => {
  it('maps head and body and runs at the close in either form, with the same outcome', async () => {
    const log: string[] = [];
    // Written once, without a word about promises.
    const signed = middleware({
      name: 'signed',
      request: () => ({
        onHead: (head) => void head.headers.push(['X-Signed', 'yes']),
        mapBody: () => sentences(log),
        onClose: () => void log.push('over'),
      }),
    });
    const replies = [];
    for (const kind of KINDS) {
      expect(kindOf(signed(make(kind, hello())))).toBe(kind);
      const { status, headers, text, sends } = await call(kind, signed, streamed(['a.', 'b', '.c']));
      replies.push({ status, headers, text, sends, log: log.splice(0) });
    }
    const [sync, async] = replies;
    expect(sync.text).toBe('A.B.C');
    expect(sync.headers).toContainEqual(['X-Signed', 'yes']);
    expect(sync.log).toEqual(['mapping closed', 'over']);
    expect(async).toEqual(sync);
  });
});
