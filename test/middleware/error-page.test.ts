import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RequestAborted, RequestBodyError } from '../../src/index.ts';
import { errorPage } from '../../src/middleware/index.ts';
import { ValidationError } from '../../src/validate/index.ts';
import { bytes, call, hello, KINDS, type Plain, streamed } from './drive.ts';

const failing: Plain = () => {
  throw new Error('<b>secret & "sauce"</b>', { cause: new Error('the deeper reason') });
};

describe.each(KINDS)('errorPage in the %s convention', (kind) => {
  it('says no more than the status in production, and reports the error', async () => {
    const reply = await call(kind, errorPage({ development: false }), failing, { path: '/x' });
    expect(reply).toMatchObject({ status: '500 Internal Server Error', text: '500 Internal Server Error\n' });
    expect(reply.field('Cache-Control')).toBe('no-store');
    expect(reply.errors).toContain('GET "/x"');
    expect(reply.errors).toContain('secret');
    expect(reply.errors).toContain('the deeper reason');
  });

  it('shows stack, causes and the source around the error in development, as HTML to a browser', async () => {
    const headers = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    const reply = await call(kind, errorPage({ development: true }), failing, { headers });
    expect(reply.field('Content-Type')).toBe('text/html; charset=utf-8');
    expect(reply.field('Content-Security-Policy')).toContain("default-src 'none'");
    expect(reply.text).not.toContain('<b>secret');
    expect(reply.text).toContain('&lt;b&gt;secret &amp; &quot;sauce&quot;&lt;/b&gt;');
    expect(reply.text).toContain('the deeper reason');
    expect(reply.text).toContain('error-page.test.ts:');
    expect(reply.text).toMatch(/&gt; +\d+ \| {3}throw new Error/);
  });

  it('does so as plain text to others', async () => {
    const reply = await call(kind, errorPage({ development: true }), failing);
    expect(reply.field('Content-Type')).toBe('text/plain; charset=utf-8');
    expect(reply.text).toMatch(/^500 Internal Server Error\n\n.*error-page.test.ts:/);
    expect(reply.text).toMatch(/> +\d+ \| {3}throw new Error/);
  });

  it('L-65 tells the rule that was broken, and what to do, in development', async () => {
    const reply = await call(kind, errorPage({ development: true }), () => {
      throw new ValidationError('V-54', 'application', 'the value is 12', 'header values are strings: String(12)');
    });
    expect(reply.text).toMatch(
      /^500 Internal Server Error\n\nWhat to do: header values are strings: String\(12\)\n\nRule V-54: The headers MUST be /,
    );
    expect(reply.text).toMatch(/error-page\.test\.ts:\d+:\d+\n/);
  });

  it('L-65 shows the source around each cause in development', async () => {
    const cause = new TypeError('inner');
    const reply = await call(kind, errorPage({ development: true }), () => {
      throw new Error('outer', { cause });
    });
    expect(reply.text).toMatch(
      /> +\d+ \| {7}throw new Error\('outer'[\s\S]*\ncaused by\n[\s\S]*> +\d+ \| {5}const cause = /,
    );
    expect(reply.text).toContain('caused by: TypeError: inner');
  });

  it('shows thrown values that are no errors (G-145)', async () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
        getPrototypeOf() {
          throw new Error('trap');
        },
      },
    );
    for (const value of [undefined, null, 'text', 5, Object.freeze({ a: 1 }), hostile]) {
      const reply = await call(kind, errorPage({ development: true }), () => {
        throw value;
      });
      expect(reply.code).toBe(500);
      expect(reply.text).toContain('500 Internal Server Error');
    }
  });

  it('shows no file that only the message names, which may be what a client sent', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'quaich-'));
    const file = join(dir, 'private.txt');
    const secret = randomUUID();
    writeFileSync(file, `${secret}\n`);
    const lines = `\n    at x (${file}:1:1)\n    at ${file}:1:1`;
    const failures: (() => Error)[] = [
      () => new Error(`no page at ${lines}`),
      () => new TypeError(lines, { cause: new Error(lines) }),
      () => Object.assign(new Error('first'), { message: lines }),
      () => Object.assign(new Error(lines), { message: `wrapped: ${lines}` }),
      () => new AggregateError([new Error(lines)], lines),
    ];
    for (const make of failures) {
      const reply = await call(kind, errorPage({ development: true }), () => {
        throw make();
      });
      expect(reply.text).toContain(file);
      expect(reply.text).not.toContain(secret);
    }
    rmSync(dir, { recursive: true });
  });

  it('has a page of its own where it is given one', async () => {
    const page = (status: number) => ({ type: 'text/html', text: `<h1>${status}</h1>` });
    const reply = await call(kind, errorPage({ development: false, page }), failing);
    expect(reply.field('Content-Type')).toBe('text/html');
    expect(reply.text).toBe('<h1>500</h1>');
  });

  it('reports the error, and answers it, though the page for it fails', async () => {
    const page = () => {
      throw new RangeError('no template');
    };
    const reply = await call(kind, errorPage({ development: false, page }), failing);
    expect(reply).toMatchObject({ code: 500, text: '500 Internal Server Error\n', broken: false });
    expect(reply.errors).toContain('no template');
    expect(reply.errors).toContain('the application failed');
  });

  it('gives a broken request body the status that fits, and does not report it', async () => {
    const reply = await call(kind, errorPage({ development: false }), () => {
      throw new RequestBodyError('too much', 413);
    });
    expect(reply.code).toBe(413);
    expect(reply.errors).toBe('');
  });

  it('answers an error in a step as long as nothing was sent, and breaks the connection later (G-141)', async () => {
    const wrap = errorPage({ development: false });
    const early = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', [['X-Lost', '1']]);
      yield bytes('');
      throw new Error('early');
    });
    expect(early.code).toBe(500);
    expect(early.field('X-Lost')).toBeUndefined();
    const late = await call(kind, wrap, function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      yield bytes('begun');
      throw new Error('late');
    });
    expect(late).toMatchObject({ code: 200, text: 'begun', broken: true });
    expect(late.errors.match(/Error: late/g)).toHaveLength(1);
  });

  it('is silent about requests that were given up (G-143)', async () => {
    const reply = await call(kind, errorPage({ development: true }), () => {
      throw new RequestAborted('shutdown');
    });
    expect(reply.errors).toBe('');
    expect(reply.text).toBe('');
  });

  it('leaves responses alone', async () => {
    expect((await call(kind, errorPage(), hello())).length).toBe(5);
    expect((await call(kind, errorPage(), streamed(['a', 'b']))).sends).toEqual(['a', 'b']);
  });
});
