// Templates of the access log: what they say of a record, byte for byte, and that no byte of a client can forge a line.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { APACHE, GUNICORN } from '../../src/server/log/atoms.ts';
import { accessFormat } from '../../src/server/log/format.ts';
import { LineBytes } from '../../src/server/log/line-bytes.ts';
import type { AccessRecord } from '../../src/server/log/record.ts';
import { lineOf } from './line-of.ts';

const END = Date.UTC(2026, 0, 2, 13, 4, 6, 78) + 0.5;

const record: AccessRecord = {
  remoteAddress: '192.0.2.7',
  method: 'GET',
  target: '/a%20b/c?d=e&f',
  protocol: 'HTTP/1.1',
  status: 206,
  bytes: 1234,
  durationMs: 1234.5678,
  time: END,
  fields: [],
  responseHead: 'HTTP/1.1 206 Partial\r\nContent-Type: text/plain\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n',
  mount: '/a b',
  worker: 'sync-3',
  queueMs: 0.5,
  connection: {
    remoteAddress: '198.51.100.1',
    remotePort: '50000',
    serverName: '203.0.113.1',
    serverPort: '8443',
    scheme: 'https',
    unixSocket: false,
    tls: { SSL_PROTOCOL: 'TLSv1.3', SSL_CIPHER: 'TLS_AES_256_GCM_SHA384' },
  },
};

const FIELDS: Record<string, string> = {
  referer: 'http://example.com/?a="b"',
  'user-agent': 'Mozilla/5.0 (X11)',
  host: 'www.example.com:8443',
  authorization: `Basic ${Buffer.from('frank:secret').toString('base64')}`,
};

/** The line of a template, without its line feed, which is its last character and the only one. */
function line(template: string, changes: Partial<AccessRecord> = {}, fields = FIELDS): string {
  const format = accessFormat(template);
  const values = format.facts.fields.map(({ name, variable }) => fields[name || variable] ?? '');
  const text = lineOf(format, { ...record, fields: values, ...changes });
  expect(text.indexOf('\n')).toBe(text.length - 1);
  return text.slice(0, -1);
}

/** In the zone of the machine. */
const CLF = /\[0[1-3]\/Jan\/2026:\d\d:\d4:0[46] [+-]\d{4}\]/;

