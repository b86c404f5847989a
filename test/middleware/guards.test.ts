import { describe, expect, it } from 'vitest';
import type { AsyncEnviron, Environ } from '../../src/index.ts';
import { ConfigurationError, markAsync, markSync } from '../../src/index.ts';
import { allowHosts, allowMethods, limitBody } from '../../src/middleware/index.ts';
import { bytes, call, hello, KINDS, request } from './drive.ts';

describe.each(KINDS)('in the %s convention', (kind) => {
  describe('allowMethods', () => {
    it('lets the named ones through, and HEAD with GET', async () => {
      const wrap = allowMethods(['GET', 'POST']);
      for (const method of ['GET', 'HEAD', 'POST']) {
        expect((await call(kind, wrap, hello(), { method })).code).toBe(200);
      }
    });

    it('answers 405 with Allow, and 501 to what nobody knows', async () => {
      const wrap = allowMethods(['GET']);
      const reply = await call(kind, wrap, () => expect.fail('called'), { method: 'DELETE' });
      expect(reply.code).toBe(405);
      expect(reply.field('Allow')).toBe('GET, HEAD');
      expect((await call(kind, wrap, hello(), { method: 'get' })).code).toBe(501);
      expect((await call(kind, wrap, hello(), { method: 'BREW' })).code).toBe(501);
    });
  });

  describe('allowHosts', () => {
    const hosts = ['example.com', '*.Example.org', 'localhost:8443', '[::1]'];

    it.each(['example.com', 'EXAMPLE.com:81', 'a.example.org', 'a.b.example.org:1', 'localhost:8443', '[::1]:80'])(
      'M-31 lets %s through',
      async (host) => {
        const environ = { HTTP_HOST: host };
        expect((await call(kind, allowHosts(hosts), hello(), { environ })).text).toBe('hello');
      },
    );

    it.each([
      'evil.example',
      'example.com.evil.example',
      'notexample.com',
      'a.example.com',
      'example.org',
      'localhost',
      'localhost:8444',
      'example.com:80.example.org',
      'a@example.com',
      'example.com/',
      '',
      undefined,
    ])('M-31 answers 421 to %s', async (host) => {
      const environ = { HTTP_HOST: host };
      const reply = await call(kind, allowHosts(hosts), () => expect.fail('called'), { environ });
      expect(reply).toMatchObject({ status: '421 Misdirected Request', errors: '' });
    });
  });

  describe('limitBody', () => {
    type Read = (input: Environ['wsgi.input'] | AsyncEnviron['wsgi.input']) => unknown;

    /** An application that reads, and answers with what it read. */
    function reader(read: Read) {
      const text = (result: unknown) =>
        (Array.isArray(result) ? result : [result]).map((each) => Buffer.from(each).toString()).join('|');
      return kind === 'sync'
        ? markSync((environ, startResponse) => {
            const result = read(environ['wsgi.input']);
            startResponse('200 OK', [['Content-Type', 'text/plain']]);
            return [bytes(text(result))];
          })
        : markAsync(async (environ, startResponse) => {
            const result = await read(environ['wsgi.input']);
            startResponse('200 OK', [['Content-Type', 'text/plain']]);
            return [bytes(text(result))];
          });
    }

    const wrap = limitBody({ maximum: 10 });

    it('refuses by Content-Length, before the application runs', async () => {
      const app = reader((input) => input.read());
      const post = (body: string) => request(kind, wrap(app), { method: 'POST', body });
      expect((await post('0123456789')).text).toBe('0123456789');
      expect((await post('0123456789x')).code).toBe(413);
    });

    it('refuses a Content-Length that is no number (G-27)', async () => {
      const environ = { CONTENT_LENGTH: '+5' };
      expect((await call(kind, wrap, hello(), { method: 'POST', environ })).code).toBe(400);
    });

    const ways: [string, Read][] = [
      ['read()', (input) => input.read()],
      ['read(-1)', (input) => input.read(-1)],
      ['read(100)', (input) => input.read(100)],
      ['readline()', (input) => input.readline()],
      ['readlines()', (input) => input.readlines()],
    ];

    it.each(ways)('%s of a chunked body: all of it up to the limit, 413 beyond', async (_name, read) => {
      const app = wrap(reader(read));
      const post = (body: string) => request(kind, app, { method: 'POST', body, chunked: true });
      expect((await post('0123456789')).text).toBe('0123456789');
      expect((await post('')).text).toBe('');
      const refused = await post('0123456789x');
      expect(refused.code).toBe(413);
      // The client's fault is not logged as the application's.
      expect(refused.errors).toBe('');
    });

    it('reads in pieces and by lines as without it (G-57 to G-61)', async () => {
      const pieces = wrap(
        reader(async (input) => [
          await input.read(2),
          await input.read(0),
          await input.readline(),
          await input.readline(1),
          await input.read(),
        ]),
      );
      const lines = wrap(reader((input) => input.readlines(3)));
      if (kind === 'async') {
        expect((await request(kind, pieces, { body: 'abc\ndef\ng', chunked: true })).text).toBe('ab||c\n|d|ef\ng');
      }
      expect((await request(kind, lines, { body: 'a\nb\nc\n', chunked: true })).text).toBe('a\n|b\n');
    });
  });
});

