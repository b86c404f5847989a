/** Requests of the fetch mount: environ (G-180) and body (G-54, G-63, G-65). */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FetchHandlerOptions, type FetchInfo, toFetchHandler } from '../../src/hosts/index.ts';
import {
  ClientDisconnected,
  ConfigurationError,
  RequestAborted,
  RequestBodyError,
} from '../../src/interface/errors.ts';
import type { Application, AsyncApplication, AsyncEnviron } from '../../src/interface/types.ts';
import { MemoryErrors } from './errors.ts';

/** The environ that an application gets. */
async function environOf(request: Request, options: FetchHandlerOptions = {}, info?: FetchInfo): Promise<AsyncEnviron> {
  let seen: AsyncEnviron | undefined;
  const response = await toFetchHandler(async (environ, startResponse) => {
    seen = environ;
    startResponse('200 OK', []);
    return [];
  }, options)(request, info);
  expect(response.status).toBe(200);
  return seen!;
}

/** What reading the body to its end gives, or fails with. */
async function bodyOf(request: Request, options: FetchHandlerOptions = {}): Promise<string | unknown> {
  let result: unknown;
  const app: AsyncApplication = async (environ, startResponse) => {
    result = await environ['wsgi.input'].read().then(
      (read) => Buffer.from(read).toString('latin1'),
      (error: unknown) => error,
    );
    startResponse('200 OK', []);
    return [];
  };
  await toFetchHandler(app, options)(request);
  return result;
}

/** A body that counts how often it is asked for a chunk. */
function counted(...chunks: (string | Error)[]) {
  const body = { pulls: 0, cancelled: false, stream: new ReadableStream<Uint8Array>() };
  body.stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        body.pulls += 1;
        const chunk = chunks.shift();
        if (chunk === undefined) controller.close();
        else if (typeof chunk === 'string') controller.enqueue(Buffer.from(chunk));
        else controller.error(chunk);
      },
      cancel() {
        body.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return body;
}

function post(body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Request {
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, headers, duplex: 'half' };
  return new Request('http://a/', init);
}

