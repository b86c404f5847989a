import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ClientDisconnected, ConfigurationError, RequestBodyError } from '../../src/interface/index.ts';
import type { Application, Body, Environ } from '../../src/interface/types.ts';
import { type ClientOptions, type SyncRequest, testClient } from '../../src/testing/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** The environ that an application gets. */
function environOf(request: SyncRequest, options: ClientOptions = {}): Environ {
  let seen: Environ | undefined;
  testClient((environ: Environ, startResponse) => {
    seen = environ;
    startResponse('204 No Content', []);
    return [];
  }, options).request(request);
  return seen as Environ;
}

const echo: Application = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [environ['wsgi.input'].read()];
};

describe('U-53 the request', () => {
  test('G-70 wsgi.errors works without its object', () => {
    const response = testClient((environ: Environ, startResponse) => {
      const { write } = environ['wsgi.errors'];
      write('said');
      startResponse('204 No Content', []);
      return [];
    }).get('/');
    expect(response.errors).toBe('said');
  });

  test('becomes an environ as the server makes it', () => {
    const { 'wsgi.input': _input, 'wsgi.errors': _errors, ...environ } = environOf({ path: '/caf\u00e9 1?a=b' });
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/caf\u00c3\u00a9 1',
      QUERY_STRING: 'a=b',
      REQUEST_URI: '/caf%C3%A9%201?a=b',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'localhost',
      REMOTE_ADDR: '127.0.0.1',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': false,
      'wsgi.run_once': false,
      'wsgi.input_terminated': true,
      'quaich.async': false,
    });
    expect(Object.getPrototypeOf(environOf({}))).toBeNull();
    expect('CONTENT_LENGTH' in environ).toBe(false);
  });

  test.each([
    [{ query: 'x=1' }, '/', 'x=1'],
    [{ query: { a: 'é b' } }, '/', 'a=%C3%A9+b'],
    [{ path: '/p?y=2', query: new URLSearchParams('x=1') }, '/p', 'y=2&x=1'],
    [{ path: '/%2F%41?' }, '//A', ''],
    [{ path: 'http://other:81/x?y' }, '/x', 'y'],
  ])('of %j has path %j and query %j', (request, path, query) => {
    expect(environOf(request)).toMatchObject({ PATH_INFO: path, QUERY_STRING: query });
  });

  test('headers may be pairs, an object or Headers, over those of the client', () => {
    const headers = { Accept: 'a', 'X-Many': ['1', '2'] };
    expect(environOf({ headers })).toMatchObject({ HTTP_ACCEPT: 'a', HTTP_X_MANY: '1,2' });
    const pairs: [string, string][] = [
      ['Cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['Host', 'h'],
    ];
    expect(environOf({ headers: pairs })).toMatchObject({ HTTP_COOKIE: 'a=1; b=2', HTTP_HOST: 'h' });
    const environ = environOf({ headers: { ACCEPT: 'own' } }, { headers: { Accept: 'default', 'X-A': '1' } });
    expect(environ).toMatchObject({ HTTP_ACCEPT: 'own', HTTP_X_A: '1' });
  });

  test('scheme, version, address and pairs of the deployer', () => {
    expect(
      environOf({ scheme: 'https', httpVersion: '1.0', remoteAddress: '::1' }, { environ: { MY_KEY: 'v' } }),
    ).toMatchObject({
      HTTPS: 'on',
      SERVER_PORT: '443',
      SERVER_PROTOCOL: 'HTTP/1.0',
      REMOTE_ADDR: '::1',
      MY_KEY: 'v',
    });
  });

  test('G-11, G-12 a prefix is the mount point', () => {
    const options = { prefix: '/app' };
    expect(environOf({ path: '/app' }, options)).toMatchObject({ SCRIPT_NAME: '/app', PATH_INFO: '' });
    expect(environOf({ path: '/app/x' }, options)).toMatchObject({ SCRIPT_NAME: '/app', PATH_INFO: '/x' });
    for (const path of ['/', '/apple']) expect(() => environOf({ path }, options)).toThrow(ConfigurationError);
    for (const prefix of ['/', 'app', '/app/']) expect(() => environOf({}, { prefix })).toThrow(ConfigurationError);
  });

  test.each<SyncRequest>([
    { headers: { 'A B': '1' } },
    { headers: { A: '1\r\nB: 2' } },
    { headers: { 'Content-Length': '+1' } },
    { path: '/#x' },
    { method: 'A B' },
    { headers: { 'Transfer-Encoding': 'chunked', 'Content-Length': '1' } },
  ])('that a server refuses, %j, throws', (request) => {
    expect(() => testClient(echo).request(request)).toThrow();
  });

  test('the methods by name', () => {
    const client = testClient((environ, startResponse) => {
      startResponse('200 OK', []);
      return [bytes(environ.REQUEST_METHOD)];
    });
    const { text } = client.get('/');
    const others = [client.post('/'), client.put('/'), client.patch('/'), client.delete('/')];
    expect([text, ...others.map((response) => response.text)]).toEqual(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
    expect(client.request({ method: 'get' }).text).toBe('get');
  });
});

