/**
 * What an application gets to see of requests, whatever runs it: environs, reads of the input, heads that are refused.
 */

/** See `apps/probe.mjs`. */
export interface Report {
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

export const HOST = 'Host: example.org\r\n';
export const get = (target: string, fields = HOST): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`;

/** Strings of environ that a request must lead to; `undefined`: not there. */
export const ENVIRONS: [title: string, request: string, expected: Record<string, string | undefined>][] = [
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

export const TEXT = 'first\nsecond\r\n\nlast';

/** Steps on the input over `TEXT`, and what they give. */
export const READS: [title: string, steps: unknown[][], results: (string | string[])[]][] = [
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
export const HEADS: [row: string, head: unknown[]][] = [
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
