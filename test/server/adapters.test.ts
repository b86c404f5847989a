/**
 * Applications written for node:http behave on our server as they do on Node's (B-68); those for fetch as they do alone
 * (B-69).
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fastify, h3, hono, NODE_SITE, SITE } from '../adapters/frameworks.ts';
import { LISTENERS, type WireRequest } from '../adapters/listeners.ts';
import { NODE_LISTENERS, textAt } from './apps/adapted.ts';
import { Client, parseResponses, type WireResponse } from './client.ts';

const module = fileURLToPath(new URL('./apps/adapted.ts', import.meta.url));
/** Fields of the connection and of the framing, which each server makes for itself. */
const FRAMING = /^(?:connection|keep-alive|transfer-encoding|content-length|trailer|date|server)$/i;

/** Some listeners keep their connection, which a test waits for to end. */
const peer = http.createServer({ keepAliveTimeout: 100 }, (request, response) => {
  const name = String(request.headers['x-app']);
  NODE_LISTENERS[name](request, response);
});
let peerUrl = '';

beforeAll(async () => {
  await fastify.ready();
  peer.listen(0, '127.0.0.1');
  await once(peer, 'listening');
  peerUrl = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
});

afterAll(() => peer.close());

/** The text of a request, which ends its connection. */
function textOf(
  name: string,
  { method = 'GET', path = '/', headers = {}, body = '', version = '1.1' }: WireRequest,
): string {
  const fields = { Host: 'localhost', Connection: 'close', 'X-App': name, ...headers };
  const framed = Object.keys(fields).some((field) => /^(?:content-length|transfer-encoding)$/i.test(field));
  const lines = Object.entries(fields).map(([field, value]) => `${field}: ${value}\r\n`);
  if (body !== '' && !framed) lines.push(`Content-Length: ${body.length}\r\n`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n${body}`;
}

async function ask(url: string, name: string, request: WireRequest): Promise<WireResponse> {
  const client = new Client(url).send(textOf(name, request));
  return parseResponses(await client.all(), [request.method ?? 'GET'])[0];
}

/** What has to be the same, whoever sends it. */
function essence({ statusLine, headers, body, complete }: WireResponse) {
  const fields = headers.filter(([name]) => !FRAMING.test(name)).map(([name, value]) => [name, value.trim()]);
  return { statusLine, fields, body, complete };
}

describe.each([
  { way: 'pooled async', inline: false, name: 'app' },
  { way: 'inline', inline: true, name: 'app' },
  { way: "pooled async, through Node's own server", inline: false, name: 'served' },
  { way: "inline, through Node's own server", inline: true, name: 'served' },
])('$way', ({ inline, name }) => {
  let server: Server;

  beforeAll(async () => {
    const apps = [{ module, inline, export: name }];
    server = await serve({ apps, bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1 });
  });

  afterAll(() => server.close());

  const same = async (name: string, request: WireRequest): Promise<void> => {
    const [theirs, ours] = await Promise.all([ask(peerUrl, name, request), ask(server.url, name, request)]);
    expect(essence(ours)).toEqual(essence(theirs));
  };

  it.each(LISTENERS.map((one, index) => ({ ...one, index })))(
    'B-68 a listener answers as on node:http: $title',
    ({ index, listener: _, ...request }) => same(String(index), request),
  );

  describe.each(['express', 'koa', 'fastify'])('%s', (name) => {
    it.each(NODE_SITE)('B-68 answers as on node:http: $title', (request) => same(name, request));
  });

  describe.each([
    { name: 'hono', fetch: (request: Request) => hono.fetch(request) },
    { name: 'h3', fetch: (request: Request) => h3.fetch(request) },
  ])('$name', ({ name, fetch }) => {
    it.each(SITE)('B-69 answers as it does alone: $title', async (request) => {
      const { method = 'GET', path, body, headers } = request;
      const chunked = headers?.['Transfer-Encoding'] !== undefined;
      const alone = await fetch(
        new Request(`http://localhost${path}`, {
          method,
          ...(body !== undefined && {
            body: chunked ? '{"a":1}' : body,
            headers: { 'Content-Type': 'application/json' },
          }),
        }),
      );
      const ours = await ask(server.url, name, request);
      const fields = ours.headers.filter(([field]) => !FRAMING.test(field));
      expect({ status: ours.status, fields: fields.toSorted(), body: ours.body }).toEqual({
        status: alone.status,
        fields: [...alone.headers].filter(([field]) => !FRAMING.test(field)).toSorted(),
        body: method === 'HEAD' ? '' : Buffer.from(await alone.arrayBuffer()).toString('latin1'),
      });
    });
  });

  it('B-68 a slow reader slows the listener, and gets every byte', async () => {
    const client = new Client(server.url).send(textOf('endless', {}));
    await client.until((text) => text.length > 100_000);
    client.socket.pause();
    // A client that does not read holds up only itself: the listener stands when all buffers on the way are full.
    const written = async () => Number((await ask(server.url, 'endless', { path: '/written' })).body);
    let last = -1;
    await expect
      .poll(async () => {
        const now = await written();
        const stands = now === last;
        last = now;
        return stands;
      })
      .toBe(true);
    expect(last * 16_384).toBeLessThan(50_000_000);
    const before = client.received.length;
    client.socket.resume();
    const text = await client.until((received) => received.length > before + 5_000_000);
    client.socket.destroy();
    // Nothing is missing or out of order: all of it is `x` and the framing of chunks.
    expect(text.slice(text.indexOf('\r\n\r\n') + 4).replace(/[0-9a-f]+\r\nx+(?:\r\n|\r?$)/g, '')).toMatch(
      /^[0-9a-f]*\r?\n?$/,
    );
    await expect
      .poll(async () => JSON.parse((await ask(server.url, 'endless', { path: '/events' })).body).at(-1))
      .toBe('close');
  });

  it.each([
    { title: 'B-68 a listener, in one piece', name: 'text', times: 1 },
    { title: 'B-68 a listener, in two pieces', name: 'texts', times: 2 },
    { title: 'B-69 a handler for fetch', name: 'fetch text', times: 1 },
  ])('large texts do not mix, however slowly they are read: $title', async ({ name, times }) => {
    const paths = Array.from({ length: 24 }, (_, index) => `/${9000 + index * 14_000}`);
    const clients = paths.map((path) => new Client(server.url).send(textOf(name, { path })));
    for (const { socket } of clients) socket.pause();
    // More than the system takes for one connection, and more blocks than are kept.
    await ask(server.url, name, { path: '/300000' });
    for (const { socket } of clients) socket.resume();
    for (const [index, client] of clients.entries()) {
      const [{ body, complete }] = parseResponses(await client.all());
      const expected = Buffer.from(textAt(paths[index]).repeat(times)).toString('latin1');
      expect([paths[index], complete, body === expected]).toEqual([paths[index], true, true]);
    }
  });

  it('B-68 a client that leaves within the body closes the response, without finish', async () => {
    const seen = async (): Promise<string[]> =>
      JSON.parse((await ask(server.url, 'endless', { path: '/events' })).body);
    const before = (await seen()).length;
    const client = new Client(server.url).send(textOf('endless', {}));
    await client.until((text) => text.length > 50_000);
    client.socket.destroy();
    await expect.poll(async () => (await seen()).length).toBe(before + 1);
    expect(await seen()).not.toContain('finish');
  });

  it('B-68 a client that leaves within its upload does no harm', async () => {
    const broken = new Client(server.url).send(
      textOf('express', {
        method: 'POST',
        path: '/json',
        headers: { 'Content-Type': 'application/json', 'Content-Length': '50' },
        body: '{',
      }),
    );
    await once(broken.socket, 'connect');
    broken.socket.destroy();
    expect((await ask(server.url, 'express', { path: '/hello' })).body).toBe('hello');
  });
});
