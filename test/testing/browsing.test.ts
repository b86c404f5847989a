/** Cookies and redirects of the test clients. */
import { describe, expect, test } from 'vitest';
import { type HeaderField, type Kind, markAsync, markSync } from '../../src/interface/index.ts';
import {
  AsyncTestClient,
  type ClientOptions,
  type RequestOptions,
  SyncTestClient,
  type TestResponse,
} from '../../src/testing/index.ts';

const seen: string[] = [];

type Page = [status: string, headers: HeaderField[]];

/** Pages by path; any other tells what came. */
const PAGES: Record<string, Page> = {
  '/login': [
    '303 See Other',
    [
      ['Location', '/home?a=b'],
      ['Set-Cookie', 'id=x%20y.z=; Path=/'],
    ],
  ],
  '/moved': ['301 Moved Permanently', [['Location', 'home']]],
  '/kept': ['307 Temporary Redirect', [['Location', '/home']]],
  '/loop': ['302 Found', [['Location', '/loop']]],
  '/away': ['302 Found', [['Location', 'https://other.example/']]],
  '/bad': ['302 Found', [['Location', 'http://[']]],
  '/set/all': [
    '200 OK',
    [
      ['Set-Cookie', 'below=1'],
      ['Set-Cookie', 'root=2; Path=/'],
      ['Set-Cookie', 'safe=3; Path=/; Secure'],
      ['Set-Cookie', 'old=4; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
    ],
  ],
  '/drop': ['200 OK', [['Set-Cookie', 'root=; Path=/; Max-Age=0']]],
};

function page(environ: Record<string, unknown>, body: Uint8Array): Page {
  const { REQUEST_METHOD: method, PATH_INFO: path, HTTP_COOKIE: cookie = '', CONTENT_TYPE: type = '' } = environ;
  seen.push(`${method} ${path} ${cookie} ${type} ${Buffer.from(body)}`.replaceAll(/ +/g, ' ').trimEnd());
  return PAGES[String(path)] ?? ['200 OK', []];
}

type Asked = RequestOptions & { body?: string };

const clients: Record<Kind, (options: ClientOptions) => { request(request: Asked): unknown }> = {
  sync: (options) =>
    new SyncTestClient(
      markSync((environ, startResponse) => {
        startResponse(...page(environ, environ['wsgi.input'].read()));
        return [];
      }),
      options,
    ),
  async: (options) =>
    new AsyncTestClient(
      markAsync(async (environ, startResponse) => {
        startResponse(...page(environ, await environ['wsgi.input'].read()));
        return [];
      }),
      options,
    ),
};

describe.each<Kind>(['sync', 'async'])('a client of %s applications', (kind) => {
  /** What the application saw of some requests, and the last response. */
  async function visit(options: ClientOptions, ...requests: Asked[]) {
    seen.length = 0;
    const client = clients[kind](options);
    let response: TestResponse | undefined;
    for (const request of requests) response = (await client.request(request)) as TestResponse;
    return { seen: [...seen], status: response?.status };
  }

  test('U-66 keeps no cookies and follows no redirect unless it is told to', async () => {
    const visited = await visit({}, { path: '/login' }, { path: '/home' });
    expect(visited).toEqual({ seen: ['GET /login', 'GET /home'], status: 200 });
  });

  test('U-66 follows redirects with its cookies, and makes a GET of a form', async () => {
    const form = { method: 'POST', path: '/login', json: { a: 1 }, redirects: 5 };
    expect(await visit({ cookies: true }, form)).toEqual({
      seen: ['POST /login application/json {"a":1}', 'GET /home id=x%20y.z='],
      status: 200,
    });
  });

  test('U-66 sends a body again where the status says so, if it has it whole', async () => {
    const put = { method: 'PUT', path: '/kept', body: 'text', redirects: 1 };
    expect((await visit({}, put)).seen).toEqual(['PUT /kept text', 'PUT /home text']);
    const pieces = { ...put, body: ['te', 'xt'] as never };
    expect(await visit({}, pieces)).toEqual({ seen: ['PUT /kept text'], status: 307 });
  });

  test('U-66 keeps the method of others than a form, and HEAD', async () => {
    expect((await visit({}, { path: '/moved', redirects: 1 })).seen).toEqual(['GET /moved', 'GET /home']);
    const head = { method: 'HEAD', path: '/login', redirects: 1 };
    expect((await visit({}, head)).seen).toEqual(['HEAD /login', 'HEAD /home']);
  });

  test('U-66 stops at its limit, at another host, and at what is no place', async () => {
    const loop = await visit({}, { path: '/loop', redirects: 3 });
    expect(loop).toEqual({ seen: Array(4).fill('GET /loop'), status: 302 });
    for (const path of ['/away', '/bad']) {
      expect(await visit({}, { path, redirects: 3 })).toEqual({ seen: [`GET ${path}`], status: 302 });
    }
  });

  test('U-66 sends a cookie where it belongs, until it is dropped', async () => {
    const paths = ['/set/all', '/', '/set/x', '/settings', '/drop', '/set/x'];
    expect((await visit({ cookies: true }, ...paths.map((path) => ({ path })))).seen).toEqual([
      'GET /set/all',
      'GET / root=2',
      'GET /set/x below=1; root=2',
      'GET /settings root=2',
      'GET /drop root=2',
      'GET /set/x below=1',
    ]);
    const https = { path: '/', scheme: 'https' } as const;
    expect((await visit({ cookies: true }, { path: '/set/all' }, https)).seen[1]).toBe('GET / root=2; safe=3');
    const own = { path: '/', headers: { cookie: 'mine=1' } };
    expect((await visit({ cookies: true }, { path: '/set/all' }, own)).seen[1]).toBe('GET / mine=1');
  });
});

test('U-66 the cookies of a client can be looked at, set and forgotten', () => {
  seen.length = 0;
  const client = new SyncTestClient(
    markSync((environ, startResponse) => {
      startResponse(...page(environ, new Uint8Array(0)));
      return [];
    }),
    { cookies: true },
  );
  client.cookies.set('seeded', 'yes');
  client.get('/login');
  expect([client.cookies.get('id'), client.cookies.get('none')]).toEqual(['x%20y.z=', undefined]);
  client.get('/home');
  client.cookies.clear();
  client.get('/home');
  expect(seen).toEqual(['GET /login seeded=yes', 'GET /home seeded=yes; id=x%20y.z=', 'GET /home']);
});
