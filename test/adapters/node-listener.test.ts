/** B-68 on listeners that were written for nothing but node:http. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { fromNodeListener } from '../../src/adapters/index.ts';
import { type AsyncApplication, type AsyncEnviron, ConfigurationError, kindOf } from '../../src/interface/index.ts';
import { AsyncTestClient, type ClientOptions } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const TEXT = { 'Content-Type': 'text/plain' };
const client = (listener: RequestListener, options?: ClientOptions) =>
  new AsyncTestClient(validator(fromNodeListener(listener)), options);
/** Without the validator between: its input does not tell whether there is a body. */
const bare = (listener: RequestListener, options?: ClientOptions) =>
  new AsyncTestClient(fromNodeListener(listener), options);
const text = (response: ServerResponse, body: string) => response.writeHead(200, TEXT).end(body);

/** Turns of the event loop: whatever can happen by itself has happened. */
async function turn(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
/** What middleware may leave of an environ. */
const changed = (environ: AsyncEnviron, changes: Record<string, string>): AsyncEnviron =>
  Object.assign(Object.create(null), environ, changes);

describe('requests', () => {
  const seen = async (path: string, options: ClientOptions = {}, headers: Record<string, string> = {}) => {
    let found: Record<string, unknown> = {};
    const response = await client((request, answer) => {
      const { baseUrl, originalUrl } = request as IncomingMessage & { baseUrl?: string; originalUrl?: string };
      found = { url: request.url, baseUrl, originalUrl, headers: request.headers, version: request.httpVersion };
      text(answer, '');
    }, options).get(path, { headers });
    expect(response.errors).toBe('');
    return found;
  };

  it.each([
    ['/', '/'],
    ['/a%2Fb/%C3%A9?x=%20&y', '/a%2Fb/%C3%A9?x=%20&y'],
    ['/a?', '/a?'],
    ['//a/../b', '//a/../b'],
    ['/a%zz', '/a%zz'],
    ['http://other/a%2Fb?q', '/a%2Fb?q'],
  ])('B-68 the url of %s is the target as it came', async (path, url) => {
    expect(await seen(path)).toMatchObject({ url, baseUrl: undefined });
  });

  it.each([
    ['/app/a%2Fb?q', '/a%2Fb?q', '/app', '/app/a%2Fb?q'],
    ['/%61pp/x', '/x', '/%61pp', '/%61pp/x'],
    ['/app?q', '/?q', '/app', '/app?q'],
    ['/app/', '/', '/app', '/app/'],
  ])('B-68 below a mount the url of %s is the part below it', async (path, url, baseUrl, originalUrl) => {
    expect(await seen(path, { prefix: '/app' })).toMatchObject({ url, baseUrl, originalUrl });
  });

  it('B-68 middleware that changed the path has the say', async () => {
    const app = fromNodeListener((request, response) => text(response, request.url ?? ''));
    const moved: AsyncApplication = async (environ, startResponse) =>
      app(changed(environ, { PATH_INFO: '/new path/\u00c3\u00a9#', QUERY_STRING: 'a b' }), startResponse);
    expect((await new AsyncTestClient(moved).get('/old')).text).toBe('/new%20path/%C3%A9%23?a%20b');
  });

  it('B-68 header fields arrive, joined as the gateway has joined them', async () => {
    const headers = { 'X-Many': 'a', Cookie: 'a=1; b=2', Accept: '', 'X-Latin': '\u00e9' };
    expect((await seen('/', {}, headers)).headers).toEqual({
      host: 'localhost',
      'x-many': 'a',
      cookie: 'a=1; b=2',
      accept: '',
      'x-latin': '\u00e9',
    });
  });

  it('B-68 the socket has the addresses and tells of TLS', async () => {
    const found: unknown[] = [];
    const app = client(({ socket }, response) => {
      const { remoteAddress, remotePort, remoteFamily, localPort, readyState } = socket;
      found.push({ remoteAddress, remotePort, remoteFamily, localPort, readyState, address: socket.address() });
      found.push(Reflect.get(socket, 'encrypted'));
      expect(Reflect.get(socket, 'environ')).toMatchObject({ 'quaich.async': true });
      socket.setNoDelay().setKeepAlive().ref().unref();
      text(response, '');
    });
    await app.get('/', { scheme: 'https', remoteAddress: '::1' });
    await app.get('/');
    expect(found).toEqual([
      {
        ...{ remoteAddress: '::1', remotePort: 50000, remoteFamily: 'IPv6', localPort: 443, readyState: 'open' },
        address: { address: '127.0.0.1', family: 'IPv4', port: 443 },
      },
      true,
      expect.objectContaining({ remoteAddress: '127.0.0.1', remoteFamily: 'IPv4', localPort: 80 }),
      undefined,
    ]);
  });

  it('B-68 HTTP/1.0 is what the listener sees, and its responses need no framing', async () => {
    const response = await client((request, answer) => {
      answer.setHeader('Content-Type', 'text/plain');
      answer.write(request.httpVersion);
      answer.end('!');
    }).get('/', { httpVersion: '1.0' });
    expect([response.text, response.broken]).toEqual(['1.0!', false]);
  });

  it('B-68 OPTIONS * arrives', async () => {
    const response = await client((request, answer) => text(answer, `${request.method} ${request.url}`)).request({
      method: 'OPTIONS',
      path: '*',
    });
    expect(response.text).toBe('OPTIONS *');
  });

  it.each(['BREW', 'CONNECT'])(
    'B-68 %s, which Node does not hand to listeners, is answered with 501',
    async (method) => {
      const app = validator(fromNodeListener((_request, response) => text(response, 'never')));
      const named: AsyncApplication = async (environ, startResponse) =>
        app(Object.assign(environ, { REQUEST_METHOD: method }), startResponse);
      expect((await new AsyncTestClient(named).get('/')).status).toBe(501);
    },
  );

  it.each([
    ['HTTP_X', 'a\r\nContent-Length: 5'],
    ['HTTP_X', 'a\u010d\u010a'],
    ['HTTP_X\r\nA', 'b'],
    ['CONTENT_LENGTH', '1, 1'],
    ['PATH_INFO', '/\u0100'],
  ])('B-68 %j: %j cannot become part of a request', async (key, value) => {
    const calls: unknown[] = [];
    const app = fromNodeListener((request) => calls.push(request));
    const spoilt: AsyncApplication = async (environ, startResponse) =>
      app(changed(environ, { [key]: value }), startResponse);
    const response = await new AsyncTestClient(spoilt).get('/');
    expect([response.status, calls]).toEqual([500, []]);
  });

  it('B-68 upgrades and expectations are left to the gateway', async () => {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', Expect: '100-continue' };
    const response = await client((request, answer) => {
      request.resume().on('end', () => text(answer, `${request.headers.upgrade} ${request.headers.expect}`));
    }).post('/', { headers, body: 'x' });
    expect([response.status, response.text]).toEqual([200, 'websocket 100-continue']);
  });

  it('B-68 the AsyncLocalStorage of the request is there in the listener and its events', async () => {
    const storage = new AsyncLocalStorage<string>();
    const found: unknown[] = [];
    const app = fromNodeListener(async (request, response) => {
      found.push(storage.getStore());
      request.on('data', () => found.push(storage.getStore()));
      await once(request, 'end');
      found.push(storage.getStore());
      text(response, '');
    });
    const inside: AsyncApplication = async (environ, startResponse) =>
      storage.run(environ.PATH_INFO, () => app(environ, startResponse));
    const inner = new AsyncTestClient(inside);
    await Promise.all(['/a', '/b'].map((path) => inner.post(path, { body: 'x' })));
    expect(found.toSorted()).toEqual(['/a', '/a', '/a', '/b', '/b', '/b']);
  });
});

describe('request bodies', () => {
  const echo: RequestListener = (request, response) => {
    response.writeHead(200, TEXT);
    request.pipe(response);
  };
  async function* pieces(...texts: string[]) {
    yield* texts;
  }

  it('B-68 a body of known length arrives', async () => {
    const response = await client(echo).post('/', { body: 'x'.repeat(200_000) });
    expect([response.text.length, response.read]).toEqual([200_000, 200_000]);
  });

  it('B-68 a chunked body arrives, whatever the method', async () => {
    for (const method of ['POST', 'GET']) {
      const response = await bare(echo).request({ method, path: '/', body: pieces('one', 'two', '', 'three') });
      expect(response.text).toBe('onetwothree');
    }
    expect((await client(echo).post('/', { body: pieces('one', 'two') })).text).toBe('onetwo');
    expect((await client(echo).post('/', { body: pieces() })).text).toBe('');
  });

  it('B-68 a request without a body has none', async () => {
    const headers: unknown[] = [];
    const listener: RequestListener = (request, response) => {
      headers.push(request.headers['content-length'], request.headers['transfer-encoding']);
      request.resume().on('end', () => text(response, ''));
    };
    await bare(listener).post('/');
    await bare(listener).post('/', { headers: { 'Content-Length': '0' } });
    await client(listener).get('/');
    expect(headers).toEqual([undefined, undefined, '0', undefined, undefined, undefined]);
  });

  it('B-68 nothing is read for a listener that does not read', async () => {
    const asked: string[] = [];
    async function* body() {
      asked.push('asked');
      yield 'x';
    }
    for (const headers of [{}, { 'Content-Length': '1' }] as Record<string, string>[]) {
      const response = await client((_request, answer) => text(answer, 'no')).post('/', { headers, body: body() });
      expect([response.text, response.read]).toEqual(['no', 0]);
    }
    expect(asked).toEqual([]);
  });

  it('B-68 a listener that pauses stops the reading', async () => {
    let sent = 0;
    async function* endless() {
      for (;;) {
        sent += 1;
        await turn();
        yield 'x'.repeat(10_000);
      }
    }
    let request: IncomingMessage | undefined;
    const app = client((incoming) => {
      request = incoming;
      incoming.once('data', () => incoming.pause());
    });
    const exchange = app.open({ method: 'POST', path: '/', body: endless() });
    await expect.poll(() => request?.isPaused()).toBe(true);
    // Until the buffers of one stream are full, and not a block more.
    let before = -1;
    while (sent !== before) {
      before = sent;
      await turn(20);
    }
    expect(sent).toBeLessThan(20);
    const read = request;
    read?.resume();
    await expect.poll(() => sent).toBeGreaterThan(before + 20);
    read?.on('error', () => {});
    await exchange.disconnect();
  });

  it('B-68 a body that breaks off fails the request, with the status that fits', async () => {
    const response = await client(echo, { limitBody: 5 }).post('/', { body: pieces('123', '456') });
    expect([response.broken || response.status === 413, response.failed]).toEqual([true, false]);
    const silent = await client((request) => request.resume(), { limitBody: 5 }).post('/', {
      body: pieces('123', '456'),
    });
    expect([silent.status, silent.failed]).toEqual([413, false]);
  });

  it('B-68 bytes beyond CONTENT_LENGTH are no second request', async () => {
    const calls: unknown[] = [];
    const app = fromNodeListener((request, response) => {
      calls.push(request.url);
      request.pipe(response);
    });
    const longer: AsyncApplication = async (environ, startResponse) =>
      app(changed(environ, { CONTENT_LENGTH: '3' }), startResponse);
    const body = 'abcGET /smuggled HTTP/1.1\r\n\r\n';
    const response = await new AsyncTestClient(longer).post('/', { body });
    expect([response.text, calls]).toEqual(['abc', ['/']]);
  });

  it('B-68 a body that is shorter than CONTENT_LENGTH does not look complete', async () => {
    const app = fromNodeListener((request, response) => {
      request
        .on('error', () => {})
        .resume()
        .on('end', () => text(response, 'complete'));
    });
    const shorter: AsyncApplication = async (environ, startResponse) =>
      app(changed(environ, { CONTENT_LENGTH: '9' }), startResponse);
    expect((await new AsyncTestClient(shorter).post('/', { body: 'abc' })).status).toBe(400);
  });
});

describe('responses', () => {
  it('B-68 writeHead with raw header arrays, statusMessage, repeated fields and their spelling', async () => {
    const response = await client((_request, answer) => {
      answer.writeHead(201, 'Made By Hand', ['content-type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']);
      answer.end('x');
    }).get('/');
    expect(response.statusLine).toBe('201 Made By Hand');
    expect(response.headers.items()).toEqual([
      ['content-type', 'text/plain'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Content-Length', '1'],
    ]);
    const message = await client((_request, answer) => {
      answer.statusCode = 299;
      answer.statusMessage = ' Odd\tmessage ';
      answer.setHeader('X-Blanks', '  a b\t');
      answer.setHeader('Content-Type', 'text/plain').end('');
    }).get('/');
    expect([message.statusLine, message.headers.get('X-Blanks')]).toEqual(['299 Odd message', 'a b']);
  });

  it("B-68 fields of the connection, Status and trailers go no further, and Date is the gateway's", async () => {
    const response = await client((_request, answer) => {
      answer.setHeader('Connection', 'keep-alive').setHeader('Keep-Alive', 'timeout=5').setHeader('Status', '200');
      answer.setHeader('Trailer', 'X-Sum').setHeader('Transfer-Encoding', 'chunked').setHeader('Upgrade', 'h2c');
      answer.setHeader('Content-Type', 'text/plain');
      answer.write('one');
      answer.addTrailers({ 'X-Sum': '1' });
      answer.end('two');
    }).get('/');
    expect(response.headers.items()).toEqual([
      ['Content-Type', 'text/plain'],
      ['Content-Length', '6'],
    ]);
    expect(response.text).toBe('onetwo');
  });

  it('B-68 interim responses are dropped', async () => {
    const response = await client((_request, answer) => {
      answer.writeContinue();
      answer.writeProcessing();
      answer.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
      text(answer, 'final');
    }).get('/');
    expect([response.status, response.text, response.headers.has('Link')]).toEqual([200, 'final', false]);
  });

  it.each([101, 102, 199, 600, 999])('B-68 status %i is an error of the application', async (status) => {
    const response = await client((_request, answer) => answer.writeHead(status, TEXT).end()).get('/');
    expect([response.status, response.failed]).toEqual([500, true]);
    expect(response.errors).toContain('200 to 599');
  });

  it('B-68 HEAD, 204 and 304 have no body', async () => {
    const head = await client((_request, answer) => text(answer, 'hello')).head('/');
    expect([head.status, head.text, head.headers.get('Content-Length')]).toEqual([200, '', null]);
    const counted = await client((_request, answer) =>
      answer.writeHead(200, { ...TEXT, 'Content-Length': 5 }).end('hello'),
    ).head('/');
    expect([counted.text, counted.headers.get('Content-Length'), counted.errors]).toEqual(['', '5', '']);
    for (const status of [204, 304]) {
      const finished: string[] = [];
      const response = await client((_request, answer) => {
        answer.on('finish', () => finished.push('finish'));
        answer.writeHead(status);
        answer.write('dropped');
        answer.end();
      }).get('/');
      expect([response.status, response.text, response.errors, finished]).toEqual([status, '', '', ['finish']]);
    }
  });

  it('B-68 flushHeaders sends the head ahead of the body', async () => {
    let answer: ServerResponse | undefined;
    const exchange = client((_request, response) => {
      answer = response;
      response.writeHead(200, TEXT).flushHeaders();
    }).open({ path: '/' });
    expect((await exchange.started).status).toBe(200);
    expect(exchange.finished).toBeInstanceOf(Promise);
    answer?.end('later');
    expect([String(Buffer.from((await exchange.next()) ?? [])), await exchange.next()]).toEqual(['later', null]);
    expect((await exchange.finished).broken).toBe(false);
  });

  it('B-68 write is false under backpressure, and drain comes when the gateway has taken the bytes', async () => {
    const events: string[] = [];
    const exchange = client((_request, response) => {
      response.writeHead(200, TEXT);
      response.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
      let left = 3;
      const go = () => {
        left -= 1;
        events.push(String(response.write('x'.repeat(100_000))));
        if (left > 0) response.once('drain', drained);
        else response.end();
      };
      const drained = () => {
        events.push('drain');
        go();
      };
      go();
    }).open({ path: '/' });
    const sizes = [(await exchange.next())?.byteLength];
    await turn(20);
    expect(events).toEqual(['false']);
    for (let chunk = await exchange.next(); chunk !== null; chunk = await exchange.next()) sizes.push(chunk.byteLength);
    expect(sizes).toEqual([100_000, 100_000, 100_000]);
    await exchange.finished;
    await expect.poll(() => events.at(-1)).toBe('close');
    expect(events).toEqual(['false', 'drain', 'false', 'drain', 'false', 'finish', 'close']);
  });

  it('B-68 a pipeline of streams ends when everything was taken', async () => {
    const upper = () =>
      new Transform({ transform: (chunk, _encoding, callback) => callback(null, String(chunk).toUpperCase()) });
    let over = false;
    const response = await client(async (_request, answer) => {
      answer.writeHead(200, TEXT);
      await pipeline(Readable.from(Array(50).fill('abcdefgh'.repeat(1000))), upper(), answer);
      over = true;
    }).get('/');
    expect(response.text).toBe('ABCDEFGH'.repeat(50_000));
    await expect.poll(() => over).toBe(true);
  });

  it('B-68 middleware that overrides write and end sees every byte', async () => {
    const response = await client((_request, answer) => {
      const { write, end } = answer;
      answer.write = ((chunk: string) => write.call(answer, `<${chunk}>`, 'utf8')) as typeof answer.write;
      answer.end = ((chunk: string) => end.call(answer, `[${chunk}]`, 'utf8')) as typeof answer.end;
      answer.setHeader('Content-Type', 'text/plain');
      answer.write('a');
      answer.end('b');
    }).get('/');
    expect(response.text).toBe('<a>[b]');
  });

  it('B-68 the rules of node:http are enforced where the mistake is', async () => {
    const codes: unknown[] = [];
    const attempt = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        codes.push(Reflect.get(error as Error, 'code'));
      }
    };
    const response = await client((_request, answer) => {
      attempt(() => answer.setHeader('X', 'a\r\nb'));
      attempt(() => answer.setHeader('a b', 'c'));
      attempt(() => answer.writeHead(99));
      text(answer, 'fine');
      attempt(() => answer.setHeader('X', 'late'));
    }).get('/');
    expect(response.text).toBe('fine');
    expect(codes).toEqual([
      'ERR_INVALID_CHAR',
      'ERR_INVALID_HTTP_TOKEN',
      'ERR_HTTP_INVALID_STATUS_CODE',
      'ERR_HTTP_HEADERS_SENT',
    ]);
  });

  it('B-68 a body longer than its Content-Length is cut, a shorter one breaks the connection', async () => {
    const answer = (length: number) =>
      client((_request, response) => {
        response.writeHead(200, { ...TEXT, 'Content-Length': length });
        response.write('12345');
        response.end();
      });
    const long = await new AsyncTestClient(
      fromNodeListener((_request, response) => {
        response.writeHead(200, { ...TEXT, 'Content-Length': 3 });
        response.write('12345');
        response.end();
      }),
    ).get('/');
    expect([long.text, long.broken]).toEqual(['123', false]);
    expect((await answer(9).get('/')).broken).toBe(true);
    expect((await answer(5).get('/')).broken).toBe(false);
  });
});

