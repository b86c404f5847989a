/** B-69: a Request that a handler got, handed on to another server by `fetch`. */
import { EventEmitter, once } from 'node:events';
import { type FetchHandler, fromFetchHandler } from 'quaich/adapters';
import { AsyncTestClient } from 'quaich/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listening, listening } from './listening.ts';

const events = new EventEmitter();
let upstream: Listening;

beforeAll(async () => {
  upstream = await listening(async (request, response) => {
    const { method, url, headers } = request;
    if (url === '/hang') {
      response.on('close', () => events.emit('left'));
      events.emit('hanging');
      return;
    }
    let body = '';
    for await (const piece of request) body += piece;
    response.end(JSON.stringify([method, url, headers['x-a'], body]));
  });
});

afterAll(() => upstream.close());

async function* pieces() {
  yield 'one ';
  yield 'two';
}

// The second replaces the globals for the rest of this file.
describe.each([{}, { replaceGlobals: true }])('with the options %j', (options) => {
  const client = (handler: FetchHandler) => new AsyncTestClient(fromFetchHandler(handler, options));
  const toUpstream = () => ({ Host: new URL(upstream.url).host, 'X-A': 'b' });

  const WAYS: readonly [string, (request: Request) => Promise<Response>][] = [
    ['fetch(request)', (request) => fetch(request)],
    ['fetch(request, init)', (request) => fetch(request, { headers: { 'x-a': 'b' } })],
    ['fetch(new Request(request))', (request) => fetch(new Request(request))],
    ['fetch(request.clone())', (request) => fetch(request.clone())],
    ['fetch(url, request)', (request) => fetch(request.url, request)],
  ];

  it.each(WAYS)('B-69 %s sends method, target, fields and body', async (_what, through) => {
    const handler = async (request: Request) => new Response((await through(request)).body);
    const got = await client(handler).get('/a?b', { headers: toUpstream() });
    expect([got.errors, got.json()]).toEqual(['', ['GET', '/a?b', 'b', '']]);
    const put = await client(handler).request({ method: 'PUT', path: '/', headers: toUpstream(), body: pieces() });
    expect([put.errors, put.json()]).toEqual(['', ['PUT', '/', 'b', 'one two']]);
  });

  it.each(WAYS)('B-69 %s is aborted when the client leaves', async (_what, through) => {
    const handler = async (request: Request) => new Response((await through(request)).body);
    const hanging = once(events, 'hanging');
    const left = once(events, 'left');
    const exchange = client(handler).open({ path: '/hang', headers: toUpstream() });
    await hanging;
    const response = await exchange.disconnect();
    await left;
    expect([response.disconnected, response.failed, response.errors]).toEqual([true, false, '']);
  });
});
