/** Applications inside Express, Koa, Fastify and Hono (G-11 to G-13, G-177, G-178, G-180). */
import { gzipSync } from 'node:zlib';
import express, { type RequestHandler } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import type { AsyncApplication } from 'quaich';
import { toFetchHandler, toNodeListener } from 'quaich/gateways';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Listening, listening, MemoryErrors } from './listening.ts';

let errors: MemoryErrors;
const running: { close(): Promise<unknown> }[] = [];

beforeEach(() => {
  errors = new MemoryErrors();
});

afterEach(() => Promise.all(running.splice(0).map((one) => one.close())));

async function open(listener: Parameters<typeof listening>[0]): Promise<Listening> {
  const one = await listening(listener);
  running.push(one);
  return one;
}

/** Tells what the application has got. */
const telling: AsyncApplication = async (environ, startResponse) => {
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, CONTENT_LENGTH, HTTP_CONTENT_ENCODING } = environ;
  const body = Buffer.from(await environ['wsgi.input'].read()).toString('latin1');
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const seen = { SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, CONTENT_LENGTH, HTTP_CONTENT_ENCODING, body };
  return [Buffer.from(JSON.stringify(seen))];
};

const PATHS: [target: string, script: string, path: string, query: string][] = [
  ['/mount', '/mount', '', ''],
  ['/mount?q=1', '/mount', '', 'q=1'],
  ['/mount/', '/mount', '/', ''],
  ['/mount/a%2Fb//c?x?y', '/mount', '/a/b//c', 'x?y'],
];

describe('Express', () => {
  const mounted = (...before: RequestHandler[]) => {
    const host = express();
    for (const one of before) host.use(one);
    host.use('/mount', toNodeListener(telling, { errors }));
    return open(host);
  };

  test.each(PATHS)('G-11 G-12 G-18 G-177 %s', async (target, script, path, query) => {
    const { url } = await mounted();
    expect(await (await fetch(url + target)).json()).toMatchObject({
      SCRIPT_NAME: script,
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_URI: target,
    });
  });

  test('G-11 G-14 routers in routers, a prefix behind them, and what lies outside goes on', async () => {
    const host = express();
    const router = express.Router();
    router.use('/inner', toNodeListener(telling, { prefix: '/app' }));
    host.use('/outer', router);
    host.use((_request, response) => void response.send('next'));
    const { url } = await open(host);
    expect(await (await fetch(`${url}/outer/inner/app/x`)).json()).toMatchObject({
      SCRIPT_NAME: '/outer/inner/app',
      PATH_INFO: '/x',
    });
    expect(await (await fetch(`${url}/outer/inner/apple`)).text()).toBe('next');
  });

  test('G-177 a path that is routed without a mount stays whole', async () => {
    const host = express();
    host.all('/mount/*rest', toNodeListener(telling));
    const { url } = await open(host);
    expect(await (await fetch(`${url}/mount/x`)).json()).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: '/mount/x' });
  });

  const JSON_BODY = { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } };

  test('G-177 without a body parser the stream is the application\u2019s', async () => {
    const { url } = await mounted();
    expect(await (await fetch(`${url}/mount`, JSON_BODY)).json()).toMatchObject({
      body: '{"a":1}',
      CONTENT_LENGTH: '7',
    });
  });

  test('G-178 behind express.json() a body that was parsed fails loudly, and does not wait', async () => {
    const { url } = await mounted(express.json());
    const response = await fetch(`${url}/mount`, JSON_BODY);
    expect([response.status, await response.text()]).toEqual([500, '500 Internal Server Error\n']);
    expect(errors.take()).toMatch(/POST "\/mount".*\n.*another middleware has read the request body.*express\.raw/);
    // What it does not parse, and what has no body, is as ever.
    const text = { method: 'POST', body: 'text', headers: { 'Content-Type': 'text/plain' } };
    expect(await (await fetch(`${url}/mount`, text)).json()).toMatchObject({ body: 'text' });
    expect(await (await fetch(`${url}/mount`)).json()).toMatchObject({ body: '' });
    expect(errors.text).toBe('');
  });

  test.each([
    ['express.raw()', express.raw({ type: '*/*' })],
    [
      'rawBody',
      express.json({
        verify: (request, _response, bytes) => {
          Object.assign(request, { rawBody: bytes });
        },
      }),
    ],
  ])('G-178 behind %s the bytes are the body', async (_title, parser) => {
    const { url } = await mounted(parser);
    expect(await (await fetch(`${url}/mount`, JSON_BODY)).json()).toMatchObject({
      body: '{"a":1}',
      CONTENT_LENGTH: '7',
    });
  });

  test('G-178 a body in chunks that was collected has a length', async () => {
    const { url } = await mounted(express.raw({ type: '*/*' }));
    const headers = { 'Content-Type': 'a/b' };
    const init = { method: 'POST', body: new Blob(['in chunks']).stream(), headers, duplex: 'half' };
    expect(await (await fetch(`${url}/mount`, init)).json()).toMatchObject({ body: 'in chunks', CONTENT_LENGTH: '9' });
  });

  test('G-178 a content coding that a parser has undone is not shown; one that may be there is refused', async () => {
    const { url } = await mounted(express.raw({ type: '*/*' }));
    const zipped = gzipSync('text '.repeat(100));
    const headers = { 'Content-Type': 'a/b', 'Content-Encoding': 'gzip' };
    const response = await fetch(`${url}/mount`, { method: 'POST', body: zipped, headers });
    expect(await response.json()).toEqual({
      SCRIPT_NAME: '/mount',
      PATH_INFO: '',
      QUERY_STRING: '',
      REQUEST_URI: '/mount',
      CONTENT_LENGTH: '500',
      body: 'text '.repeat(100),
    });
    const init = { method: 'POST', body: new Blob([zipped]).stream(), headers, duplex: 'half' };
    expect((await fetch(`${url}/mount`, init)).status).toBe(500);
    expect(errors.text).toContain('content coding gzip cannot be told');
  });

  test('G-95 G-177 what the host has set stays, unless the application overrules it; cookies of both are sent', async () => {
    const host = express();
    host.use((_request, response, next) => {
      response.cookie('host', '1');
      response.set({ 'X-Frame-Options': 'DENY', 'Content-Type': 'text/plain', 'Content-Length': '99', Vary: 'Origin' });
      next();
    });
    host.use(
      toNodeListener(async (_environ, startResponse) => {
        startResponse('201 Made Here', [
          ['Content-Type', 'text/html'],
          ['Set-Cookie', 'app=2'],
          ['Vary', 'Accept'],
          ['Set-Cookie', 'app=3'],
        ]);
        return [Buffer.from('page')];
      }),
    );
    const { url } = await open(host);
    const response = await fetch(url);
    expect([response.status, response.statusText, await response.text()]).toEqual([201, 'Made Here', 'page']);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-frame-options': 'DENY',
      'content-type': 'text/html',
      'content-length': '4',
      vary: 'Origin, Accept',
    });
    expect(response.headers.getSetCookie()).toEqual(['host=1; Path=/', 'app=2', 'app=3']);
  });

  test('G-104 a response whose middleware holds chunks back is flushed', async () => {
    const host = express();
    let flushed = 0;
    host.use((_request, response, next) => {
      Object.assign(response, { flush: () => (flushed += 1) });
      next();
    });
    host.use(
      toNodeListener(async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield Buffer.from('a');
        yield Buffer.from('b');
      }),
    );
    const { url } = await open(host);
    expect(await (await fetch(url)).text()).toBe('ab');
    expect(flushed).toBe(2);
  });
});

