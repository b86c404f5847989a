/** B-69: handlers for fetch as applications. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { type FetchHandler, type FetchHandlerOptions, fromFetchHandler } from '../../src/adapters/index.ts';
import {
  type AsyncApplication,
  type AsyncEnviron,
  ClientDisconnected,
  ConfigurationError,
  kindOf,
} from '../../src/interface/index.ts';
import { AsyncTestClient, type ClientOptions } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const TEXT = { 'Content-Type': 'text/plain' };
const client = (handler: FetchHandler, options?: ClientOptions, adapter?: FetchHandlerOptions) =>
  new AsyncTestClient(validator(fromFetchHandler(handler, adapter)), options);
const text = (body: BodyInit | null, init: ResponseInit = {}) => new Response(body, { headers: TEXT, ...init });

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A body that tells what is done with it; `wait` comes before each chunk. */
function watched(chunks: readonly unknown[], endless = false, wait?: () => Promise<void>) {
  const events: unknown[] = [];
  let at = 0;
  const stream = new ReadableStream(
    {
      async pull(controller) {
        events.push('pull');
        await wait?.();
        const chunk = chunks[endless ? at++ % chunks.length : at++];
        if (chunk instanceof Error) controller.error(chunk);
        else if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel(reason) {
        events.push('cancel', Reflect.get(Object(reason), 'name'));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, events };
}

const bytes = (size: number) => new Uint8Array(size).fill(0x61);

describe('requests', () => {
  it.each([
    ['/', {}, 'http://localhost/'],
    ['/a%2Fb/%C3%A9?x=%20&y', {}, 'http://localhost/a%2Fb/%C3%A9?x=%20&y'],
    ['//evil/x', {}, 'http://localhost//evil/x'],
    ['/app/a%2Fb', { prefix: '/app' }, 'http://localhost/app/a%2Fb'],
    ['http://other:81/b?q', {}, 'http://other:81/b?q'],
  ])('B-69 the URL of %s is scheme, Host and the target as it came', async (path, options, url) => {
    const response = await client((request) => text(request.url), options).get(path);
    expect([response.text, response.errors]).toEqual([url, '']);
  });

  it('B-69 the scheme is that of the connection, the host without a Host field that of the server', async () => {
    const url = client((request) => text(request.url));
    expect((await url.get('/', { scheme: 'https', headers: { Host: 'a.example:8443' } })).text).toBe(
      'https://a.example:8443/',
    );
    expect((await url.get('/', { httpVersion: '1.0' })).text).toBe('http://127.0.0.1/');
    expect((await url.get('/', { headers: { Host: '[::1]:80' } })).text).toBe('http://[::1]/');
    const sixth: AsyncApplication = async (environ, startResponse) =>
      fromFetchHandler((request) => text(request.url))(
        Object.assign(environ, { SERVER_NAME: '::1', SERVER_PORT: '8000' }),
        startResponse,
      );
    expect((await new AsyncTestClient(sixth).get('/', { httpVersion: '1.0' })).text).toBe('http://[::1]:8000/');
  });

  it('B-69 OPTIONS * has the URL of RFC 9112, 3.3', async () => {
    const response = await client(({ method, url }) => text(`${method} ${url}`)).request({
      method: 'OPTIONS',
      path: '*',
    });
    expect(response.text).toBe('OPTIONS http://localhost/');
  });

  it.each(['a/b', 'a@b', 'a b', 'a?b', 'a#b', 'a:b', 'a:999999', '[::1', '[x]', 'a\\b', 'a:70000', '%zz%'])(
    'B-69 the Host %s is answered with 400',
    async (host) => {
      const app = fromFetchHandler(() => text('never'));
      const named: AsyncApplication = async (environ, startResponse) =>
        app(Object.assign(environ, { HTTP_HOST: host }), startResponse);
      const response = await new AsyncTestClient(named).get('/');
      expect([response.status, response.failed]).toEqual([400, false]);
    },
  );

  it.each(['CONNECT', 'TRACE', 'track'])('B-69 %s, which no Request can have, is answered with 501', async (method) => {
    const app = fromFetchHandler(() => text('never'));
    const named: AsyncApplication = async (environ, startResponse) =>
      app(Object.assign(environ, { REQUEST_METHOD: method }), startResponse);
    expect((await new AsyncTestClient(named).get('/')).status).toBe(501);
  });

  it('B-69 header fields and other methods arrive', async () => {
    const headers = { 'X-Latin': '\u00e9', Cookie: 'a=1; b=2', 'Content-Type': 'text/plain' };
    const response = await client((request) => Response.json([request.method, [...request.headers]])).request({
      ...{ method: 'BREW', path: '/', headers, body: 'tea' },
    });
    expect(response.json()).toEqual([
      'BREW',
      [
        ['content-length', '3'],
        ['content-type', 'text/plain'],
        ['cookie', 'a=1; b=2'],
        ['host', 'localhost'],
        ['x-latin', '\u00e9'],
      ],
    ]);
  });

  it('B-69 the body streams, and is read only when the handler reads', async () => {
    async function* pieces() {
      yield 'one';
      yield 'two';
    }
    const counted = client(async (request) => {
      let blocks = 0;
      for await (const _ of request.body ?? []) blocks += 1;
      return text(String(blocks));
    });
    expect((await counted.post('/', { body: pieces() })).text).toBe('2');
    const unread = await client(({ body }) => text(String(body))).post('/', { body: pieces() });
    expect([unread.text, unread.read]).toEqual(['[object ReadableStream]', 0]);
    const form = client(async (request) => text(String((await request.formData()).get('name'))));
    expect((await form.post('/', { body: new URLSearchParams({ name: 'a b' }) })).text).toBe('a b');
  });

  it('B-69 a request without a body has none', async () => {
    const found: unknown[] = [];
    const app = fromFetchHandler(({ body }) => {
      found.push(body);
      return text('');
    });
    const inner = new AsyncTestClient(app);
    await inner.get('/');
    await inner.post('/');
    await inner.post('/', { headers: { 'Content-Length': '0' } });
    await inner.get('/', { body: 'a body that no Request can have' });
    expect(found).toEqual([null, null, null, null]);
  });

  it('B-69 further arguments are those of the option', async () => {
    const arguments_ = ({ REMOTE_ADDR }: AsyncEnviron) => [{ ip: REMOTE_ADDR }];
    const handler = (_request: Request, env: { ip: string }) => text(env.ip);
    expect((await client(handler, {}, { arguments: arguments_ }).get('/')).text).toBe('127.0.0.1');
    const count = client((...all: unknown[]) => text(String(all.length)));
    expect((await count.get('/')).text).toBe('1');
  });

  it('B-69 the AsyncLocalStorage of the request is there in the handler and in its body', async () => {
    const storage = new AsyncLocalStorage<string>();
    const app = fromFetchHandler(async () => {
      await Promise.resolve();
      return text(String(storage.getStore()));
    });
    const inside: AsyncApplication = async (environ, startResponse) =>
      storage.run('inside', () => app(environ, startResponse));
    expect((await new AsyncTestClient(inside).get('/')).text).toBe('inside');
  });
});

describe('responses', () => {
  it('B-69 status, reason, fields and every Set-Cookie', async () => {
    const headers = new Headers({
      ...TEXT,
      Connection: 'close',
      'Keep-Alive': 'x',
      Upgrade: 'h2c',
      Status: '1',
      'X-A': 'b',
    });
    headers.append('Set-Cookie', 'a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT');
    headers.append('Set-Cookie', 'b=2');
    headers.append('Vary', 'a');
    headers.append('Vary', 'b');
    const response = await client(() => new Response('x', { status: 201, statusText: 'Made', headers })).get('/');
    expect(response.statusLine).toBe('201 Made');
    expect(response.headers.items()).toEqual([
      ['content-type', 'text/plain'],
      ['vary', 'a, b'],
      ['x-a', 'b'],
      ['set-cookie', 'a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT'],
      ['set-cookie', 'b=2'],
      ['Content-Length', '1'],
    ]);
    expect((await client(() => text('', { status: 404 })).get('/')).statusLine).toBe('404 Not Found');
    expect((await client(() => text('', { status: 599 })).get('/')).statusLine).toBe('599 Unknown');
  });

  it('B-69 Content-Length is kept, and a stream without one is sent chunk by chunk', async () => {
    const counted = await client(() => text('four', { headers: { ...TEXT, 'Content-Length': '4' } })).get('/');
    expect([counted.headers.get('Content-Length'), counted.text]).toEqual(['4', 'four']);
    const { stream, events } = watched([bytes(1), bytes(2)], false, turn);
    const response = await client(() => text(stream)).get('/');
    expect([response.chunks.map((chunk) => chunk.byteLength), events]).toEqual([
      [1, 2],
      ['pull', 'pull', 'pull'],
    ]);
    expect(response.headers.has('Content-Length')).toBe(false);
  });

  const form = () => {
    const fields = new FormData();
    fields.set('a', 'b');
    fields.set('file', new Blob(['content']), 'a.txt');
    return fields;
  };
  it.each<[string, () => BodyInit]>([
    ['a text', () => 'four'],
    ['a text of a megabyte', () => 'x'.repeat(1 << 20)],
    ['an empty text', () => ''],
    ['bytes', () => bytes(10)],
    ['an ArrayBuffer', () => new ArrayBuffer(10)],
    ['URLSearchParams', () => new URLSearchParams({ a: 'b' })],
    ['a Blob', () => new Blob(['blob'])],
    ['a form', form],
    ['a stream that is over at once', () => watched([bytes(3)]).stream],
  ])('B-69 the length of %s is known', async (_what, body) => {
    const response = await client(() => text(body())).get('/');
    const length = response.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    expect([response.headers.get('Content-Length'), response.errors]).toEqual([String(length), '']);
  });

  it('B-69 the head goes ahead of a body that has to be waited for', async () => {
    let give: (chunk: string) => void = () => {};
    const stream = new ReadableStream({
      start(controller) {
        give = (chunk) => {
          controller.enqueue(Buffer.from(chunk));
          controller.close();
        };
      },
    });
    const exchange = client(() => text(stream)).open({ path: '/' });
    expect((await exchange.started).status).toBe(200);
    give('late');
    expect([String(Buffer.from((await exchange.next()) ?? [])), await exchange.next()]).toEqual(['late', null]);
    expect((await exchange.finished).broken).toBe(false);
  });

  it('B-69 one read is outstanding at most, when the gateway wants a chunk', async () => {
    const { stream, events } = watched([bytes(10)], true, turn);
    const exchange = client(() => text(stream)).open({ path: '/' });
    await exchange.next();
    for (let count = 0; count < 10; count++) await turn();
    // One chunk ahead: it might have been the end.
    expect(events).toEqual(['pull', 'pull']);
    await exchange.next();
    await exchange.next();
    expect(events).toEqual(['pull', 'pull', 'pull']);
    const response = await exchange.disconnect();
    expect(events).toEqual(['pull', 'pull', 'pull', 'cancel', 'AbortError']);
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
  });

  it('B-69 an endless body is read ahead within bounds', async () => {
    for (const size of [1, 50_000]) {
      const { stream, events } = watched([bytes(size)], true);
      const exchange = client(() => text(stream)).open({ path: '/' });
      await exchange.next();
      expect(events.length).toBeLessThanOrEqual(8);
      await exchange.disconnect();
    }
  });

  it('B-69 a read that is outstanding when the client leaves ends with the cancelled body', async () => {
    const events: string[] = [];
    let asked: () => void = () => {};
    const pulled = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const stream = new ReadableStream({
      pull: () => new Promise<void>(() => asked()),
      cancel: () => void events.push('cancel'),
    });
    const exchange = client(() => text(stream), { closeTimeout: 60_000 }).open({ path: '/' });
    await pulled;
    const response = await exchange.disconnect();
    expect([events, response.disconnected, response.errors]).toEqual([['cancel'], true, '']);
  });

  it('B-69 the signal of the request aborts when the client leaves, and a late Response is cancelled', async () => {
    const { stream, events } = watched([bytes(1)]);
    let begun: (request: Request) => void = () => {};
    const called = new Promise<Request>((resolve) => {
      begun = resolve;
    });
    const exchange = client(async (request) => {
      begun(request);
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      return text(stream);
    }).open({ path: '/' });
    const { signal } = await called;
    expect(signal.aborted).toBe(false);
    const response = await exchange.disconnect();
    expect(signal.aborted).toBe(true);
    expect([response.disconnected, response.errors, events[0]]).toEqual([true, '', 'cancel']);
    // As every server for fetch has it; why, stands behind it.
    expect(signal.reason).toBeInstanceOf(DOMException);
    expect([signal.reason.name, signal.reason.cause]).toEqual(['AbortError', expect.any(ClientDisconnected)]);
  });

  it('B-69 what a handler makes of an aborted signal is no failure', async () => {
    let begun: () => void = () => {};
    const called = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const exchange = client(async ({ signal }) => {
      begun();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      signal.throwIfAborted();
      return text('never');
    }).open({ path: '/' });
    await called;
    const response = await exchange.disconnect();
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
  });

  it('B-69 null bodies, and bodies of HEAD, are not read', async () => {
    for (const status of [204, 205, 304]) {
      const response = await client(() => new Response(null, { status })).get('/');
      expect([response.status, response.text, response.errors]).toEqual([status, '', '']);
    }
    const { stream, events } = watched([bytes(4)]);
    const headers = { ...TEXT, 'Content-Length': '4' };
    const head = await client(() => text(stream, { headers })).head('/');
    expect([head.headers.get('Content-Length'), head.text, events]).toEqual(['4', '', ['cancel', undefined]]);
  });

  it('B-69 a body longer than its Content-Length is cut and cancelled', async () => {
    const { stream, events } = watched([bytes(4)], true);
    const app = fromFetchHandler(() => text(stream, { headers: { ...TEXT, 'Content-Length': '6' } }));
    const response = await new AsyncTestClient(app).get('/');
    expect([response.text, response.broken, events.includes('cancel')]).toEqual(['aaaaaa', false, true]);
  });

  it('B-69 Response.error() is a 500', async () => {
    const response = await client(() => Response.error()).get('/');
    expect([response.status, response.failed]).toEqual([500, true]);
    expect(response.errors).toContain('Response.error()');
  });

  it.each([undefined, null, 'text', { status: 200 }, new Uint8Array(1)])('B-69 %j is no Response', async (value) => {
    // @ts-expect-error: no Response
    const response = await client(() => value).get('/');
    expect([response.status, response.failed]).toEqual([500, true]);
    expect(response.errors).toContain('expected a Response');
  });

  it('B-69 a Response whose body was used already is a 500', async () => {
    const response = await client(async () => {
      const used = text('x');
      used.body?.getReader();
      return used;
    }).get('/');
    expect([response.status, response.failed]).toEqual([500, true]);
  });

  it('B-69 a handler that throws or rejects is a 500', async () => {
    const failing: FetchHandler[] = [
      () => {
        throw new Error('no luck');
      },
      async () => Promise.reject(new Error('no luck')),
    ];
    for (const handler of failing) {
      const response = await client(handler).get('/');
      expect([response.status, response.errors]).toEqual([500, expect.stringContaining('no luck')]);
    }
  });

  it('B-69 a body that fails after the head breaks the response', async () => {
    const { stream } = watched([bytes(2), new Error('no luck')], false, turn);
    const response = await client(() => text(stream)).get('/');
    expect([response.text, response.broken]).toEqual(['aa', true]);
    expect(response.errors).toContain('no luck');
  });

  it('B-69 a body of anything but bytes is an error that says so', async () => {
    for (const chunk of ['text', 5, new ArrayBuffer(1)]) {
      const app = fromFetchHandler(() => text(watched([chunk]).stream));
      const response = await new AsyncTestClient(app).get('/');
      expect([response.status, response.errors]).toEqual([500, expect.stringContaining('must be a Uint8Array')]);
    }
  });

  it('B-69 fields that the interface refuses are a 500, and the body is cancelled', async () => {
    const { stream, events } = watched([bytes(1)]);
    const app = fromFetchHandler(() => text(stream, { headers: { 'Content-Length': 'x' } }));
    const response = await new AsyncTestClient(app).get('/');
    expect([response.status, events]).toEqual([500, ['cancel', undefined]]);
  });
});

describe('fromFetchHandler', () => {
  it('B-69 gives an async application with the hooks of its options', () => {
    const shutdown = () => {};
    const app = fromFetchHandler(() => text(''), { shutdown });
    expect([kindOf(app), 'startup' in app, app.shutdown, app.length]).toEqual(['async', false, shutdown, 2]);
  });

  it('B-69 takes an object with fetch, which is called as its method', async () => {
    class App {
      readonly body = 'from an object';
      fetch(_request: Request) {
        return text(this.body);
      }
    }
    expect((await new AsyncTestClient(fromFetchHandler(new App())).get('/')).text).toBe('from an object');
    const handler = Object.assign(() => text('from the function'), { fetch: () => text('from its fetch') });
    expect((await new AsyncTestClient(fromFetchHandler(handler)).get('/')).text).toBe('from its fetch');
  });

  it('B-69 refuses everything else', () => {
    for (const wrong of [undefined, null, 'app', {}, { fetch: 1 }]) {
      // @ts-expect-error: no handler
      expect(() => fromFetchHandler(wrong)).toThrow(ConfigurationError);
    }
  });
});