describe('U-53 the body of the request', () => {
  test.each([
    ['text', 'h\u00e9', '3'],
    ['bytes', Uint8Array.of(1, 2), '2'],
    ['an empty text', '', '0'],
  ])('%s has a length', (_what, body, length) => {
    expect(environOf({ method: 'POST', body })).toMatchObject({ CONTENT_LENGTH: length });
    expect(testClient(echo).post('/', { body }).read).toBe(Number(length));
  });

  test('JSON and parameters bring their type', () => {
    expect(environOf({ json: { a: 1 } })).toMatchObject({ CONTENT_TYPE: 'application/json', CONTENT_LENGTH: '7' });
    expect(environOf({ body: new URLSearchParams('a=1') })).toMatchObject({
      CONTENT_TYPE: 'application/x-www-form-urlencoded',
    });
    expect(() => environOf({ json: 1, body: '1' })).toThrow(ConfigurationError);
  });

  test('pieces are chunked, and taken only as the application reads', () => {
    const events: string[] = [];
    function* pieces() {
      for (const piece of ['ab', 'cd', 'ef']) {
        events.push(`give ${piece}`);
        yield piece;
      }
      events.push('end');
    }
    const response = testClient((environ, startResponse) => {
      expect(environ.CONTENT_LENGTH).toBeUndefined();
      startResponse('200 OK', []);
      for (const size of [1, 2, 9]) events.push(`read ${Buffer.from(environ['wsgi.input'].read(size))}`);
      return [];
    }).post('/', { body: pieces() });
    expect(events).toEqual(['give ab', 'read a', 'give cd', 'read bc', 'give ef', 'end', 'read def']);
    expect(response.read).toBe(6);
  });

  test('what is left of the pieces is given up with the request', () => {
    let returned = false;
    function* pieces() {
      try {
        for (;;) yield 'x';
      } finally {
        returned = true;
      }
    }
    testClient((environ, startResponse) => {
      environ['wsgi.input'].read(1);
      startResponse('200 OK', []);
      return [];
    }).post('/', { body: pieces() });
    expect(returned).toBe(true);
  });

  test('G-54 input ends at its Content-Length', () => {
    const response = testClient(echo).post('/', { headers: { 'Content-Length': '3' }, body: ['ab', 'cd', 'ef'] });
    expect(response.text).toBe('abc');
  });

  test.each<[string, Iterable<string> | undefined]>([
    ['ends', ['ab']],
    ['never comes', undefined],
  ])('G-63 a body that %s before its Content-Length throws ClientDisconnected', (_what, body) => {
    let caught: unknown;
    const response = testClient((environ, startResponse) => {
      try {
        environ['wsgi.input'].read();
      } catch (error) {
        caught = error;
        throw error;
      }
      startResponse('200 OK', []);
      return [];
    }).post('/', { headers: { 'Content-Length': '3' }, body });
    expect(caught).toBeInstanceOf(ClientDisconnected);
    expect([response.broken, response.failed, response.errors]).toEqual([true, false, '']);
  });

  test('an iterator that throws breaks the body off with that error', () => {
    function* pieces(): Generator<string> {
      yield 'ab';
      throw new RequestBodyError('bad chunk', 400);
    }
    expect(testClient(echo).post('/', { body: pieces() }).status).toBe(400);
  });

  test('G-65 above the limit reads fail with 413', () => {
    expect(testClient(echo, { limitBody: 3 }).post('/', { body: ['ab', 'cd'] }).status).toBe(413);
    expect(testClient(echo, { limitBody: 3 }).post('/', { body: 'abc' }).status).toBe(200);
  });

  test('G-66 what was read is the own of the application', () => {
    const body = bytes('ab');
    testClient((environ, startResponse) => {
      environ['wsgi.input'].read().fill(0);
      startResponse('200 OK', []);
      return [];
    }).post('/', { body });
    expect(body).toEqual(bytes('ab'));
  });
});

