/** The same small site in each framework, and what it answers. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import express from 'express';
import Fastify from 'fastify';
import { H3, HTTPError, readBody, redirect, setCookie } from 'h3';
import { Hono } from 'hono';
import { setCookie as setHonoCookie } from 'hono/cookie';
import { streamText } from 'hono/streaming';
import Koa from 'koa';
import type { WireRequest } from './listeners.ts';

export const here = fileURLToPath(new URL('.', import.meta.url));
const FILE = fileURLToPath(import.meta.url);

async function* ticks() {
  for (let count = 1; count <= 3; count += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    yield `tick ${count}\n`;
  }
}

/** Middleware such as `compression`: writes and ends by its own functions. */
const shouting: express.RequestHandler = (_request, response, next) => {
  const { write, end } = response;
  response.write = ((chunk: unknown) => write.call(response, String(chunk).toUpperCase(), 'utf8')) as typeof write;
  response.end = ((chunk?: unknown) =>
    end.call(response, chunk === undefined ? '' : String(chunk).toUpperCase(), 'utf8')) as typeof end;
  next();
};

export const expressApp = express();
expressApp.use('/static', express.static(here));
expressApp.use(express.json({ limit: '1kb' }));
const nested = express.Router();
nested.get('/where/:id', ({ baseUrl, url, originalUrl, params, protocol, ip, hostname, query }, response) => {
  response.json({ baseUrl, url, originalUrl, params, protocol, ip, hostname, query });
});
expressApp.use('/nested', nested);
expressApp.get('/hello', (_request, response) => void response.type('text').send('hello'));
expressApp.post('/json', (request, response) => void response.status(201).json({ got: request.body }));
expressApp.get('/cookies', (_request, response) => {
  response.cookie('a', '1', { httpOnly: true }).cookie('b', 'two words').type('text').send('set');
});
expressApp.get('/away', (_request, response) => response.redirect(303, '/hello?a=b'));
expressApp.get('/stream', (_request, response) => void Readable.from(ticks()).pipe(response.type('text')));
expressApp.get('/file', (_request, response) => void createReadStream(FILE).pipe(response.type('text')));
expressApp.get('/loud', shouting, (_request, response) => {
  response.type('text').write('quiet ');
  response.end('please');
});
expressApp.get('/fail', () => {
  throw Object.assign(new Error('no luck'), { status: 503 });
});
expressApp.get('/reject', async () => Promise.reject(new Error('no luck either')));
expressApp.use(((error, _request, response, _next) => {
  const { status = 500, message } = error as { status?: number; message: string };
  response.status(status).json({ error: message });
}) satisfies express.ErrorRequestHandler);

export const koa = new Koa();
koa.silent = true;
koa.use(async (context, next) => {
  try {
    await next();
    context.set('X-Body', typeof context.body);
  } catch (error) {
    context.status = 503;
    context.body = { error: (error as Error).message };
  }
});
koa.use(async (context) => {
  switch (context.path) {
    case '/hello':
      context.body = 'hello';
      break;
    case '/json': {
      context.req.setEncoding('utf8');
      let text = '';
      for await (const piece of context.req) text += piece;
      context.status = 201;
      context.body = { got: JSON.parse(text) };
      break;
    }
    case '/cookies':
      context.cookies.set('a', '1');
      context.cookies.set('b', 'two', { httpOnly: false });
      context.body = 'set';
      break;
    case '/away':
      context.status = 303;
      context.redirect('/hello?a=b');
      break;
    case '/stream':
      context.type = 'text';
      context.body = Readable.from(ticks());
      break;
    case '/file':
      context.type = 'text';
      context.body = createReadStream(FILE);
      break;
    case '/nested/where/7':
      context.body = { url: context.url, origin: context.origin, ip: context.ip, query: context.query };
      break;
    case '/fail':
      throw new Error('no luck');
  }
});
export const koaListener = koa.callback();

export const fastify = Fastify({ logger: false });
fastify.get('/hello', async (_request, reply) => reply.type('text/plain').send('hello'));
const item = { type: 'object', required: ['a'], properties: { a: { type: 'number' } } };
fastify.post('/json', { schema: { body: item } }, async (request, reply) =>
  reply.code(201).send({ got: request.body }),
);
fastify.get('/cookies', async (_request, reply) => {
  return reply.header('Set-Cookie', ['a=1', 'b=two']).type('text/plain').send('set');
});
fastify.get('/away', async (_request, reply) => reply.redirect('/hello?a=b', 303));
fastify.get('/stream', async (_request, reply) => reply.type('text/plain').send(Readable.from(ticks())));
fastify.get('/file', async (_request, reply) => reply.type('text/plain').send(createReadStream(FILE)));
fastify.get('/nested/where/:id', async ({ url, originalUrl, params, ip, protocol, hostname, query }) => {
  return { url, originalUrl, params, ip, protocol, hostname, query };
});
fastify.get('/fail', async () => Promise.reject(Object.assign(new Error('no luck'), { statusCode: 503 })));

