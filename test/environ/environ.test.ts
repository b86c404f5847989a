import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncInput } from '../../src/engine/sync-input.ts';
import { EnvironBuilder, type EnvironTemplate } from '../../src/environ/builder.ts';
import type { ConnectionInfo } from '../../src/environ/variables.ts';
import { ConfigurationError } from '../../src/interface/errors.ts';
import { MemoryErrors } from '../engine/environs.ts';
import { FIELD_NAMES, headRecord, METHODS } from '../engine/head-record.ts';

const TEMPLATE: EnvironTemplate = {
  fieldNames: FIELD_NAMES,
  methods: METHODS,
  async: false,
  multithread: false,
  multiprocess: true,
  errors: new MemoryErrors(),
};

const CONNECTION: ConnectionInfo = {
  remoteAddress: '192.0.2.1',
  remotePort: '4711',
  serverName: 'server.example',
  serverPort: '8080',
  scheme: 'http',
  unixSocket: false,
};

interface Options {
  template?: Partial<EnvironTemplate>;
  connection?: Partial<ConnectionInfo>;
  prefix?: string;
  before?: string;
  builder?: EnvironBuilder;
}

function build(head: string, options: Options = {}): Record<string, unknown> {
  const builder = options.builder ?? new EnvironBuilder({ ...TEMPLATE, ...options.template });
  const { text, textStart, words, record } = headRecord(head, options.before);
  const connection = { ...CONNECTION, ...options.connection };
  return builder.build(text, textStart, words, record, connection, options.prefix ?? '', new SyncInput(null));
}

/** Only what came from fields. */
function fieldsOf(environ: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(environ).filter(([key]) => key === '' || /^(HTTP_|CONTENT_)/.test(key)));
}

describe('the object', () => {
  test('G-05 a plain extensible object with null prototype and own enumerable data properties only', () => {
    const environ = build('GET / HTTP/1.1\nHost: a\nX-One: 1');
    expect(Object.getPrototypeOf(environ)).toBe(null);
    expect('constructor' in environ).toBe(false);
    expect(Object.isExtensible(environ)).toBe(true);
    expect(Object.isFrozen(environ)).toBe(false);
    for (const key of Reflect.ownKeys(environ)) {
      const property = Object.getOwnPropertyDescriptor(environ, key);
      expect(property).toMatchObject({ enumerable: true, writable: true, configurable: true });
    }
    expect({ ...environ }).toEqual({ ...environ });
    environ['my.key'] = 1;
    delete environ.HTTP_HOST;
    expect('HTTP_HOST' in environ).toBe(false);
  });

  test('G-04 every request has its own; what is shared is frozen', () => {
    const builder = new EnvironBuilder({ ...TEMPLATE, state: { pool: 1 } });
    const first = build('GET /1 HTTP/1.1\nHost: a', { builder });
    first['my.key'] = 1;
    first.HTTP_HOST = 'changed';
    (first['quaich.state'] as Record<string, unknown>).pool = 2;
    const second = build('GET /2 HTTP/1.1\nHost: b', { builder });
    expect(second['my.key']).toBe(undefined);
    expect(second.HTTP_HOST).toBe('b');
    expect(second['quaich.state']).toEqual({ pool: 1 }); // L-06
    expect(Object.isFrozen(first['wsgi.version'])).toBe(true);
  });

  test('G-06, G-07 CGI keys hold native strings, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((c) => String.fromCharCode(c)) }),
        (value) => {
          const environ = build(`GET /%80%FF?q=%E9 HTTP/1.1\nX-Any: v${value}v`);
          expect(environ.HTTP_X_ANY).toBe(`v${value}v`);
          for (const [key, one] of Object.entries(environ)) {
            if (key.includes('.')) continue;
            expect(one).toBeTypeOf('string');
            // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole range of bytes is meant
            expect(one).toMatch(/^[\x00-\xff]*$/);
          }
        },
      ),
    );
  });

  test('a head in the middle of a string is cut out at the right place', () => {
    const environ = build('POST /second?x HTTP/1.1\nHost: b', { before: 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n' });
    expect(environ).toMatchObject({ REQUEST_METHOD: 'POST', PATH_INFO: '/second', QUERY_STRING: 'x', HTTP_HOST: 'b' });
  });
});

