/** Generators of request bytes: valid ones with all that they mean, odd ones, and mutations of both. */
import fc from 'fast-check';
import type { ParsedRequest } from '../protocols/http/driver.ts';

/** Bytes with what they mean. */
export interface Generated {
  bytes: Buffer;
  requests: ParsedRequest[];
}

const characters = (set: string, minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...set), { minLength, maxLength }).map((list) => list.join(''));

const ALNUM = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const TOKEN = `${ALNUM}!#$%&'*+-.^_\`|~`;
const token = (maxLength: number) => characters(TOKEN, 1, maxLength);
const visible = Array.from({ length: 0x5e }, (_, i) => String.fromCharCode(0x21 + i)).join('');
const value = fc
  .tuple(characters(`${visible}\x80\xa0\xe9\xff \t`, 0, 70), fc.constantFrom('', 'x'))
  .map(([inner, end]) => (inner + end).replace(/^[ \t]+|[ \t]+$/g, ''));
const blanks = fc.constantFrom('', ' ', ' ', ' ', '\t', ' \t ');
const cased = (text: string) => fc.constantFrom(text, text, text.toLowerCase(), text.toUpperCase());
const path = characters(`${ALNUM}-._~!$&'()*+,;=:@/%`, 0, 60).map((text) => `/${text}`);
const query = fc.oneof(
  fc.constant(''),
  characters(`${ALNUM}-._~!$&'()*+,;=:@/%?`, 0, 40).map((text) => `?${text}`),
);
const host = fc.constantFrom('a', 'example.com', 'example.com:8080', '[::1]', '[2001:db8::7]:80', '10.0.0.1:', 'a_b');

const target = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(path, query).map(([p, q]) => p + q) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('http', 'https', 'HTTP'), host, path, query)
      .map(([s, h, p, q]) => `${s}://${h}${p}${q}`),
  },
);

const field = fc
  .tuple(
    fc.oneof(
      token(40),
      fc.constantFrom(
        'Accept',
        'Cookie',
        'User-Agent',
        'X-Forwarded-For',
        'Content-Type',
        'content_length',
        'Proxy',
        'TE',
      ),
    ),
    value,
  )
  .filter(
    ([name]) => !/^(host|content-length|transfer-encoding|connection|expect|upgrade|proxy-connection)$/i.test(name),
  );

const extension = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.tuple(token(8), token(8)).map(([name, text]) => `;${name}=${text}`) },
  { weight: 1, arbitrary: fc.constantFrom(';a', ';a="b;c\\"d\t\xff"', ';a=b;c', ';a=""') },
);
const payload = characters(`${visible} \r\n\0\xff`, 0, 90);

/** A chunked body: its bytes, its payload, its trailer fields. */
const chunked = fc
  .tuple(
    fc.array(fc.tuple(characters(`${visible}\r\n\0`, 1, 40), extension, fc.constantFrom('', '0', '000')), {
      maxLength: 4,
    }),
    extension,
    fc.array(field, { maxLength: 2 }),
  )
  .map(([chunks, end, trailers]) => ({
    bytes: `${chunks
      .map(([data, extensions, zeros], i) => {
        const size = data.length.toString(16);
        return `${zeros}${i % 2 ? size : size.toUpperCase()}${extensions}\r\n${data}\r\n`;
      })
      .join('')}0${end}\r\n${trailers.map(([name, text]) => `${name}:${text}\r\n`).join('')}\r\n`,
    body: chunks.map(([data]) => data).join(''),
    trailers,
  }));

const framing = fc.oneof(
  fc.constant({ fields: [] as [string, string][], bytes: '', body: '', trailers: [] as [string, string][] }),
  fc.tuple(payload, fc.constantFrom('', '0', '00'), cased('Content-Length')).map(([body, zeros, name]) => ({
    fields: [[name, zeros + body.length]] as [string, string][],
    bytes: body,
    body,
    trailers: [] as [string, string][],
  })),
  fc.tuple(chunked, cased('Transfer-Encoding'), fc.constantFrom('chunked', 'Chunked')).map(([body, name, coding]) => ({
    fields: [[name, coding]] as [string, string][],
    ...body,
  })),
);

