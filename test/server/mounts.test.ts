/** The node:http mount on real connections: clients that leave, slow ones, bodies that nobody reads (G-177). */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AsyncApplication, ClientDisconnected, markAsync } from 'quaich';
import { type NodeListenerOptions, toNodeListener } from 'quaich/gateways';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Client, header, parseResponses } from './client.ts';
import { type Listening, listening, MemoryErrors } from './listening.ts';

const running: Listening[] = [];

afterEach(() => Promise.all(running.splice(0).map((one) => one.close())));

async function mounted(app: AsyncApplication, options: NodeListenerOptions = {}): Promise<Listening> {
  const one = await listening(toNodeListener(app, options));
  running.push(one);
  return one;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const get = (path = '/', fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const LAST = 'Connection: close\r\n';

const throwing = (): never => {
  throw new Error('expected');
};

/** An application whose body goes on until it is stopped, and a promise of what happened to it by then. */
function streaming(chunk: Uint8Array) {
  const events: string[] = [];
  const idle: AsyncApplication = markAsync(() => []);
  const state = { app: idle, events, steps: 0, closed: Promise.resolve<string[]>([]) };
  state.closed = new Promise((resolve) => {
    state.app = markAsync((environ, startResponse) => {
      const signal = environ['quaich.signal'];
      signal?.addEventListener('abort', () =>
        events.push(signal.reason instanceof ClientDisconnected ? 'abort' : 'abort for another reason'),
      );
      startResponse('200 OK', []);
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            state.steps += 1;
            return { done: false, value: chunk };
          },
          return: async () => {
            events.push('return');
            return { done: true as const, value: undefined };
          },
        }),
        close() {
          events.push('close');
          resolve(events);
        },
      };
    });
  });
  return state;
}

