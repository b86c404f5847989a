import { describe, expect, it } from 'vitest';
import { Parser } from '../../src/protocols/http/parser.ts';
import { drive, split } from '../protocols/http/driver.ts';

describe('what fuzzing has found', () => {
  it('a CR at the very limit of a head is judged with the byte after it, however the bytes arrive', () => {
    const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: 12345';
    for (const build of ['simd', 'scalar'] as const) {
      for (const after of ['\rx', '\r\n', '\n', 'x', '\x01']) {
        for (let head = start.length - 2; head <= start.length + 3; head++) {
          const parser = new Parser({ build, limits: { head } });
          const bytes = Buffer.from(`${start}${after}\r\n\r\n`, 'latin1');
          const whole = drive(parser, split(bytes));
          expect(drive(parser, split(bytes, ...bytes.keys())), `${JSON.stringify(after)} at ${head}`).toEqual(whole);
        }
      }
    }
  });
});