const connection = fc.constantFrom<[text: string, closes: boolean, persists: boolean]>(
  ['keep-alive', false, true],
  ['Keep-Alive, x', false, true],
  ['close', true, false],
  ['x, Close', true, false],
  ['upgrade', false, false],
  ['closed', false, false],
);

/** A valid request. */
const request = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'DELETE', 'PROPPATCH', 'M-SEARCH'),
    target,
    old: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    host: fc.tuple(cased('Host'), host),
    framing,
    connection: fc.option(fc.tuple(cased('Connection'), connection), { freq: 3 }),
    expect: fc.option(fc.constant<[string, string]>(['Expect', '100-continue']), { freq: 6 }),
    upgrade: fc.option(fc.constant<[string, string]>(['Upgrade', 'foo/2']), { freq: 6 }),
    others: fc.array(field, { maxLength: 5 }),
    blanks: fc.tuple(blanks, fc.constantFrom('', '', ' ', '\t')),
    turn: fc.nat(8),
    emptyLines: fc.constantFrom('', '', '', '\r\n', '\r\n\r\n'),
  })
  .map((r): { bytes: string; request: ParsedRequest } => {
    const isChunked = r.framing.fields.some(([name]) => /^transfer-encoding$/i.test(name));
    const old = r.old && !isChunked;
    const headers: [string, string][] = [...r.others, r.host, ...r.framing.fields];
    if (r.connection) headers.push([r.connection[0], r.connection[1][0]]);
    if (r.expect) headers.push(r.expect);
    if (r.upgrade) headers.push(r.upgrade);
    headers.push(...headers.splice(0, r.turn));
    const [, closes, persists] = r.connection?.[1] ?? ['', false, false];
    // llhttp takes no HTAB around some framing values; the odd requests below have them.
    const around = (name: string) =>
      /^(content-length|connection|transfer-encoding)$/i.test(name) ? ['', ''] : r.blanks;
    const lines = headers.map(([name, text]) => `${name}:${around(name)[0]}${text}${around(name)[1]}\r\n`);
    const version = old ? 'HTTP/1.0' : 'HTTP/1.1';
    return {
      bytes: `${r.emptyLines}${r.method} ${r.target} ${version}\r\n${lines.join('')}\r\n${r.framing.bytes}`,
      request: {
        method: r.method,
        target: r.target,
        version,
        headers,
        body: r.framing.body,
        trailers: r.framing.trailers,
        keepAlive: old ? persists : !closes,
      },
    };
  });

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** One to three valid requests on one connection. */
export const valid: fc.Arbitrary<Generated> = fc.array(request, { minLength: 1, maxLength: 3 }).map((list) => {
  const closing = list.findIndex(({ request }) => !request.keepAlive);
  return {
    bytes: latin1(list.map(({ bytes }) => bytes).join('')),
    requests: (closing < 0 ? list : list.slice(0, closing + 1)).map(({ request }) => request),
  };
});

const line = fc.oneof(
  fc.constantFrom(
    ...[
      'Host: a',
      'Host : a',
      'Host: a b',
      'Host:',
      'host:\tb:1',
      'Content-Length: 3',
      'Content-Length:\t3',
      'Content-Length: 3 ',
    ],
    ...[
      'Content-Length: +3',
      'Content-Length: 3, 3',
      'Content-Length: 0x3',
      'Content-Length: 99999999999999999999',
      'Content_Length: 9',
    ],
    ...[
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: chunked ',
      'Transfer-Encoding:\tchunked',
      'Transfer-Encoding: gzip, chunked',
    ],
    ...[
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: chunked;a=b',
      'Transfer-Encoding:',
    ],
    ...[
      'Transfer-Encoding: ,chunked',
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding: "chunked"',
      'TransferEncoding: chunked',
    ],
    ...[
      'Connection: close',
      'Connection: keep-alive',
      'Connection: keep-alive, close',
      'Connection: close\t',
      'Connection: \tclose , x',
    ],
    ...[
      'Connection: close x',
      'Connection: ,,close',
      'Connection: upgrade',
      'Connection: keep-alive\t, upgrade',
      'Connection: clos',
      'Connection: e,close',
    ],
    ...[
      'Upgrade: h2c',
      'Expect: 100-continue',
      'Expect: nothing',
      ' folded',
      '\tfolded: 1',
      ': empty',
      'no colon',
      'X: \x01',
      'X: \x7f',
      'X: \xff',
      'X\x80: 1',
    ],
  ),
  fc.tuple(token(20), value).map(([name, text]) => `${name}: ${text}`),
);

