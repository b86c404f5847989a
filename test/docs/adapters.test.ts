import { afterAll, describe, expect, it } from 'vitest';
import { app as example } from '../../examples/express.js';
import type { AsyncApplication } from '../../src/index.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';
import { blocks, SampleFolder } from './samples.ts';

const PAGE = 'docs/adapters.md';
const folder = new SampleFolder(PAGE);
afterAll(() => folder.remove());

const client = async (name: string) => {
  const app: AsyncApplication = (await folder.load(name)).app;
  return new AsyncTestClient(validator(app));
};

describe('the page about adapters', () => {
  it('has a test for each of its blocks', () => {
    expect(blocks(PAGE).map(({ name }) => name)).toEqual([
      'express.js',
      'hono.js',
      'fastify.js',
      'bindings.js',
      'replaced.js',
    ]);
  });

  it('B-68 Express', async () => {
    const response = await (await client('express.js')).post('/orders', { json: { items: [1, 2] } });
    expect([response.status, response.json()]).toEqual([201, { items: 2 }]);
  });

  it('B-68 Fastify, with its hooks', async () => {
    const fastify = await client('fastify.js');
    await fastify.startup();
    expect((await fastify.get('/')).json()).toEqual({ hello: 'world' });
    await fastify.shutdown();
  });

  it('B-69 Hono, with and without bindings', async () => {
    expect((await (await client('hono.js')).get('/hello/Ada')).text).toBe('Hello, Ada');
    expect((await (await client('bindings.js')).get('/')).text).toBe('127.0.0.1');
  });

  it('B-69 Hono, with replaced globals', async () => {
    const response = await (await client('replaced.js')).get('/');
    expect([response.text, response.errors]).toEqual(['Hello', '']);
  });
});

describe('the example with Express', () => {
  const site = new AsyncTestClient(validator(example), { prefix: '/site' });

  it('B-68 greets', async () => {
    expect((await site.get('/site/')).text).toContain('127.0.0.1. This application is mounted at "/site"');
    expect((await site.post('/site/greet', { json: { name: 'Ada' } })).json()).toEqual({ greeting: 'Hello, Ada' });
    expect((await site.post('/site/greet', { json: {} })).status).toBe(400);
  });
});