describe('a client that leaves', () => {
  test('G-105 G-177 a client that does not read stops the body, and its leaving ends the wait for drain', async () => {
    const errors = new MemoryErrors();
    const body = streaming(new Uint8Array(65536));
    const { url } = await mounted(body.app, { errors });
    const client = new Client(url);
    client.socket.pause();
    client.send(get());
    // Kernel buffers take some megabytes; then the body stands still.
    let steps = -1;
    await vi.waitFor(
      () => {
        const before = steps;
        steps = body.steps;
        expect(steps).toBe(before);
        expect(steps).toBeGreaterThan(0);
      },
      { interval: 100, timeout: 20_000 },
    );
    expect(steps * 65536).toBeLessThan(64 * 1024 * 1024);
    client.socket.resetAndDestroy();
    expect(await body.closed).toEqual(['abort', 'return', 'close']);
    expect(errors.text).toBe(''); // G-143
  });

  test('B-09 G-177 a write that waits for drain rejects', async () => {
    let failed: (error: unknown) => void = () => {};
    const failure = new Promise((resolve) => {
      failed = resolve;
    });
    let waiting = () => {};
    const full = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const { url } = await mounted(async (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      const written = write(new Uint8Array(64 * 1024 * 1024));
      waiting();
      await written.catch(failed);
      return [];
    });
    const client = new Client(url);
    client.socket.pause();
    client.send(get());
    await full;
    client.socket.resetAndDestroy();
    expect(await failure).toBeInstanceOf(ClientDisconnected);
  });

  test('G-48 B-36 the signal aborts before the head, too', async () => {
    let seen: unknown;
    const aborted = new Promise<void>((resolve) => {
      seen = resolve;
    });
    let called = () => {};
    const begun = new Promise<void>((resolve) => {
      called = resolve;
    });
    const { url } = await mounted(async (environ) => {
      called();
      const signal = environ['quaich.signal'];
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      (seen as () => void)();
      throw signal?.reason;
    });
    const client = new Client(url).send(get());
    await begun;
    client.socket.destroy();
    await aborted;
  });

  test('G-177 so does that of a request that waits for the response before it', async () => {
    const started: string[] = [];
    const aborted: string[] = [];
    const { url } = await mounted(async (environ, startResponse) => {
      started.push(environ.PATH_INFO);
      const signal = environ['quaich.signal'];
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      aborted.push(environ.PATH_INFO);
      startResponse('200 OK', []);
      return [];
    });
    const client = new Client(url).send(get('/1') + get('/2'));
    await vi.waitFor(() => expect(started).toEqual(['/1', '/2']), 10_000);
    client.socket.destroy();
    await vi.waitFor(() => expect(aborted.toSorted()).toEqual(['/1', '/2']), 10_000);
  });

  test('G-177 many requests sent ahead take one listener of the socket, not one each', async () => {
    const warnings: string[] = [];
    const warned = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', warned);
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const sockets = new Set<Socket>();
    const mount = toNodeListener(async (_environ, startResponse) => {
      await gate;
      startResponse('200 OK', []);
      return [bytes('x')];
    });
    let came = 0;
    const one = await listening((request, response) => {
      sockets.add(request.socket);
      came += 1;
      mount(request, response);
    });
    running.push(one);
    const client = new Client(one.url).send(get().repeat(39) + get('/', LAST));
    await vi.waitFor(() => expect(came).toBe(40), 10_000);
    const [socket] = sockets;
    expect([sockets.size, socket.listenerCount('close')]).toEqual([1, expect.toSatisfy((count) => count < 5)]);
    go();
    const responses = parseResponses(await client.all());
    expect([responses.length, responses.every(({ complete }) => complete)]).toEqual([40, true]);
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  test('G-63 an upload that is cut short fails the read', async () => {
    let failed: (error: unknown) => void = () => {};
    const failure = new Promise((resolve) => {
      failed = resolve;
    });
    let reading = () => {};
    const begun = new Promise<void>((resolve) => {
      reading = resolve;
    });
    const { url } = await mounted(async (environ, startResponse) => {
      await environ['wsgi.input'].read(3);
      reading();
      await environ['wsgi.input'].read().catch(failed);
      startResponse('200 OK', []);
      return [];
    });
    const client = new Client(url).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabcde');
    await begun;
    client.socket.destroy();
    expect(await failure).toBeInstanceOf(ClientDisconnected);
  });
});

describe('a response that breaks', () => {
  test('G-141 on HTTP/1.0 without a length only a reset can tell', async () => {
    const errors = new MemoryErrors();
    let received = () => {};
    const first = new Promise<void>((resolve) => {
      received = resolve;
    });
    const { url } = await mounted(
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('part');
        await first;
        throw new Error('late');
      },
      { errors },
    );
    const client = new Client(url).send('GET / HTTP/1.0\r\n\r\n');
    expect(await client.until((text) => text.endsWith('part'))).not.toContain('Transfer-Encoding');
    received();
    await client.all();
    expect(client.error).toMatchObject({ code: 'ECONNRESET' });
    expect(errors.text).toContain('Error: late');
  });

  test('G-141 on a Unix socket, which knows no reset, the connection still ends', async () => {
    const errors = new MemoryErrors();
    const directory = mkdtempSync(join(tmpdir(), 'quaich-'));
    const listener = toNodeListener(
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('part');
        throw new Error('late');
      },
      { errors },
    );
    const server = http.createServer(listener);
    await new Promise<void>((resolve) => server.listen(join(directory, 'a.sock'), resolve));
    try {
      const client = new Client(`unix:${join(directory, 'a.sock')}`).send('GET / HTTP/1.0\r\n\r\n');
      await client.all();
      expect(errors.text.match(/^quaich: /gm)).toHaveLength(1); // the application's failure, and none of ours
    } finally {
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    }
  });

  test('G-141 G-131 a queued response that breaks does not hurt the one before it', async () => {
    const errors = new MemoryErrors();
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { url } = await mounted(
      async function* (environ, startResponse) {
        startResponse('200 OK', []);
        if (environ.PATH_INFO === '/1') await gate;
        yield bytes(environ.PATH_INFO);
        if (environ.PATH_INFO === '/2') throw new Error('late');
      },
      { errors },
    );
    const client = new Client(url).send(get('/1') + get('/2') + get('/3'));
    await vi.waitFor(() => expect(errors.text).toContain('Error: late'), 10_000);
    go();
    const responses = parseResponses(await client.all());
    expect(responses[0]).toMatchObject({ status: 200, body: '/1', complete: true });
    expect(responses.slice(1).every((response) => !response.complete)).toBe(true);
  });
});