describe('the request line', () => {
  test.each(['GET', 'HEAD', 'get', 'PROPFIND', 'X-MINE'])('G-10 the method %s as it came', (method) => {
    expect(build(`${method} / HTTP/1.1`).REQUEST_METHOD).toBe(method);
  });

  test.each([
    ['', '/', '', '/'],
    ['', '/a/b', '', '/a/b'],
    ['/app', '/app', '/app', ''],
    ['/app', '/app/', '/app', '/'],
    ['/app', '/app/x', '/app', '/x'],
    ['/a/b', '/a/b/c', '/a/b', '/c'],
  ])('G-11, G-12, G-13 mounted at %j, %j gives SCRIPT_NAME %j and PATH_INFO %j', (prefix, target, script, path) => {
    const environ = build(`GET ${target} HTTP/1.1`, { prefix });
    expect([environ.SCRIPT_NAME, environ.PATH_INFO]).toEqual([script, path]);
    expect(`${environ.SCRIPT_NAME}${environ.PATH_INFO}`).not.toBe('');
  });

  test('G-15 the mount point is cut off the decoded path', () => {
    const environ = build('GET /%61pp/%C3%A9 HTTP/1.1', { prefix: '/app' });
    expect([environ.SCRIPT_NAME, environ.PATH_INFO]).toEqual(['/app', '/\xc3\xa9']);
  });

  test.each([
    ['/%C3%A9', '/\xc3\xa9'],
    ['/%E9', '/\xe9'],
    ['/a%2Fb', '/a/b'],
    ['/a%3Fb', '/a?b'],
    ['/a%2fb%2F', '/a/b/'],
    ['/a+b', '/a+b'],
    ['/%', '/%'],
    ['/%4', '/%4'],
    ['/%zz', '/%zz'],
    ['/%%41', '/%A'],
    ['/%4%41', '/%4A'],
    ['/%00', '/\0'],
    ['/%25%34%31', '/%41'],
    ['/./a//../b', '/./a//../b'],
  ])('G-15, G-16, G-17, G-23 the path %s becomes %j', (target, path) => {
    expect(build(`GET ${target} HTTP/1.1`).PATH_INFO).toBe(path);
  });

  test.each([
    ['/a', '/a', ''],
    ['/a?', '/a', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['/a?%41=%zz+', '/a', '%41=%zz+'],
    ['/?x', '/', 'x'],
  ])('G-18, G-19 %s: query as it is, REQUEST_URI undecoded', (target, path, query) => {
    const environ = build(`GET ${target} HTTP/1.1`);
    expect([environ.PATH_INFO, environ.QUERY_STRING, environ.REQUEST_URI]).toEqual([path, query, target]);
  });

  test.each([
    ['http://other.example:81/p?q', '/p', 'q', 'other.example:81'],
    ['http://other.example', '/', '', 'other.example'],
    ['http://other.example?q', '/', 'q', 'other.example'],
  ])('G-20 the absolute form %s overrides Host', (target, path, query, host) => {
    const environ = build(`GET ${target} HTTP/1.1\nHost: mine.example`);
    expect([environ.PATH_INFO, environ.QUERY_STRING, environ.HTTP_HOST]).toEqual([path, query, host]);
  });

  test('G-20 the absolute form sets HTTP_HOST where there is no Host', () => {
    expect(build('GET http://h/p HTTP/1.0').HTTP_HOST).toBe('h');
  });

  test('G-21 OPTIONS * has the path *, also in absolute form and under a mount', () => {
    expect(build('OPTIONS * HTTP/1.1').PATH_INFO).toBe('*');
    expect(build('OPTIONS http://h HTTP/1.1').PATH_INFO).toBe('*');
    expect(build('OPTIONS * HTTP/1.1', { prefix: '/app' })).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: '*' });
  });

  test('G-25 the version is that of the request', () => {
    expect(build('GET / HTTP/1.0').SERVER_PROTOCOL).toBe('HTTP/1.0');
    expect(build('GET / HTTP/1.1').SERVER_PROTOCOL).toBe('HTTP/1.1');
  });
});