describe('L-43 a template', () => {
  it('gives the same lines behind each other as alone, whatever they have in common', () => {
    const change = fc.record(
      {
        remoteAddress: fc.constantFrom('192.0.2.7', '2001:db8::1'),
        target: fc.oneof(
          fc.constantFrom('/', '/a', '/\xe4'),
          fc.constantFrom(40_000, 200_000).map((n) => 'x'.repeat(n)),
        ),
        status: fc.constantFrom(200, 404),
        bytes: fc.nat(20),
        durationMs: fc.nat(3),
      },
      { requiredKeys: [] },
    );
    const template = fc.constantFrom('combined', '%h "%r" %>s %b', 'at %t: "%r" %D');
    fc.assert(
      fc.property(template, fc.array(fc.tuple(change, fc.boolean()), { maxLength: 20 }), (name, changes) => {
        const format = accessFormat(name);
        const lines = new LineBytes();
        let text = '';
        let alone = '';
        for (const [changed, takes] of changes) {
          const one = { ...record, ...changed };
          format.write(one, lines);
          if (takes) text += lines.take().toString();
          alone += lineOf(accessFormat(name), one);
        }
        expect(text + lines.take().toString() === alone).toBe(true);
      }),
    );
  });

  it("gives Apache's combined format byte for byte", () => {
    const apache = '%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"';
    const shown = line(apache, {}, { ...FIELDS, REMOTE_USER: 'frank' });
    expect(shown.replace(CLF, '[T]')).toBe(
      '192.0.2.7 - frank [T] "GET /a%20b/c?d=e&f HTTP/1.1" 206 1234 "http://example.com/?a=\\"b\\"" "Mozilla/5.0 (X11)"',
    );
    // Without quotes that are escaped, as one writes it elsewhere than in httpd.conf.
    expect(line(apache.replaceAll('\\', ''), {}, { ...FIELDS, REMOTE_USER: 'frank' })).toBe(shown);
    expect(line(apache, { bytes: 0 }, {})).toMatch(/ 206 - "-" "-"$/);
  });

  it("gives gunicorn's default byte for byte", () => {
    const gunicorn = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';
    const shown = line(gunicorn);
    expect(shown.replace(CLF, '[T]')).toBe(
      '192.0.2.7 - frank [T] "GET /a%20b/c?d=e&f HTTP/1.1" 206 1234 "http://example.com/?a=\\"b\\"" "Mozilla/5.0 (X11)"',
    );
    expect(line(gunicorn, { bytes: 0 }, {}).replace(CLF, '[T]')).toBe(
      '192.0.2.7 - - [T] "GET /a%20b/c?d=e&f HTTP/1.1" 206 0 "-" "-"',
    );
  });

  it.each([
    ['%a %{c}a', '192.0.2.7 198.51.100.1'],
    ['%m %U%q %H', 'GET /a\\x20b/c?d=e&f HTTP/1.1'],
    ['"%m %U%q %H"', '"GET /a b/c?d=e&f HTTP/1.1"'],
    ['%s %<s %B %b', '206 206 1234 1234'],
    ['%D %T %{s}T %{ms}T %{us}T', '1234567 1 1 1234 1234567'],
    [
      '%{Host}i %V %v %p %{local}p %{canonical}p %{remote}p',
      'www.example.com:8443 www.example.com 203.0.113.1 8443 8443 8443 50000',
    ],
    ['"%{content-type}o" "%{Set-Cookie}o" "%{ETag}o"', '"text/plain" "a=1, b=2" "-"'],
    ['%{SSL_PROTOCOL}x %{SSL_CIPHER}x %{SSL_CLIENT_S_DN}x', 'TLSv1.3 TLS_AES_256_GCM_SHA384 -'],
    ['%{mount}n "%{mount}n" %{worker}n %{queue}n %{duration}n', '/a\\x20b "/a b" sync-3 0.5 1234.568'],
    ['100%% \\"\\\\\\t%s', '100% "\\\t206'],
    ['%(m)s %(U)s %(q)s %(H)s %(B)s', 'GET /a\\x20b/c d=e&f HTTP/1.1 1234'],
    ['%(T)s %(M)s %(D)s %(L)s', '1 1234 1234567 1.234567'],
    ['%({host}i)s %({content-type}o)s %({SSL_PROTOCOL}e)s', 'www.example.com:8443 text/plain TLSv1.3'],
  ])('says %s', (template, expected) => {
    expect(line(template)).toBe(expected);
  });

  it('says of each request what is true of it, whatever it has said of the one before', () => {
    const format = accessFormat('%h %u "%r" "%{User-Agent}i" %{mount}n');
    const fields = format.facts.fields.map(({ name }) => (name === 'user-agent' ? 'curl/8' : ''));
    const others: Partial<AccessRecord>[] = [
      ...[{}, {}, { remoteAddress: '192.0.2.8' }, { method: 'POST' }, { target: '/"' }, { protocol: 'HTTP/1.0' }],
      ...[{ mount: '/c d' }, { fields: ['frank', 'a\nb'] }, {}],
    ];
    const lines = others.map((changes) => lineOf(format, { ...record, fields, ...changes }));
    const alone = others.map((changes) =>
      lineOf(accessFormat('%h %u "%r" "%{User-Agent}i" %{mount}n'), { ...record, fields, ...changes }),
    );
    expect(lines).toEqual(alone);
    expect(new Set(lines).size).toBe(others.length - 2);
  });

  it('shows milliseconds as numbers are shown', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (durationMs) => {
        expect(line('%{duration}n', { durationMs })).toBe(String(Math.round(durationMs * 1000) / 1000));
      }),
    );
    for (const durationMs of [0, 0.0004, 0.0005, 0.001, 0.01, 0.1, 0.9996, 1, 1.5, 10.25, 999.9999]) {
      expect(line('%{duration}n', { durationMs })).toBe(String(Math.round(durationMs * 1000) / 1000));
    }
  });

  it('says the id of the process', () => {
    expect(line('%P %(p)s')).toBe(`${process.pid} <${process.pid}>`);
  });

  it('takes the time of the beginning, or of the end, in the formats of strftime', () => {
    const at = (template: string) => line(template);
    expect(at('%{sec}t %{msec}t %{msec_frac}t')).toBe(
      [Math.floor((END - 1234.5678) / 1000), Math.floor(END - 1234.5678), '843'].join(' '),
    );
    expect(at('%{end:sec}t %{end:msec}t %{end:msec_frac}t %{end:usec}t %{end:usec_frac}t')).toBe(
      [Math.floor(END / 1000), Math.floor(END), '078', Math.floor(END * 1000), '078500'].join(' '),
    );
    const local = new Date(Math.floor(END / 1000) * 1000);
    const two = (value: number) => String(value).padStart(2, '0');
    expect(at('%{end:%Y-%m-%dT%H:%M:%S}t %{end:%FT%T}t %{end:%s}t')).toBe(
      Array.from(
        { length: 2 },
        () => `${local.getFullYear()}-01-${two(local.getDate())}T${local.toTimeString().slice(0, 8)}`,
      )
        .concat(String(Math.floor(END / 1000)))
        .join(' '),
    );
    expect(at('%{end:%a %A %b %B %y %p %I %%}t')).toMatch(
      /^(?:Thu Thursday|Fri Friday|Sat Saturday) Jan January 26 [AP]M (?:0[1-9]|1[0-2]) %$/,
    );
  });

  it('has the request id of the response, else that of the request', () => {
    const template = '%{request-id}n';
    expect(line(template, { responseHead: 'HTTP/1.1 200 OK\r\nX-Request-Id: made\r\n\r\n' })).toBe('made');
    expect(line(template, {}, { 'x-request-id': 'come' })).toBe('come');
    expect(line(template)).toBe('-');
  });

  it('has a dash for what is not known', () => {
    const nothing: Partial<AccessRecord> = {
      ...{
        remoteAddress: '',
        method: '-',
        target: '-',
        responseHead: '',
        mount: '',
        worker: '',
        queueMs: -1,
        bytes: 0,
      },
      connection: { ...record.connection, serverName: '', remotePort: '', tls: undefined },
    };
    expect(line('%h %U %q %b %{X}o %{X}i %{X}e %{worker}n %{queue}n %{mount}n %v %V %{remote}p', nothing, {})).toBe(
      Array.from({ length: 13 }, () => '-').join(' '),
    );
    expect(line('"%m %U%q"', { target: '/' })).toBe('"GET /"');
  });

  it.each([
    ['http://a.example/b?c', '/b ?c'],
    ['http://a.example', '/ -'],
    ['*', '* -'],
    ['a.example:443', 'a.example:443 -'],
    ['/a?', '/a ?'],
  ])('has path and query of the target %s', (target, expected) => {
    expect(line('%U %q', { target })).toBe(expected);
  });

  it('asks for no more than its atoms need', () => {
    const needs = (template: string) => {
      const { fields, responseHead, worker } = accessFormat(template).facts;
      return [fields.map(({ name, variable }) => name || variable), responseHead, worker];
    };
    expect(needs('%h %s "%r" %b %D %t')).toEqual([[], false, false]);
    expect(needs('%{A}i %{a}i %{A}o')).toEqual([['a'], true, false]);
    expect(needs('%{queue}n')).toEqual([[], false, true]);
    expect(needs('common')).toEqual([['REMOTE_USER'], false, false]);
    expect(needs('json')).toEqual([['referer', 'user-agent'], false, false]);
  });
});

