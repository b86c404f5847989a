/** That a 304 has the fields of the 200 that it stands for, whatever makes it and whatever it passes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { HeaderField } from '../../src/index.ts';
import { compose, compress, conditionalGet, cors, type Middleware, staticFiles } from '../../src/middleware/index.ts';
import { bytes, call, hello, KINDS, type Plain } from './drive.ts';

const root = mkdtempSync(join(tmpdir(), 'quaich-'));
const LONG = 'long '.repeat(1000);
writeFileSync(join(root, 'a.png'), LONG);
writeFileSync(join(root, 'a.txt'), LONG);
writeFileSync(join(root, 'short.txt'), 'short');
afterAll(() => rmSync(root, { recursive: true }));

const MODIFIED: HeaderField = ['Last-Modified', 'Tue, 14 Nov 2023 22:13:20 GMT'];

function response(type: string, text: string, stream: boolean, ...fields: HeaderField[]): Plain {
  return (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', type], ...fields]);
    const chunks = [bytes(text)];
    return stream ? chunks.values() : chunks;
  };
}

const tagged: HeaderField = ['ETag', '"x"'];
const files = staticFiles({ root });

const cases: [title: string, inner: Middleware, app: Plain, path: string][] = [
  ['a text', conditionalGet(), response('text/plain', LONG, false, tagged), '/'],
  ['a text without a tag of its own', conditionalGet(), response('text/plain', LONG, false), '/'],
  ['a text without any tag', conditionalGet({ etag: false }), response('text/plain', LONG, false, MODIFIED), '/'],
  ['a stream', conditionalGet(), response('text/plain', LONG, true, tagged), '/'],
  ['an image', conditionalGet(), response('image/png', LONG, false, tagged), '/'],
  ['a short text', conditionalGet(), response('text/plain', 'short', false, tagged), '/'],
  [
    'a short text whose tag is its own',
    conditionalGet({ etag: false }),
    response('text/plain', 'short', false, tagged),
    '/',
  ],
  [
    'a short stream of known length',
    conditionalGet(),
    response('text/plain', 'short', true, tagged, ['Content-Length', '5']),
    '/',
  ],
  [
    'a text that must stay as it is',
    conditionalGet(),
    response('text/plain', LONG, false, tagged, ['Cache-Control', 'no-transform']),
    '/',
  ],
  ['a coded text', conditionalGet(), response('text/plain', LONG, false, tagged, ['Content-Encoding', 'x']), '/'],
  ['a file', files, hello(), '/a.txt'],
  ['an image file', files, hello(), '/a.png'],
  ['a short file', files, hello(), '/short.txt'],
];

const PASSED: [title: string, outer: Middleware][] = [
  ['compress', compress()],
  ['compress with gzip alone', compress({ encodings: ['gzip'] })],
  ['compress and others', compose([compress(), cors({ origin: 'https://a.test' })])],
  ['a filter of compress', compress({ filter: (head) => head.get('Content-Type') === 'image/png' })],
];

describe.each(KINDS)('a 304 in the %s convention', (kind) => {
  describe.each(PASSED)('through %s', (_outer, outer) => {
    it.each(cases)('M-25 has the ETag and the Vary of the 200: %s', async (_title, inner, app, path) => {
      const wrap = compose([outer, inner]);
      for (const accept of ['gzip', 'br', 'identity', '']) {
        const ask = (condition: Record<string, string>) =>
          call(kind, wrap, app, { path, headers: { 'Accept-Encoding': accept, ...condition } });
        const whole = await ask({});
        expect(whole.code).toBe(200);
        const tag = whole.field('ETag');
        const held: Record<string, string> =
          tag === undefined ? { 'If-Modified-Since': MODIFIED[1] } : { 'If-None-Match': tag };
        const same = await ask(held);
        expect(same).toMatchObject({ code: 304, text: '' });
        expect([same.field('ETag'), same.field('Vary')]).toEqual([tag, whole.field('Vary')]);
        expect(same.field('Content-Type')).toBeUndefined();
      }
    });
  });

  it("M-25 keeps the tag that a client has of an application's own, and varies", async () => {
    const app: Plain = (_environ, startResponse) => {
      startResponse('304 Not Modified', [tagged]);
      return [];
    };
    const ask = (held: string) =>
      call(kind, compress(), app, { headers: { 'Accept-Encoding': 'gzip', 'If-None-Match': held } });
    for (const held of ['"x"', 'W/"x"', '"y", "x"']) {
      const reply = await ask(held);
      expect([held, reply.field('ETag')]).toEqual([held, held.startsWith('W/') ? 'W/"x"' : '"x"']);
      expect(reply.field('Vary')).toBe('Accept-Encoding');
    }
    const dated: Plain = (_environ, startResponse) => {
      startResponse('304 Not Modified', [MODIFIED]);
      return [];
    };
    expect((await call(kind, compress(), dated)).field('Vary')).toBe('Accept-Encoding');
  });
});
