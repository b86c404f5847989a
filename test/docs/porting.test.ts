import { afterAll, describe, expect, it } from 'vitest';
import { type AsyncApplication, kindOf } from '../../src/index.ts';
import { AsyncTestClient, multipartBody, SyncTestClient } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';
import { blocks, page, SampleFolder } from './samples.ts';

const PAGE = 'docs/porting.md';
const folder = new SampleFolder(PAGE);
afterAll(() => folder.remove());

/** The application of a block, inside the validator. */
const sync = async (name: string) => new SyncTestClient(validator((await folder.load(name)).app));
const async = async (name: string) => {
  const { app, startup } = await folder.load(name);
  const typed: AsyncApplication = app;
  const validated = validator(typed);
  expect(kindOf(validated)).toBe('async');
  return new AsyncTestClient(validated, { lifespan: { startup } });
};

describe('the page about porting', () => {
  it('has a test for each of its blocks', () => {
    const tested = [
      ...['router.js', 'express.js', 'express-middleware.js', 'express-stream.js', 'koa.js', 'fastify.js', 'hono.js'],
      ...['fetch-handler.js', 'wsgi.js', 'check.js'],
    ];
    expect(blocks(PAGE).map(({ name }) => name)).toEqual(tested);
  });

  it('says that nothing has to be ported', () => {
    expect(page(PAGE)).toContain('[runs as it is](existing-applications.md)');
  });

  it('Express: routes, JSON, query and cookies', async () => {
    const client = await sync('express.js');
    const item = client.get('/items/a%20cup?full=1', { headers: { Cookie: 'last=bowl' } });
    expect(item.json()).toEqual({ id: 'a cup', full: true, last: 'bowl' });
    expect(item.headers.get('Set-Cookie')).toMatch(/^last=a%20cup;/);
    expect(client.get('/items/1').json()).toEqual({ id: '1', full: false, last: null });
    const created = client.post('/items', { json: { name: 'quaich' } });
    expect([created.status, created.json()]).toEqual([201, { name: 'quaich' }]);
    const json = { 'Content-Type': 'application/json' };
    expect(client.post('/items', { body: '{', headers: json }).status).toBe(400);
    expect(client.post('/items', { body: `"${'x'.repeat(10_000)}"`, headers: json }).status).toBe(413);
    expect(client.post('/items', { body: 'text', headers: { 'Content-Type': 'text/plain' } }).status).toBe(415);
    const refused = client.delete('/items');
    expect([refused.status, refused.headers.get('Allow'), client.get('/nowhere').status]).toEqual([405, 'POST', 404]);
    expect([client.head('/items/1').status, client.head('/items/1').text]).toEqual([200, '']);
  });

  it('Express: middleware and an error handler', async () => {
    const response = (await sync('express-middleware.js')).get('/');
    expect([response.status, response.json()]).toEqual([500, { error: 'internal' }]);
    expect(response.headers.get('X-Powered-By')).toBe('tea');
    expect(response.errors).toContain('no luck');
  });

  it('Express: a stream', async () => {
    const response = (await sync('express-stream.js')).get('/rows.csv');
    expect(response.chunks.map(String)).toHaveLength(2);
    expect(response.text).toBe('1,cup\n2,bowl\n');
  });

  it('Koa: middleware around, errors with a status', async () => {
    const client = await async('koa.js');
    const response = await client.get('/?name=Ada', { headers: { Cookie: 'seen=yes' } });
    expect(response.json()).toEqual({ hello: 'Ada', seen: 'yes' });
    expect(response.headers.get('X-Response-Time')).toMatch(/^\d+ms$/);
    const bad = await client.get('/');
    expect([bad.status, bad.json()]).toEqual([400, { error: 'name is missing' }]);
    expect(bad.headers.get('X-Response-Time')).toMatch(/^\d+ms$/);
  });

  it('Fastify: a checked body, a stream, an error handler, a hook', async () => {
    const client = await async('fastify.js');
    await client.startup();
    const order = await client.post('/orders', { json: { items: [1, 2] } });
    expect([order.status, order.headers.get('Location'), order.json()]).toEqual([201, '/orders/7', { items: 2 }]);
    expect(client.state.store).toEqual([{ items: [1, 2] }]);
    const bad = await client.post('/orders', { json: {} });
    expect([bad.status, bad.json()]).toEqual([400, { error: 'items must be an array' }]);
    const ticks = await client.get('/ticks');
    expect([ticks.text, ticks.chunks.length]).toEqual(['tick 1\ntick 2\ntick 3\n', 3]);
  });

  it('Hono: parameters, a form, a stream that ends with its client', async () => {
    const client = await async('hono.js');
    const hello = await client.get('/hello/Ada?lang=gd');
    expect([hello.text, hello.headers.get('X-Lang')]).toEqual(['Hello, Ada', 'gd']);
    expect((await client.get('/hello/Ada?lang=%0d%0aX:1')).headers.get('X-Lang')).toBe('en');
    for (const body of [
      { body: new URLSearchParams({ name: 'Ada' }) },
      multipartBody([{ name: 'name', data: 'Ada' }]),
    ]) {
      const posted = await client.post('/form', body);
      expect([posted.status, posted.headers.get('Location')]).toEqual([302, '/']);
      expect(posted.headers.get('Set-Cookie')).toMatch(/^name=Ada/);
    }
    expect((await client.get('/stream')).text).toBe('data: 0\n\ndata: 1\n\ndata: 2\n\n');
    const left = await client.get('/stream', { disconnectAfter: 1 });
    expect([left.chunks.length, left.failed]).toEqual([1, false]);
    expect((await client.get('/elsewhere')).status).toBe(404);
  });

  it('Hono: a handler from Request to Response', async () => {
    const client = await async('fetch-handler.js');
    const response = await client.put('/x', { body: ['in ', 'pieces'] });
    expect([response.status, response.json()]).toEqual([200, { method: 'PUT', got: 'in pieces' }]);
    expect((await client.get('/')).json()).toEqual({ method: 'GET', got: '' });
  });

  it('Python: the same structure', async () => {
    const { application } = await folder.load('wsgi.js');
    const client = new SyncTestClient(validator(application));
    const response = client.post('/', { body: 'one\ntwo' });
    expect([response.text, response.chunks.length, response.errors]).toEqual(['ONE\nTWO', 2, 'got 7 bytes\n']);
    const refused = client.get('/');
    expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'POST']);
  });

  it('the validator names what is wrong', async () => {
    const { response } = await folder.load('check.js');
    expect([response.failed, response.status]).toEqual([true, 500]);
    expect(response.errors).toMatch(/V-\d+: .*\(at fault: the application\)/);
  });
});
