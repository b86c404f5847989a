/** B-69: the requests that handlers for fetch get, against native ones of the same environ. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromFetchHandler } from '../../src/adapters/index.ts';
import { eagerRequest, requestMaker, requestsAreTaken } from '../../src/adapters/lazy-request.ts';
import { type AsyncApplication, type AsyncEnviron, ClientDisconnected } from '../../src/interface/index.ts';
import { type AsyncRequest, AsyncTestClient } from '../../src/testing/index.ts';

const URL_TEXT = 'http://localhost/a?b';

async function* pieces() {
  yield 'one ';
  yield 'two';
}

const json = { 'Content-Type': 'application/json' };

const REQUESTS: readonly (AsyncRequest & { title: string })[] = [
  { title: 'GET', method: 'GET', path: '/a?b', headers: { Accept: '*/*', Cookie: 'a=1; b=2', 'X-Empty': '' } },
  { title: 'GET with a body', method: 'GET', path: '/', body: 'dropped' },
  { title: 'HEAD', method: 'HEAD', path: '/' },
  { title: 'POST', method: 'POST', path: '/', headers: json, body: '{"a":"\u00e9"}' },
  { title: 'POST of bytes that are no UTF-8', method: 'POST', path: '/', body: Buffer.from('efbbbf61ff62', 'hex') },
  { title: 'POST without a body', method: 'POST', path: '/', headers: { 'Content-Length': '0' } },
  { title: 'PUT, chunked', method: 'PUT', path: '/', headers: { 'X-Latin': '\u00e9' }, body: pieces() },
  { title: 'OPTIONS', method: 'OPTIONS', path: '*' },
  { title: 'a method that is its own', method: 'BREW', path: '/', body: 'tea' },
  { title: 'a method in small letters', method: 'put', path: '/', body: 'small' },
];

/** What `look` finds in the environ of a request to an async application. */
async function within<T>(request: AsyncRequest, look: (environ: AsyncEnviron) => T | Promise<T>): Promise<T> {
  const found: T[] = [];
  const app: AsyncApplication = async (environ, startResponse) => {
    found.push(await look(environ));
    startResponse('200 OK', []);
    return [];
  };
  const response = await new AsyncTestClient(app).request(request);
  expect(response.errors).toBe('');
  return found[0];
}

const again = (request: AsyncRequest): AsyncRequest =>
  typeof request.body === 'object' && Symbol.asyncIterator in request.body ? { ...request, body: pieces() } : request;

/** Everything that a Request shows, by the names of its properties. */
function shown(request: Request): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const key in request) {
    const value: unknown = Reflect.get(request, key);
    if (typeof value !== 'function') all[key] = value;
  }
  return {
    ...all,
    names: Object.keys(all).sort(),
    headers: [...request.headers],
    signal: [request.signal instanceof AbortSignal, request.signal.aborted],
    body: request.body && [request.body instanceof ReadableStream, request.body.locked],
    tag: String(request),
    known: [request instanceof Request, request.constructor === Request],
  };
}

const MAKERS = [
  ['as a handler gets it', requestMaker(false)],
  ['a stand-in', requestMaker(true)],
] as const;