describe('the fields', () => {
  test('G-26, G-27, G-28 content type and length have no HTTP_ key; absent fields have no key at all', () => {
    expect(fieldsOf(build('POST / HTTP/1.1\ncontent-TYPE: text/plain\nContent-Length: 5'))).toEqual({
      CONTENT_TYPE: 'text/plain',
      CONTENT_LENGTH: '5',
    });
    expect(fieldsOf(build('GET / HTTP/1.1'))).toEqual({});
  });

  test('G-29 names in upper case, hyphens as underscores, empty values as such', () => {
    expect(fieldsOf(build('GET / HTTP/1.1\nX-One-Two: 3\nAccept:\nweird!name: x'))).toEqual({
      HTTP_X_ONE_TWO: '3',
      HTTP_ACCEPT: '',
      'HTTP_WEIRD!NAME': 'x',
    });
  });

  test('G-30 repeated fields are joined in order, Cookie with a semicolon', () => {
    const environ = build(
      'GET / HTTP/1.1\nAccept: a\nX-Mine: 1\ncookie: a=1\nx-mine: 2\nACCEPT:\nCookie: b=2\nX-MINE: 3\nAccept: c',
    );
    expect(fieldsOf(environ)).toEqual({ HTTP_ACCEPT: 'a,,c', HTTP_X_MINE: '1,2,3', HTTP_COOKIE: 'a=1; b=2' });
  });

  test('G-30 fields of one request are not joined with those of the one before', () => {
    const builder = new EnvironBuilder(TEMPLATE);
    build('GET / HTTP/1.1\nAccept: a\nX-Mine: 1', { builder });
    expect(fieldsOf(build('GET / HTTP/1.1\nAccept: b\nX-Mine: 2', { builder }))).toEqual({
      HTTP_ACCEPT: 'b',
      HTTP_X_MINE: '2',
    });
  });

  test('G-31 many equal fields take linear time', () => {
    const lines = new Array(2000).fill(`X-Mine: ${'v'.repeat(1000)}`).join('\n');
    const environ = build(`GET / HTTP/1.1\n${lines}`);
    expect((environ.HTTP_X_MINE as string).length).toBe(2000 * 1001 - 1);
  });

  test('G-32 names with an underscore are dropped', () => {
    expect(fieldsOf(build('GET / HTTP/1.1\nX_Auth_User: evil\nX-Auth-User: good\nContent_Length: 9'))).toEqual({
      HTTP_X_AUTH_USER: 'good',
    });
  });

  test('G-32 where they are allowed they are never merged with the hyphen spelling', () => {
    const template = { allowUnderscores: true };
    for (const head of ['X_A: evil\nX-A: good', 'X-A: good\nX_A: evil']) {
      expect(fieldsOf(build(`GET / HTTP/1.1\n${head}`, { template }))).toEqual({ HTTP_X_A: 'good' });
    }
    expect(
      fieldsOf(build('GET / HTTP/1.1\nX_A: 1\nx_a: 2\nContent_Type: x\nTransfer_Encoding: y', { template })),
    ).toEqual({ HTTP_X_A: '1,2' });
    expect(fieldsOf(build('GET / HTTP/1.1\nX_A-B: 1\nX-A_B: 2', { template }))).toEqual({ HTTP_X_A_B: '1' });
  });

  test('G-35, G-36 Proxy and Transfer-Encoding are not shown, and a chunked body has no CONTENT_LENGTH', () => {
    expect(
      fieldsOf(build('POST / HTTP/1.1\nProxy: http://evil\nTransfer-Encoding: chunked\nContent-Length: 5\nHost: h')),
    ).toEqual({ HTTP_HOST: 'h' });
  });

  test('G-29 random names of a flood change nothing for the others', () => {
    const builder = new EnvironBuilder(TEMPLATE);
    for (let i = 0; i < 5000; i++) {
      const environ = build(`GET / HTTP/1.1\nX-Random-${i}: 1\nX-Steady: 2`, { builder });
      expect(environ[`HTTP_X_RANDOM_${i}`]).toBe('1');
      expect(environ.HTTP_X_STEADY).toBe('2');
    }
  });

  test('G-39 forwarded fields change neither address nor scheme nor host', () => {
    const environ = build(
      'GET / HTTP/1.1\nHost: h\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nForwarded: for=x',
    );
    expect(environ).toMatchObject({ REMOTE_ADDR: '192.0.2.1', 'wsgi.url_scheme': 'http', HTTP_HOST: 'h' });
  });
});

