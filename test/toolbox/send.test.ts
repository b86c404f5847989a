import { describe, expect, test } from 'vitest';
import type { HeaderFields } from '../../src/interface/index.ts';
import { AsyncTestClient, SyncTestClient, type TestResponse } from '../../src/testing/index.ts';
import { sendHtml, sendJson, sendNotFound, sendRedirect, sendText } from '../../src/toolbox/index.ts';
import { validator } from '../../src/validate/index.ts';

type Send = (startResponse: (status: string, headers: HeaderFields) => unknown) => Uint8Array[];

/** What both conventions answer. */
async function answered(send: Send, method = 'GET'): Promise<TestResponse> {
  const request = { method, path: '/' };
  const sync = new SyncTestClient(validator((_environ, startResponse) => send(startResponse))).request(request);
  const app = validator(async (_environ, startResponse) => send(startResponse));
  const async = await new AsyncTestClient(app).request(request);
  for (const { errors, failed } of [sync, async]) expect([errors, failed]).toEqual(['', false]);
  expect([async.statusLine, async.headers.list, async.text]).toEqual([sync.statusLine, sync.headers.list, sync.text]);
  return sync;
}

const headersOf = ({ headers }: TestResponse) => Object.fromEntries(headers.list);

describe('U-60 a whole answer in one call', () => {
  test.each<[string, Send, string, string]>([
    ['sendText', (start) => sendText(start, 'caf\u00e9\n'), 'text/plain; charset=utf-8', 'caf\u00e9\n'],
    ['sendHtml', (start) => sendHtml(start, '<p>\u2713'), 'text/html; charset=utf-8', '<p>\u2713'],
    ['sendJson', (start) => sendJson(start, { a: [1, null] }), 'application/json', '{"a":[1,null]}'],
  ])('%s has its type and its length', async (_name, send, type, text) => {
    const response = await answered(send);
    expect([response.statusLine, response.text]).toEqual(['200 OK', text]);
    expect(headersOf(response)).toEqual({ 'Content-Type': type, 'Content-Length': String(Buffer.byteLength(text)) });
    const head = await answered(send, 'HEAD');
    expect([head.text, headersOf(head)]).toEqual(['', headersOf(response)]);
  });

  test('takes a status and fields, a type among them', async () => {
    const headers = [
      ['X-A', '1'],
      ['content-TYPE', 'application/problem+json'],
    ] as const;
    const response = await answered((start) => sendJson(start, 1, { status: 422, headers }));
    expect(response.statusLine).toBe('422 Unprocessable Entity');
    expect(response.headers.list.slice(0, 2)).toEqual(headers);
    expect(response.headers.getAll('Content-Type')).toEqual(['application/problem+json']);
  });

  test('404 is a line of text', async () => {
    expect(await answered((start) => sendNotFound(start))).toMatchObject({ status: 404, text: 'Not Found\n' });
    expect(await answered((start) => sendNotFound(start, 'no such page\n'))).toMatchObject({ text: 'no such page\n' });
  });

  test.each([undefined, () => 1, Symbol('x'), 1n])('what JSON cannot carry is refused before the head: %#', (value) => {
    const started: string[] = [];
    expect(() => sendJson((status) => started.push(status), value)).toThrow(TypeError);
    expect(started).toEqual([]);
  });

  test.each([
    ['/a?b=c', '/a?b=c'],
    ['https://a.example/', 'https://a.example/'],
    ['next', 'next'],
    ['/caf\u00e9 1', '/caf%C3%A9%201'],
    ['/a\r\nSet-Cookie: b=c', '/a%0D%0ASet-Cookie:%20b=c'],
    ['/\t/evil.example', '/%09/evil.example'],
  ])('a redirect to %j goes to %j', async (location, target) => {
    const response = await answered((start) => sendRedirect(start, location));
    expect(response.statusLine).toBe('302 Found');
    expect(headersOf(response)).toEqual({ Location: target, 'Content-Length': '0' });
  });

  test('a redirect has one of its five statuses', async () => {
    const see = await answered((start) => sendRedirect(start, '/', { status: 303, headers: [['X-A', '1']] }));
    expect([see.status, see.headers.get('X-A')]).toEqual([303, '1']);
    for (const status of [200, 300, 304, 305]) {
      expect(() => sendRedirect(() => {}, '/', { status })).toThrow(RangeError);
    }
  });

  test.each(['//evil.example', '/\\evil.example', '\\/evil.example', '\\\\evil.example'])(
    'a redirect to %j, which names another host, is refused',
    (location) => {
      expect(() => sendRedirect(() => {}, location)).toThrow('begins with two slashes');
    },
  );
});
