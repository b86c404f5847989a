/** B-69: `replaceGlobals`. The globals of this file's thread are replaced from its first lines on. */
import { describe, expect, it } from 'vitest';
import { fromFetchHandler } from '../../src/adapters/index.ts';
import { requestsAreTaken } from '../../src/adapters/lazy-request.ts';
import { AsyncTestClient } from '../../src/testing/index.ts';
import { validator } from '../../src/validate/index.ts';

const Native = { Request, Response, Headers, fetch };
const client = (handler: (request: Request) => Response | Promise<Response>) =>
  new AsyncTestClient(validator(fromFetchHandler(handler, { replaceGlobals: true })));
client(() => new Response());

const TEXT = { 'Content-Type': 'text/plain' };
type Arguments = ConstructorParameters<typeof Response>;

/** Everything that a Response shows, and what its body is. */
async function shown(make: () => Response): Promise<unknown> {
  let response: Response;
  try {
    response = make();
  } catch (error) {
    return String(error);
  }
  const all: Record<string, unknown> = {};
  for (const key in response) {
    const value: unknown = Reflect.get(response, key);
    if (typeof value !== 'function') all[key] = value;
  }
  const { body, headers } = response;
  const isBody = body && [body instanceof ReadableStream, body.locked];
  const copy = response.clone();
  const bytes = [...new Uint8Array(await response.arrayBuffer())];
  const used = [response.bodyUsed, response.body?.locked, await response.text().catch(() => 'rejected')];
  const names = [Object.keys(all).sort(), String(response), response.constructor === Response];
  const blob = await copy.blob();
  return [{ ...all, headers: [...headers], body: isBody }, bytes, used, names, blob.type, await blob.text()];
}

const MADE: readonly [string, ...Arguments][] = [
  ['nothing'],
  ['null', null],
  ['a text', 'te\u00e9xt \ud800'],
  ['an empty text', ''],
  ['bytes', Buffer.from('bytes')],
  ['an ArrayBuffer', new ArrayBuffer(2)],
  ['a Blob', new Blob(['blob'], { type: 'a/b' })],
  ['fields of an object', 'x', { headers: { 'X-B': ' b ', 'Content-Type': 'text/html', 'x-A': 'a' } }],
  ['fields of an object without a prototype', 'x', { headers: Object.assign(Object.create(null), { a: 'b' }) }],
  [
    'fields of an array',
    'x',
    {
      headers: [
        ['a', 'b'],
        ['A', 'c'],
      ],
    },
  ],
  [
    'fields of Headers',
    'x',
    {
      headers: new Headers([
        ['set-cookie', 'a'],
        ['set-cookie', 'b'],
        ['b', 'c'],
      ]),
    },
  ],
  ['a field in two spellings', 'x', { headers: { a: '1', A: '2' } }],
  ['a number for a value', 'x', { headers: { a: 1 as never } }],
  ['a wrong name', 'x', { headers: { 'a b': '1' } }],
  ['a wrong value', 'x', { headers: { a: 'b\r\nc: d' } }],
  ['a value beyond bytes', 'x', { headers: { a: '\u0100' } }],
  ['headers that are null', 'x', { headers: null as never }],
  ['a status and a text', 'x', { status: 404, statusText: 'Not \u00e9' }],
  ['a wrong text', 'x', { statusText: 'a\nb' }],
  ['a status that is none', 'x', { status: 99 }],
  ['a status in digits', 'x', { status: '201' as never }],
  ['a broken status', 'x', { status: 200.5 }],
  ['a status without a body', null, { status: 204 }],
  ['a body that may not be', 'x', { status: 204 }],
  ['init that is null', 'x', null as never],
  ['init that is none', 'x', 5 as never],
  ['another Response as init', 'x', Native.Response.json(1, { status: 201 })],
];

