/** What holds for each middleware that is shipped, in both conventions, alone and all together. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Kind } from '../../src/index.ts';
import {
  type AnyEnviron,
  allowMethods,
  compose,
  compress,
  conditionalGet,
  cors,
  errorPage,
  limitBody,
  type Middleware,
  requestId,
  responseTime,
  session,
  staticFiles,
  trustProxy,
} from '../../src/middleware/index.ts';
import { validator } from '../../src/validate/index.ts';
import { bytes, call, KINDS, make, type Plain, request } from './drive.ts';

const EVERY: Record<string, () => Middleware> = {
  allowMethods: () => allowMethods(['GET', 'HEAD']),
  compress: () => compress({ threshold: 0 }),
  conditionalGet: () => conditionalGet(),
  cors: () => cors({ origin: ['https://a.example'] }),
  errorPage: () => errorPage({ development: false }),
  limitBody: () => limitBody({ maximum: 1000 }),
  requestId: () => requestId(),
  responseTime: () => responseTime(),
  session: () => session({ keys: ['x'.repeat(32)] }),
  staticFiles: () => staticFiles({ root: import.meta.dirname }),
  trustProxy: () => trustProxy({ trusted: ['127.0.0.1'] }),
};
const all = (): Middleware => compose(Object.values(EVERY).map((one) => one()));
const SUBJECTS: [name: string, wrap: () => Middleware][] = [...Object.entries(EVERY), ['all together', all]];

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Asks once, and keeps nothing but what may vanish. In a function of its own, so that no variable of a test keeps it. */
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
  it.each(SUBJECTS)('M-01 M-03 M-17 %s conforms on both sides and gives a step for each step', async (_name, wrap) => {
    const warnings: string[] = [];
    const options = { kind, warn: (warning: { message: string }) => void warnings.push(warning.message) };
    const steps = ['one ', '', 'two ', 'three'];
    const app = make(kind, function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      for (const text of steps) yield bytes(text);
    });
    // Two linked validators: V-131 to V-133 look at what goes on between them.
    const checked = validator(wrap()(validator(app, options)), options);
    const reply = await request(kind, checked, { headers: { 'Accept-Encoding': 'identity' } });
    expect(reply.errors).toBe('');
    expect([reply.code, reply.text]).toEqual([200, steps.join('')]);
    expect(warnings).toEqual([]);
  });

  it.each(SUBJECTS)('M-15 %s keeps order and repetition of fields, whatever their case', async (_name, wrap) => {
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

  it.each(SUBJECTS)('M-22 %s keeps nothing of a request after its close', async (_name, wrap) => {
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
