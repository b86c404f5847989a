import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind } from '../../src/index.ts';
import { ConfigurationError, kindOf } from '../../src/index.ts';
import {
  compose,
  compress,
  mount,
  responseTime,
  type StaticFilesOptions,
  staticApplication,
  staticFiles,
} from '../../src/middleware/index.ts';
import { isServable, requestedPath } from '../../src/middleware/static/path.ts';
import { call, hello, KINDS, type RequestOptions, request } from './drive.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
let top = '';
let root = '';

beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'static-')));
  root = join(top, 'root');
  for (const directory of [
    'root',
    'root/sub',
    'root/empty',
    'root/.hidden',
    'root-other',
    'outside',
    'root/.well-known',
  ]) {
    mkdirSync(join(top, directory));
  }
  const files: Record<string, string> = {
    'root/a.txt': LETTERS,
    'root/index.html': '<h1>home</h1>',
    'root/sub/index.html': '<h1>sub</h1>',
    'root/sub/default.htm': 'default',
    'root/empty.txt': '',
    'root/é ü.txt': 'accents',
    'root/%2e%2e': 'percent',
    'root/.secret': 'secret',
    'root/.hidden/a.txt': 'secret',
    'root/script.js': 'js',
    'root/page.html': 'plain page',
    'root/page.html.br': 'as br',
    'root/page.html.gz': 'as gzip',
    'root/page.html.zst': 'as zstd',
    'root/data.constructor': 'data',
    'root/x.foo': 'foo',
    'root/.well-known/security.txt': 'Contact: mailto:a@example.com',
    'root/.well-known/.secret': 'secret',
    'root/sub/.well-known': 'not at the root',
    'root/about.html': 'about',
    'root/about.htm': 'about, the other',
    'root/sub.html': 'beside a directory',
    'root/empty.html': 'beside an empty one',
    'root-other/a.txt': 'neighbour',
    'outside/a.txt': 'outside',
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(top, name), text);
    utimesSync(join(top, name), 1_700_000_000, 1_700_000_000);
  }
  symlinkSync('a.txt', join(root, 'link.txt'));
  symlinkSync('sub', join(root, 'linked'));
  symlinkSync('../outside/a.txt', join(root, 'escape.txt'));
  symlinkSync('../outside', join(root, 'escape'));
  symlinkSync('../root-other/a.txt', join(root, 'neighbour.txt'));
  symlinkSync('.secret', join(root, 'disguise.txt'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('nowhere', join(root, 'dangling'));
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

/** Open descriptors of files below the test's directory. */
function openFiles(): string[] {
  try {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const target = realpathSync(`/proc/self/fd/${fd}`);
        return target.startsWith(top) ? [target] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return []; // no /proc here
  }
}

function get(
  kind: Kind,
  path: string,
  request: Omit<RequestOptions, 'path'> = {},
  options: Partial<StaticFilesOptions> = {},
) {
  return call(kind, staticFiles({ root, ...options }), hello('fallback'), { path, ...request });
}

describe.each(KINDS)('staticFiles in the %s convention', (kind) => {
  it('serves a file, whole, through the file wrapper', async () => {
    const reply = await get(kind, '/a.txt');
    expect(reply).toMatchObject({ code: 200, text: LETTERS, errors: '' });
    expect(Object.fromEntries(reply.headers)).toEqual({
      'Last-Modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
      ETag: expect.stringMatching(/^"[\w-]{22}"$/),
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': '26',
      'Accept-Ranges': 'bytes',
      'X-Content-Type-Options': 'nosniff',
    });
    expect((await get(kind, '/a.txt', { sendFile: true })).file).toBe(26);
    const without = await get(kind, '/a.txt', { environ: { 'wsgi.file_wrapper': undefined } });
    expect(without.text).toBe(LETTERS);
    expect(openFiles()).toEqual([]);
  });

  it('is sent by the gateway also through middleware that leaves bodies alone (M-16)', async () => {
    const wrap = compose([responseTime({ onComplete() {} }), staticFiles({ root })]);
    expect((await call(kind, wrap, hello(), { path: '/a.txt', sendFile: true })).file).toBe(26);
    expect(openFiles()).toEqual([]);
  });

  it.each([
    ['/index.html', '<h1>home</h1>'],
    ['/', '<h1>home</h1>'],
    ['/sub/', '<h1>sub</h1>'],
    ['/linked/', '<h1>sub</h1>'],
    ['/link.txt', LETTERS],
    ['/empty.txt', ''],
    ['/\xc3\xa9 \xc3\xbc.txt', 'accents'],
    ['/%2e%2e', 'percent'],
  ])('finds %j', async (path, text) => {
    expect(await get(kind, path)).toMatchObject({ code: 200, text, errors: '' });
  });

  it.each([
    '/missing',
    '/a.txt/',
    '/a.txt/x',
    '/empty/',
    '/empty',
    '/A.TXT',
    '/a.tx',
    '/Sub/',
    '/..',
    '/../root/a.txt',
    '/../outside/a.txt',
    '/../root-other/a.txt',
    '/sub/../a.txt',
    '/sub/../../outside/a.txt',
    '/./a.txt',
    '/sub/.',
    '//a.txt',
    '/sub//index.html',
    '/..\\outside\\a.txt',
    '/sub\\index.html',
    '/\\',
    '/a.txt\0',
    '/a.txt\0.html',
    '/\0',
    '/a.txt\n',
    '/.secret',
    '/.hidden/a.txt',
    '/.hidden/',
    '/...',
    '/.',
    '/disguise.txt',
    '/escape.txt',
    '/escape/a.txt',
    '/neighbour.txt',
    '/escape/',
    '/loop',
    '/loop/x',
    '/dangling',
    '/\xe9',
    '/\xc0\xae\xc0\xae/outside/a.txt',
    '/%2e%2e/outside/a.txt',
    '/..%2foutside/a.txt',
    '/\uff0e\uff0e/outside/a.txt',
    `/${'x'.repeat(300)}`,
    `/${'x/'.repeat(3000)}`,
    '*',
    'a.txt',
    '/C:/a.txt',
    '/a.txt::$DATA',
  ])('leaves %j to the application', async (path) => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await get(kind, path, { method });
      expect(reply).toMatchObject({ code: 200, errors: '' });
      expect(reply.field('Last-Modified')).toBeUndefined();
    }
    expect(openFiles()).toEqual([]);
  });

  it('serves hidden names only where it is told to, and never through a link out of the root', async () => {
    const dotfiles = { dotfiles: true };
    expect((await get(kind, '/.secret', {}, dotfiles)).text).toBe('secret');
    expect((await get(kind, '/disguise.txt', {}, dotfiles)).text).toBe('secret');
    expect((await get(kind, '/..', {}, dotfiles)).text).toBe('fallback');
    expect((await get(kind, '/escape.txt', {}, dotfiles)).text).toBe('fallback');
    expect((await get(kind, '/neighbour.txt', {}, dotfiles)).text).toBe('fallback');
  });

  it('M-32 serves .well-known at the root, and no hidden name in it or elsewhere', async () => {
    expect((await get(kind, '/.well-known/security.txt')).text).toBe('Contact: mailto:a@example.com');
    for (const path of ['/.well-known/.secret', '/sub/.well-known', '/.well-known', '/.well-known/../a.txt']) {
      expect((await get(kind, path)).text).toBe('fallback');
    }
  });

  it('M-32 serves names without the endings that may be left out', async () => {
    const endings = { endings: ['.html', '.htm'] };
    const first = await get(kind, '/about', {}, endings);
    expect([first.text, first.field('Content-Type')]).toEqual(['about', 'text/html; charset=utf-8']);
    expect((await get(kind, '/about', {}, { endings: ['.htm', '.html'] })).text).toBe('about, the other');
    expect((await get(kind, '/about.html', {}, endings)).text).toBe('about');
    expect((await get(kind, '/empty', {}, endings)).text).toBe('beside an empty one');
    // A directory with an index file goes first.
    expect((await get(kind, '/sub', {}, endings)).code).toBe(301);
    const headers = { 'Accept-Encoding': 'br' };
    expect((await get(kind, '/page', { headers }, { ...endings, precompressed: true })).text).toBe('as br');
    for (const path of ['/about/', '/about.', '/', '/.secret', '/../outside/a']) {
      expect((await get(kind, path, {}, { endings: ['.html', '.txt'], index: [] })).text).toBe('fallback');
    }
    expect((await get(kind, '/about')).text).toBe('fallback');
    expect(openFiles()).toEqual([]);
  });

  it('M-32 gives browsers a page in place of one that does not exist', async () => {
    const fallback = { fallback: 'sub/index.html' };
    const headers = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    for (const path of ['/users/7', '/users/', '/..', '/.secret']) {
      const reply = await get(kind, path, { headers }, fallback);
      expect([reply.code, reply.text, reply.field('Vary')]).toEqual([200, '<h1>sub</h1>', 'Accept']);
    }
    expect((await get(kind, '/a.txt', { headers }, fallback)).text).toBe(LETTERS);
    expect((await get(kind, '/script', { headers: { Accept: '*/*' } }, fallback)).text).toBe('fallback');
    expect((await get(kind, '/users/7', {}, fallback)).text).toBe('fallback');
    expect((await get(kind, '/users/7', { headers, method: 'POST' }, fallback)).text).toBe('fallback');
    expect((await get(kind, '/users/7', { headers }, { fallback: 'missing.html' })).text).toBe('fallback');
    const etag = (await get(kind, '/x', { headers }, fallback)).field('ETag') ?? '';
    expect((await get(kind, '/y', { headers: { ...headers, 'If-None-Match': etag } }, fallback)).code).toBe(304);
    expect(openFiles()).toEqual([]);
  });

  it('does not wait for a pipe', async () => {
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    try {
      expect((await get(kind, '/pipe')).text).toBe('fallback');
    } finally {
      rmSync(pipe);
    }
  });

  it('leaves other methods to the application', async () => {
    expect((await get(kind, '/a.txt', { method: 'POST' })).text).toBe('fallback');
  });

  it('answers HEAD as GET, without the body', async () => {
    const head = await get(kind, '/a.txt', { method: 'HEAD' });
    expect(head.headers).toEqual((await get(kind, '/a.txt')).headers);
    expect(head.text).toBe('');
    const range = await get(kind, '/a.txt', { method: 'HEAD', headers: { Range: 'bytes=0-1' } });
    expect(range.code).toBe(200);
    expect(openFiles()).toEqual([]);
  });

  it('sends clients of a directory to the slash at its end, and nowhere else', async () => {
    const reply = await get(kind, '/sub', { query: 'a=1&b=%20', script: '/m\xc3\xa9' });
    expect(reply.code).toBe(301);
    expect(reply.field('Location')).toBe('/m%C3%A9/sub/?a=1&b=%20');
    expect((await get(kind, '', { script: '/mount' })).field('Location')).toBe('/mount/');
    expect((await get(kind, '/sub', { query: 'a\r\nb' })).field('Location')).toBe('/sub/');
    expect((await get(kind, '/sub', { script: '//evil.example' })).field('Location')).toBe('/evil.example/sub/');
    expect(openFiles()).toEqual([]);
  });

  it('tries the index files that it is given', async () => {
    const index = ['missing.html', 'default.htm', 'index.html'];
    expect((await get(kind, '/sub/', {}, { index })).text).toBe('default');
    expect((await get(kind, '/sub/', {}, { index: [] })).text).toBe('fallback');
  });

  describe('ranges', () => {
    it.each([
      ['bytes=0-0', 206, 'a', '0-0'],
      ['bytes=0-', 206, LETTERS, '0-25'],
      ['bytes=5-7', 206, 'fgh', '5-7'],
      ['bytes=20-999', 206, 'uvwxyz', '20-25'],
      ['bytes=-3', 206, 'xyz', '23-25'],
      ['bytes=-999', 206, LETTERS, '0-25'],
      ['bytes= 5-7', 206, 'fgh', '5-7'],
      ['Bytes=5-7', 206, 'fgh', '5-7'],
      ['BYTES=26-', 416, '', '*'],
      ['bytes=26-', 416, '', '*'],
      ['bytes=-0', 416, '', '*'],
      ['bytes=99999999999999999999-', 416, '', '*'],
      ['bytes=7-5', 416, '', '*'],
      ['bytes=0-1,5-7', 200, LETTERS, null],
      ['bytes=0-1,2-3,4-5', 200, LETTERS, null],
      ['bytes=x-y', 200, LETTERS, null],
      ['bytes=', 200, LETTERS, null],
      ['bytes', 200, LETTERS, null],
      ['lines=0-1', 200, LETTERS, null],
      ['lines=99-', 200, LETTERS, null],
      ['', 200, LETTERS, null],
    ])('%j', async (range, code, text, content) => {
      for (const sendFile of [false, code !== 200]) {
        const reply = await get(kind, '/a.txt', { headers: { Range: range }, sendFile });
        expect(reply).toMatchObject({ code, text, errors: '', broken: false });
        expect(reply.field('Content-Range')).toBe(content === null ? undefined : `bytes ${content}/26`);
        expect(reply.field('Content-Length')).toBe(String(text.length));
      }
      expect(openFiles()).toEqual([]);
    });

    it('are ignored where If-Range names another file', async () => {
      const { field } = await get(kind, '/a.txt');
      const range = { Range: 'bytes=0-0' };
      const codes: [string | undefined, number][] = [
        [field('ETag'), 206],
        [field('Last-Modified'), 200],
        [`W/${field('ETag')}`, 200],
        ['"other"', 200],
        ['Tue, 14 Nov 2023 22:13:19 GMT', 200],
      ];
      for (const [value, code] of codes) {
        expect((await get(kind, '/a.txt', { headers: { ...range, 'If-Range': String(value) } })).code).toBe(code);
      }
    });

    it('RFC 9110 are ignored where the file has other bytes of the same size and time', async () => {
      const file = join(root, 'built.txt');
      const write = (text: string, path = file) => {
        writeFileSync(path, text);
        utimesSync(path, 1_700_000_000, 1_700_000_000);
      };
      write('one');
      const tag = (await get(kind, '/built.txt')).field('ETag') ?? '';
      // As rsync does: another file in its place.
      write('two', `${file}.new`);
      renameSync(`${file}.new`, file);
      expect(await get(kind, '/built.txt', { headers: { 'If-None-Match': tag } })).toMatchObject({
        code: 200,
        text: 'two',
      });
      const headers = { Range: 'bytes=1-', 'If-Range': tag };
      expect(await get(kind, '/built.txt', { headers })).toMatchObject({ code: 200, text: 'two' });
      rmSync(file);
    });

    it('of an empty file cannot be satisfied', async () => {
      expect((await get(kind, '/empty.txt', { headers: { Range: 'bytes=0-' } })).code).toBe(416);
    });
  });

  it('answers conditional requests, before ranges', async () => {
    const { field } = await get(kind, '/a.txt');
    const etag = String(field('ETag'));
    const modified = String(field('Last-Modified'));
    const ask = (headers: Record<string, string>) => get(kind, '/a.txt', { headers });
    const same = await ask({ 'If-None-Match': etag, Range: 'bytes=0-0' });
    expect(same).toMatchObject({ code: 304, text: '' });
    expect(same.headers.map(([name]) => name)).toEqual(['Last-Modified', 'ETag']);
    expect((await ask({ 'If-Modified-Since': modified })).code).toBe(304);
    expect((await ask({ 'If-None-Match': '"x"', 'If-Modified-Since': modified })).code).toBe(200);
    expect((await ask({ 'If-Match': '"x"' })).code).toBe(412);
    expect((await ask({ 'If-Match': etag })).code).toBe(200);
    expect((await ask({ 'If-Unmodified-Since': 'Mon, 13 Nov 2023 00:00:00 GMT' })).code).toBe(412);
    expect(openFiles()).toEqual([]);
  });

  it('closes the file when the client goes', async () => {
    const reply = await get(kind, '/a.txt', { disconnectAt: 0 });
    expect(reply.errors).toBe('');
    expect(openFiles()).toEqual([]);
  });

  describe('precompressed variants', () => {
    const ask = (accept: string | null, more: Record<string, string> = {}) =>
      get(
        kind,
        '/page.html',
        { headers: { ...(accept !== null && { 'Accept-Encoding': accept }), ...more } },
        { precompressed: true },
      );

    it.each([
      [null, undefined, 'plain page'],
      ['gzip', 'gzip', 'as gzip'],
      ['br, gzip', 'br', 'as br'],
      ['br;q=0.5, gzip', 'gzip', 'as gzip'],
      ['gzip;q=0.5, identity', undefined, 'plain page'],
      ['gzip, deflate, br, zstd', 'zstd', 'as zstd'],
      ['*', 'zstd', 'as zstd'],
      ['deflate', undefined, 'plain page'],
    ])('for Accept-Encoding %j: %s', async (accept, coding, text) => {
      const reply = await ask(accept);
      expect(reply.text).toBe(text);
      expect(reply.field('Content-Encoding')).toBe(coding);
      expect(reply.field('Content-Type')).toBe('text/html; charset=utf-8');
      expect(reply.field('Vary')).toBe('Accept-Encoding');
      expect(reply.field('Content-Length')).toBe(String(text.length));
    });

    it('have tags and ranges of their own', async () => {
      const tags = await Promise.all(
        ['identity', 'gzip', 'br', 'zstd'].map(async (each) => (await ask(each)).field('ETag')),
      );
      expect(new Set(tags).size).toBe(4);
      const range = await ask('br', { Range: 'bytes=3-' });
      expect(range).toMatchObject({ code: 206, text: 'br' });
    });

    it('are not looked for unless it is told to, and not without the file', async () => {
      expect((await get(kind, '/page.html', { headers: { 'Accept-Encoding': 'br' } })).text).toBe('plain page');
      expect((await get(kind, '/a.txt', { headers: { 'Accept-Encoding': 'br' } }, { precompressed: true })).text).toBe(
        LETTERS,
      );
    });

    it('are not compressed again', async () => {
      const wrap = compose([compress({ threshold: 0 }), staticFiles({ root, precompressed: true })]);
      const reply = await call(kind, wrap, hello(), { path: '/page.html', headers: { 'Accept-Encoding': 'gzip' } });
      expect(reply.text).toBe('as gzip');
      expect(reply.field('Vary')).toBe('Accept-Encoding');
    });
  });

  it('names media types, its own first', async () => {
    const type = async (path: string, options = {}) => (await get(kind, path, {}, options)).field('Content-Type');
    expect(await type('/script.js')).toBe('text/javascript; charset=utf-8');
    expect(await type('/x.foo')).toBe('application/octet-stream');
    expect(await type('/data.constructor')).toBe('application/octet-stream');
    expect(await type('/x.foo', { types: { '.FOO': 'text/x-foo' } })).toBe('text/x-foo; charset=utf-8');
  });

  it('sets Cache-Control by the path', async () => {
    const cacheControl = (path: string) => (path.endsWith('.js') ? 'max-age=31536000, immutable' : undefined);
    expect((await get(kind, '/script.js', {}, { cacheControl })).field('Cache-Control')).toBe(
      'max-age=31536000, immutable',
    );
    expect((await get(kind, '/a.txt', {}, { cacheControl })).field('Cache-Control')).toBeUndefined();
    expect((await get(kind, '/sub/', {}, { cacheControl: 'no-cache' })).field('Cache-Control')).toBe('no-cache');
  });

  it('is an application of its own, to be mounted', async () => {
    const files = kind === 'sync' ? staticApplication('sync', { root }) : staticApplication('async', { root });
    expect(kindOf(files)).toBe(kind);
    const app = mount({ '/assets': files as never });
    expect((await request(kind, app, { path: '/assets/a.txt' })).text).toBe(LETTERS);
    expect((await request(kind, app, { path: '/assets' })).field('Location')).toBe('/assets/');
    expect((await request(kind, app, { path: '/assets/none' })).code).toBe(404);
    const post = await request(kind, app, { path: '/assets/a.txt', method: 'POST' });
    expect(post.code).toBe(405);
    expect(post.field('Allow')).toBe('GET, HEAD');
  });
});

