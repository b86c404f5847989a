import { afterEach, describe, expect, test } from 'vitest';
import { markAsync } from '../../src/interface/index.ts';
import type { Application, AsyncApplication } from '../../src/interface/types.ts';
import { makeServer, type SimpleServer, type SimpleServerOptions } from '../../src/simple-server/index.ts';
import { demoApp, MemoryErrorStream } from '../../src/toolbox/index.ts';
import { talk } from './client.ts';

const running: SimpleServer[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

function make(app: Application, options?: SimpleServerOptions): Promise<SimpleServer>;
function make(app: Application | AsyncApplication, options?: SimpleServerOptions): Promise<SimpleServer>;
async function make(app: Application | AsyncApplication, options: SimpleServerOptions = {}): Promise<SimpleServer> {
  const server = await makeServer('127.0.0.1', 0, app, { timeoutGraceful: 100, ...options });
  running.push(server);
  return server;
}

/** Serves until the end of the test. */
function serving(app: Application, options?: SimpleServerOptions): Promise<SimpleServer>;
function serving(app: Application | AsyncApplication, options?: SimpleServerOptions): Promise<SimpleServer>;
async function serving(app: Application | AsyncApplication, options: SimpleServerOptions = {}): Promise<SimpleServer> {
  const server = await make(app, options);
  void server.serveForever();
  return server;
}

const answer =
  (text: string): Application =>
  (_environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from(text)];
  };

