/** Responses of the fetch mount (G-104, G-105, G-110, G-111, G-141, G-179). */
import { describe, expect, test } from 'vitest';
import { toFetchHandler } from '../../src/hosts/index.ts';
import { ClientDisconnected } from '../../src/interface/errors.ts';
import { markAsync } from '../../src/interface/kind.ts';
import type { AsyncApplication, HeaderField } from '../../src/interface/types.ts';
import { MemoryErrors } from './errors.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const request = (method = 'GET', init: RequestInit = {}) => new Request('http://a/', { method, ...init });

function answering(status: string, headers: HeaderField[], ...chunks: string[]): AsyncApplication {
  return async (_environ, startResponse) => {
    startResponse(status, headers);
    return chunks.map(bytes);
  };
}

/** An endless body that tells what becomes of it. */
function endless() {
  const events: string[] = [];
  let over = () => {};
  const closed = new Promise<void>((resolve) => {
    over = resolve;
  });
  let signal: AbortSignal | undefined;
  const app = markAsync((environ, startResponse) => {
    signal = environ['quaich.signal'];
    signal?.addEventListener('abort', () => events.push('abort'));
    startResponse('200 OK', []);
    let steps = 0;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          steps += 1;
          events.push(`step ${steps}`);
          return { done: false, value: bytes(String(steps)) };
        },
        return: async () => {
          events.push('return');
          return { done: true as const, value: undefined };
        },
      }),
      close() {
        events.push('close');
        over();
      },
    };
  });
  return { app, events, closed, reason: () => signal?.reason };
}