describe('framing', () => {
  test('G-97 G-177 Date, Connection and Transfer-Encoding are there once, and the application\u2019s Date wins', async () => {
    const { url } = await mounted(async function* (environ, startResponse) {
      const own: [string, string][] = environ.PATH_INFO === '/own' ? [['dAte', 'Thu, 01 Jan 1970 00:00:00 GMT']] : [];
      startResponse('200 OK', own);
      yield bytes('a');
      yield bytes('b');
    });
    const [first, second] = parseResponses(await new Client(url).send(get() + get('/own', LAST)).all());
    for (const response of [first, second]) {
      for (const name of ['date', 'connection', 'transfer-encoding']) {
        expect(response.headers.filter(([key]) => key.toLowerCase() === name)).toHaveLength(1);
      }
      expect(response).toMatchObject({ body: 'ab', complete: true });
    }
    expect(header(second, 'Date')).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  });

  test.each(['299 Very \u00e9t\u00e9', '299 '])(
    'G-88 G-106 the head %j reaches the wire byte for byte',
    async (status) => {
      const { url } = await mounted(async (_environ, startResponse) => {
        startResponse(status, [['X-Bytes', '\u0080\u00ff']]);
        return [bytes('\u00e9')];
      });
      const text = await new Client(url).send(get('/', LAST)).all();
      expect(text.startsWith(`HTTP/1.1 ${status}\r\nX-Bytes: \u0080\u00ff\r\nContent-Length: 2\r\n`)).toBe(true);
      expect(text.endsWith('\r\n\r\n\u00c3\u00a9')).toBe(true);
    },
  );

  describe.each([false, true])('with fields of the host: %s', (host) => {
    const wire = async (app: AsyncApplication, method = 'GET'): Promise<string> => {
      const mount = toNodeListener(app);
      const one = await listening((request, response) => {
        if (host) response.setHeader('X-Host', 'a');
        mount(request, response);
      });
      running.push(one);
      return new Client(one.url).send(get('/', LAST).replace('GET', method)).all();
    };

    test.each(['Content-Disposition', 'content-disposition', 'Location', 'Content-Type', 'Set-Cookie'])(
      'G-95 a %s behind a Content-Length reaches the wire byte for byte',
      async (name) => {
        const values = ['a; b="\u00c3\u00a5"', 'a; b="\u00e9"'];
        for (const value of values) {
          const text = await wire(async (_environ, startResponse) => {
            startResponse('200 OK', [
              ['Content-Length', '2'],
              [name, value],
              ['X-Last', '\u00ff'],
            ]);
            return [bytes('ok')];
          });
          expect(text).toContain(`\r\n${name}: ${value}\r\nX-Last: \u00ff\r\n`);
          expect(text.match(/Content-Length: 2\r\n/g)).toHaveLength(1);
          expect(text.endsWith('\r\n\r\nok')).toBe(true);
        }
      },
    );

    test.each(['GET', 'HEAD'])('G-95 G-81 so does a head that goes ahead of its body: %s', async (method) => {
      const text = await wire(async (_environ, startResponse) => {
        await startResponse('200 \u00e9', [['X-Bytes', '\u0080\u00ff']])(new Uint8Array(0));
        return [bytes('later')];
      }, method);
      expect(text).toMatch(/^HTTP\/1\.1 200 \u00e9\r\n(?:X-Host: a\r\n)?X-Bytes: \u0080\u00ff\r\n/);
    });
  });

  test('G-104 head and first chunk go out before the second is made', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { url } = await mounted(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('first');
      await gate;
      yield bytes('second');
    });
    const client = new Client(url).send(get('/', LAST));
    await client.until((text) => text.includes('first'));
    go();
    expect(parseResponses(await client.all())[0]).toMatchObject({ body: 'firstsecond', complete: true });
  });

  test('G-115 a buffer that is filled again with every step arrives as it was', async () => {
    const size = 1000; // small enough for Node to hold several back
    const { url } = await mounted(async function* (_environ, startResponse) {
      startResponse('200 OK', [['Content-Length', String(26 * size)]]);
      const buffer = new Uint8Array(size);
      for (let i = 0; i < 26; i++) yield buffer.fill(97 + i);
    });
    const [{ body }] = parseResponses(await new Client(url).send(get('/', LAST)).all());
    expect(body).toBe(Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i).repeat(size)).join(''));
  });

  test('G-81 write with no bytes sends the head', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { url } = await mounted(async (_environ, startResponse) => {
      await startResponse('202 Accepted', [])(new Uint8Array(0));
      await gate;
      return [];
    });
    const client = new Client(url).send(get('/', LAST));
    await client.until((text) => text.endsWith('\r\n\r\n'));
    go();
    expect(parseResponses(await client.all())[0]).toMatchObject({ status: 202, body: '', complete: true });
  });
});

