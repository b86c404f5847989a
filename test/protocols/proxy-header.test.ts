import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectionInfo } from '../../src/environ/variables.ts';
import { MalformedProxyHeader, ProxyHeader } from '../../src/protocols/proxy-header.ts';
import { addresses, binary, IPV6, LOCAL, line, PROXY, tlv } from './proxy-headers.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What becomes of bytes that come in these pieces: what the header tells, and what is behind it. */
function read(...pieces: string[]): { told: Partial<ConnectionInfo>; rest: string } | null {
  const header = new ProxyHeader();
  let rest = '';
  for (const piece of pieces) {
    if (header.complete) rest += piece;
    else if (piece !== '') rest += header.take(bytes(piece)).toString('latin1');
  }
  return header.complete ? { told: header.told, rest } : null;
}

const told = {
  remoteAddress: '203.0.113.5',
  remotePort: '4711',
  serverName: '192.0.2.1',
  serverPort: '443',
  unixSocket: false,
};
const told6 = { ...told, remoteAddress: '2001:db8::5', serverName: '2001:db8::1' };
const unknown = { remoteAddress: '', remotePort: '', unixSocket: false };
const four = addresses('203.0.113.5', '192.0.2.1');
const six = addresses(...IPV6);
const more = tlv(0x20, 'a'.repeat(300)) + tlv(0x01, 'h2');

const GOOD: [what: string, header: string, told: Partial<ConnectionInfo>][] = [
  ['version 1, IPv4', line(), told],
  ['version 1, IPv6', line('2001:db8::5', 4711, '2001:db8::1'), told6],
  ['version 1, IPv6 in full', line('2001:0DB8:0:0:0:0:0:5', 4711, '2001:db8:0:0:0:0:0:1'), told6],
  ['version 1, IPv4 in IPv6', line('::ffff:203.0.113.5', 4711, '::ffff:c000:201'), told],
  ['version 1, unknown', 'PROXY UNKNOWN\r\n', unknown],
  ['version 1, unknown, with words', `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`, unknown],
  ['version 2, IPv4', binary(PROXY, 0x11, four), told],
  ['version 2, IPv4, datagrams', binary(PROXY, 0x12, four), told],
  ['version 2, IPv6', binary(PROXY, 0x21, six), told6],
  ['version 2, IPv6, datagrams', binary(PROXY, 0x22, six), told6],
  ['version 2, a Unix socket', binary(PROXY, 0x31, `/run/a${'\0'.repeat(210)}`), unknown],
  ['version 2, a Unix socket, datagrams', binary(PROXY, 0x32, 'x'.repeat(216)), unknown],
  ['version 2, unknown', binary(PROXY, 0x00), unknown],
  ['version 2, unknown, with more', binary(PROXY, 0x00, more), unknown],
  ['version 2, IPv4, with more', binary(PROXY, 0x11, four + more), told],
  ['version 2, IPv6, with all that may follow', binary(PROXY, 0x21, six + 'x'.repeat(16_384 - 36)), told6],
  ['version 2, for itself', binary(LOCAL, 0x00), {}],
  ['version 2, for itself, with addresses', binary(LOCAL, 0x11, four), {}],
  ['version 2, for itself, of no known family', binary(LOCAL, 0xff, 'x'), {}],
];

describe('a header of the PROXY protocol', () => {
  it.each(GOOD)('G-214 is read: %s', (_what, header, expected) => {
    const rest = 'GET / HTTP/1.1\r\n';
    expect(read(header + rest)).toEqual({ told: expected, rest });
    // One byte after the other, and cut at each place where it is not too long for that.
    expect(read(...header, rest)).toEqual({ told: expected, rest });
    for (let at = 1; at < Math.min(header.length, 400); at++) {
      expect(read(header.slice(0, at)), String(at)).toBe(null);
      expect(read(header.slice(0, at), header.slice(at) + rest), String(at)).toEqual({ told: expected, rest });
    }
  });

  const BAD: [what: string, header: string][] = [
    ['plain HTTP', 'GET / HTTP/1.1\r\n'],
    ['TLS', '\x16\x03\x01\x02'],
    ['an empty line', '\r\n\r\n\r'],
    ['small letters', 'proxy TCP4'],
    ['a blank too many', 'PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n'],
    ['a blank at the end', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n'],
    ['no CR', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n'],
    ['a CR within', 'PROXY UNKNOWN \r \r\n'],
    ['another family', 'PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n'],
    ['no family', 'PROXY \r\n'],
    ['a longer word than unknown', 'PROXY UNKNOWNS\r\n'],
    ['IPv6 as IPv4', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['IPv4 as IPv6', 'PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n'],
    ['a leading zero', 'PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n'],
    ['a short address', 'PROXY TCP4 1.1 2.2.2.2 1 2\r\n'],
    ['an address of nothing', 'PROXY TCP4 . 2.2.2.2 1 2\r\n'],
    ['a port with a leading zero', 'PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n'],
    ['a port above all', 'PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n'],
    ['a port below all', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 -2\r\n'],
    ['no ports', 'PROXY TCP4 1.1.1.1 2.2.2.2\r\n'],
    ['a line of 108 bytes', `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`],
    ['a line without an end', `PROXY UNKNOWN ${'f'.repeat(93)}`],
    ['version 1 in 2', binary(0x11, 0x11, four)],
    ['version 3', binary(0x31, 0x11, four)],
    ['another command', binary(0x22, 0x11, four)],
    ['another family, binary', binary(PROXY, 0x41, four)],
    ['another transport', binary(PROXY, 0x13, four)],
    ['a family without transport', binary(PROXY, 0x10, four)],
    ['addresses that are too short', binary(PROXY, 0x11, four.slice(1))],
    ['IPv6 addresses that are too short', binary(PROXY, 0x21, four)],
    ['a path that is too short', binary(PROXY, 0x31, four)],
    ['more than may follow', binary(PROXY, 0x11, four, 16_385)],
    ['more than may follow, for itself', binary(LOCAL, 0x00, '', 65_535)],
  ];

  it.each(BAD)('G-213 is refused, as soon as that is known: %s', (_what, header) => {
    expect(() => read(header)).toThrow(MalformedProxyHeader);
    expect(() => read(...header)).toThrow(MalformedProxyHeader);
  });

  it('G-213 never shows text: whatever comes, it tells addresses and numbers, or is refused', () => {
    const start = fc.constantFrom('', 'PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN', binary(PROXY, 0x21, '', 40));
    const text = fc.oneof(
      fc.uint8Array({ maxLength: 120 }).map((one) => Buffer.from(one).toString('latin1')),
      fc
        .array(fc.constantFrom('1.2.3.4', '::1', ' ', '80', '\r\n', 'x', '\0'), { maxLength: 12 })
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(start, text, fc.nat(140), (before, random, cut) => {
        const all = before + random;
        let outcome: ReturnType<typeof read>;
        try {
          outcome = read(all.slice(0, cut), all.slice(cut));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedProxyHeader);
          expect((error as Error).message).toMatch(/^it(s [a-z ]+[0-9]*[a-z ,0-9]*| has no header)$/);
          return;
        }
        const { remoteAddress = '', remotePort = '', serverName = '', serverPort = '' } = outcome?.told ?? {};
        for (const address of [remoteAddress, serverName]) expect(address === '' || isIP(address) > 0).toBe(true);
        for (const port of [remotePort, serverPort]) expect(port).toMatch(/^\d{0,5}$/);
      }),
      { numRuns: 2000 },
    );
  });
});