describe('a Response', () => {
  it.each(MADE)('B-69 is as a native one: %s', async (_what, ...all) => {
    const native = await shown(() => {
      const response = new Native.Response(...all);
      expect(Object.getPrototypeOf(response)).toBe(Native.Response.prototype);
      return response;
    });
    expect(await shown(() => new Response(...all))).toEqual(native);
  });

  it('B-69 keeps its bytes when those of its maker change', async () => {
    const bytes = Buffer.from('abc');
    const response = new Response(bytes);
    bytes.fill(0);
    expect(await response.text()).toBe('abc');
  });

  it('B-69 has one Headers, which its clones and its Blob follow', async () => {
    const response = new Response('x');
    const { headers } = response;
    headers.set('Content-Type', 'a/b');
    expect(response.clone().headers.get('content-type')).toBe('a/b');
    headers.set('Content-Type', 'c/d');
    headers.append('Set-Cookie', 'a');
    headers.append('Set-Cookie', 'b');
    const copy = response.clone();
    expect([response.headers === headers, copy.headers.getSetCookie()]).toEqual([true, ['a', 'b']]);
    expect((await response.blob()).type).toBe('c/d');
    expect(new Response('y', response).headers.get('content-type')).toBe('c/d');
  });

  it('B-69 is one to instanceof, to subclasses and to statics', async () => {
    class Page extends Response {
      get title() {
        return `${this.status} of a page`;
      }
    }
    const page = new Page('text', { status: 201 });
    expect([page.title, await page.text()]).toEqual(['201 of a page', 'text']);
    for (const one of [
      page,
      new Response('x'),
      Response.json(1),
      Response.redirect('http://a/'),
      new Native.Response(),
    ])
      expect([one instanceof Response, one instanceof Native.Response]).toEqual([true, true]);
    expect([new Response('x') instanceof Page, Response.error().type]).toEqual([false, 'error']);
    expect([Response.name, Response.length]).toEqual([Native.Response.name, Native.Response.length]);
  });

  it('B-69 is sent with its length and its fields', async () => {
    const headers = new Headers(TEXT);
    for (const cookie of ['a=1', 'b=2']) headers.append('Set-Cookie', cookie);
    const answers: Record<string, () => Response> = {
      '/text': () => new Response('te\u00e9xt', { headers, statusText: 'Fine' }),
      '/bytes': () => new Response(Buffer.from('bytes'), { headers: TEXT, status: 201 }),
      '/nothing': () => new Response(null, { status: 204 }),
      '/changed': () => {
        const response = new Response('x');
        response.headers.set('X-A', 'b');
        return response;
      },
      '/looked': () => {
        const response = new Response('looked at');
        expect(response.body?.locked).toBe(false);
        return response;
      },
    };
    const site = client((request) => answers[new URL(request.url).pathname]());
    const sent = [];
    for (const path of Object.keys(answers)) {
      const response = await site.get(path);
      expect(response.errors).toBe('');
      sent.push([response.statusLine, response.text, response.headers.items()]);
    }
    const text = ['content-type', 'text/plain'];
    const type = ['content-type', 'text/plain;charset=UTF-8'];
    expect(sent).toEqual([
      ['200 Fine', 'te\u00e9xt', [text, ['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['Content-Length', '6']]],
      ['201 Created', 'bytes', [text, ['Content-Length', '5']]],
      ['204 No Content', '', []],
      ['200 OK', 'x', [type, ['x-a', 'b'], ['Content-Length', '1']]],
      ['200 OK', 'looked at', [type, ['Content-Length', '9']]],
    ]);
  });

  it('B-69 is a 500 the second time, as one whose body was used', async () => {
    const response = new Response('once', { headers: TEXT });
    const site = client(() => response);
    expect([(await site.get('/')).text, response.bodyUsed]).toEqual(['once', true]);
    expect((await site.get('/')).status).toBe(500);
    await expect(response.text()).rejects.toThrow(TypeError);
    const used = client(async () => {
      const one = new Response('x', { headers: TEXT });
      await one.text();
      return one;
    });
    expect((await used.get('/')).status).toBe(500);
    const nothing = new Response(null, { status: 204 });
    const empty = client(() => nothing);
    expect([(await empty.get('/')).status, (await empty.get('/')).status]).toEqual([204, 204]);
  });
});

describe('Request and fetch', () => {
  it('B-69 take what a handler gets, and everything else as before', async () => {
    const response = await client(async (request) => {
      class Own extends Request {}
      const own = new Own(request.clone());
      const other = new Request('http://a/', request.clone());
      const copy = new Request(request, { headers: { 'X-A': 'b' } });
      expect([own instanceof Own, own.method, request.constructor === Request]).toEqual([true, 'POST', true]);
      expect([request instanceof Request, request instanceof Native.Request]).toEqual([true, true]);
      expect([new Request('http://a/') instanceof Native.Request, Request.name]).toEqual([true, 'Request']);
      // @ts-expect-error: no argument
      expect(() => new Request()).toThrow(TypeError);
      expect(() => new Request('no URL')).toThrow(TypeError);
      await expect(fetch('no URL')).rejects.toThrow(TypeError);
      return Response.json([copy.method, copy.headers.get('x-a'), await copy.text(), other.method, await own.text()]);
    }).post('/', { body: 'the body' });
    expect([response.errors, response.json()]).toEqual(['', ['POST', 'b', 'the body', 'POST', 'the body']]);
  });

  it('B-69 are replaced where Node does not take what a handler gets', () => {
    expect([Request === Native.Request, fetch === Native.fetch]).toEqual([requestsAreTaken(), requestsAreTaken()]);
    expect([fetch.name, fetch.length]).toEqual([Native.fetch.name, Native.fetch.length]);
  });
});