describe('U-53 the response', () => {
  test('has status, reason, fields, chunks as they were sent, and the body in several forms', () => {
    const response = testClient(function* (_environ, startResponse) {
      startResponse('201 So Created', [
        ['Set-Cookie', 'a'],
        ['Set-Cookie', 'b\u00e9'],
      ]);
      yield new Uint8Array(0);
      yield bytes('{"a"');
      yield bytes(':1}');
    }).get('/');
    expect(response).toMatchObject({ status: 201, reason: 'So Created', statusLine: '201 So Created' });
    expect(response.headers.getAll('set-cookie')).toEqual(['a', 'b\u00e9']);
    expect(response.headers.has('Content-Length')).toBe(false);
    expect(response.chunks).toEqual([bytes('{"a"'), bytes(':1}')]);
    expect(response.body).toEqual(bytes('{"a":1}'));
    expect(response.text).toBe('{"a":1}');
    expect(response.json()).toEqual({ a: 1 });
    expect(response).toMatchObject({
      broken: false,
      disconnected: false,
      failed: false,
      errors: '',
      closed: 0,
      read: 0,
    });
  });

  test('G-115 chunks are kept though the application refills its buffer', () => {
    const buffer = new Uint8Array(1);
    const response = testClient(function* (_environ, startResponse) {
      startResponse('200 OK', []);
      for (buffer[0] = 65; buffer[0] < 68; buffer[0]++) yield buffer;
    }).get('/');
    expect(response.text).toBe('ABC');
  });

  test.each<[string, Body | (() => Body), string | null]>([
    ['one chunk', [bytes('abc')], '3'],
    ['no chunk', [], '0'],
    ['an empty generator', (function* () {})(), '0'],
  ])('G-123, G-127 of %s has its Content-Length', (_what, body, length) => {
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return body as Body;
    }).get('/');
    expect(response.headers.get('Content-Length')).toBe(length);
  });

  test('G-128 to HEAD has no body', () => {
    const response = testClient(echo).head('/');
    expect([response.status, response.chunks, response.headers.get('Content-Length')]).toEqual([200, [], '0']);
  });

  test('G-81 excInfo replaces the head as long as nothing was sent', () => {
    const response = testClient(function* (_environ, startResponse) {
      startResponse('200 OK', [['A', '1']]);
      yield new Uint8Array(0);
      startResponse('500 Oops', [['B', '2']], new Error('late'));
      yield bytes('x');
    }).get('/');
    expect([response.statusLine, response.headers.items()]).toEqual(['500 Oops', [['B', '2']]]);
  });

  test('G-140 an error before the head gives 500 and a report', () => {
    const response = testClient(() => {
      throw new Error('my fault');
    }).get('/');
    expect([response.status, response.failed, response.broken]).toEqual([500, true, false]);
    expect(response.errors).toMatch(/GET "\/".*\nError: my fault\n/s);
  });

  test('G-141 an error after it breaks the response', () => {
    const response = testClient(function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('x');
      throw new Error('my fault');
    }).get('/');
    expect(response).toMatchObject({ status: 200, broken: true, failed: true, disconnected: false });
    expect(response.text).toBe('x');
  });

  test('G-122 a body shorter than its Content-Length is broken', () => {
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '3']]);
      return [bytes('ab')];
    }).get('/');
    expect([response.broken, response.failed]).toEqual([true, true]);
  });

  test('what the application writes to wsgi.errors is in errors, and in no other response', () => {
    const client = testClient((environ, startResponse) => {
      environ['wsgi.errors'].write(`at ${environ.PATH_INFO}\n`);
      startResponse('200 OK', []);
      return [];
    });
    expect([client.get('/1').errors, client.get('/2').errors]).toEqual(['at /1\n', 'at /2\n']);
  });

  test('G-164 a file is sent block by block, and closed', () => {
    const descriptor = openSync(import.meta.filename, 'r');
    const response = testClient((environ, startResponse) => {
      startResponse('200 OK', []);
      return environ['wsgi.file_wrapper']!(descriptor, 1000);
    }).get('/');
    expect(response.chunks[0]).toHaveLength(1000);
    expect(response.closed).toBe(1);
    expect(() => closeSync(descriptor)).toThrow('EBADF');
  });
});