describe('environ', () => {
  test.each([
    ['http://example.org/a?b', 'http', 'example.org', '80', 'example.org'],
    ['https://example.org/a?b', 'https', 'example.org', '443', 'example.org'],
    ['http://example.org:8080/', 'http', 'example.org', '8080', 'example.org:8080'],
    ['https://[::1]:8443/', 'https', '[::1]', '8443', '[::1]:8443'],
    ['http://b\u00fccher.example/', 'http', 'xn--bcher-kva.example', '80', 'xn--bcher-kva.example'],
  ])('G-180 G-24 G-41 %s gives scheme, server and port', async (url, scheme, name, port, host) => {
    const environ = await environOf(new Request(url));
    expect(environ).toMatchObject({
      'wsgi.url_scheme': scheme,
      SERVER_NAME: name,
      SERVER_PORT: port,
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: host,
    });
    expect(environ.HTTPS).toBe(scheme === 'https' ? 'on' : undefined);
  });

  test.each([
    ['http://a', '', '', '/', '', '/'],
    ['http://a/x/%C3%A9%E9%2F?q=%41?r#f', '', '', '/x/\u00c3\u00a9\u00e9/', 'q=%41?r', '/x/%C3%A9%E9%2F?q=%41?r'],
    ['http://a/x/../y/./z?', '', '', '/y/z', '', '/y/z'],
    ['http://a/app', '/app/', '/app', '', '', '/app'],
    ['http://a/app/x', '/app', '/app', '/x', '', '/app/x'],
    ['http://a/%61pp/x', '/app', '/app', '/x', '', '/%61pp/x'],
    ['http://a/caf%C3%A9/x', '/caf\u00e9', '/caf\u00c3\u00a9', '/x', '', '/caf%C3%A9/x'],
  ])('G-11 to G-19 G-180 %s mounted at %j', async (url, prefix, script, path, query, uri) => {
    expect(await environOf(new Request(url), { prefix })).toMatchObject({
      SCRIPT_NAME: script,
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_URI: uri,
    });
  });

  test('G-14 a path outside of the prefix is 404', async () => {
    const handler = toFetchHandler(async () => [], { prefix: '/app' });
    expect((await handler(new Request('http://a/apple'))).status).toBe(404);
    expect(() => toFetchHandler(async () => [], { prefix: 'app' })).toThrow(ConfigurationError);
  });

  test('G-26 to G-36 fields, as the Headers object has merged them', async () => {
    const headers = new Headers({ Host: 'b:81', 'Content-Type': 'a/b', X_User: 'root', Proxy: 'evil', 'X-A': '1' });
    headers.append('X-A', '2');
    headers.append('X-Bytes', '\u00e9\u0085');
    const environ = await environOf(new Request('http://a/', { headers }));
    expect(environ).toMatchObject({
      HTTP_HOST: 'b:81',
      SERVER_NAME: 'a',
      CONTENT_TYPE: 'a/b',
      HTTP_X_A: '1, 2',
      HTTP_X_BYTES: '\u00e9\u0085',
    });
    for (const hidden of ['HTTP_X_USER', 'HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'CONTENT_LENGTH']) {
      expect(environ[hidden]).toBe(undefined);
    }
  });

  test.each([
    ['Content-Length', '1e3'],
    ['Host', 'a/b'],
  ])('G-27 G-33 a bad %s field is refused', async (name, value) => {
    const handler = toFetchHandler(async () => []);
    const request = new Request('http://a/', { method: 'POST', body: 'x', headers: { [name]: value } });
    expect((await handler(request)).status).toBe(400);
  });

  test('G-37 the address of the client is what the host says it is', async () => {
    const request = new Request('http://a/', { headers: { 'X-Forwarded-For': '192.0.2.9' } });
    expect(await environOf(request, {}, { remoteAddress: '192.0.2.1', remotePort: 4711 })).toMatchObject({
      REMOTE_ADDR: '192.0.2.1',
      REMOTE_PORT: '4711',
      SERVER_SOFTWARE: 'quaich',
      GATEWAY_INTERFACE: 'CGI/1.1',
    });
    expect((await environOf(request, {}, { remoteAddress: '192.0.2.1' })).REMOTE_PORT).toBe(undefined);
    expect((await environOf(request)).REMOTE_ADDR).toBe(undefined); // G-39
  });

  test('G-05 G-40 to G-47 G-50 the object, the flags and the pairs of the owner', async () => {
    const environ = await environOf(new Request('http://a/'), { env: { SITE: 'one' }, multiprocess: true });
    expect(Object.getPrototypeOf(environ)).toBe(null);
    expect(environ).toMatchObject({
      'wsgi.version': [1, 0],
      'wsgi.multithread': true,
      'wsgi.multiprocess': true,
      'wsgi.run_once': false,
      'wsgi.input_terminated': true,
      'quaich.async': true,
      SITE: 'one',
    });
    expect(environ['quaich.signal']).toBeInstanceOf(AbortSignal);
    expect(() => toFetchHandler(async () => [], { env: { HTTP_HOST: 'x' } })).toThrow(ConfigurationError);
  });
});

describe('the request body', () => {
  test.each([
    ['of a size', new Request('http://a/', { method: 'POST', body: 'hello' }), 'hello'],
    ['without a body', new Request('http://a/'), ''],
    ['that is announced and not there', new Request('http://a/', { headers: { 'Content-Length': '5' } }), ''],
    ['in chunks', post(counted('he', '', 'llo').stream), 'hello'],
    ['longer than announced (G-54)', post(counted('hello').stream, { 'Content-Length': '4' }), 'hell'],
    ['announced to be empty', post(counted('x').stream, { 'Content-Length': '0' }), ''],
  ])('G-54 G-55 a request %s', async (_title, request, expected) => {
    expect(await bodyOf(request)).toBe(expected);
  });

  test('G-27 what is not there is not announced', async () => {
    const environ = await environOf(new Request('http://a/', { headers: { 'Content-Length': '5' } }));
    expect(environ.CONTENT_LENGTH).toBe(undefined);
  });

  test('G-62 a transfer coding hides the length', async () => {
    const request = post(counted('ab').stream, { 'Content-Length': '1', 'Transfer-Encoding': 'chunked' });
    const environ = await environOf(request);
    expect([environ.CONTENT_LENGTH, environ.HTTP_TRANSFER_ENCODING]).toEqual([undefined, undefined]);
  });

  test('G-57 G-65 the stream is asked when a read needs it, for one chunk at a time', async () => {
    const body = counted('abc', 'defg', 'never');
    const seen: unknown[] = [];
    const app: AsyncApplication = async (environ, startResponse) => {
      const input = environ['wsgi.input'];
      const read = async (size: number) => Buffer.from(await input.read(size)).toString();
      await turn();
      seen.push(body.pulls, await read(2), body.pulls, await read(3), body.pulls);
      seen.push(...(await Promise.all([read(1), read(1)])), body.pulls);
      startResponse('200 OK', []);
      return [];
    };
    await toFetchHandler(app)(post(body.stream));
    expect(seen).toEqual([0, 'ab', 1, 'cde', 2, 'f', 'g', 2]);
    expect(body.cancelled).toBe(false); // the rest is the host's, and a cancelled stream may cost the connection
    expect(body.stream.locked).toBe(false);
  });

  test('G-63 a body that breaks off fails, and fails again', async () => {
    expect(await bodyOf(post(counted('ab', new Error('reset')).stream))).toBeInstanceOf(RequestBodyError);
    const short = await bodyOf(post(counted('ab').stream, { 'Content-Length': '3' }));
    expect(short).toBeInstanceOf(ClientDisconnected);
  });

  test('G-63 a client that leaves wakes a read that waits', async () => {
    const controller = new AbortController();
    let failure: unknown;
    const request = new Request('http://a/', {
      method: 'POST',
      body: new ReadableStream({ pull: () => new Promise(() => {}) }),
      signal: controller.signal,
      ...{ duplex: 'half' },
    });
    const app: AsyncApplication = async (environ) => {
      const reading = environ['wsgi.input'].read();
      controller.abort();
      failure = await reading.catch((error: unknown) => error);
      throw failure;
    };
    const errors = new MemoryErrors();
    await toFetchHandler(app, { errors })(request);
    await turn();
    expect(failure).toBeInstanceOf(ClientDisconnected);
    expect(errors.text).toBe(''); // G-143
  });

  test.each([
    ['announced', { 'Content-Length': '5' }],
    ['found out', {}],
  ])('G-65 a body beyond the limit is 413: %s', async (_title, headers: Record<string, string>) => {
    const app: AsyncApplication = async (environ, startResponse) => {
      const body = await environ['wsgi.input'].read();
      startResponse('200 OK', []);
      return [body];
    };
    const handler = toFetchHandler(app, { limitBody: 4 });
    expect((await handler(post(counted('abc', 'de').stream, headers))).status).toBe(413);
    expect((await handler(post(counted('abc', 'd').stream))).status).toBe(200);
  });

  test('G-178 a body that has been read already is refused loudly', async () => {
    const errors = new MemoryErrors();
    const request = new Request('http://a/', { method: 'POST', body: 'x' });
    await request.text();
    const response = await toFetchHandler(async () => [], { errors })(request);
    expect(response.status).toBe(500);
    expect(errors.text).toMatch(/POST "http:\/\/a\/".*\n.*read already.*G-178/);
  });
});

test('G-154 G-63 a read that goes on when the request is over rejects, and so do later ones', async () => {
  const stream = new ReadableStream<Uint8Array>(); // never gives anything
  let input: AsyncEnviron['wsgi.input'] | undefined;
  let reading: Promise<Uint8Array> | undefined;
  const app: AsyncApplication = async (environ, startResponse) => {
    input = environ['wsgi.input'];
    reading = input.read();
    startResponse('200 OK', []);
    return [];
  };
  await (await toFetchHandler(app)(post(stream))).text();
  await expect(reading).rejects.toBeInstanceOf(RequestAborted);
  await expect(input?.read(1)).rejects.toBeInstanceOf(RequestAborted);
});

test('G-66 what was read may be transferred: it shares its buffer with nothing, and is not the chunk of the host', async () => {
  const chunk = Buffer.from('abcdef');
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });
  const app: AsyncApplication = async (environ, startResponse) => {
    const first = await environ['wsgi.input'].read(2);
    structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
    const rest = await environ['wsgi.input'].read();
    const body = [Buffer.from(rest)];
    rest.fill(0);
    startResponse('200 OK', []);
    return body;
  };
  expect(await (await toFetchHandler(app)(post(stream))).text()).toBe('cdef');
  expect(chunk.toString()).toBe('abcdef');
});

describe('a sync application', () => {
  test('B-20 is refused where nobody has chosen that it may block this thread', () => {
    const app: Application = () => [];
    expect(() => toFetchHandler(app)).toThrow(/syncToAsync\('\.\/module\.js:app'\).*where: 'here'/);
  });

  test('B-20 B-21 runs on this thread, behind its whole body', async () => {
    const app: Application = (environ, startResponse) => {
      startResponse('200 OK', []);
      return [environ['wsgi.input'].read()];
    };
    const response = await toFetchHandler(app, { where: 'here' })(post(counted('he', 'llo').stream));
    expect(await response.text()).toBe('hello');
  });

  test('B-01 the kind can be said', async () => {
    const app = (_environ: unknown, startResponse: (status: string, headers: []) => unknown) => {
      startResponse('200 OK', []);
      return Promise.resolve([Buffer.from('promised')]);
    };
    const handler = toFetchHandler(app as AsyncApplication, { kind: 'async' });
    expect(await (await handler(new Request('http://a/'))).text()).toBe('promised');
  });
});