describe('L-43 what no template can have', () => {
  it.each([
    ['%h %Z', 'unknown atom at character 4 of the template: "%Z"'],
    ['%', 'unknown atom at character 1 of the template: "%"'],
    ['a %{x', 'unknown atom at character 3 of the template: "%{x"'],
    ['%i', 'unknown atom at character 1 of the template: "%i"'],
    ['%{a b}i', 'unknown atom at character 1 of the template: "%{a"'],
    ['%{x}h', 'unknown atom at character 1 of the template: "%{x}h"'],
    ['%{h}T', 'unknown atom at character 1 of the template: "%{h}T"'],
    ['%{%Q}t', 'unknown atom at character 1 of the template: "%{%Q}t"'],
    ['%{nothing}n', 'unknown atom at character 1 of the template: "%{nothing}n"'],
    ['%{constructor}n', 'unknown atom at character 1 of the template: "%{constructor}n"'],
    ['%{__proto__}x', 'unknown atom at character 1 of the template: "%{__proto__}x"'],
    ['%s %(x)s', 'unknown atom at character 4 of the template: "%(x)s"'],
    ['%(h)d', 'unknown atom at character 1 of the template: "%(h)d"'],
    ['%h\\n', 'unexpected character at character 3 of the template: "\\\\n"'],
    ['%h\n%s', 'unexpected character at character 3 of the template: "\\n%s"'],
    ['%h\u2028', 'unexpected character at character 3 of the template: "\u2028"'],
  ])('%j', (template, message) => {
    expect(() => accessFormat(template)).toThrow(new ConfigurationError(message));
  });
});

