/** B-68 to B-70: Express, Koa, Fastify, Hono and h3 as applications, checked by the validator from below. */
import { createServer } from 'node:http';
import { Router } from 'express';
import Fastify from 'fastify';
import { defineHandler } from 'h3';
import Koa from 'koa';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromFetchHandler, fromNodeListener } from '../../src/adapters/index.ts';
import { type AsyncApplication, kindOf } from '../../src/interface/index.ts';
import { adapt, foreignInterface, likelyDeclaration } from '../../src/pool/foreign.ts';
import { AsyncTestClient, type TestResponse } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';
import { expressApp, fastify, h3, hono, koaListener, NODE_SITE, SITE } from './frameworks.ts';
import type { WireRequest } from './listeners.ts';

beforeAll(async () => {
  await fastify.ready();
});

const FRAMEWORKS: { name: string; app: AsyncApplication; requests: typeof SITE; host: string }[] = [
  { name: 'Express', app: fromNodeListener(expressApp), requests: NODE_SITE, host: '' },
  { name: 'Koa', app: fromNodeListener(koaListener), requests: SITE, host: '' },
  { name: 'Fastify', app: fromNodeListener((...both) => fastify.routing(...both)), requests: SITE, host: '' },
  { name: 'Hono', app: fromFetchHandler(hono), requests: SITE, host: 'http://localhost' },
  { name: 'h3', app: fromFetchHandler(h3), requests: SITE, host: 'http://localhost' },
];

async function* oneByOne(text: string) {
  yield* text.match(/.{1,3}/gs) ?? [];
}

function send(client: AsyncTestClient, request: WireRequest): Promise<TestResponse> {
  const { method = 'GET', path = '/', headers = {}, body } = request;
  const { 'Transfer-Encoding': chunked, ...others } = headers;
  if (chunked !== undefined) return client.request({ method, path, headers: others, body: oneByOne('{"a":1}') });
  return client.request({ method, path, headers: others, ...(body !== undefined && { body }) });
}

describe.each(FRAMEWORKS)('$name', ({ name, app, requests, host }) => {
  const client = new AsyncTestClient(validator(app));

  it.each(requests)('B-68, B-69 keeps the rules of the interface: $title', async (request) => {
    expect(kindOf(app)).toBe('async');
    const response = await send(client, request);
    expect([response.errors, response.failed, response.broken]).toEqual(['', false, false]);
  });

  it('B-68, B-69 answers as its handlers say', async () => {
    expect((await client.get('/hello')).text).toBe('hello');
    const created = await client.post('/json', { json: { a: 1 } });
    expect([created.status, created.json()]).toEqual([201, { got: { a: 1 } }]);
    const cookies = (await client.get('/cookies')).headers.getAll('Set-Cookie');
    expect([cookies.length, cookies[0]]).toEqual([2, expect.stringMatching(/^a=1/)]);
    const away = await client.get('/away');
    expect([away.status, away.headers.get('Location')]).toEqual([303, '/hello?a=b']);
    expect((await client.get('/stream')).text).toBe('tick 1\ntick 2\ntick 3\n');
    expect([(await client.get('/fail')).status, (await client.get('/nowhere')).status]).toEqual([503, 404]);
    const { url } = (await client.get('/nested/where/7?a=b')).json() as { url: string };
    // The routers of Express take off what they have matched.
    expect(url).toBe(name === 'Express' ? '/where/7?a=b' : `${host}/nested/where/7?a=b`);
  });

  it('B-68, B-69 ends with a client that leaves', async () => {
    const response = await client.get('/stream', { disconnectAfter: 1 });
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
  });
});

