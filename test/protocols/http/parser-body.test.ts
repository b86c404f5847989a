import { describe, expect, it } from 'vitest';
import { READ_AREA } from '../../../assembly/layout.ts';
import type { ParserLimits } from '../../../src/protocols/http/limits.ts';
import { Parser, rule } from '../../../src/protocols/http/parser.ts';
import { drive, split } from './driver.ts';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const bytes = (text: string) => Buffer.from(text, 'latin1');

describe.each(['simd', 'scalar'] as const)('the chunked decoder (%s)', (build) => {
  const parser = new Parser({ build });

  /** Decodes a body, whole and byte by byte, which must agree; the name of the rule broken, or the payload. */
  function decode(body: string, limits?: Partial<ParserLimits>) {
    const subject = limits ? new Parser({ build, limits }) : parser;
    const input = bytes(HEAD + body);
    const outcome = drive(subject, split(input));
    expect(drive(subject, split(input, ...input.keys()))).toEqual(outcome);
    return outcome.rule || outcome.requests[0]?.body;
  }

  it('moves the payload of a run together at its start', () => {
    const to = READ_AREA + parser.bytes.write('3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\nGET', READ_AREA, 'latin1');
    parser.beginBody();
    expect(parser.body(READ_AREA, to)).toBe(1);
    expect(parser.bytes.toString('latin1', READ_AREA, READ_AREA + parser.dataLength)).toBe('abcdefg');
    expect(parser.bytes.toString('latin1', parser.bodyEnd, to)).toBe('GET');
  });

  it.each([
    ['0\r\n\r\n', ''],
    ['000;a="\\""\r\n\r\n', ''],
    ['a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    [`${'0'.repeat(100)}1\r\nx\r\n0\r\n\r\n`, 'x'],
    ['\r\n', 'CHUNK_SIZE'],
    ['g\r\n', 'CHUNK_SIZE'],
    [' 1\r\n', 'CHUNK_SIZE'],
    [';a\r\n', 'CHUNK_SIZE'],
    ['1\n', 'CHUNK_EXTENSION'],
    ['1 \r\n', 'CHUNK_EXTENSION'],
    ['1\r\r\n', 'CHUNK_EXTENSION'],
    ['1;\r\n', 'CHUNK_EXTENSION'],
    ['1;a=\r\n', 'CHUNK_EXTENSION'],
    ['1;a="b"c\r\n', 'CHUNK_EXTENSION'],
    ['1;a="\r\n', 'CHUNK_EXTENSION'],
    ['1;a="\\\r\n', 'CHUNK_EXTENSION'],
    ['1;a ;b\r\n', 'CHUNK_EXTENSION'],
    ['1\r\nx\n', 'CHUNK_END'],
    ['1\r\nx\rx', 'CHUNK_END'],
    ['1\r\nxy\r\n', 'CHUNK_END'],
    ['20000000000000\r\n', 'CHUNK_SIZE_RANGE'],
    ['ffffffffffffffff\r\n', 'CHUNK_SIZE_RANGE'],
    ['100000000000000000\r\n', 'CHUNK_SIZE_RANGE'],
    ['0\r\nX: 1\n', 'BARE_LF'],
    ['0\r\n\n', 'BARE_LF'],
    ['0\r\n\rX', 'BARE_CR'],
    ['0\r\nX\r\n', 'FIELD_COLON'],
    ['0\r\n X: 1\r\n\r\n', 'FIELD_FOLD'],
    ['0\r\nContent-Length: 1\r\n\r\n', 'TRAILER_FIELD'],
    ['0\r\ntransfer-encoding: chunked\r\n\r\n', 'TRAILER_FIELD'],
    ['0\r\nHOST: a\r\n\r\n', 'TRAILER_FIELD'],
  ])('decides %j: %j', (body, result) => {
    expect(decode(body)).toBe(result);
  });

  it('waits for the data of a chunk of the largest size, and does not wrap round', () => {
    const outcome = drive(parser, [bytes(`${HEAD}1fffffffffffff\r\nabc`)]);
    expect(outcome).toMatchObject({ end: 'incomplete', requests: [] });
    expect(drive(parser, [bytes(`${HEAD}100000003\r\nabc\r\n0\r\n\r\n`)])).toMatchObject({ end: 'incomplete' });
  });

  it('limits chunk size lines, extensions in total, and trailer sections', () => {
    expect(decode(`1;${'x'.repeat(8)}\r\na\r\n0\r\n\r\n`, { chunkLine: 10 })).toBe('a');
    expect(decode(`1;${'x'.repeat(9)}\r\na\r\n0\r\n\r\n`, { chunkLine: 10 })).toBe('CHUNK_LINE_SIZE');
    expect(decode(`${'0'.repeat(11)}\r\n\r\n`, { chunkLine: 10 })).toBe('CHUNK_LINE_SIZE');
    const drip = '1;xx\r\na\r\n'.repeat(10);
    expect(decode(`${drip}0\r\n\r\n`, { chunkExtensions: 30 })).toBe('aaaaaaaaaa');
    expect(decode(`${drip}0;x\r\n\r\n`, { chunkExtensions: 30 })).toBe('CHUNK_EXTENSION_TOTAL');
    // A trailer section counts its empty line.
    expect(decode('0\r\nA: b\r\n\r\n', { trailer: 8 })).toBe('');
    expect(decode('0\r\nA: bc\r\n\r\n', { trailer: 8 })).toBe('TRAILER_SIZE');
    expect(decode('0\r\nA: b\r\nC: d\r\n\r\n', { fields: 2 })).toBe('');
    expect(decode('0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n', { fields: 2 })).toBe('FIELD_COUNT');
    expect(decode('0\r\nA: bcd\r\n\r\n', { fieldLine: 30, trailer: 1000 })).toBe('');
    expect(decode(`0\r\nA: ${'b'.repeat(28)}\r\n\r\n`, { fieldLine: 30, trailer: 1000 })).toBe('FIELD_SIZE');
  });

  it('never merges trailer fields into the header fields', () => {
    const { requests } = drive(parser, [bytes(`${HEAD}0\r\nX-A: 1\r\nx-b:\t2 \r\n\r\n`)]);
    expect(requests[0].trailers).toEqual([
      ['X-A', '1'],
      ['x-b', '2'],
    ]);
    expect(requests[0].headers.map(([name]) => name)).toEqual(['Host', 'Transfer-Encoding']);
  });

  it('keeps the bodies of interleaved connections apart', () => {
    const bodies = [
      '5;a="b"\r\nhello\r\n0\r\nX: 1\r\n\r\n',
      '3\r\nabc\r\n3\r\ndef\r\n0\r\nLonger-Name: a longer value\r\nY: 2\r\n\r\n',
    ];
    const found = ['', ''];
    const trailers: unknown[] = [];
    parser.beginBody();
    const saved = [parser.suspendBody(), parser.suspendBody()];
    for (let at = 0; at < 80; at += 3) {
      for (const [i, body] of bodies.entries()) {
        const piece = body.slice(at, at + 3);
        if (piece === '') continue;
        parser.bytes.write(piece, READ_AREA, 'latin1');
        parser.resumeBody(saved[i]);
        const result = parser.body(READ_AREA, READ_AREA + piece.length);
        found[i] += parser.bytes.toString('latin1', READ_AREA, READ_AREA + parser.dataLength);
        if (result === 1) trailers[i] = parser.trailers();
        saved[i] = parser.suspendBody();
      }
    }
    expect(found).toEqual(['hello', 'abcdef']);
    expect(trailers).toEqual([
      [['X', '1']],
      [
        ['Longer-Name', 'a longer value'],
        ['Y', '2'],
      ],
    ]);
  });
});

describe.each(['simd', 'scalar'] as const)('the limits of a head (%s)', (build) => {
  /** The rule broken, whole and byte by byte, which must agree; '' for none. */
  function limit(text: string, limits: Partial<ParserLimits>) {
    const parser = new Parser({ build, limits });
    const outcome = drive(parser, split(bytes(text)));
    expect(drive(parser, split(bytes(text), ...bytes(text).keys()))).toEqual(outcome);
    return outcome.rule;
  }

  it('count a request line without its end (414)', () => {
    const line = `GET /${'a'.repeat(40)} HTTP/1.0`;
    expect(limit(`${line}\r\n\r\n`, { requestLine: line.length })).toBe('');
    expect(limit(`${line}\r\n\r\n`, { requestLine: line.length - 1 })).toBe('REQUEST_LINE_SIZE');
    for (const requestLine of [1, 3, 4, 10, 50]) {
      expect(limit(`${line}\r\n\r\n`, { requestLine })).toBe('REQUEST_LINE_SIZE');
      expect(limit(`GET /${'a'.repeat(60)}`, { requestLine })).toBe('REQUEST_LINE_SIZE');
      expect(limit('M'.repeat(60), { requestLine })).toBe('REQUEST_LINE_SIZE');
      expect(limit(`GET / HTTP/1.0${'.'.repeat(60)}`, { requestLine })).toBe('REQUEST_LINE_SIZE');
    }
  });

  it('count a field line without its end (431)', () => {
    const head = (field: string) => `GET / HTTP/1.0\r\nA: b\r\n${field}\r\nC: d\r\n\r\n`;
    expect(limit(head(`X: ${'v'.repeat(17)}`), { fieldLine: 20 })).toBe('');
    expect(limit(head(`X: ${'v'.repeat(18)}`), { fieldLine: 20 })).toBe('FIELD_SIZE');
    expect(limit(head(`${'x'.repeat(30)}: v`), { fieldLine: 20 })).toBe('FIELD_SIZE');
    expect(limit(head(`X:${' '.repeat(30)}`), { fieldLine: 20 })).toBe('FIELD_SIZE');
    // The limit is passed before the byte that is forbidden, or after it.
    expect(limit(head(`X: ${'v'.repeat(18)}\0`), { fieldLine: 20 })).toBe('FIELD_SIZE');
    expect(limit(head(`X: ${'v'.repeat(17)}\0${'v'.repeat(20)}`), { fieldLine: 20 })).toBe('FIELD_VALUE');
  });

  it('count fields, and the bytes of a head with its empty line (431)', () => {
    const head = 'GET / HTTP/1.0\r\nA: b\r\nC: d\r\n\r\n';
    expect(limit(head, { fields: 2 })).toBe('');
    expect(limit(head, { fields: 1 })).toBe('FIELD_COUNT');
    expect(limit(head, { head: head.length })).toBe('');
    for (let size = 20; size < head.length; size++)
      expect([size, limit(head, { head: size })]).toEqual([size, 'HEAD_SIZE']);
  });

  it('count the empty lines before a request (400)', () => {
    const head = 'GET / HTTP/1.0\r\n\r\n';
    expect(limit(`${'\r\n'.repeat(4)}${head}`, {})).toBe('');
    expect(limit(`${'\r\n'.repeat(5)}${head}`, {})).toBe('LEADING_LINES');
    expect(limit(`\r\n${head}`, { leadingLines: 1, head: head.length, requestLine: 14 })).toBe('');
    expect(limit(`\n${head}`, {})).toBe('BARE_LF');
    expect(limit(`\r${head}`, {})).toBe('BARE_CR');
  });

  it('let the largest head pass, in one piece or many', () => {
    const limits = { head: 262144, fields: 2048, fieldLine: 65535, requestLine: 65535 };
    const parser = new Parser({ build, limits });
    const line = `GET /${'a'.repeat(65535 - 14)} HTTP/1.0\r\n`;
    const fields = Array.from({ length: 2047 }, (_, i) => `x-${i}: ${'v'.repeat(80)}\r\n`).join('');
    const rest = 262144 - line.length - fields.length - 2 - 'y: \r\n'.length;
    const input = bytes(`${line}${fields}y: ${'v'.repeat(rest)}\r\n\r\n`);
    expect(input.length).toBe(262144);
    const whole = drive(parser, split(input));
    expect(whole).toMatchObject({ end: 'closed', rule: '' });
    expect(whole.requests[0].headers).toHaveLength(2048);
    expect(drive(parser, split(input, ...Array.from({ length: 40 }, (_, i) => i * 6500 + 1)))).toEqual(whole);
    const more = Buffer.concat([input.subarray(0, -4), bytes('v\r\n\r\n')]);
    expect(drive(parser, split(more)).rule).toBe('HEAD_SIZE');
  });

  it.each([
    { head: 0 },
    { head: 262145 },
    { fields: 2049 },
    { fieldLine: 65536 },
    { requestLine: 1.5 },
    { trailer: Number.NaN },
  ])('refuse %j with a RangeError', (limits) => {
    expect(() => new Parser({ build, limits })).toThrow(RangeError);
  });
});

describe('suspended heads', () => {
  const parser = new Parser();
  const write = (text: string) => parser.bytes.write(text, READ_AREA, 'latin1') + READ_AREA;

  it('belong to their connection alone', () => {
    const first = 'GET /first HTTP/1.1\r\nHost: one\r\nX-A: 1';
    expect(parser.head(READ_AREA, write(first))).toBe(0);
    const saved = parser.suspendHead();
    // Others read and parse in the meantime, one of them to the middle and never again.
    const other = 'POST /other HTTP/1.0\r\nA: b\r\nC: d\r\nE: f\r\n\r\n';
    expect(parser.head(READ_AREA, write(other))).toBe(READ_AREA + other.length);
    expect(parser.head(READ_AREA, write('\r\n\r\nPUT /third'))).toBe(0);
    const end = write('2\r\n\r\n');
    const from = parser.resumeHead(saved);
    expect(from).toBe(READ_AREA - first.length);
    expect(parser.head(from, end)).toBe(end);
    expect(parser.headStart).toBe(from);
    expect(parser.bytes.toString('latin1', from, end)).toBe(`${first}2\r\n\r\n`);
  });

  it('are not gone on with unless they are put back', () => {
    expect(parser.head(READ_AREA, write('GET /lost HTTP/1.1\r\nHost: a\r\n'))).toBe(0);
    const text = 'GET / HTTP/1.0\r\n\r\n';
    expect(parser.head(READ_AREA, write(text))).toBe(READ_AREA + text.length);
  });

  it('hold nothing but what is left, without the empty lines before it', () => {
    expect(parser.head(READ_AREA, write('\r\n\r\nGE'))).toBe(0);
    const saved = parser.suspendHead();
    expect(saved.text).toBe('GE');
    expect(parser.head(READ_AREA, write('\r\n'))).toBe(0);
    expect(parser.suspendHead().text).toBe('');
  });

  it('do not scan again from their start', () => {
    // A value that was scanned already is not looked at: what is put back here differs from what was there.
    expect(parser.head(READ_AREA, write('GET / HTTP/1.0\r\nX: abc'))).toBe(0);
    const saved = parser.suspendHead();
    const text = saved.text.replace('abc', 'a\0c');
    const end = write('d\r\n\r\n');
    expect(parser.head(parser.resumeHead({ ...saved, text }), end)).toBe(end);
  });

  it('name a rule for each refusal', () => {
    expect(rule(parser.head(READ_AREA, write('\0')))).toEqual({
      name: 'METHOD',
      status: 400,
      text: 'The method is not a token.',
      section: 'RFC 9110, 9.1',
    });
  });
});