export const hono = new Hono();
hono.get('/hello', (context) => context.text('hello'));
hono.post('/json', async (context) => context.json({ got: await context.req.json() }, 201));
hono.get('/cookies', (context) => {
  setHonoCookie(context, 'a', '1');
  setHonoCookie(context, 'b', 'two words', { expires: new Date(0) });
  return context.text('set');
});
hono.get('/away', (context) => context.redirect('/hello?a=b', 303));
hono.get('/stream', (context) =>
  streamText(context, async (stream) => {
    for await (const tick of ticks()) await stream.write(tick);
  }),
);
hono.get('/nested/where/:id', ({ req, json }) => json({ url: req.url, params: req.param(), query: req.query() }));
hono.get('/fail', () => {
  throw new Error('no luck');
});
hono.onError((error, context) => context.json({ error: error.message }, 503));

export const h3 = new H3({ silent: true });
h3.get('/hello', () => new Response('hello', { headers: { 'Content-Type': 'text/plain' } }));
h3.post('/json', async (event) => {
  event.res.status = 201;
  return { got: await readBody(event) };
});
h3.get('/cookies', (event) => {
  setCookie(event, 'a', '1');
  setCookie(event, 'b', 'two');
  event.res.headers.set('Content-Type', 'text/plain');
  return 'set';
});
h3.get('/away', () => redirect('/hello?a=b', 303));
h3.get('/stream', (event) => {
  event.res.headers.set('Content-Type', 'text/plain');
  const source = ticks();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(Buffer.from(value));
    },
  });
});
h3.get('/nested/where/:id', ({ req, url, context }) => ({ url: req.url, params: context.params, search: url.search }));
h3.get('/fail', () => {
  throw new HTTPError({ status: 503, message: 'no luck' });
});

/** An upload that no parser reads to the end, and a download that nobody finishes, for tests of what breaks off. */
export const endless = express();
export const events: string[] = [];
let written = 0;
endless.get('/', async (_request, response) => {
  response.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
  const closed = once(response, 'close');
  response.type('text');
  while (!response.destroyed) {
    written += 1;
    if (response.write('x'.repeat(16_384))) continue;
    await Promise.race([new Promise((resolve) => response.once('drain', resolve)), closed]);
  }
});
endless.get('/written', (_request, response) => void response.json(written));
endless.get('/events', (_request, response) => void response.json(events));

const json = { 'Content-Type': 'application/json' };

/** Requests to the site. */
export const SITE: readonly (WireRequest & { title: string })[] = [
  { title: 'text', path: '/hello' },
  { title: 'HEAD', method: 'HEAD', path: '/hello' },
  { title: 'a body in JSON', method: 'POST', path: '/json', headers: json, body: '{"a":1}' },
  {
    title: 'a chunked body in JSON',
    method: 'POST',
    path: '/json',
    headers: { ...json, 'Transfer-Encoding': 'chunked' },
    body: '4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n',
  },
  { title: 'several cookies', path: '/cookies' },
  { title: 'a redirect', path: '/away' },
  { title: 'a stream', path: '/stream' },
  { title: 'what a handler sees of its target', path: '/nested/where/7?a=%20b&c' },
  { title: 'an error', path: '/fail' },
  { title: 'nothing there', path: '/nowhere' },
];

/** Requests that only sites on node:http can answer. */
export const NODE_SITE: readonly (WireRequest & { title: string })[] = [
  ...SITE,
  { title: 'a body that is no JSON', method: 'POST', path: '/json', headers: json, body: '{' },
  { title: 'a file, piped', path: '/file' },
  { title: 'a file of a static folder', path: '/static/frameworks.ts' },
  { title: 'a part of it', path: '/static/frameworks.ts', headers: { Range: 'bytes=10-19' } },
  { title: 'middleware that writes by its own functions', path: '/loud' },
  { title: 'a rejected handler', path: '/reject' },
  { title: 'a body above the limit', method: 'POST', path: '/json', headers: json, body: `"${'x'.repeat(5000)}"` },
];
