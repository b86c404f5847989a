import { describe, expect, it } from 'vitest';
import {
  FIELD_NAME,
  FLAG_CHUNKED,
  FLAG_CONTENT_LENGTH,
  FLAG_ESCAPED_PATH,
  FLAG_EXPECT_CONTINUE,
  FLAG_HEAD_METHOD,
  FLAG_HTTP_1_0,
  FLAG_KEEP_ALIVE,
  FLAG_UPGRADE,
  HEAD_AUTHORITY_LENGTH,
  HEAD_AUTHORITY_START,
  HEAD_FLAGS,
  HEAD_LENGTH,
  HEAD_METHOD,
  HEAD_PATH_LENGTH,
  HEAD_PATH_START,
  HEAD_QUERY_LENGTH,
  HEAD_QUERY_START,
  HEAD_RECORD,
  HEAD_WORDS,
  PARSER_END,
  READ_AREA,
} from '../../../assembly/layout.ts';
import { Parser, rule } from '../../../src/protocols/http/parser.ts';
import { FIELD_NAMES, METHODS, RULES } from '../../../src/protocols/http/wasm/tables.ts';
import { createSharedMemory } from '../../../src/rules/webassembly.ts';

describe.each(['simd', 'scalar'] as const)('the head record (%s)', (build) => {
  const parser = new Parser({ build });
  const word = (index: number) => parser.words[(HEAD_RECORD >> 2) + index];
  const part = (start: number, length: number) =>
    parser.bytes.toString('latin1', parser.headStart + word(start), parser.headStart + word(start) + word(length));

  function parse(text: string): number {
    parser.bytes.write(text, READ_AREA, 'latin1');
    return parser.head(READ_AREA, READ_AREA + text.length);
  }
  const broken = (text: string) => {
    const result = parse(text);
    return result < 0 ? rule(result).name : '';
  };

  it.each([
    ['GET', '/', '/', null, null, 0],
    ['GET', '/a/b?c=d?e', '/a/b', 'c=d?e', null, 0],
    ['GET', '/a?', '/a', '', null, 0],
    ['GET', '/a%2Fb?%41', '/a%2Fb', '%41', null, FLAG_ESCAPED_PATH],
    ['GET', '/a?%41', '/a', '%41', null, 0],
    ['GET', '//evil/x', '//evil/x', null, null, 0],
    ['OPTIONS', '*', '*', null, null, 0],
    ['GET', 'http://h:1/p%20q?r', '/p%20q', 'r', 'h:1', FLAG_ESCAPED_PATH],
    ['GET', 'HTTPS://%68/p', '/p', null, '%68', 0],
    ['GET', 'http://h', '', null, 'h', 0],
    ['GET', 'http://h?q', '', 'q', 'h', 0],
    ['CONNECT', 'h:443', '', null, 'h:443', 0],
    ['CONNECT', '[::1]:443', '', null, '[::1]:443', 0],
  ] as const)(
    'splits %s %s into path, query and authority (G-18, G-20, G-21)',
    (method, target, path, query, authority, escaped) => {
      const text = `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
      expect(parse(text)).toBe(READ_AREA + text.length);
      expect(word(HEAD_LENGTH)).toBe(text.length);
      expect(part(HEAD_PATH_START, HEAD_PATH_LENGTH)).toBe(path);
      expect(word(HEAD_QUERY_START) === 0 ? null : part(HEAD_QUERY_START, HEAD_QUERY_LENGTH)).toBe(query);
      expect(word(HEAD_AUTHORITY_START) === 0 ? null : part(HEAD_AUTHORITY_START, HEAD_AUTHORITY_LENGTH)).toBe(
        authority,
      );
      expect(word(HEAD_FLAGS) & FLAG_ESCAPED_PATH).toBe(escaped);
    },
  );

  it.each([
    ['GET a', 'TARGET_FORM'],
    ['GET a:80', 'TARGET_FORM'],
    ['GET a:/', 'TARGET_FORM'],
    ['GET */', 'TARGET_FORM'],
    ['GET ?a', 'TARGET_FORM'],
    ['GET 1http://a/', 'TARGET_FORM'],
    ['GET *', 'TARGET_ASTERISK'],
    ['GET http:///a', 'TARGET_AUTHORITY'],
    ['GET http://u@h/', 'TARGET_AUTHORITY'],
    ['GET http://h:8x/', 'TARGET_AUTHORITY'],
    ['CONNECT /', 'TARGET_CONNECT'],
    ['CONNECT h', 'TARGET_CONNECT'],
    ['CONNECT h:', 'TARGET_CONNECT'],
    ['CONNECT http://h:1/', 'TARGET_CONNECT'],
  ])('refuses %s (%s)', (start, name) => {
    expect(broken(`${start} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(name);
  });

  it.each(['ftp', 'file', 'h', 'httpx', 'httpss', 'wss'])('G-185 refuses targets of the scheme %s', (scheme) => {
    expect(broken(`GET ${scheme}://h/a HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe('TARGET_SCHEME');
  });

  it('knows the methods of llhttp, in their case alone', () => {
    for (const [index, method] of METHODS.entries()) {
      if (index === 0) continue;
      const target = method === 'CONNECT' ? 'h:1' : '/';
      parse(`${method} ${target} HTTP/1.0\r\n\r\n`);
      expect([method, word(HEAD_METHOD)]).toEqual([method, index]);
      for (const other of [
        method.toLowerCase(),
        `${method}X`,
        `X${method}`,
        method.slice(0, -1),
        `${method}ABCDEFGHIJKLMNOP`,
      ]) {
        parse(`${other} / HTTP/1.0\r\n\r\n`);
        expect([other, word(HEAD_METHOD)]).toEqual([other, Math.max(0, METHODS.indexOf(other))]);
      }
    }
  });

  it('knows the listed field names in any case, and no other', () => {
    const found = (name: string) => {
      // A value that every field may have, so that the framing fields pass.
      const value = name.toLowerCase() === 'transfer-encoding' ? 'chunked' : '1';
      parse(`GET / HTTP/1.0\r\n${name}: ${value}\r\n`);
      const field = parser.words[(HEAD_RECORD >> 2) + HEAD_WORDS + FIELD_NAME];
      return [name, field >>> 16, field & 0xffff];
    };
    for (const [index, name] of FIELD_NAMES.entries()) {
      if (index === 0) continue;
      for (const spelling of [name, name.toUpperCase(), name.replace(/\b[a-z]/g, (c) => c.toUpperCase())]) {
        expect(found(spelling)).toEqual([spelling, index, name.length]);
      }
      const near = [
        `${name}x`,
        `x${name}`,
        name.slice(1),
        name.slice(0, -1),
        name.replaceAll('-', '_'),
        name.replace('-', ''),
      ];
      for (let i = 0; i < name.length; i++) near.push(`${name.slice(0, i)}~${name.slice(i + 1)}`);
      for (const other of near) {
        const known = Math.max(0, FIELD_NAMES.indexOf(other));
        expect(found(other)).toEqual([other, known, other.length]);
      }
    }
  });

  const flags = (fields: string, line = 'GET / HTTP/1.1\r\nHost: a') => {
    expect(parse(`${line}\r\n${fields}\r\n`)).toBeGreaterThan(0);
    return word(HEAD_FLAGS);
  };

  it.each([
    ['', FLAG_KEEP_ALIVE],
    ['Connection: close\r\n', 0],
    ['Connection: keep-alive, CLOSE\r\n', 0],
    ['Connection: a\r\nConnection: ,\t, close\t,\r\n', 0],
    ['Connection: closed, not-close, close x\r\n', FLAG_KEEP_ALIVE],
    ['Connection: Upgrade\r\nUpgrade: h2c\r\n', FLAG_KEEP_ALIVE | FLAG_UPGRADE],
    ['Upgrade: h2c\r\n', FLAG_KEEP_ALIVE],
    ['Connection: Upgrade\r\n', FLAG_KEEP_ALIVE],
    ['Expect: 100-Continue\r\n', FLAG_KEEP_ALIVE | FLAG_EXPECT_CONTINUE],
    ['Content-Length: 0\r\n', FLAG_KEEP_ALIVE | FLAG_CONTENT_LENGTH],
    ['Transfer-Encoding: ChunkeD\r\n', FLAG_KEEP_ALIVE | FLAG_CHUNKED],
  ])('sets the flags of %j', (fields, expected) => {
    expect(flags(fields)).toBe(expected);
  });

  it('sets the flags of HTTP/1.0 and of HEAD (G-67: no expectation in HTTP/1.0)', () => {
    expect(flags('', 'GET / HTTP/1.0')).toBe(FLAG_HTTP_1_0);
    expect(flags('Connection: Keep-Alive\r\n', 'GET / HTTP/1.0')).toBe(FLAG_HTTP_1_0 | FLAG_KEEP_ALIVE);
    expect(flags('Connection: keep-alive, close\r\n', 'GET / HTTP/1.0')).toBe(FLAG_HTTP_1_0);
    expect(flags('Expect: anything\r\n', 'GET / HTTP/1.0')).toBe(FLAG_HTTP_1_0);
    expect(flags('Connection: upgrade\r\nUpgrade: a\r\n', 'GET / HTTP/1.0')).toBe(FLAG_HTTP_1_0);
    expect(flags('Host: a\r\n', 'HEAD / HTTP/1.1')).toBe(FLAG_KEEP_ALIVE | FLAG_HEAD_METHOD);
  });

  it('reads lengths up to the largest safe integer', () => {
    for (const length of [0, 1, 4294967295, 4294967296, 4294967299, Number.MAX_SAFE_INTEGER]) {
      flags(`Content-Length: ${length}\r\n`);
      expect(parser.contentLength()).toBe(length);
      flags(`Content-Length: ${'0'.repeat(40)}${length}\r\n`);
      expect(parser.contentLength()).toBe(length);
    }
    for (const length of ['9007199254740992', '18446744073709551616', '18446744073709551619', '9'.repeat(400)]) {
      expect(broken(`POST / HTTP/1.1\r\nContent-Length: ${length}\r\n`)).toBe('CONTENT_LENGTH_SIZE');
    }
  });

  it.each([
    ['Host: a\r\nHost: a\r\n', 'HOST_REPEATED'],
    ['X: y\r\n', 'HOST_MISSING'],
    ['Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n', 'CONTENT_LENGTH_REPEATED'],
    ['Host: a\r\nContent-Length: \r\n', 'CONTENT_LENGTH'],
    ['Host: a\r\nContent-Length: 1, 1\r\n', 'CONTENT_LENGTH'],
    ['Host: a\r\nContent-Length: 1 1\r\n', 'CONTENT_LENGTH'],
    ['Host: a\r\nContent-Length: 0x1\r\n', 'CONTENT_LENGTH'],
    ['Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n', 'TRANSFER_ENCODING_LENGTH'],
    ['Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', 'TRANSFER_ENCODING_FINAL'],
    ['Host: a\r\nTransfer-Encoding: chunked, gzip\r\n', 'TRANSFER_ENCODING_FINAL'],
    ['Host: a\r\nTransfer-Encoding: gzip, chunked\r\n', 'TRANSFER_ENCODING_UNKNOWN'],
    ['Host: a\r\nTransfer-Encoding: \r\n', 'TRANSFER_ENCODING'],
    ['Host: a\r\nTransfer-Encoding: chunked;q=1\r\n', 'TRANSFER_ENCODING'],
    ['Host: a\r\nExpect: 100-continues\r\n', 'EXPECTATION'],
    ['Host: a\r\nExpect:\r\n', 'EXPECTATION'],
  ])('refuses %j (%s, G-33)', (fields, name) => {
    expect(broken(`POST / HTTP/1.1\r\n${fields}\r\n`)).toBe(name);
  });

  it('refuses content of CONNECT and codings in HTTP/1.0', () => {
    expect(broken('CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n')).toBe('CONNECT_CONTENT');
    expect(broken('CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')).toBe('CONNECT_CONTENT');
    expect(broken('POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n')).toBe('TRANSFER_ENCODING_VERSION');
  });

  it.each([
    'a',
    'a.b:',
    'a:0',
    'a_b',
    '1.2.3.4:5',
    '%41',
    'a%41:1',
    '[::]',
    '[::1]:80',
    '[1::]',
    '[1:2:3:4:5:6:7:8]',
    '[::1.2.3.4]',
    '[1:2:3:4:5:6:1.2.3.4]',
    '[1::8]',
    '[1:2:3:4:5:6:7::]',
    '[v1.a:b]',
    '[vF.!]',
    'A=B,c',
  ])('takes the host %s', (host) => {
    expect(broken(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe('');
  });

  it.each([
    ':80',
    'a:b',
    'a:1:2',
    'a b',
    'a/',
    'u@a',
    '%4',
    '%4g',
    'a%',
    '[]',
    '[',
    '[::1',
    '::1',
    '[:1]',
    '[1:]',
    '[1:::2]',
    '[::1::]',
    '[12345::]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[1:2:3:4:5:6:7:8::]',
    '[::1.2.3]',
    '[::1.2.3.256]',
    '[::01.2.3.4]',
    '[::1.2.3.4:5]',
    '[1:2:3:4:5:6:7:1.2.3.4]',
    '[::g]',
    '[::1]a',
    '[::1%25eth0]',
    '[v.a]',
    '[v1.]',
    '[v1a]',
    'a[::1]',
    'é',
    '"a"',
    '<a>',
    '{a}',
    'a|b',
    'a\\b',
    'a#b',
  ])('refuses the host %s', (host) => {
    expect(broken(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toBe('HOST');
  });

  it.each([
    ['HTTP/1.2', 'VERSION_UNSUPPORTED', 505],
    ['HTTP/2.0', 'VERSION_UNSUPPORTED', 505],
    ['HTTP/0.9', 'VERSION_UNSUPPORTED', 505],
    ['HTTP/1.10', 'VERSION', 400],
    ['HTTP/11', 'VERSION', 400],
    ['HTTP/1,1', 'VERSION', 400],
    ['http/1.1', 'VERSION', 400],
    ['HTTP/1.1 ', 'REQUEST_LINE', 400],
    ['', 'VERSION', 400],
  ])('refuses the version %j (%s)', (version, name, status) => {
    expect(broken(`GET / ${version}\r\n\r\n`)).toBe(name);
    expect(rule(parse(`GET / ${version}\r\n\r\n`)).status).toBe(status);
  });
});

describe('a parser', () => {
  it('works on the memory it is given and leaves what lies behind its own alone', () => {
    const memory = createSharedMemory(PARSER_END + 65536);
    new Uint8Array(memory.buffer).fill(0xaa, PARSER_END);
    const parser = new Parser({ memory });
    expect(parser.memory).toBe(memory);
    parser.bytes.write('GET / HTTP/1.0\r\n\r\n', READ_AREA, 'latin1');
    expect(parser.head(READ_AREA, READ_AREA + 18)).toBe(READ_AREA + 18);
    expect(new Uint8Array(memory.buffer).subarray(PARSER_END).every((b) => b === 0xaa)).toBe(true);
  });

  it('has a status, a sentence and a source for every rule', () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
    for (const { status, text, section } of RULES.slice(1)) {
      expect([400, 413, 414, 417, 421, 431, 501, 505]).toContain(status);
      expect(text).toMatch(/^[A-Z].*\.$/);
      expect(section).toMatch(/^RFC \d+, \d/);
    }
  });
});