describe('exported without an adapter', () => {
  it.each([
    ['express application', expressApp],
    ['express router', Router()],
    ['koa application', new Koa()],
    ['fastify application', fastify],
    ['hono application', hono],
    ['h3 application', h3],
    ['h3 handler', defineHandler(() => '')],
    ['fetch object', { fetch: () => new Response() }],
    ['elysia application', { fetch() {}, handle() {}, derive() {} }],
    ['connect application', Object.assign(() => {}, { use() {}, handle() {}, listen() {} })],
    ['polka application', { handler() {}, use() {}, listen() {} }],
    ['http server', createServer()],
  ])('B-70 is recognised by its methods: %s', (name, value) => {
    expect(foreignInterface(value)?.name).toBe(name);
  });

  it.each([
    fromNodeListener(expressApp),
    () => [],
    async () => [],
    (_request: unknown, _response: unknown, _next: unknown) => {},
    (_request: Request) => new Response(),
    Object.assign((_environ: unknown, _startResponse: unknown) => [], { handle() {}, use() {}, fetch() {} }),
    {},
    null,
    'text',
    new Map(),
  ])('B-70 nothing is by its parameters: %o', (value) => {
    expect(foreignInterface(value)).toBe(null);
  });

  it('B-70 a function is what its owner says', () => {
    const listener = () => {};
    expect(foreignInterface(listener, 'node')?.name).toBe('listener for node:http');
    expect(foreignInterface(listener, 'fetch')?.name).toBe('handler for fetch');
    expect(foreignInterface(hono, 'node')?.name).toBe('hono application');
    expect(foreignInterface({}, 'node')).toBe(null);
  });

  it.each([
    [(req: unknown, res: unknown) => [req, res], 'node'],
    [async (request: unknown, _response: unknown) => request, 'node'],
    [
      function handler(_req: unknown, res: unknown) {
        return res;
      },
      'node',
    ],
    [(request: unknown) => request, 'fetch'],
    [async (req: unknown, env: unknown) => [req, env], 'fetch'],
    [(environ: unknown, startResponse: unknown) => [environ, startResponse], null],
    [() => [], null],
  ])('the names of parameters are good for a hint alone: %o', (value, likely) => {
    expect(likelyDeclaration(value)).toBe(likely);
  });
});

describe('Express below a mount', () => {
  it('B-68 finds the mount in baseUrl and the whole target in originalUrl', async () => {
    const client = new AsyncTestClient(fromNodeListener(expressApp), { prefix: '/site' });
    const response = await client.get('/site/nested/where/a%2Fb?q', {
      scheme: 'https',
      headers: { Host: 'a.example' },
    });
    expect(response.json()).toEqual({
      baseUrl: '/site/nested',
      url: '/where/a%2Fb?q',
      originalUrl: '/site/nested/where/a%2Fb?q',
      params: { id: 'a/b' },
      protocol: 'https',
      ip: '127.0.0.1',
      hostname: 'a.example',
      query: { q: '' },
    });
  });
});

describe('frameworks that know no mounts, below one', () => {
  const koa = new Koa();
  koa.use((context) => {
    if (context.path !== '/where') return context.redirect(context.query.to as string);
    context.url = '/rewritten';
    context.body = { url: context.url, originalUrl: context.originalUrl, href: context.href };
    return undefined;
  });
  const plain = Fastify();
  plain.get('/where', async ({ url, originalUrl }) => ({ url, originalUrl }));
  plain.get('/go', async ({ query }, reply) => reply.redirect((query as { to: string }).to));
  const adapted = async (site: unknown, prefix: string): Promise<AsyncTestClient> => {
    const app = await adapt(foreignInterface(site)!, site);
    const client = new AsyncTestClient(validator(app), { prefix });
    await client.startup();
    return client;
  };

  it('B-68 Koa finds the whole target in originalUrl and href', async () => {
    const [below, root] = [await adapted(koa, '/site'), await adapted(koa, '')];
    expect((await below.get('/site/where?a=b')).json()).toEqual({
      url: '/rewritten',
      originalUrl: '/site/where?a=b',
      href: 'http://localhost/site/where?a=b',
    });
    const { originalUrl, href } = (await root.get('/where')).json() as Record<string, string>;
    expect([originalUrl, href]).toEqual(['/where', 'http://localhost/where']);
  });

  it('B-68 Fastify does so in originalUrl', async () => {
    const below = await adapted(plain, '/site');
    expect((await below.get('/site/where?a=b')).json()).toEqual({ url: '/where?a=b', originalUrl: '/site/where?a=b' });
  });

  it.each([
    ['/login?a=/b', '/site/login?a=/b'],
    ['/', '/site/'],
    ['/sitemap', '/site/sitemap'],
    ['/site', '/site'],
    ['/site/login', '/site/login'],
    ['/site?a', '/site?a'],
    ['login', 'login'],
    ['//other.example/x', '//other.example/x'],
    ['https://other.example/x', 'https://other.example/x'],
  ])('B-68 a redirect to %s goes to %s', async (to, location) => {
    for (const site of [koa, plain]) {
      const below = await adapted(site, '/site');
      expect((await below.get('/site/go', { query: { to } })).headers.get('Location')).toBe(location);
      const root = await adapted(site, '');
      expect((await root.get('/go', { query: { to } })).headers.get('Location')).toBe(to);
    }
  });

  it('B-68 a listener whose owner does not ask for it redirects where it says', async () => {
    const listener = fromNodeListener((_request, response) => response.writeHead(302, { Location: '/a' }).end());
    const client = new AsyncTestClient(validator(listener), { prefix: '/site' });
    expect((await client.get('/site')).headers.get('Location')).toBe('/a');
  });
});
