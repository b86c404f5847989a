import { describe, expect, it } from 'vitest';
import type { HeaderField } from '../../src/index.ts';
import { compose, compress, conditionalGet } from '../../src/middleware/index.ts';
import { bytes, call, hello, KINDS, type Plain, streamed } from './drive.ts';

const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT';
const LATER = 'Tue, 02 Jan 2024 00:00:00 GMT';
const EARLIER = 'Sun, 31 Dec 2023 00:00:00 GMT';

function tagged(headers: HeaderField[]): Plain {
  return streamed(['a', 'b'], [...headers, ['Content-Language', 'en'], ['Cache-Control', 'max-age=5']]);
}

describe.each(KINDS)('conditionalGet in the %s convention', (kind) => {
  const table: [title: string, response: HeaderField[], request: Record<string, string>, code: number][] = [
    ['no condition', [['ETag', '"x"']], {}, 200],
    ['the same tag', [['ETag', '"x"']], { 'If-None-Match': '"x"' }, 304],
    ['the same tag among others', [['ETag', '"x"']], { 'If-None-Match': '"w", W/"x"' }, 304],
    ['a weak tag, which compares weakly', [['ETag', 'W/"x"']], { 'If-None-Match': '"x"' }, 304],
    ['any tag', [['ETag', '"x"']], { 'If-None-Match': '*' }, 304],
    ['another tag', [['ETag', '"x"']], { 'If-None-Match': '"y"' }, 200],
    [
      'another tag, whatever the date says',
      [
        ['ETag', '"x"'],
        ['Last-Modified', MODIFIED],
      ],
      { 'If-None-Match': '"y"', 'If-Modified-Since': LATER },
      200,
    ],
    ['the same date', [['Last-Modified', MODIFIED]], { 'If-Modified-Since': MODIFIED }, 304],
    ['a later date', [['Last-Modified', MODIFIED]], { 'If-Modified-Since': LATER }, 304],
    ['an earlier date', [['Last-Modified', MODIFIED]], { 'If-Modified-Since': EARLIER }, 200],
    ['no date at all', [['Last-Modified', MODIFIED]], { 'If-Modified-Since': 'yesterday' }, 200],
    ['RFC 9111: a reload', [['ETag', '"x"']], { 'If-None-Match': '"x"', 'Cache-Control': 'no-cache' }, 304],
    ['RFC 9110: a tag with a comma', [['ETag', '"a,b"']], { 'If-None-Match': '"a,b"' }, 304],
    ['RFC 9110: a tag with blanks and commas', [['ETag', 'W/", , "']], { 'If-None-Match': '"x", ", , "' }, 304],
    ['RFC 9110: a part of a tag', [['ETag', '"b"']], { 'If-None-Match': '"a,b"' }, 200],
    ['RFC 9110: a tag that a weak one is compared with', [['ETag', 'W/"x"']], { 'If-None-Match': '"x"' }, 304],
    [
      'RFC 9110: no tag at all, whatever the date says',
      [['Last-Modified', MODIFIED]],
      { 'If-None-Match': '', 'If-Modified-Since': LATER },
      200,
    ],
    ['If-Match of the tag', [['ETag', '"x"']], { 'If-Match': '"x"' }, 200],
    ['If-Match of another', [['ETag', '"x"']], { 'If-Match': '"y", "z"' }, 412],
    ['If-Match of a weak tag, which never matches', [['ETag', 'W/"x"']], { 'If-Match': 'W/"x"' }, 412],
    ['If-Match *', [['ETag', 'W/"x"']], { 'If-Match': '*' }, 200],
    ['If-Unmodified-Since before', [['Last-Modified', MODIFIED]], { 'If-Unmodified-Since': EARLIER }, 412],
    ['If-Unmodified-Since after', [['Last-Modified', MODIFIED]], { 'If-Unmodified-Since': LATER }, 200],
  ];

  it.each(table)('%s', async (_title, response, headers, code) => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await call(kind, conditionalGet(), tagged(response), { headers, method });
      expect(reply.code).toBe(code);
      expect(reply.text).toBe(code === 200 && method === 'GET' ? 'ab' : '');
      expect(reply.field('Content-Language')).toBe(code === 200 ? 'en' : undefined);
      if (code === 304) {
        expect(reply.field('Content-Type')).toBeUndefined();
        expect(reply.field('Content-Length')).toBeUndefined();
        expect(reply.field('Cache-Control')).toBe('max-age=5');
        expect(reply.headers).toEqual(expect.arrayContaining(response));
      }
      expect(reply.errors).toBe('');
    }
  });

  it('leaves other methods and other statuses alone', async () => {
    const headers = { 'If-None-Match': '*' };
    expect((await call(kind, conditionalGet(), tagged([['ETag', '"x"']]), { headers, method: 'POST' })).code).toBe(200);
    const gone: Plain = (_environ, startResponse) => {
      startResponse('404 Not Found', [
        ['Content-Type', 'text/plain'],
        ['ETag', '"x"'],
      ]);
      return [bytes('gone')];
    };
    expect(await call(kind, conditionalGet(), gone, { headers })).toMatchObject({ code: 404, text: 'gone' });
  });

  it('tags array bodies, and knows them again', async () => {
    const first = await call(kind, conditionalGet(), hello());
    const tag = first.field('ETag');
    expect(tag).toMatch(/^"5-.{27}"$/);
    expect(first).toMatchObject({ code: 200, text: 'hello', length: 5 });
    const again = await call(kind, conditionalGet(), hello(), { headers: { 'If-None-Match': String(tag) } });
    expect(again).toMatchObject({ code: 304, text: '' });
    expect(again.field('ETag')).toBe(tag);
    const head = await call(kind, conditionalGet(), hello(), { method: 'HEAD' });
    expect(head.field('ETag')).toBe(tag);
    expect(head.field('Content-Length')).toBe('5');
    expect((await call(kind, conditionalGet(), hello('other'))).field('ETag')).not.toBe(tag);
  });

  it('makes no tag where it must not or cannot', async () => {
    const tagOf = async (...args: Parameters<typeof call>) => (await call(...args)).field('ETag');
    expect(await tagOf(kind, conditionalGet({ etag: 'weak' }), hello())).toMatch(/^W\//);
    expect(await tagOf(kind, conditionalGet({ etag: false }), hello())).toBeUndefined();
    expect(await tagOf(kind, conditionalGet(), hello('a', [['ETag', '"mine"']]))).toBe('"mine"');
    expect(await tagOf(kind, conditionalGet(), hello('a', [['Cache-Control', 'no-store']]))).toBeUndefined();
    expect(await tagOf(kind, conditionalGet(), streamed(['a']))).toBeUndefined();
    expect(await tagOf(kind, conditionalGet(), hello(), { method: 'POST' })).toBeUndefined();
    expect(await tagOf(kind, conditionalGet(), hello(''), { method: 'HEAD' })).toBeUndefined();
  });

  it('works together with compression outside of it', async () => {
    const wrap = compose([compress({ threshold: 0 }), conditionalGet()]);
    const headers = { 'Accept-Encoding': 'gzip' };
    const first = await call(kind, wrap, hello(), { headers });
    expect(first.field('ETag')).toMatch(/^W\/"/);
    const again = await call(kind, wrap, hello(), {
      headers: { ...headers, 'If-None-Match': String(first.field('ETag')) },
    });
    expect(again.code).toBe(304);
    expect(again.field('ETag')).toBe(first.field('ETag'));
    expect(again.field('Vary')).toBe('Accept-Encoding');
  });
});
