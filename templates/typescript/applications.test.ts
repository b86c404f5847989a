import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromNodeListener } from 'quaich/adapters';
import { AsyncTestClient, SyncTestClient } from 'quaich/testing';
import api from './api.ts';
import { app as events } from './events.ts';
import { app as site } from './site.ts';

test('the front page links the others', () => {
  const response = new SyncTestClient(site).get('/');
  assert.equal(response.status, 200);
  assert.match(response.text, /href="\/events"/);
});

test('what blocks is answered', () => {
  assert.match(new SyncTestClient(site).get('/hash').text, /^[0-9a-f]{64}\n$/);
});

test('what does not exist is not found', () => {
  assert.equal(new SyncTestClient(site).get('/nothing').statusLine, '404 Not Found');
});

test('the clock ticks until its client leaves', async () => {
  const stream = new AsyncTestClient(events, { prefix: '/events' }).open({ path: '/events' });
  const tick = Buffer.from((await stream.next()) ?? []).toString();
  assert.match(tick, /^data: \d{4}-\d{2}-\d{2}T/);
  assert.equal((await stream.disconnect()).failed, false);
});

test('Express greets', async () => {
  const client = new AsyncTestClient(fromNodeListener(api), { prefix: '/api' });
  const response = await client.get('/api/hello?name=Ada');
  assert.deepEqual(response.json(), { hello: 'Ada' });
});
