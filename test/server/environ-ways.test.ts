/** What an application gets to see, in each way it can run: its call, environ, input, and the errors of startResponse. */
import { fileURLToPath } from 'node:url';
import type { Server } from 'quaich';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveWay, WAYS } from './all-ways.ts';
import { parseResponses, talk } from './client.ts';

const module = fileURLToPath(new URL('./apps/probe.mjs', import.meta.url));

/** See `apps/probe.mjs`. */
interface Report {
  arguments: number;
  hasThis: boolean;
  results: (string | string[])[];
  private: boolean;
  seenBefore: boolean;
  prototype: string;
  plain: boolean;
  extensible: boolean;
  strings: Record<string, string>;
  odd: string[];
  version: number[];
  multithread: boolean;
  multiprocess: boolean;
  run_once: boolean;
  input_terminated: boolean;
  async: boolean;
  errors: boolean;
}

const HOST = 'Host: example.org\r\n';
const get = (target: string, fields = HOST): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`;

/** Strings of environ that a request must lead to; `undefined`: not there. */
const ENVIRONS: [title: string, request: string, expected: Record<string, string | undefined>][] = [
  ['G-10 the method is passed as received', `PURGE / HTTP/1.1\r\n${HOST}\r\n`, { REQUEST_METHOD: 'PURGE' }],
  ['G-11 G-12 G-13 the root', get('/'), { SCRIPT_NAME: '', PATH_INFO: '/' }],
  ['G-11 G-12 G-13 a mount itself', get('/app'), { SCRIPT_NAME: '/app', PATH_INFO: '' }],
  ['G-12 a mount with a slash', get('/app/'), { SCRIPT_NAME: '/app', PATH_INFO: '/' }],
  ['G-14 a mount takes whole segments', get('/apple'), { SCRIPT_NAME: '', PATH_INFO: '/apple' }],
  ['G-15 G-07 escapes are bytes in latin-1', get('/%C3%A9%E9%2F%3F'), { PATH_INFO: '/\u00c3\u00a9\u00e9/?' }],
  ['G-16 plus signs and malformed escapes stay', get('/a+b%4%zz%'), { PATH_INFO: '/a+b%4%zz%' }],
  ['G-18 the query is raw', get('/a?b%41?c'), { PATH_INFO: '/a', QUERY_STRING: 'b%41?c' }],
  ['G-18 the query is always there', get('/a'), { QUERY_STRING: '' }],
  ['G-19 the target undecoded', get('/a%2Fb?c'), { REQUEST_URI: '/a%2Fb?c' }],
  [
    'G-20 an absolute-form target sets path, query and host',
    get('http://other.org:81/p?q'),
    { PATH_INFO: '/p', QUERY_STRING: 'q', HTTP_HOST: 'other.org:81' },
  ],
  ['G-23 the path is not normalised', get('/a/../b//./c'), { PATH_INFO: '/a/../b//./c' }],
  ['G-25 the version of the request', `GET / HTTP/1.0\r\n\r\n`, { SERVER_PROTOCOL: 'HTTP/1.0' }],
  ['G-26 G-27 no content fields, no variables', get('/'), { CONTENT_TYPE: undefined, CONTENT_LENGTH: undefined }],
  [
    'G-26 G-27 G-28 content fields',
    `POST / HTTP/1.1\r\n${HOST}Content-Type: a/b; c="d"\r\nContent-Length: 2\r\n\r\nab`,
    {
      CONTENT_TYPE: 'a/b; c="d"',
      CONTENT_LENGTH: '2',
      HTTP_CONTENT_TYPE: undefined,
      HTTP_CONTENT_LENGTH: undefined,
    },
  ],
  [
    'G-29 G-30 other fields: present, empty, absent, repeated',
    get('/', `${HOST}X-A: 1\r\nX-Empty:\r\nx-a: 2\r\nCookie: a=1\r\nCookie: b=2\r\n`),
    { HTTP_X_A: '1,2', HTTP_X_EMPTY: '', HTTP_X_B: undefined, HTTP_COOKIE: 'a=1; b=2' },
  ],
  [
    'G-32 G-35 names with an underscore and Proxy are dropped',
    get('/', `${HOST}X_User: root\r\nX-User: me\r\nProxy: evil\r\n`),
    { HTTP_X_USER: 'me', HTTP_PROXY: undefined },
  ],
  [
    'G-34 only SP and HTAB are trimmed, G-07 and bytes stay bytes',
    get('/', `${HOST}X-A: \t\u00a0caf\u00e9\u0085\t \r\n`),
    { HTTP_X_A: '\u00a0caf\u00e9\u0085' },
  ],
  [
    'G-36 G-62 a transfer coding is not shown',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
    { HTTP_TRANSFER_ENCODING: undefined, CONTENT_LENGTH: undefined },
  ],
  [
    'G-37 who asks, and whom',
    get('/'),
    { REMOTE_ADDR: '127.0.0.1', GATEWAY_INTERFACE: 'CGI/1.1', REMOTE_USER: undefined, AUTH_TYPE: undefined },
  ],
  ['G-38 G-41 the scheme without TLS', get('/'), { HTTPS: undefined, 'wsgi.url_scheme': 'http' }],
];

const TEXT = 'first\nsecond\r\n\nlast';

/** Steps on the input over `TEXT`, and what they give. */
const READS: [title: string, steps: unknown[][], results: (string | string[])[]][] = [
  ['G-51 G-56 read without a size gives the rest', [['read'], ['read']], [TEXT, '']],
  [
    'G-56 null and negative sizes mean the rest',
    [
      ['read', 1],
      ['read', null],
      ['read', -1],
    ],
    ['f', TEXT.slice(1), ''],
  ],
  [
    'G-57 read(n) gives n bytes, a shorter result is the end',
    [
      ['read', 0],
      ['read', 4],
      ['read', 100],
    ],
    ['', 'firs', TEXT.slice(4)],
  ],
  [
    'G-58 lines end at a line feed, or at their limit',
    [['readline'], ['readline', 3], ['readline', 0], ['readline'], ['readline'], ['readline'], ['readline']],
    ['first\n', 'sec', '', 'ond\r\n', '\n', 'last', ''],
  ],
  [
    'G-59 readlines counts bytes and keeps lines whole',
    [['readlines', 7], ['readlines']],
    [
      ['first\n', 'second\r\n'],
      ['\n', 'last'],
    ],
  ],
  ['G-59 a hint of 0 means all lines', [['readlines', 0]], [['first\n', 'second\r\n', '\n', 'last']]],
  ['G-60 iteration gives lines', [['lines']], [['first\n', 'second\r\n', '\n', 'last']]],
  [
    'G-61 the methods share one position',
    [['read', 2], ['readline'], ['readlines', 1], ['lines'], ['read']],
    ['fi', 'rst\n', ['second\r\n'], ['\n', 'last'], ''],
  ],
  [
    'G-53 G-54 the end is told by every method, any number of times',
    [['read'], ['read', 5], ['readline'], ['readlines'], ['lines'], ['read'], ['readline', 1]],
    [TEXT, '', '', [], [], '', ''],
  ],
];

/** Heads that are refused, with the row that the error names. */
const HEADS: [row: string, head: unknown[]][] = [
  ['G-88', ['200', []]],
  ['G-88', ['200 OK\r\nX: y', []]],
  ['G-89', ['101 Switching Protocols', []]],
  ['G-90', ['200 OK', [['a b', 'x']]]],
  ['G-90', ['200 OK', [['X', 'a\nb']]]],
  ['G-91', ['200 OK', [['X', '\u010d\u010a']]]],
  ['G-92', ['200 OK', [['transfer-encoding', 'chunked']]]],
  ['G-92', ['200 OK', [['Connection', 'close']]]],
  ['G-93', ['200 OK', [['sTatus', '200']]]],
  ['G-94', ['200 OK', [['Content-Length', '1e3']]]],
  ['G-85', ['200 OK', [], 'no error']],
];

describe.each(WAYS)('$way', (way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serveWay(way, [
      { module, export: way.export },
      { prefix: '/app/', module, export: way.export },
    ]);
  });

  afterAll(() => server.close());

  async function reports(requests: string): Promise<Report[]> {
    return parseResponses(await talk(server.url, requests)).map((response) => {
      expect(response.status).toBe(200);
      return JSON.parse(response.body);
    });
  }

  test.each(ENVIRONS)('%s', async (_title, request, expected) => {
    const [report] = await reports(request);
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, report.strings[key]]));
    expect(found).toEqual(expected);
    expect(report.odd).toEqual([]);
  });

  test('G-01 two arguments and no this; G-03 G-04 the next call gets a new environ', async () => {
    const seen = await reports(get('/') + get('/') + get('/'));
    expect(seen).toHaveLength(3);
    for (const report of seen) {
      expect(report).toMatchObject({ arguments: 2, hasThis: false, seenBefore: false });
    }
  });

  test('G-05 G-06 environ is plain, its CGI variables are strings', async () => {
    const [report] = await reports(get('/', `${HOST}X-A: 1\r\n`));
    expect(report).toMatchObject({ prototype: 'null', plain: true, extensible: true, odd: [] });
  });

  test('G-24 the name and the port of the server', async () => {
    const [report] = await reports(get('/'));
    expect(report.strings.SERVER_NAME).not.toBe('');
    expect(report.strings.SERVER_PORT).toBe(new URL(server.url).port);
  });

  test('G-40 G-42 G-43 G-45 G-46 G-47 version, streams, flags', async () => {
    const [report] = await reports(get('/'));
    expect(report).toMatchObject({
      version: [1, 0],
      errors: true,
      run_once: false,
      input_terminated: true,
      async: way.async,
    });
    expect(typeof report.multiprocess).toBe('boolean');
  });

  test('G-44 B-31 multithread where requests share a realm', async () => {
    const [report] = await reports(get('/'));
    expect(report.multithread).toBe(way.async);
  });

  describe.each([
    ['with a length', `Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`],
    [
      'in chunks (G-62)',
      `Transfer-Encoding: chunked\r\n\r\n7\r\n${TEXT.slice(0, 7)}\r\nc\r\n${TEXT.slice(7)}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
    ],
  ])('a body %s', (_framing, body) => {
    test.each(READS)('%s', async (_title, steps, results) => {
      const one = `POST / HTTP/1.1\r\n${HOST}X-Do: ${JSON.stringify(steps)}\r\n${body}`;
      // Pipelined: what follows must not be read as part of the body (G-54), nor the other way round (G-64).
      const [report, next] = await reports(one + get('/next'));
      expect(report.results).toEqual(results);
      expect(report.private).toBe(true);
      expect(next.strings.PATH_INFO).toBe('/next');
    });
  });

  test('G-55 without framing fields every read is empty at once', async () => {
    const steps = [['read'], ['readline'], ['readlines'], ['lines'], ['read', 5]];
    const [report] = await reports(get('/', `${HOST}X-Do: ${JSON.stringify(steps)}\r\n`));
    expect(report.results).toEqual(['', '', [], [], '']);
  });

  test('G-64 G-68 G-131 bytes that were not read are never the next request, and responses keep their order', async () => {
    const post = (path: string) =>
      `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\nxxxx`;
    expect(post('/').split('\r\n\r\n').slice(1).join('\r\n\r\n')).toHaveLength(30);
    const seen = await reports(post('/1') + get('/2') + post('/3') + get('/4'));
    expect(seen.map((report) => report.strings.PATH_INFO)).toEqual(['/1', '/2', '/3', '/4']);
  });

  test.each(HEADS)('%s G-87 a bad head throws into the application: %j', async (row, head) => {
    const steps = JSON.stringify([['start', ...head]]).replace(/[\u0080-\uffff]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    const [report] = await reports(get('/', `${HOST}X-Do: ${steps}\r\n`));
    expect(report.results[0]).toContain(row);
  });

  test('G-125 G-126 chunked coding on HTTP/1.1 ends with an empty chunk', async () => {
    const text = await talk(server.url, get('/', `${HOST}X-Stream: 1\r\n`));
    expect(text).toMatch(/\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n0\r\n\r\n$/);
    const old = await talk(server.url, 'GET / HTTP/1.0\r\nX-Stream: 1\r\nConnection: keep-alive\r\n\r\n');
    expect(old).not.toMatch(/Transfer-Encoding|Connection: keep-alive/i);
    expect(JSON.parse(parseResponses(old)[0].body).arguments).toBe(2);
  });
});