/** Ways to a Request from another. Those of the last column need Node to take a stand-in. */
const DERIVED: readonly [string, (request: Request) => Request, boolean][] = [
  ['itself', (request) => request, false],
  ['its clone', (request) => request.clone(), false],
  ['what is left of it after a clone', (request) => request.clone() && request, false],
  ['a Request of its URL, with it as init', (request) => new Request(request.url, request), false],
  ['a Request of it', (request) => new Request(request), true],
  ['a Request of it with other fields', (request) => new Request(request, { headers: { other: 'yes' } }), true],
];

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(MAKERS)('a Request, %s', (_how, make) => {
  const isTaken = make === requestMaker(false) || requestsAreTaken();

  describe.each(DERIVED)('%s', (_what, derive, needsNode) => {
    it.skipIf(needsNode && !isTaken).each(REQUESTS)('B-69 shows what a native one shows: $title', async (request) => {
      const expected = await within(again(request), (environ) => shown(derive(eagerRequest(environ, URL_TEXT))));
      expect(await within(again(request), (environ) => shown(derive(make(environ, URL_TEXT))))).toEqual(expected);
    });

    it.skipIf(needsNode && !isTaken).each(REQUESTS)('B-69 reads what a native one reads: $title', async (request) => {
      for (const reader of ['text', 'json', 'arrayBuffer', 'blob', 'bytes', 'formData'] as const) {
        const read = async (original: Request) => {
          const one = derive(original);
          const result = await Promise.resolve(Reflect.apply(Reflect.get(one, reader), one, [])).catch(String);
          const blob = result instanceof Blob ? [result.type, await result.text()] : result;
          const rest = [one.bodyUsed, original.bodyUsed, one.body?.locked, await one.text().catch(() => 'rejected')];
          return [blob, ...rest];
        };
        const expected = await within(again(request), (environ) => read(eagerRequest(environ, URL_TEXT)));
        expect(await within(again(request), (environ) => read(make(environ, URL_TEXT))), reader).toEqual(expected);
      }
    });
  });

  it('B-69 is used up by one reader, whichever comes first', async () => {
    const [, , , post] = REQUESTS;
    for (const first of ['text', 'body'] as const)
      await within(post, async (environ) => {
        const request = make(environ, URL_TEXT);
        const reading = first === 'text' ? request.text() : request.body?.getReader().read();
        expect([request.bodyUsed, request.body?.locked]).toEqual([true, true]);
        await expect(request.text()).rejects.toThrow(TypeError);
        await expect(request.json()).rejects.toThrow(TypeError);
        expect(() => request.clone()).toThrow(TypeError);
        await reading;
        await expect(request.arrayBuffer()).rejects.toThrow(TypeError);
        expect(() => request.clone()).toThrow(TypeError);
      });
  });

  it('B-69 has one Headers, whatever is made of it and in which order', async () => {
    await within({ method: 'POST', path: '/', headers: { 'X-A': '1' }, body: 'x' }, (environ) => {
      for (const early of [true, false]) {
        const request = make(environ, URL_TEXT);
        if (!early) request.clone();
        const { headers } = request;
        headers.set('X-A', '2');
        headers.append('X-A', '3');
        headers.delete('Content-Length');
        expect(request.clone().headers.get('x-a')).toBe('2, 3');
        headers.set('X-B', '4');
        expect([request.headers === headers, [...request.clone().headers.keys()]]).toEqual([
          true,
          ['host', 'x-a', 'x-b'],
        ]);
      }
    });
  });

  it('B-69 has header fields as a native one has them, under any name', async () => {
    const headers = { 'X-Under_Score': 'u', Accept: 'a', ...json };
    await within({ method: 'POST', path: '/', headers, body: 'x' }, (environ) => {
      Object.assign(environ, { HTTP_BLANKS: ' b ', HTTP_TRANSFER_ENCODING: 'chunked', HTTP_CONTENT_LENGTH: '9' });
      const native = eagerRequest(environ, URL_TEXT).headers;
      const names = ['host', 'ACCEPT', 'content-type', 'Content-Length', 'blanks', 'x-under_score', 'X_Blanks', 'none'];
      for (const name of [...names, 'transfer-encoding', 'accept_', 'quaich.signal', '__proto__', 'toString']) {
        const lazy = make(environ, URL_TEXT).headers;
        expect([lazy.get(name), lazy.has(name)], name).toEqual([native.get(name), native.has(name)]);
      }
      const lazy = make(environ, URL_TEXT).headers;
      for (const wrong of ['', 'a b', 'a:']) {
        expect(() => lazy.get(wrong)).toThrow(TypeError);
        expect(() => lazy.has(wrong)).toThrow(TypeError);
      }
      expect([lazy instanceof Headers, String(lazy), lazy.constructor]).toEqual([true, '[object Headers]', Headers]);
      expect([...new Headers(make(environ, URL_TEXT).headers)]).toEqual([...native]);
      const seen: unknown[] = [];
      lazy.forEach(function (this: unknown, value, name, all) {
        seen.push(name, value, this === seen && all === lazy);
      }, seen);
      expect(seen).toEqual([...native].flatMap(([name, value]) => [name, value, true]));
    });
  });

  it('B-69 throws for fields that middleware has spoilt, when somebody looks', async () => {
    await within({ path: '/' }, (environ) => {
      environ.HTTP_X = 'a\r\nb';
      expect(() => make(environ, URL_TEXT).headers.get('x')).toThrow('HTTP_X');
      expect(() => make(environ, URL_TEXT).clone()).toThrow('HTTP_X');
    });
  });

  it.each(['before', 'after', 'never'])('B-69 has a signal that aborts, looked at %s', async (when) => {
    const signals: AbortSignal[] = [];
    const followers: Request[] = [];
    const app: AsyncApplication = async (environ) => {
      const request = make(environ, URL_TEXT);
      if (when === 'before') signals.push(request.signal);
      if (isTaken) followers.push(new Request(request), new Request(request).clone());
      followers.push(request.clone());
      await new Promise((resolve) => environ['quaich.signal']?.addEventListener('abort', resolve));
      if (when !== 'never') signals.push(request.signal);
      expect(request.signal).toBe(request.signal);
      return [];
    };
    await new AsyncTestClient(app).open({ path: '/' }).disconnect();
    for (const signal of [...signals, ...followers.map((one) => one.signal)]) {
      expect(signal.aborted).toBe(true);
      expect([signal.reason.name, signal.reason.cause]).toEqual(['AbortError', expect.any(ClientDisconnected)]);
    }
    expect(new Set([...signals, ...followers].map((one) => ('reason' in one ? one : one.signal).reason)).size).toBe(1);
  });

  it('B-69 has a signal also where the server has none', async () => {
    await within({ path: '/' }, (environ) => {
      delete environ['quaich.signal'];
      const { signal } = make(environ, URL_TEXT);
      expect([signal instanceof AbortSignal, signal.aborted]).toEqual([true, false]);
    });
  });

  it.each(['text', 'json', 'arrayBuffer', 'blob'] as const)(
    'B-69 %s rejects when the body breaks off',
    async (reader) => {
      async function* broken() {
        yield 'one';
        throw new Error('broken off');
      }
      await within({ method: 'POST', path: '/', body: broken() }, async (environ) => {
        await expect(make(environ, URL_TEXT)[reader]()).rejects.toThrow('broken off');
      });
    },
  );

  it('B-69 takes properties of others, as frameworks set them', async () => {
    await within({ path: '/' }, (environ) => {
      const request = make(environ, URL_TEXT);
      Object.assign(request, { context: { a: 1 } });
      expect([Reflect.get(request, 'context'), Object.keys(request)]).toEqual([{ a: 1 }, ['context']]);
      const proxy = new Proxy(request, { get: (target, key) => Reflect.get(target, key, target) });
      expect([proxy.url, proxy.method, proxy instanceof Request]).toEqual([URL_TEXT, 'GET', true]);
    });
  });
});