describe('the head', () => {
  test.each(['204 No Content', '205 Reset Content', '304 Not Modified'])(
    'G-179 %s has a null body, also where the application yields bytes',
    async (status) => {
      const errors = new MemoryErrors();
      const response = await toFetchHandler(answering(status, [], 'dropped'), { errors })(request());
      expect([response.status, response.body]).toEqual([Number(status.slice(0, 3)), null]);
      expect(errors.text).toContain('G-129');
    },
  );

  test('G-179 a null body, also after write', async () => {
    const app: AsyncApplication = async (_environ, startResponse) => {
      const write = startResponse('304 Not Modified', [['ETag', '"1"']]);
      await write(new Uint8Array(0));
      return [];
    };
    const response = await toFetchHandler(app)(request());
    expect([response.status, response.body, response.headers.get('etag')]).toEqual([304, null, '"1"']);
  });

  test('G-95 G-179 each Set-Cookie is a field of its own', async () => {
    const app = answering('200 OK', [
      ['Set-Cookie', 'a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
      ['X-A', '1'],
      ['set-cookie', 'b=2'],
      ['X-A', '2'],
    ]);
    const { headers } = await toFetchHandler(app)(request());
    expect(headers.getSetCookie()).toEqual(['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'b=2']);
    expect(headers.get('x-a')).toBe('1, 2');
  });

  test.each([
    ['200 ', ''],
    ['299 Very \u00e9t\u00e9', 'Very \u00e9t\u00e9'],
  ])('G-88 the reason of %j is the status text', async (status, text) => {
    expect((await toFetchHandler(answering(status, []))(request())).statusText).toBe(text);
  });

  test.each([
    [['a', 'bc'], undefined, '3'],
    [[], undefined, '0'],
    [['abc'], '3', '3'],
  ])('G-123 G-127 Content-Length of %j is there', async (chunks, given, expected) => {
    const headers: HeaderField[] = given === undefined ? [] : [['Content-Length', given]];
    const response = await toFetchHandler(answering('200 OK', headers, ...chunks))(request());
    expect(response.headers.get('content-length')).toBe(expected);
    expect(await response.text()).toBe(chunks.join(''));
  });

  test('G-128 HEAD keeps the length and has no body', async () => {
    const response = await toFetchHandler(answering('200 OK', [], 'hello'))(request('HEAD'));
    expect([response.headers.get('content-length'), response.body]).toEqual(['5', null]);
  });

  test('G-81 the promise fulfils with the head, before the body goes on', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const response = await toFetchHandler(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('first ');
      await gate;
      yield bytes('second');
    })(request());
    const text = response.text();
    go();
    expect(await text).toBe('first second');
  });
});

describe('the body', () => {
  test('G-105 G-179 a step is taken when the reader asks for its chunk, and not before', async () => {
    const { app, events, closed } = endless();
    const response = await toFetchHandler(app)(request());
    expect(events).toEqual(['step 1']); // needed for the head
    const reader = response.body!.getReader();
    const next = async () => Buffer.from((await reader.read()).value as Uint8Array).toString();
    expect([await next(), events.length]).toEqual(['1', 1]);
    expect([await next(), events.length]).toEqual(['2', 2]);
    expect(await Promise.all([next(), next()])).toEqual(['3', '4']);
    expect(events).toHaveLength(4);
    await reader.cancel();
    await closed;
  });

  test('G-110 G-111 G-179 cancel aborts the signal, returns the iterator and closes the body, once', async () => {
    const { app, events, closed, reason } = endless();
    const response = await toFetchHandler(app)(request());
    await response.body?.cancel();
    await closed;
    expect(events).toEqual(['step 1', 'abort', 'return', 'close']);
    expect(reason()).toBeInstanceOf(ClientDisconnected);
  });

  test('G-179 the signal of the request does the same, and breaks the body', async () => {
    const { app, events, closed, reason } = endless();
    const controller = new AbortController();
    const response = await toFetchHandler(app)(request('GET', { signal: controller.signal }));
    const reader = response.body!.getReader();
    await reader.read();
    const waiting = reader.read();
    await waiting;
    controller.abort();
    await closed;
    expect(events.slice(-3)).toEqual(['abort', 'return', 'close']);
    expect(reason()).toBeInstanceOf(ClientDisconnected);
    await expect(reader.read()).rejects.toBeInstanceOf(ClientDisconnected);
  });

  test('B-36 G-179 a client that leaves while the application thinks gets an answer at once', async () => {
    const controller = new AbortController();
    let aborted = false;
    const app: AsyncApplication = async (environ, startResponse) => {
      const signal = environ['quaich.signal'];
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      aborted = true;
      startResponse('200 OK', []);
      return [bytes('too late')];
    };
    const errors = new MemoryErrors();
    const answer = toFetchHandler(app, { errors })(request('GET', { signal: controller.signal }));
    controller.abort();
    expect((await answer).status).toBe(503);
    expect(aborted).toBe(true);
    expect(errors.text).toBe(''); // G-143
  });

  test('G-48 a request that is aborted before it comes is not run', async () => {
    let called = false;
    const app: AsyncApplication = async (_environ, startResponse) => {
      called = true;
      startResponse('200 OK', []);
      return [];
    };
    expect((await toFetchHandler(app)(request('GET', { signal: AbortSignal.abort() }))).status).toBe(503);
    expect(called).toBe(false);
  });

  test('G-141 a failure after the head is an error of the body, behind what was sent', async () => {
    const errors = new MemoryErrors();
    const response = await toFetchHandler(
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('part');
        throw new Error('late');
      },
      { errors },
    )(request());
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('part');
    await expect(reader.read()).rejects.toThrow('G-141');
    expect(errors.text).toContain('Error: late');
  });

  test('G-140 a failure before the head is the fixed page; the promise does not reject', async () => {
    const errors = new MemoryErrors();
    const app: AsyncApplication = async () => {
      throw new Error('secret');
    };
    const response = await toFetchHandler(app, { errors })(request());
    expect([response.status, await response.text()]).toEqual([500, '500 Internal Server Error\n']);
    expect(errors.text).toContain('Error: secret');
  });

  test('G-105 a reader with a buffer of its own gets the chunks and the end', async () => {
    const response = await toFetchHandler(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('abcdef');
      yield bytes('gh');
    })(request());
    const reader = response.body!.getReader({ mode: 'byob' });
    let text = '';
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(4));
      if (done) break;
      text += Buffer.from(value).toString();
    }
    expect(text).toBe('abcdefgh');
  });

  test('G-115 B-09 chunks that were written and not awaited arrive as they were', async () => {
    const app: AsyncApplication = async (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      const buffer = new Uint8Array(1);
      for (const text of 'abc') {
        buffer.set(bytes(text));
        void write(buffer);
      }
      return [bytes('d')];
    };
    expect(await (await toFetchHandler(app)(request())).text()).toBe('abcd');
  });

  test('G-162 a file is read by the engine, and closed', async () => {
    const app: AsyncApplication = async (environ, startResponse) => {
      startResponse('200 OK', []);
      const { open } = await import('node:fs/promises');
      return environ['wsgi.file_wrapper']!(await open(new URL('errors.ts', import.meta.url)));
    };
    expect(await (await toFetchHandler(app)(request())).text()).toContain('class MemoryErrors');
  });
});