describe('G-111 closed counts the calls of close', () => {
  const withClose = (): Body & { calls: number } => ({
    calls: 0,
    *[Symbol.iterator]() {
      yield bytes('a');
      yield bytes('b');
    },
    close() {
      this.calls++;
    },
  });

  test.each<[string, object]>([
    ['after the end', {}],
    ['after HEAD', { method: 'HEAD' }],
    ['after a disconnect', { disconnectAfter: 1 }],
  ])('%s', (_what, request) => {
    const body = withClose();
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return body;
    }).request(request);
    expect([response.closed, body.calls]).toEqual([1, 1]);
  });

  test('also of a body that calls it itself once more, and of one that is used again', () => {
    const body = withClose();
    const own = Object.getOwnPropertyDescriptor(body, 'close');
    const client = testClient((environ, startResponse) => {
      startResponse('200 OK', []);
      if (environ.PATH_INFO === '/twice') body.close?.();
      return body;
    });
    expect([client.get('/').closed, client.get('/').closed]).toEqual([1, 1]);
    expect(body.calls).toBe(2);
    expect(Object.getOwnPropertyDescriptor(body, 'close')).toEqual(own);
  });

  test('a method of a class is counted, and the body left without a trace', () => {
    class Closing {
      *[Symbol.iterator](): Generator<Uint8Array> {}
      close(): void {}
    }
    const body = new Closing();
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return body;
    }).get('/');
    expect([response.closed, Object.keys(body), Object.hasOwn(body, 'close')]).toEqual([1, [], false]);
  });

  test('a frozen body works all the same', () => {
    const body = Object.freeze(withClose());
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return { [Symbol.iterator]: () => body[Symbol.iterator]() };
    }).get('/');
    expect(response.text).toBe('ab');
    const frozen = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return Object.freeze({ *[Symbol.iterator]() {}, close() {} }) as Body;
    }).get('/');
    expect([frozen.status, frozen.closed]).toEqual([200, 0]);
  });
});

describe('B-35 a client that leaves', () => {
  /** Counts what it did. */
  function counting() {
    const events: string[] = [];
    const app: Application = function* (environ, startResponse) {
      startResponse('200 OK', []);
      try {
        for (let i = 0; i < 5; i++) {
          events.push(`step ${i}`);
          yield bytes(String(i));
        }
      } finally {
        events.push(`gone ${environ['quaich.client_disconnected']?.()}`);
      }
    };
    return { events, app };
  }

  test('after n chunks: no further step is asked for', () => {
    const { app, events } = counting();
    const response = testClient(app).get('/', { disconnectAfter: 2 });
    expect(events).toEqual(['step 0', 'step 1', 'gone true']);
    expect(response).toMatchObject({ status: 200, disconnected: true, broken: false, failed: false, errors: '' });
    expect(response.text).toBe('01');
  });

  test('before the application has returned: no step is taken, and the body is closed', () => {
    const { app, events } = counting();
    const response = testClient((environ, startResponse) =>
      Object.assign(app(environ, startResponse), { close: () => void events.push('close') }),
    ).get('/', { disconnectAfter: 0 });
    expect(events).toEqual(['close']);
    expect([response.status, response.chunks, response.disconnected]).toEqual([0, [], true]);
  });

  test('at the wish of onChunk, which sees every chunk before the next step', () => {
    const { app, events } = counting();
    const response = testClient(app).get('/', {
      onChunk: (chunk, { status }) => {
        events.push(`got ${Buffer.from(chunk)} ${status}`);
        return events.length < 6;
      },
    });
    expect(events).toEqual(['step 0', 'got 0 200', 'step 1', 'got 1 200', 'step 2', 'got 2 200', 'gone true']);
    expect(response.disconnected).toBe(true);
  });

  test('makes write and reads throw ClientDisconnected (B-37)', () => {
    const caught: unknown[] = [];
    testClient((environ, startResponse) => {
      const write = startResponse('200 OK', []);
      for (const act of [() => write(bytes('x')), () => environ['wsgi.input'].read()]) {
        try {
          act();
        } catch (error) {
          caught.push(error);
        }
      }
      return [];
    }).post('/', { body: ['abc'], disconnectAfter: 1 });
    expect(caught).toEqual([expect.any(ClientDisconnected), expect.any(ClientDisconnected)]);
  });

  test('after the last chunk it is too late: the response is whole', () => {
    const response = testClient((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [bytes('x')];
    }).get('/', { disconnectAfter: 1 });
    expect([response.disconnected, response.text]).toEqual([false, 'x']);
  });
});

test('B-02 an application that returns a promise fails with a message that says so', () => {
  const response = testClient((() => Promise.resolve([])) as unknown as Application).get('/');
  expect([response.status, response.errors.includes('markAsync')]).toEqual([500, true]);
});

test.each([{}, null, undefined, './app.js'])('U-68 refuses what is no application: %j', (value) => {
  expect(() => testClient(value as never)).toThrow(ConfigurationError);
  expect(() => testClient(value as never)).toThrow(/^a test client takes an application, .*expected a function$/);
});

test.each([
  ['nopath', '"/nopath", not "nopath"'],
  ['?a=b', '"/?a=b", not "?a=b"'],
  ['', '"/", not ""'],
])('U-68 refuses the path %j, which has no slash at its beginning', (path, text) => {
  expect(() => environOf({ path })).toThrow(ConfigurationError);
  expect(() => environOf({ path })).toThrow(`the path of a request begins with a slash: ${text}`);
});