describe('what a handler does not look at', () => {
  it.skipIf(!requestsAreTaken())('B-69 is not made', async () => {
    const made: string[] = [];
    const counted = <C extends new (...all: never[]) => object>(name: string, native: C): C =>
      new Proxy(native, {
        construct(target, all, newTarget) {
          made.push(name);
          return Reflect.construct(target, all, newTarget);
        },
      });
    const app = fromFetchHandler(async (request) => {
      made.length = 0;
      const { method, url, bodyUsed, headers } = request;
      const { a } = await request.json();
      const seen = [method, url, bodyUsed, headers.get('content-type'), headers.has('x-none'), a];
      const before = [...made];
      expect(request.mode).toBe('cors');
      return Response.json([seen, before, made]);
    });
    const response = await new AsyncTestClient(async (environ, startResponse) => {
      const listening = vi.spyOn(environ['quaich.signal'] as AbortSignal, 'addEventListener');
      const streaming = vi.spyOn(environ['wsgi.input'], 'stream');
      for (const [name, native] of Object.entries({ Request, Headers, ReadableStream }))
        vi.stubGlobal(name, counted(name, native as never));
      const body = await app(environ, startResponse);
      expect([listening.mock.calls.length, streaming.mock.calls.length]).toEqual([1, 1]);
      return body;
    }).post('/', { json: { a: 1 } });
    expect([response.json(), response.errors]).toEqual([
      [['POST', 'http://localhost/', false, 'application/json', false, 1], [], ['ReadableStream', 'Request']],
      '',
    ]);
  });
});