describe('a request body that nobody reads', () => {
  const SIZE = 5_000_000;
  const upload = (path: string, framing: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}`;
  const whole = `Content-Length: ${SIZE}\r\n\r\n${'x'.repeat(SIZE)}`;
  const chunked = `Transfer-Encoding: chunked\r\n\r\n${SIZE.toString(16)}\r\n${'x'.repeat(SIZE)}\r\n0\r\n\r\n`;

  test.each([
    ['with a length, untouched', '/none', whole],
    ['with a length, read in part', '/some', whole],
    ['in chunks, untouched', '/none', chunked],
    ['in chunks, read in part', '/some', chunked],
  ])('G-64 does not hold up the connection: %s', async (_title, path, framing) => {
    const { url } = await mounted(async (environ, startResponse) => {
      if (environ.PATH_INFO === '/some') await environ['wsgi.input'].read(10);
      startResponse('200 OK', []);
      return [bytes(environ.PATH_INFO)];
    });
    const client = new Client(url).send(upload(path, framing)).send(get('/next', LAST));
    const responses = parseResponses(await client.all());
    expect(responses.map(({ body }) => body)).toEqual([path, '/next']);
  });

  test('G-65 one beyond the limit gets 413, whether it is announced or found out', async () => {
    const { url } = await mounted(
      async (environ, startResponse) => {
        await environ['wsgi.input'].read();
        startResponse('200 OK', []);
        return [];
      },
      { limitBody: SIZE - 1 },
    );
    for (const framing of [whole, chunked]) {
      const client = new Client(url).send(upload('/', framing)).send(get('/next', LAST));
      expect(parseResponses(await client.all()).map(({ status }) => status)).toEqual([413, 200]);
    }
  });
});

describe('Expect: 100-continue', () => {
  const EXPECTING =
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
  const reading: AsyncApplication = async (environ, startResponse) => {
    const body = environ.PATH_INFO === '/' ? await environ['wsgi.input'].read() : bytes('unread');
    startResponse('200 OK', []);
    return [body];
  };

  test.each([false, true])('G-67 is answered, by checkContinue with the first read: %s', async (ours) => {
    const mount = toNodeListener(reading);
    const one = await listening(mount);
    running.push(one);
    if (ours) one.server.on('checkContinue', mount.checkContinue);
    const client = new Client(one.url).send(EXPECTING);
    expect(await client.until((text) => text.endsWith('\r\n\r\n'))).toBe(CONTINUE);
    client.send('body');
    expect(parseResponses(await client.all())[0].body).toBe('body');
    const unread = new Client(one.url).send(EXPECTING.replace('/', '/unread'));
    expect((await unread.all()).startsWith(CONTINUE)).toBe(!ours);
  });
});

describe('what the host has done before', () => {
  test('G-177 a request that was answered already is left alone, and reported', async () => {
    const errors = new MemoryErrors();
    let called = false;
    const mount = toNodeListener(
      async () => {
        called = true;
        return [];
      },
      { errors },
    );
    const one = await listening((request, response) => {
      response.writeHead(200, { 'Content-Length': '2' });
      mount(request, response);
      response.end('ok');
    });
    running.push(one);
    expect(parseResponses(await new Client(one.url).send(get('/x', LAST)).all())[0]).toMatchObject({ body: 'ok' });
    expect(called).toBe(false);
    expect(errors.text).toMatch(/GET "\/x": the request has been answered before/);
  });

  test('G-177 a response that the host has given in the meantime stays whole', async () => {
    const errors = new MemoryErrors();
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const mount = toNodeListener(
      async (_environ, startResponse) => {
        await gate;
        startResponse('200 OK', []);
        return [bytes('late')];
      },
      { errors },
    );
    const one = await listening((request, response) => {
      mount(request, response);
      response.writeHead(503, { 'Content-Length': '4' });
      response.write('b');
      go();
      void vi.waitFor(() => expect(errors.text).not.toBe(''), 10_000).finally(() => response.end('usy'));
    });
    running.push(one);
    const [response] = parseResponses(await new Client(one.url).send(get('/', LAST)).all());
    expect(response).toMatchObject({ status: 503, body: 'busy', complete: true });
    expect(errors.text).toContain('answered this request already');
  });

  const METHODS = ['write', 'end', 'writeHead'] as const;
  const BODIES = ['array', 'steps', 'write'];

  test.each(METHODS.flatMap((method) => BODIES.map((how) => ({ method, how }))))(
    "G-140 G-141 where the host's own $method throws, the response fails: $how",
    async ({ method, how }) => {
      const errors = new MemoryErrors();
      let threw = false;
      const mount = toNodeListener(
        async (_environ, startResponse) => {
          const write = startResponse('404 Not Found', [['Content-Length', '4']]);
          if (how === 'array') return [bytes('abcd')];
          if (how === 'steps') return new Set([bytes('ab'), bytes('cd')]);
          void write(bytes('ab'));
          return [bytes('cd')];
        },
        { errors },
      );
      const one = await listening((request, response) => {
        const original = response[method] as (...args: unknown[]) => unknown;
        Object.assign(response, {
          [method](...args: unknown[]) {
            if (threw) return Reflect.apply(original, response, args);
            threw = true;
            throw new Error('expected');
          },
        });
        mount(request, response);
      });
      running.push(one);
      const text = await new Client(one.url).send(get('/', LAST)).all();
      const [response] = text === '' ? [] : parseResponses(text);
      if (!threw) expect(response).toMatchObject({ status: 404, body: 'abcd' });
      else if (method === 'writeHead') expect(response).toMatchObject({ status: 500, complete: true });
      else expect(response?.complete ?? false).toBe(false);
      expect(errors.text.match(/^quaich: /gm) ?? []).toHaveLength(threw ? 1 : 0);
    },
  );

  test.each(['/outside', '/a/waits', '/a/late'])(
    "G-141 a page of the mount, and the host's own end throws: %s",
    async (path) => {
      const mount = toNodeListener(
        markAsync(() => new Promise(() => {})),
        { prefix: '/a', closeTimeout: 100 },
      );
      const one = await listening((request, response) => {
        Object.assign(response, { end: throwing });
        mount(request, response);
      });
      running.push(one);
      if (path === '/a/late') await mount.shutdown(0);
      const accepted = new Promise((resolve) => one.server.once('request', resolve));
      const client = new Client(one.url).send(get(path, LAST));
      await accepted;
      await mount.shutdown(0);
      const text = await client.all();
      if (text !== '') expect(parseResponses(text)[0].complete).toBe(false);
    },
  );

  test('G-38 G-41 an encrypted socket makes the scheme https', async () => {
    const one = await listening(
      toNodeListener(async (environ, startResponse) => {
        startResponse('200 OK', []);
        return [bytes(`${environ['wsgi.url_scheme']} ${environ.HTTPS} ${environ.SSL_PROTOCOL} ${environ.SSL_CIPHER}`)];
      }),
    );
    running.push(one);
    one.server.on('connection', (socket: Socket) => {
      Object.assign(socket, { encrypted: true, getProtocol: () => 'TLSv1.3', getCipher: () => ({ name: 'AES' }) });
    });
    const [response] = parseResponses(await new Client(one.url).send(get('/', LAST)).all());
    expect(response.body).toBe('https on TLSv1.3 AES');
  });

  test('G-24 a Unix socket has no name: the Host field says it', async () => {
    const server = http.createServer(
      toNodeListener(async (environ, startResponse) => {
        startResponse('200 OK', []);
        return [bytes(`${environ.SERVER_NAME} ${environ.SERVER_PORT} ${environ.REMOTE_ADDR}`)];
      }),
    );
    const path = `/tmp/quaich-mount-${process.pid}.sock`;
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const client = new Client(`unix:${path}`).send('GET / HTTP/1.1\r\nHost: b:81\r\nConnection: close\r\n\r\n');
    expect(parseResponses(await client.all())[0].body).toBe('b 81 undefined');
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('shutdown', () => {
  test('L-08 requests that run get time, then 503 or a broken connection', async () => {
    const mount = toNodeListener(
      async (environ, startResponse) => {
        const signal = environ['quaich.signal'];
        startResponse('200 OK', []);
        return (async function* () {
          if (environ.PATH_INFO === '/begun') yield bytes('part');
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
          throw signal?.reason;
        })();
      },
      { closeTimeout: 1000 },
    );
    const one = await listening(mount);
    running.push(one);
    const begun = new Client(one.url).send(get('/begun', LAST));
    await begun.until((text) => text.includes('part'));
    const waiting = new Client(one.url);
    const accepted = new Promise((resolve) => one.server.once('request', resolve));
    waiting.send(get('/waiting', LAST));
    await accepted;
    await mount.shutdown(0);
    expect(parseResponses(await begun.all())[0]).toMatchObject({ body: 'part', complete: false });
    expect(parseResponses(await waiting.all())[0].status).toBe(503);
    expect(parseResponses(await new Client(one.url).send(get('/', LAST)).all())[0].status).toBe(503);
  });
});
