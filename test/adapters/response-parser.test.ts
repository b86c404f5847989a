/** B-68: the response that Node's writer has written is read the same however it comes in pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from '../../src/adapters/response-parser.ts';
import { ApplicationError } from '../../src/interface/index.ts';

function parse(text: string, cuts: readonly number[] = [], forHead = false) {
  const parser = new ResponseParser(forHead);
  const bytes = Buffer.from(text, 'latin1');
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  for (let i = 1; i < places.length; i++) parser.feed(bytes.subarray(places[i - 1], places[i]));
  const whole = parser.complete;
  return {
    head: parser.head,
    body: Buffer.from(parser.takePiece() ?? []).toString('latin1'),
    whole,
    atEnd: parser.end(),
  };
}

const WHOLE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const CHUNKED =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n';
const INTERIM = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${WHOLE}`;
const CLOSED = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello';

describe('ResponseParser', () => {
  it.each([
    ['a known length', WHOLE, 'hello', true],
    ['chunks and trailers', CHUNKED, 'hello0123456789abcdef', true],
    ['interim responses before it', INTERIM, 'hello', true],
    ['the end of the connection', CLOSED, 'hello', false],
  ])('B-68 reads %s, in any pieces', (_what, text, body, whole) => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const found = parse(text, cuts);
        expect(found).toMatchObject({ head: { status: '200 OK' }, body, whole, atEnd: true });
      }),
      { numRuns: 200 },
    );
  });

  it.each([WHOLE, CHUNKED, INTERIM])('B-68 knows that what is cut off is not complete: %j', (text) => {
    for (let length = 0; length < text.length; length++) {
      expect(parse(text.slice(0, length))).toMatchObject({ whole: false, atEnd: false });
    }
  });

  it('B-68 knows responses without a body', () => {
    expect(parse('HTTP/1.1 204 No Content\r\n\r\n').whole).toBe(true);
    expect(parse('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n').whole).toBe(true);
    expect(parse('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n').whole).toBe(true);
    expect(parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', [], true).whole).toBe(true);
  });

  it("B-68 keeps the fields that are the application's", () => {
    const lines = [
      'Set-Cookie: a=1',
      'SET-COOKIE:b',
      'X-Empty: ',
      'X-Colon: a:b ',
      'Connection: close',
      'TE: x',
      'Status: 1',
    ];
    expect(parse(`HTTP/1.1 299  \r\n${lines.join('\r\n')}\r\n\r\n`).head).toEqual({
      status: '299 Unknown',
      headers: [
        ['Set-Cookie', 'a=1'],
        ['SET-COOKIE', 'b'],
        ['X-Empty', ''],
        ['X-Colon', 'a:b'],
      ],
    });
  });

  it.each([
    ['chunks', 'Transfer-Encoding: chunked\r\n', false],
    ['a length', 'Content-Length: 10\r\n', true],
    ['the end', 'Connection: close\r\n', false],
  ])('B-68 takes a head apart from an unframed body, which ends by %s', (_what, field, whole) => {
    const parser = new ResponseParser(false);
    parser.begin(`HTTP/1.1 200 OK\r\n${field}\r\n`);
    for (const part of ['5\r\nab', '\r\n0\r\n']) parser.feed(Buffer.from(part));
    expect([parser.complete, String(parser.takePiece()), parser.end(), parser.complete]).toEqual([
      whole,
      '5\r\nab\r\n0\r\n',
      true,
      true,
    ]);
  });

  it('B-68 takes no head apart after one that was written', () => {
    const parser = new ResponseParser(false);
    parser.feed(Buffer.from('HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n'));
    parser.begin('HTTP/1.1 200 OK\r\n\r\n');
    parser.feed(Buffer.from('a'));
    expect([parser.head?.status, parser.complete]).toEqual(['201 Created', true]);
  });

  it('B-68 refuses what is no response', () => {
    expect(() => parse('hello\r\n\r\n')).toThrow(ApplicationError);
  });
});