describe('ends', () => {
  it.each([
    ['throws', () => Promise.resolve().then(() => undefined), true],
    ['rejects', async () => Promise.reject(new Error('no luck')), false],
  ] as const)('B-68 a listener that %s before the head fails with 500', async (_what, result, throws) => {
    const response = await client(() => {
      if (throws) throw new Error('no luck');
      return result();
    }).get('/');
    expect([response.status, response.failed]).toEqual([500, true]);
    expect(response.errors).toContain('no luck');
  });

  it('B-68 one that throws after the head breaks the connection', async () => {
    const response = await client(async (_request, answer) => {
      answer.writeHead(200, TEXT).write('half');
      await turn();
      throw new Error('no luck');
    }).get('/');
    expect([response.status, response.text, response.broken]).toEqual([200, 'half', true]);
    expect(response.errors).toContain('no luck');
  });

  it('B-68 one that throws after its response is complete is reported, and the response stands', async () => {
    const response = await client((_request, answer) => {
      text(answer, 'all of it');
      throw new Error('too late');
    }).get('/');
    expect([response.text, response.broken]).toEqual(['all of it', false]);
    expect(response.errors).toMatch(/after its response was complete[\s\S]*too late/);
  });

  it('B-68 a response that is destroyed before its head fails with 500, after it breaks the connection', async () => {
    const before = await client((_request, answer) => void answer.destroy()).get('/');
    expect([before.status, before.errors]).toEqual([500, expect.stringContaining('without a response')]);
    const why = await client((request) => void request.socket.destroy(new Error('because'))).get('/');
    expect([why.status, why.errors]).toEqual([500, expect.stringContaining('because')]);
    const after = await client((_request, answer) => {
      answer.writeHead(200, TEXT).write('half', () => answer.destroy());
    }).get('/');
    expect([after.text, after.broken]).toEqual(['half', true]);
  });

  it('B-68 what was written before the socket is destroyed, or ended, still goes out', async () => {
    for (const how of ['destroy', 'end', 'destroySoon', 'resetAndDestroy'] as const) {
      const response = await client((_request, answer) => {
        answer.writeHead(200, { ...TEXT, 'Content-Length': 10 }).end('half');
        answer.socket?.[how]();
      }).get('/');
      expect([how, response.status, response.text, response.broken]).toEqual([how, 200, 'half', true]);
    }
    const thrown = await client((_request, answer) => {
      answer.writeHead(200, { ...TEXT, 'Content-Length': 10 }).end('half');
      throw new Error('no luck');
    }).get('/');
    expect(thrown.status).toBe(500);
  });

  it('B-68 middleware may set what it likes on the socket', async () => {
    const response = await client((request, answer) => {
      Object.assign(request.socket, { encrypted: true });
      text(answer, String('encrypted' in request.socket && request.socket.encrypted));
    }).get('/');
    expect([response.text, response.errors]).toEqual(['true', '']);
  });

  it('B-68 an empty reason stays empty', async () => {
    const response = await client((_request, answer) => answer.writeHead(200, '', TEXT).end()).get('/');
    expect(response.statusLine).toBe('200 ');
  });

  it('B-68 what is no HTTP on the socket fails with 500', async () => {
    const response = await client((request) => void request.socket.write('hello\r\n\r\n')).get('/');
    expect([response.status, response.errors]).toEqual([500, expect.stringContaining('no HTTP response')]);
  });

  it('B-68 a listener that never answers ends with the client', async () => {
    const events: string[] = [];
    let begun: () => void = () => {};
    const called = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const exchange = client((request, response) => {
      request.on('aborted', () => events.push('aborted')).on('close', () => events.push('request close'));
      response.on('finish', () => events.push('finish')).on('close', () => events.push('response close'));
      begun();
    }).open({ path: '/' });
    await called;
    const response = await exchange.disconnect();
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
    await expect.poll(() => events.length).toBe(3);
    expect(events.toSorted()).toEqual(['aborted', 'request close', 'response close']);
  });

  it('B-68 a client that leaves in the middle of the body closes the response, without finish', async () => {
    const events: string[] = [];
    let socket: unknown;
    const exchange = client(async (request, response) => {
      ({ socket } = request);
      response.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
      response.writeHead(200, TEXT);
      for (; !response.destroyed; await once(response, 'drain').catch(() => {})) {
        while (!response.destroyed && response.write('x'.repeat(1000)));
        if (response.destroyed) break;
      }
    }).open({ path: '/' });
    await exchange.next();
    const response = await exchange.disconnect();
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
    await expect.poll(() => events).toEqual(['close']);
    expect(Reflect.get(Object(socket), 'destroyed')).toBe(true);
  });

  it('B-68 a client that leaves while it uploads aborts the request', async () => {
    const events: string[] = [];
    async function* never() {
      yield 'some';
      await new Promise(() => {});
    }
    const exchange = client((request) => {
      request.on('data', () => events.push('data'));
      request.on('error', (error) => events.push(String(Reflect.get(error, 'code'))));
      request.on('end', () => events.push('end')).on('close', () => events.push('close'));
    }).open({ method: 'POST', path: '/', body: never() });
    await expect.poll(() => events).toEqual(['data']);
    const response = await exchange.disconnect();
    expect([response.failed, response.errors]).toEqual([false, '']);
    await expect.poll(() => events).toEqual(['data', 'ECONNRESET', 'close']);
  });

  it('B-68 every connection is closed, and no timer is left', async () => {
    const sockets: IncomingMessage['socket'][] = [];
    const app = client((request, response) => {
      sockets.push(request.socket);
      request.setTimeout(60_000);
      response.setTimeout(60_000);
      if (request.url === '/stream') {
        response.writeHead(200, { ...TEXT, Connection: 'keep-alive' });
        response.write('a', () => response.end('b'));
      } else {
        text(response, 'x');
      }
    });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 20; i++) await app.get(i % 2 === 0 ? '/' : '/stream');
    await app.post('/', { body: 'not read' });
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
    expect([sockets.length, timers() <= before]).toEqual([21, true]);
  });

  it("B-68 a timeout of the listener's own fires when nothing moves", async () => {
    const response = await client((_request, answer) => {
      answer.setTimeout(5, () => text(answer, 'timed out'));
    }).get('/');
    expect(response.text).toBe('timed out');
    const unheard = await client((request) => void request.socket.setTimeout(5)).get('/');
    expect(unheard.status).toBe(500);
  });
});

describe('fromNodeListener', () => {
  it('B-68 gives an async application with the hooks of its options', async () => {
    const startup = () => {};
    const app = fromNodeListener(() => {}, { startup });
    expect([kindOf(app), app.startup, 'shutdown' in app, app.length]).toEqual(['async', startup, false, 2]);
  });

  it('B-68 takes a server, and calls all its listeners', async () => {
    const server = createServer((_request, response) => text(response, 'from a server'));
    server.prependListener('request', (_request, response) => response.setHeader('X-First', 'yes'));
    const response = await new AsyncTestClient(fromNodeListener(server)).get('/');
    expect([response.text, response.headers.get('X-First')]).toEqual(['from a server', 'yes']);
    const empty = await new AsyncTestClient(fromNodeListener(createServer())).get('/');
    expect([empty.status, empty.errors]).toEqual([500, expect.stringContaining('no listener')]);
  });

  it('B-68 refuses everything else', () => {
    for (const wrong of [undefined, null, 'app', {}]) {
      // @ts-expect-error: no listener
      expect(() => fromNodeListener(wrong)).toThrow(ConfigurationError);
    }
  });
});