describe('L-44 hostile bytes', () => {
  const ARGUMENTS: Record<string, string[]> = {
    ...{ i: ['Referer'], o: ['X-Evil'], e: ['REMOTE_USER'], x: ['SSL_CIPHER'], t: ['', '%F', 'msec'] },
    ...{ T: ['', 'ms', 'us', 's'], p: ['', 'local', 'remote'], a: ['', 'c'] },
    n: ['duration', 'mount', 'queue', 'request-id', 'worker'],
  };
  const argumentsOf = (letter: string) => ARGUMENTS[letter] ?? [''];
  const braces = (argument: string) => (argument === '' ? '' : `{${argument}}`);
  const atoms = [
    ...Object.keys(APACHE).flatMap((letter) => argumentsOf(letter).map((argument) => `%${braces(argument)}${letter}`)),
    ...Object.keys(GUNICORN).flatMap((letter) =>
      (letter === 'a' || letter === 'p' || letter === 'T' ? [''] : argumentsOf(letter)).map(
        (argument) => `%(${braces(argument)}${letter})s`,
      ),
    ),
  ];

  /** Deterministic; mostly of what separates, quotes or controls. */
  function* evils(): Generator<string> {
    const special = ' "\\\n\r\t\0\x1b\x7f\x85\x9b\xa0\xff%?:/[]{}-,\'';
    let seed = 20260102;
    for (let count = 0; count < 300; count++) {
      let text = '';
      for (let at = count % 12; at >= 0; at--) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        const unit = seed >>> 8;
        text += unit % 3 === 0 ? String.fromCharCode((unit >>> 2) % 256) : special[(unit >>> 2) % special.length];
      }
      yield text;
    }
    yield '';
  }

  /** A record of which each text is the same evil one, as far as its place can hold it. */
  function evilRecord(evil: string): Partial<AccessRecord> {
    const inHead = evil.replaceAll(/[\r\n]/g, ' ');
    return {
      ...{ remoteAddress: evil, method: evil, target: evil, protocol: evil, mount: evil },
      responseHead: `HTTP/1.1 200 OK\r\nX-Evil: ${inHead}\r\nX-Request-Id: ${inHead}\r\n\r\n`,
      connection: {
        ...{ remoteAddress: evil, remotePort: evil, serverName: evil, serverPort: evil },
        ...{ scheme: 'https', unixSocket: false, tls: { SSL_CIPHER: evil } },
      },
    };
  }

  /**
   * The fields of a line as a reader finds them, who knows quotes, backslashes and the brackets of a time; -1: none.
   */
  function countFields(text: string): number {
    const field = /(?:\[\d\d\/\w{3}\/\d{4}:[\d:]{8} [+-]\d{4}\]|"(?:[^"\\]|\\.)*"|\\.|[^ "\\])+/y;
    let count = 0;
    for (let at = 0; at < text.length; at = field.lastIndex + 1) {
      field.lastIndex = at;
      if (!field.test(text) || (text[field.lastIndex] ?? ' ') !== ' ') return -1;
      count++;
    }
    return count;
  }

  it('count fields as a reader does', () => {
    expect(countFields('a "b c" [02/Jan/2026:03:04:05 +0100] "f\\"g" h\\"i')).toBe(5);
    expect(countFields('a  b')).toBe(-1);
    expect(countFields('a "b')).toBe(-1);
  });

  it.each(atoms)('in %s make one line of as many fields', (atom) => {
    // The request line outside of quotes has three words.
    const words = atom === '%r' || atom === '%(r)s' ? 3 : 1;
    for (const evil of evils()) {
      const fields = { ...FIELDS, referer: evil, 'user-agent': evil, host: evil, authorization: evil };
      for (const name of ['x-request-id', 'REMOTE_USER', 'SERVER_NAME', 'SERVER_PORT', 'REMOTE_PORT', 'SSL_CIPHER'])
        Object.assign(fields, { [name]: evil });
      const text = line(`start ${atom} "${atom}" '${atom}' end`, evilRecord(evil), fields);
      expect(text, JSON.stringify(evil)).toMatch(/^[ -~]*$/);
      expect(countFields(text), `${JSON.stringify(evil)}: ${text}`).toBe(3 + 2 * words);
    }
  });
});
