/** B-68, B-69: Express, Koa, Fastify, Hono and h3 as applications, checked by the validator from below. */
import { createServer } from 'node:http';
import { Router } from 'express';
import { defineHandler } from 'h3';
import Koa from 'koa';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromFetchHandler, fromNodeListener } from '../../src/adapters/index.ts';
import { type AsyncApplication, kindOf } from '../../src/interface/index.ts';
import { adapterLine } from '../../src/pool/adapter-line.ts';
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
    ['Express', expressApp, 'fromNodeListener(site)'],
    ['a router of Express', Router(), 'fromNodeListener(site)'],
    ['Koa', new Koa(), 'fromNodeListener(site.callback())'],
    ['Fastify', fastify, 'fromNodeListener((request, response) => site.routing(request, response), {'],
    ['Hono', hono, 'fromFetchHandler(site)'],
    ['h3', h3, 'fromFetchHandler(site)'],
    ['a handler of h3', defineHandler(() => ''), 'fromFetchHandler(site)'],
    ['a server', createServer(), 'fromNodeListener(site)'],
  ])('B-68, B-69 %s is told from an application', (_what, value, call) => {
    expect(adapterLine(value, 'app')).toContain(`"export const app = ${call}`);
    expect(adapterLine(value, 'default')).toContain(`"export default ${call}`);
  });

  it.each([fromNodeListener(expressApp), () => [], async () => [], {}, null, 'text', new Map()])(
    'B-68, B-69 %o needs none, or is of no interface that has one',
    (value) => {
      expect(adapterLine(value, 'app')).toBe(null);
    },
  );
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
