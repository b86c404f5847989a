/**
 * What holds for each middleware that is shipped, in both conventions, alone and all together; test/validated has what
 * the validator sees.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Kind } from '../../src/index.ts';
import { type AnyEnviron, errorPage, type Middleware } from '../../src/middleware/index.ts';
import { validator } from '../../src/validate/index.ts';
import { bytes, call, KINDS, make, type Plain, request } from './drive.ts';
import { SHIPPED } from './shipped.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/**
 * Asks once, and keeps nothing but what may vanish. In a function of its own, so that no variable of a test keeps it.
 */
async function forget(kind: Kind, wrap: Middleware): Promise<WeakRef<object>[]> {
  const kept: WeakRef<object>[] = [];
  await call(kind, wrap, (environ: AnyEnviron, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    const body = {
      *[Symbol.iterator]() {
        yield bytes('chunk');
      },
      close() {},
    };
    kept.push(new WeakRef(environ), new WeakRef(startResponse), new WeakRef(body));
    return body;
  });
  return kept;
}

describe.each(KINDS)('in the %s convention', (kind) => {
  it.each(SHIPPED)('M-15 %s keeps order and repetition of fields, whatever their case', async (_name, wrap) => {
    const fields: [string, string][] = [
      ['x-B', '1'],
      ['SET-COOKIE', 'a=1'],
      ['cONTENT-tYPE', 'application/octet-stream'],
      ['x-b', '2'],
      ['Set-Cookie', 'b=2'],
      ['eTAG', '"x"'],
      ['cache-CONTROL', 'no-transform'],
    ];
    const app: Plain = (_environ, startResponse) => {
      startResponse('200 OK', fields);
      return [bytes('text')];
    };
    const reply = await call(kind, wrap(), app, { headers: { 'Accept-Encoding': 'gzip' } });
    const names = new Set(fields.map(([name]) => name));
    expect(reply.headers.filter(([name]) => names.has(name))).toEqual(fields);
    // A field that stands there in another case is not added again.
    for (const name of ['content-type', 'etag', 'cache-control']) expect(reply.all(name)).toHaveLength(1);
    expect(reply.text).toBe('text');
  });

  it.each(SHIPPED)('M-22 %s keeps nothing of a request after its close', async (_name, wrap) => {
    const subject = wrap();
    const kept = await forget(kind, subject);
    kept.push(...(await forget(kind, subject)));
    expect(kept).toHaveLength(6);
    for (let i = 0; i < 50 && kept.some((one) => one.deref() !== undefined); i++) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect(kept.filter((one) => one.deref() !== undefined)).toHaveLength(0);
  });

  it('A-05 A-06 an error page lets an error out that startResponse throws back', async () => {
    const app: Plain = function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield bytes('part');
      throw new Error('expected: late');
    };
    const page = errorPage({ development: false });
    const reply = await request(kind, validator(page(make(kind, app)), { kind }));
    expect([reply.code, reply.text, reply.broken]).toEqual([200, 'part', true]);
    expect(reply.errors).toContain('expected: late');
    expect(reply.errors).not.toContain('ValidationError');
  });

  it('A-13 an error page flushes its report', async () => {
    const events: string[] = [];
    const errors = {
      write: (text: string) => void events.push(text.includes('expected: early') ? 'report' : text),
      writelines: (lines: Iterable<string>) => void events.push(...lines),
      flush: () => void events.push('flush'),
    };
    const app: Plain = () => {
      throw new Error('expected: early');
    };
    const reply = await call(kind, errorPage({ development: false }), app, { environ: { 'wsgi.errors': errors } });
    expect(reply.code).toBe(500);
    expect(events).toEqual(['report', 'flush']);
  });
});