describe('the server', () => {
  test('G-24, G-37, G-41 name, port, peer and scheme of the connection', () => {
    const environ = build('GET / HTTP/1.1', { template: { serverSoftware: 'quaich/1' } });
    expect(environ).toMatchObject({
      SERVER_NAME: 'server.example',
      SERVER_PORT: '8080',
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '4711',
      SERVER_SOFTWARE: 'quaich/1',
      GATEWAY_INTERFACE: 'CGI/1.1',
      'wsgi.url_scheme': 'http',
    });
    for (const key of ['REMOTE_USER', 'AUTH_TYPE', 'REMOTE_HOST', 'HTTPS']) expect(key in environ).toBe(false);
  });

  test('G-38, G-41 https', () => {
    const environ = build('GET / HTTP/1.1', { connection: { scheme: 'https' } });
    expect(environ).toMatchObject({ HTTPS: 'on', 'wsgi.url_scheme': 'https' });
  });

  test.each([
    ['Host: h.example:99', 'http', 'h.example', '99'],
    ['Host: h.example', 'https', 'h.example', '443'],
    ['Host: [::1]:7', 'http', '[::1]', '7'],
    ['Host:', 'http', 'localhost', '80'],
    ['X: y', 'http', 'localhost', '80'],
  ] as const)('G-24 behind a Unix socket, %s and %s give %s:%s', (line, scheme, name, port) => {
    const connection = { serverName: '', serverPort: '', remoteAddress: '', remotePort: '', scheme, unixSocket: true };
    const environ = build(`GET / HTTP/1.1\n${line}`, { connection });
    expect([environ.SERVER_NAME, environ.SERVER_PORT]).toEqual([name, port]);
    expect(['REMOTE_ADDR' in environ, environ['quaich.unix_socket']]).toEqual([false, true]);
  });

  test('G-40 to G-47 the keys of the gateway', () => {
    const environ = build('GET / HTTP/1.1');
    expect(environ['wsgi.version']).toEqual([1, 0]);
    expect(environ['wsgi.input']).toBeInstanceOf(SyncInput);
    expect(environ['wsgi.errors']).toBe(TEMPLATE.errors);
    expect([environ['wsgi.multithread'], environ['wsgi.multiprocess'], environ['wsgi.run_once']]).toEqual([
      false,
      true,
      false,
    ]);
    expect(environ['wsgi.input_terminated']).toBe(true);
    expect(environ['quaich.async']).toBe(false);
    const other = build('GET / HTTP/1.1', { template: { async: true, multithread: true, runOnce: true } });
    expect([other['wsgi.multithread'], other['wsgi.run_once'], other['quaich.async']]).toEqual([true, true, true]);
  });

  test('G-49, G-160, B-37 keys of our own are in lower case under their prefix', () => {
    const template = { fileWrapper: () => [], clientDisconnected: () => false, state: {} };
    const environ = build('GET / HTTP/1.1', { template });
    for (const key of Object.keys(environ)) {
      if (key.includes('.')) expect(key).toMatch(/^(wsgi|quaich)\.[a-z0-9_]+$/);
    }
    expect(environ['wsgi.file_wrapper']).toBe(template.fileWrapper);
    expect(environ['quaich.client_disconnected']).toBe(template.clientDisconnected);
  });

  test('G-50 pairs of the deployer are added, native strings under names that requests do not use', () => {
    expect(build('GET / HTTP/1.1', { template: { extra: { 'my.key': 'v', MY_VAR: '\xff' } } })).toMatchObject({
      'my.key': 'v',
      MY_VAR: '\xff',
    });
    for (const name of ['HTTP_X', 'CONTENT_TYPE', 'REMOTE_USER', 'AUTH_TYPE', 'PATH_INFO', 'HTTPS', 'wsgi.input']) {
      expect(() => new EnvironBuilder({ ...TEMPLATE, extra: { [name]: 'x' } })).toThrow(ConfigurationError);
    }
    expect(() => new EnvironBuilder({ ...TEMPLATE, extra: { A: '€' } })).toThrow(ConfigurationError);
    expect(() => new EnvironBuilder({ ...TEMPLATE, extra: { A: 5 as unknown as string } })).toThrow(ConfigurationError);
  });
});