describe('Koa', () => {
  test.each(PATHS)('G-177 %s', async (target, script, path, query) => {
    const listener = toNodeListener(telling, { prefix: '/mount' });
    const host = new Koa();
    host.use((context) => {
      context.respond = false;
      listener(context.req, context.res);
    });
    const { url } = await open(host.callback());
    const response = await fetch(url + target);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ SCRIPT_NAME: script, PATH_INFO: path, QUERY_STRING: query });
  });
});

describe('Fastify', () => {
  async function mounted(): Promise<ReturnType<typeof fastify>> {
    const host = fastify();
    const listener = toNodeListener(telling, { prefix: '/mount', errors });
    host.register(async (inside) => {
      inside.removeAllContentTypeParsers();
      inside.addContentTypeParser('*', (_request, _payload, done) => done(null));
      for (const path of ['/mount', '/mount/*']) {
        inside.all(path, (request, reply) => {
          reply.hijack();
          listener(request.raw, reply.raw);
        });
      }
    });
    running.push(host);
    return host;
  }

  test.each(PATHS)('G-177 %s', async (target, script, path, query) => {
    const url = await (await mounted()).listen({ port: 0 });
    const response = await fetch(url + target, { method: 'POST', body: '{}' });
    expect(await response.json()).toMatchObject({
      SCRIPT_NAME: script,
      PATH_INFO: path,
      QUERY_STRING: query,
      body: '{}',
    });
  });

  test('G-177 G-24 a request that is injected without a socket', async () => {
    const host = await mounted();
    const response = await host.inject({ method: 'POST', url: '/mount/x', payload: 'injected' });
    expect(response.json()).toMatchObject({ PATH_INFO: '/x', body: 'injected' });
  });

  test('G-178 behind its own JSON parser the body is gone, which is said', async () => {
    const host = fastify();
    const listener = toNodeListener(telling, { errors });
    host.all('/*', (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    });
    running.push(host);
    const url = await host.listen({ port: 0 });
    const init = { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } };
    expect((await fetch(url, init)).status).toBe(500);
    expect(errors.text).toContain('G-178');
  });
});

describe('Hono', () => {
  const hosts: [title: string, host: () => Hono][] = [
    [
      'all',
      () => {
        const handler = toFetchHandler(telling, { prefix: '/mount' });
        const answer = (context: { req: { raw: Request } }) => handler(context.req.raw);
        return new Hono().all('/mount', answer).all('/mount/*', answer);
      },
    ],
    [
      'mount with replaceRequest: false',
      () => new Hono().mount('/mount', toFetchHandler(telling, { prefix: '/mount' }), { replaceRequest: false }),
    ],
  ];

  describe.each(hosts)('%s', (_title, host) => {
    test.each(PATHS)('G-180 %s', async (target, script, path, query) => {
      const response = await host().request(target, { method: 'POST', body: 'hello' });
      expect(await response.json()).toMatchObject({
        SCRIPT_NAME: script,
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_URI: target,
        body: 'hello',
      });
    });
  });

  test('G-180 mount takes its path off the URL: for the application there is no mount point', async () => {
    const host = new Hono().mount('/mount', toFetchHandler(telling));
    expect(await (await host.request('/mount/x?q')).json()).toMatchObject({
      SCRIPT_NAME: '',
      PATH_INFO: '/x',
      QUERY_STRING: 'q',
    });
  });

  test('G-178 a body that a handler before has read is gone, which is said', async () => {
    const handler = toFetchHandler(telling, { errors });
    const host = new Hono()
      .use(async (context, next) => {
        await context.req.json();
        await next();
      })
      .all('*', (context) => handler(context.req.raw));
    expect((await host.request('/', { method: 'POST', body: '{}' })).status).toBe(500);
    expect(errors.text).toContain('G-178');
  });
});