describe('staticFiles', () => {
  it('refuses a root that is no directory, and index names with a path', () => {
    expect(() => staticFiles({ root: join(top, 'none') })).toThrow(ConfigurationError);
    expect(() => staticFiles({ root: join(root, 'a.txt') })).toThrow(ConfigurationError);
    expect(() => staticFiles({ root, index: ['../a'] })).toThrow(ConfigurationError);
  });

  it('serves no file under another spelling, where the file system would', () => {
    expect(isServable('/root', '/root/INDEX.html', '/root/index.html', false)).toBe(false);
    expect(isServable('/root', '/root/index.html', '/root/index.html', false)).toBe(true);
    expect(isServable('/root', '/root/link', '/root/index.html', false)).toBe(true);
    expect(isServable('/root', '/root/link', '/root/.git/config', false)).toBe(false);
    expect(isServable('/root', '/root/link', '/rooted/index.html', false)).toBe(false);
    expect(isServable('/root', '/root/link', '/rooted/index.html', true)).toBe(false);
    expect(isServable('/', '/etc', '/etc', false)).toBe(true);
  });

  it('decodes a path once', () => {
    expect(requestedPath('/%2e%2e/a', false)).toEqual({ segments: ['%2e%2e', 'a'], directory: false });
    expect(requestedPath('', false)).toEqual({ segments: [], directory: false });
    expect(requestedPath('/', false)).toEqual({ segments: [], directory: true });
  });
});

it.each<Partial<StaticFilesOptions>>([
  { endings: ['html'] },
  { endings: ['.'] },
  { endings: ['.a/../b'] },
  { fallback: '../outside/a.txt' },
  { fallback: '.secret' },
  { fallback: 'sub/' },
  { fallback: '' },
])('M-32 staticFiles refuses %j', (options) => {
  expect(() => staticFiles({ root, ...options })).toThrow(ConfigurationError);
});