/** The usual value mostly, so that what is odd elsewhere comes to be judged. */
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 3, arbitrary: fc.constantFrom(...others) });

/** Request lines, field lines, line ends and bodies put together without regard to rules. */
const odd = fc
  .tuple(
    mostly('POST', 'GET', 'CONNECT', 'OPTIONS', 'get', 'PRI', 'G@T', ''),
    mostly(' ', '  ', '\t'),
    mostly('/', '/a?b', '*', 'a:80', 'http://a/b', 'http://u@a/', 'http:///', 'a', '/#f', '/\x80', '//', '/|', '?', ''),
    mostly(' HTTP/1.1', ' HTTP/1.0', ' HTTP/1.2', ' HTTP/2.0', ' HTTP/0.9', ' http/1.1', ' HTTP/1.1 ', ''),
    mostly('Host: a', 'Accept: b'),
    fc.array(line, { maxLength: 3 }),
    mostly('\r\n', '\n', '\r', '\r\r\n'),
    fc.oneof(
      fc.constantFrom(
        '',
        'abc',
        '0\r\n\r\n',
        '3\r\nabc\r\n0\r\n\r\n',
        '3\nabc\n0\n\n',
        '3 ;a\r\nabc\r\n0\r\n\r\n',
        '03;a=b\r\nabc\r\n0\r\nX: 1\r\n\r\n',
      ),
      fc.constantFrom(
        '3\r\nabcd\r\n0\r\n\r\n',
        '-3\r\nabc\r\n0\r\n\r\n',
        '0x3\r\nabc\r\n0\r\n\r\n',
        '3;a="\r\nabc\r\n0\r\n\r\n',
        '0\r\nHost: b\r\n\r\n',
      ),
      chunked.map(({ bytes }) => bytes),
    ),
  )
  .map(([method, space, where, version, first, lines, end, body]) =>
    latin1(
      `${method}${space}${where}${version}${end}${[first, ...lines].map((text) => text + end).join('')}${end}${body}`,
    ),
  );

const interesting = fc.constantFrom(
  ...[0, 1, 9, 10, 11, 13, 32, 34, 35, 44, 45, 48, 58, 59, 61, 63, 64, 97, 127, 128, 255],
);
const edit = fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'remove', 'repeat'), interesting);

/** Valid and odd requests with some bytes changed, one after another on a connection. */
export const mutated: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(
      fc.oneof(
        valid.map(({ bytes }) => bytes),
        odd,
      ),
      { minLength: 1, maxLength: 3 },
    ),
    fc.array(edit, { maxLength: 3 }),
  )
  .map(([parts, edits]) => {
    let bytes = Buffer.concat(parts);
    for (const [place, kind, byte] of edits) {
      const at = place % (bytes.length + 1);
      const after = bytes.subarray(kind === 'replace' || kind === 'remove' ? at + 1 : at);
      const between =
        kind === 'remove' ? [] : kind === 'repeat' ? [...bytes.subarray(Math.max(0, at - 3), at)] : [byte];
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(between), after]);
    }
    return bytes;
  });

/** Places to cut an input of any length at, in order. */
export const places = fc.array(fc.nat(), { maxLength: 6 });

export const cutsIn = (length: number, list: number[]) =>
  list.map((place) => place % (length + 1)).sort((a, b) => a - b);