describe('limitBody, by the other ways into a body', () => {
  const wrap = limitBody({ maximum: 10 });
  const post = { method: 'POST', chunked: true };

  it('iterates lines', async () => {
    const app = wrap(
      markSync((environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [...environ['wsgi.input']];
      }),
    );
    expect((await request('sync', app, { ...post, body: 'a\nb\nc' })).text).toBe('a\nb\nc');
    expect((await request('sync', app, { ...post, body: 'a\nb\nc\n01234567' })).code).toBe(413);
  });

  it('iterates lines, chunks and the web stream without blocking', async () => {
    const ways: ((environ: AsyncEnviron) => AsyncIterable<Uint8Array>)[] = [
      (environ) => environ['wsgi.input'],
      (environ) => environ['wsgi.input'].chunks(),
      (environ) => environ['wsgi.input'].stream(),
    ];
    for (const way of ways) {
      const app = wrap(
        markAsync(async (environ, startResponse) => {
          const all: Uint8Array[] = [];
          for await (const chunk of way(environ)) all.push(chunk);
          startResponse('200 OK', [['Content-Type', 'text/plain']]);
          return all;
        }),
      );
      expect((await request('async', app, { ...post, body: 'a\nb\nc\nd\n' })).text).toBe('a\nb\nc\nd\n');
      expect((await request('async', app, { ...post, body: 'a\nb\nc\n01234567' })).code).toBe(413);
    }
  });

  it('keeps overlapping reads in call order (B-10)', async () => {
    const app = wrap(
      markAsync(async (environ, startResponse) => {
        const input = environ['wsgi.input'];
        const parts = await Promise.all([input.read(3), input.readline(), input.read(2), input.readlines()]);
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return [
          bytes(parts.map((part) => (Array.isArray(part) ? part.join('/') : Buffer.from(part).toString())).join('|')),
        ];
      }),
    );
    expect((await request('async', app, { ...post, body: 'abcd\nefg' })).text).toBe('abc|d\n|ef|103');
  });
});

it('guards refuse settings that make no sense', () => {
  expect(() => allowMethods([])).toThrow(ConfigurationError);
  expect(() => allowMethods(['GE T'])).toThrow(ConfigurationError);
  expect(() => limitBody({ maximum: -1 })).toThrow(ConfigurationError);
});

it.each([[[]], [['*']], [['a.*.example']], [['https://example.com']], [['caf\u00e9.example']], [['']]])(
  'M-31 allowHosts refuses %j',
  (hosts) => {
    expect(() => allowHosts(hosts)).toThrow(ConfigurationError);
  },
);