describe('U-47 makeServer', () => {
  test('is bound, and has the application it was given', async () => {
    const server = await make(demoApp);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(server.port).toBeGreaterThan(0);
    expect(server.getApp()).toBe(demoApp);
  });

  test('a port in use rejects', async () => {
    const { port } = await make(demoApp);
    await expect(makeServer('127.0.0.1', port, demoApp)).rejects.toThrow(/in use/);
  });

  test('serves for ever: sync and async applications, and another one by setApp', async () => {
    const server = await serving(demoApp);
    expect(await (await fetch(`${server.url}/x`)).text()).toMatch(/^Hello world!\n\n.*PATH_INFO = \/x\n/s);
    server.setApp(
      markAsync(async (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [Buffer.from('async')];
      }),
    );
    expect(await (await fetch(server.url)).text()).toBe('async');
    const last = answer('last');
    server.setApp(last);
    expect(await (await fetch(server.url)).text()).toBe('last');
    expect(server.getApp()).toBe(last);
  });

  test('serves one request, and the next when it is told to', async () => {
    let calls = 0;
    const server = await make((environ, startResponse) => {
      calls++;
      return answer(String(calls))(environ, startResponse);
    });
    const both = [fetch(server.url), fetch(server.url)];
    expect(await server.handleRequest()).toBe(true);
    expect(await (await Promise.race(both)).text()).toBe('1');
    expect(calls).toBe(1);
    expect(await server.handleRequest()).toBe(true);
    expect((await Promise.all(both)).map((response) => response.status)).toEqual([200, 200]);
    expect(calls).toBe(2);
  });

  test('closing ends what waits, and the address is free', async () => {
    const server = await make(demoApp);
    const forever = server.serveForever();
    const one = server.handleRequest();
    await server.close();
    await forever;
    expect(await one).toBe(false);
    expect(await server.handleRequest()).toBe(false);
    await expect(fetch(server.url)).rejects.toThrow();
    const again = await makeServer('127.0.0.1', server.port, demoApp);
    await again.close();
  });

  test('a request that was never begun is answered with 503 when the server closes', async () => {
    const server = await make(demoApp);
    const waiting = talk(server.url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const reachable = talk(server.url, 'GET / HTTP/2.0\r\n\r\n');
    expect(await reachable).toMatch(/^HTTP\/1\.1 505/);
    await server.close();
    expect(await waiting).toMatch(/^HTTP\/1\.1 503/);
  });

  test('hooks run before the first request and at the end', async () => {
    const events: string[] = [];
    const app: Application = Object.assign(
      ((environ, startResponse) =>
        answer(String(environ['quaich.state']?.greeting))(environ, startResponse)) as Application,
      {
        startup: (state: Record<string, unknown>) => {
          state.greeting = 'hi';
          events.push('startup');
        },
        shutdown: () => void events.push('shutdown'),
      },
    );
    const server = await serving(app);
    expect(await (await fetch(server.url)).text()).toBe('hi');
    await server.close();
    expect(events).toEqual(['startup', 'shutdown']);
    expect(() => server.setApp(Object.assign(answer('x'), { startup() {} }))).toThrow('hooks');
  });

  test('U-47 whoever waits for the server is told though the shutdown hook fails', async () => {
    const failing = Object.assign(answer('x'), {
      shutdown() {
        throw new Error('still busy');
      },
    });
    const server = await makeServer('127.0.0.1', 0, failing);
    const served = server.serveForever();
    await expect(server.close()).rejects.toThrow('still busy');
    await served;
  });
});

describe('B-20, B-21 a sync application on the event loop', () => {
  test('reads its body, which was collected, however it was sent', async () => {
    const echo: Application = (environ, startResponse) => {
      startResponse('200 OK', []);
      return [environ['wsgi.input'].read(3), environ['wsgi.input'].read()];
    };
    const server = await serving(echo, { limitBody: 10 });
    const post = (body: BodyInit) => fetch(server.url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(await (await post('0123456789')).text()).toBe('0123456789');
    expect(await (await post(new Blob(['abc', 'de']).stream())).text()).toBe('abcde');
    expect((await post('0123456789a')).status).toBe(413);
    expect(await (await post('')).text()).toBe('');
  });

  test('streams as the client takes it, uses write, and is told of a disconnect', async () => {
    let steps = 0;
    let gone: (value: boolean | undefined) => void;
    const left = new Promise<boolean | undefined>((resolve) => {
      gone = resolve;
    });
    const server = await serving(function* (environ, startResponse) {
      const write = startResponse('200 OK', []);
      write(Buffer.from('first'));
      try {
        for (;;) {
          steps++;
          yield Buffer.alloc(65536);
        }
      } finally {
        gone(environ['quaich.client_disconnected']?.());
      }
    });
    const response = await fetch(server.url);
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString('latin1', 0, 5)).toBe('first');
    await reader.cancel();
    expect(await left).toBe(true);
    expect(steps).toBeLessThan(1000);
  });

  test.each<[string, () => unknown]>([
    ['a promise', () => Promise.resolve([])],
    ['an async iterable', () => (async function* () {})()],
    ['null', () => null],
    ['a string', () => 'x'],
  ])('that returns %s fails (B-02, G-100)', async (_what, result) => {
    const errors = new MemoryErrorStream();
    const app = ((_environ, startResponse) => {
      startResponse('200 OK', []);
      return result();
    }) as Application;
    const server = await serving(app, { errors, kind: 'sync' });
    expect((await fetch(server.url)).status).toBe(500);
    expect(errors.text).toMatch(/B-02|G-100/);
  });
});

describe('U-49', () => {
  test('a request line of more than 65536 bytes gives 414, one of 60000 does not', async () => {
    const server = await serving(answer('ok'));
    const get = (length: number) =>
      talk(server.url, `GET /${'a'.repeat(length)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(await get(65536)).toMatch(/^HTTP\/1\.1 414 /);
    expect(await get(60000)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('the access log has status and body bytes, once per request, also after errors', async () => {
    const lines: string[] = [];
    const errors = new MemoryErrorStream();
    const server = await serving(
      (environ, startResponse) => {
        if (environ.PATH_INFO === '/fail') throw new Error('no');
        return answer('12345')(environ, startResponse);
      },
      { accessLog: { write: (text) => lines.push(text) }, errors },
    );
    await (await fetch(`${server.url}/ok`)).text();
    await (await fetch(`${server.url}/fail`)).text();
    const [, refused] = (await talk(server.url, 'GET / HTTP/1.1\r\n\r\n')).split('\r\n\r\n');
    await server.close();
    const log = lines.join('').trimEnd().split('\n');
    expect(log.map((line) => /"([A-Z-]+ \S+).*?" (\d+ \d+)/.exec(line)?.slice(1))).toEqual([
      ['GET /ok', '200 5'],
      ['GET /fail', '500 26'],
      ['GET /', `400 ${refused.length}`],
    ]);
  });
});
