import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Parser } from '../../../src/protocols/http/parser.ts';
import * as base64 from '../../../src/protocols/http/wasm/base64.ts';
import { drive, split } from './driver.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe.each(['simd', 'scalar'] as const)('the parser (%s)', (build) => {
  const parser = new Parser({ build });

  it('finds method, target, version and fields of a request', () => {
    const outcome = drive(parser, [bytes('GET /a?b HTTP/1.1\r\nHost: example.com\r\nX-A: \t b c \r\n\r\n')]);
    expect(outcome).toEqual({
      end: 'clean',
      rule: '',
      status: 0,
      requests: [
        {
          method: 'GET',
          target: '/a?b',
          version: 'HTTP/1.1',
          headers: [
            ['Host', 'example.com'],
            ['X-A', 'b c'],
          ],
          body: '',
          trailers: [],
          keepAlive: true,
        },
      ],
    });
  });

  it('decodes a chunked body and its trailer section in any pieces', () => {
    const input = bytes(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nX-T: 1\r\n\r\nGET / HTTP/1.0\r\n\r\n',
    );
    const whole = drive(parser, [input]);
    expect(whole.requests[0]).toMatchObject({ body: 'hello', trailers: [['X-T', '1']] });
    expect(whole.end).toBe('closed');
    for (let cut = 1; cut < input.length; cut++) expect(drive(parser, split(input, cut))).toEqual(whole);
    expect(drive(parser, split(input, ...input.keys()))).toEqual(whole);
  });
});

it('has the modules that the build made, as text', () => {
  const file = (name: string) =>
    readFileSync(new URL(`../../../src/protocols/http/wasm/${name}.wasm`, import.meta.url), 'base64');
  expect([base64.simd, base64.scalar]).toEqual([file('parser-simd'), file('parser-scalar')]);
});
