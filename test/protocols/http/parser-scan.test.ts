import { describe, expect, it } from 'vitest';
import { READ_AREA } from '../../../assembly/layout.ts';
import { Parser, rule } from '../../../src/protocols/http/parser.ts';
import { readHead } from './driver.ts';

// The classes by their grammar, not by the tables that the parser is built from.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/; // RFC 9110, 5.6.2
const VALUE = /^[\t\x20-\x7e\x80-\xff]$/; // RFC 9110, 5.5
const TARGET = /^[\x21\x22\x24-\x7e]$/; // visible ASCII but '#'
const byte = (code: number) => String.fromCharCode(code);
const lengths = [
  0, 1, 2, 7, 14, 15, 16, 17, 18, 30, 31, 32, 33, 34, 46, 47, 48, 49, 62, 63, 64, 65, 79, 80, 81, 128, 130,
];

describe.each(['simd', 'scalar'] as const)('the scanners (%s)', (build) => {
  const parser = new Parser({ build });

  /** Parses at an address, with what could be taken for the rest behind the input. */
  function parse(text: string, from = READ_AREA, behind = '\r\n\r\n : \r\n HTTP/1.1\r\n\r\n'): number {
    parser.bytes.write(text + behind, from, 'latin1');
    return parser.head(from, from + text.length);
  }

  it('measure names and values of every length around multiples of 16', () => {
    for (const name of lengths.slice(1)) {
      for (const value of lengths) {
        const field = ['n'.repeat(name), 'v'.repeat(value)];
        const text = `GET / HTTP/1.0\r\n${field[0]}: ${field[1]}\r\nlast: \t${field[1]} \t\r\n\r\n`;
        expect(parse(text)).toBe(READ_AREA + text.length);
        expect(readHead(parser).headers).toEqual([field, ['last', field[1]]]);
      }
    }
  });

  it('measure paths and queries of every length around multiples of 16', () => {
    for (const path of lengths) {
      for (const query of lengths) {
        const target = `/${'p'.repeat(path)}?${'q'.repeat(query)}`;
        const text = `GET ${target} HTTP/1.0\r\n\r\n`;
        expect(parse(text)).toBe(READ_AREA + text.length);
        expect(readHead(parser).target).toBe(target);
      }
    }
  });

  it.each([
    ['method', TOKEN, (s: string) => `${s} / HTTP/1.0\r\n\r\n`, ' '],
    ['target', TARGET, (s: string) => `GET /${s} HTTP/1.0\r\n\r\n`, ' '],
    ['escaped target', TARGET, (s: string) => `GET /%${s} HTTP/1.0\r\n\r\n`, ' '],
    ['query', TARGET, (s: string) => `GET /?${s} HTTP/1.0\r\n\r\n`, ' '],
    ['field name', TOKEN, (s: string) => `GET / HTTP/1.0\r\nn${s}: v\r\n\r\n`, ':'],
    ['field value', VALUE, (s: string) => `GET / HTTP/1.0\r\nn: v${s}v\r\n\r\n`, ''],
  ] as const)('take in a %s exactly the bytes of its class, at each place', (_, allowed, around, end) => {
    for (let length = 1; length <= 35; length++) {
      for (let place = 0; place < length; place++) {
        // All bytes in a short row; in longer ones those next to the borders of the classes.
        const codes =
          length < 3 ? Array.from({ length: 256 }, (_, i) => i) : [0, 8, 9, 11, 31, 35, 34, 64, 126, 127, 128, 255];
        for (const code of codes) {
          const c = byte(code);
          if (end !== '' && c === end) continue;
          const text = around('x'.repeat(place) + c + 'x'.repeat(length - place - 1));
          const after = parse(text);
          if (after > 0 !== allowed.test(c))
            expect({ code, place, length, after }).toEqual({ allowed: allowed.test(c) });
        }
      }
    }
  });

  it('never take what stands behind the input for input', () => {
    const text =
      'POST /path/of/some%20length?and=a&query=too HTTP/1.1\r\nHost: www.example.com:8080\r\nContent-Length: 123\r\n' +
      'X-Long: abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz\r\nConnection: close\r\n\r\n';
    for (let length = 0; length < text.length; length++) {
      for (const behind of [text.slice(length), '\0'.repeat(40), '\r\n\r\n', 'x'.repeat(40), ':\x7f', '\n']) {
        // Every alignment of the last block.
        const from = READ_AREA + (length % 17);
        expect(parse(text.slice(0, length), from, behind)).toBe(0);
      }
    }
  });

  it('find the same wherever the head lies', () => {
    const text = 'GET /a HTTP/1.1\r\nHost: a\r\nX-Y: 0123456789abcdef0\r\n\r\n';
    for (let from = READ_AREA; from < READ_AREA + 40; from++) {
      expect(parse(text, from)).toBe(from + text.length);
      expect(parser.headStart).toBe(from);
      expect(readHead(parser).headers[1]).toEqual(['X-Y', '0123456789abcdef0']);
    }
  });

  it('name the rule that a byte breaks', () => {
    const broken = (text: string) => rule(parse(text)).name;
    expect(broken('G@T / HTTP/1.1\r\n')).toBe('METHOD');
    expect(broken('GET /\x7f HTTP/1.1\r\n')).toBe('TARGET_CHARACTER');
    expect(broken('GET / HTTP/1.1\r\nA B: c\r\n')).toBe('FIELD_NAME_BLANK');
    expect(broken('GET / HTTP/1.1\r\nA(: c\r\n')).toBe('FIELD_NAME');
    expect(broken('GET / HTTP/1.1\r\nA: \x00\r\n')).toBe('FIELD_VALUE');
    expect(broken('GET / HTTP/1.1\r\nA: b\rc\r\n')).toBe('BARE_CR');
    expect(broken('GET / HTTP/1.1\r\nA: b\nc: d\r\n')).toBe('BARE_LF');
  });
});
