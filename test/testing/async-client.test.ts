import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ClientDisconnected, ConfigurationError, markAsync, RequestAborted } from '../../src/interface/index.ts';
import type { AsyncApplication } from '../../src/interface/types.ts';
import { AsyncTestClient, ResponseBroken, testClient } from '../../src/testing/index.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const echo: AsyncApplication = async (environ, startResponse) => {
  const body = await environ['wsgi.input'].read();
  startResponse('200 OK', [['Content-Type', environ.CONTENT_TYPE ?? 'text/plain']]);
  return [body];
};

describe('U-53 a request to an async application', () => {
  test.each<[string, Parameters<ReturnType<typeof testClient>['post']>[1]]>([
    ['text', { body: 'abcd' }],
    ['bytes', { body: bytes('abcd') }],
    ['pieces', { body: ['ab', bytes('cd')] }],
  ])('with %s as body is answered', async (_what, request) => {
    const response = await testClient(echo).post('/', request);
    expect([response.status, response.text, response.read]).toEqual([200, 'abcd', 4]);
    expect(response.headers.get('Content-Length')).toBe('4');
  });

  test('with pieces of an async iterator, as the application reads', async () => {
    const events: string[] = [];
    async function* pieces() {
      for (const piece of ['ab', 'cd']) {
        await turn();
        events.push(`give ${piece}`);
        yield piece;
      }
    }
    const app: AsyncApplication = async function* (environ, startResponse) {
      startResponse('200 OK', []);
      for await (const block of environ['wsgi.input'].chunks()) {
        events.push(`take ${Buffer.from(block)}`);
        yield block;
      }
    };
    const response = await testClient(app).post('/', { body: pieces() });
    expect(events).toEqual(['give ab', 'take ab', 'give cd', 'take cd']);
    expect(response.chunks).toEqual([bytes('ab'), bytes('cd')]);
  });

  test('has the environ of the async convention', async () => {
    const app: AsyncApplication = async (environ, startResponse) => {
      expect(environ).toMatchObject({ 'quaich.async': true, 'wsgi.multithread': true, PATH_INFO: '/x' });
      expect(environ['quaich.signal']?.aborted).toBe(false);
      startResponse('204 No Content', []);
      return [];
    };
    expect((await testClient(app).get('/x')).status).toBe(204);
    expect.assertions(3);
  });

  test('that a server refuses rejects, or throws where it is opened', async () => {
    await expect(testClient(echo).get('/#')).rejects.toThrow(ConfigurationError);
    expect(() => testClient(echo).open({ path: '/#' })).toThrow(ConfigurationError);
  });

  test('many may be in progress at a time', async () => {
    let running = 0;
    let most = 0;
    const app: AsyncApplication = async (environ, startResponse) => {
      most = Math.max(most, ++running);
      await turn();
      running--;
      startResponse('200 OK', []);
      return [bytes(environ.QUERY_STRING)];
    };
    const client = testClient(app);
    const responses = await Promise.all(['a', 'b', 'c'].map((query) => client.get('/', { query })));
    expect([most, responses.map(({ text }) => text)]).toEqual([3, ['a', 'b', 'c']]);
  });

  test('a closure that returns promises needs its kind', async () => {
    const closure: AsyncApplication = (environ, startResponse) => echo(environ, startResponse);
    expect((await testClient(closure, { kind: 'async' }).post('/', { body: 'x' })).text).toBe('x');
    expect((await testClient(markAsync(closure), { kind: 'async' }).post('/', { body: 'y' })).text).toBe('y');
  });

  test('G-140, G-141 errors', async () => {
    const early = await new AsyncTestClient(async () => {
      throw new Error('early');
    }).get('/');
    expect([early.status, early.failed, early.errors.includes('early')]).toEqual([500, true, true]);
    const late = await new AsyncTestClient(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('x');
      throw new Error('late');
    }).get('/');
    expect(late).toMatchObject({ status: 200, broken: true, failed: true });
    expect(late.text).toBe('x');
  });

  test('B-13 close is awaited and counted', async () => {
    let closed = false;
    const response = await new AsyncTestClient(async (_environ, startResponse) => {
      startResponse('200 OK', []);
      return {
        async *[Symbol.asyncIterator]() {
          yield bytes('x');
        },
        async close() {
          await turn();
          closed = true;
        },
      };
    }).get('/');
    expect([response.closed, closed]).toEqual([1, true]);
  });

  test('B-60 the context of the caller is there in every step', async () => {
    const storage = new AsyncLocalStorage<string>();
    const app: AsyncApplication = async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes(String(storage.getStore()));
      await turn();
      yield bytes(String(storage.getStore()));
    };
    expect((await storage.run('mine', () => testClient(app).get('/'))).text).toBe('minemine');
  });
});

/** Streams numbers, and writes down what happens to it. */
function numbers(events: string[]): AsyncApplication {
  return async function* (environ, startResponse) {
    environ['quaich.signal']?.addEventListener('abort', () => events.push('abort'));
    startResponse('200 OK', [['A', 'b']]);
    try {
      for (let i = 0; ; i++) {
        events.push(`make ${i}`);
        yield bytes(String(i));
      }
    } finally {
      events.push('finally');
    }
  };
}

describe('U-53 a response that is taken chunk by chunk', () => {
  test('G-105 the application is asked for the next chunk only when the client asks', async () => {
    const events: string[] = [];
    const response = testClient(numbers(events)).open({});
    const start = await response.started;
    expect([start.status, start.headers.items()]).toEqual([200, [['A', 'b']]]);
    await turn();
    expect(events).toEqual(['make 0']);
    expect(await response.next()).toEqual(bytes('0'));
    await turn();
    expect(events).toEqual(['make 0']);
    expect(await response.next()).toEqual(bytes('1'));
    expect(events).toEqual(['make 0', 'make 1']);
    const { disconnected, chunks } = await response.disconnect();
    expect(events).toEqual(['make 0', 'make 1', 'abort', 'finally']);
    expect([disconnected, chunks.length]).toEqual([true, 2]);
    await expect(response.next()).rejects.toThrow(ResponseBroken);
  });

  test('ends with null, again and again', async () => {
    const response = new AsyncTestClient(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('a');
      yield bytes('b');
    }).open({});
    expect([await response.next(), await response.next()]).toEqual([bytes('a'), bytes('b')]);
    expect([await response.next(), await response.next()]).toEqual([null, null]);
    expect((await response.finished).text).toBe('ab');
  });

  test('a body that fails rejects, after the chunks before it', async () => {
    const response = new AsyncTestClient(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('a');
      throw new Error('oops');
    }).open({});
    expect(await response.next()).toEqual(bytes('a'));
    await expect(response.next()).rejects.toThrow(ResponseBroken);
    expect((await response.finished).broken).toBe(true);
  });

  test('iterating takes all; leaving the loop disconnects', async () => {
    const events: string[] = [];
    const response = testClient(numbers(events)).open({});
    const taken: string[] = [];
    for await (const chunk of response) if (taken.push(Buffer.from(chunk).toString()) === 3) break;
    expect(taken).toEqual(['0', '1', '2']);
    expect(events.slice(-2)).toEqual(['abort', 'finally']);
    expect((await response.finished).disconnected).toBe(true);
  });

  test('B-09 write waits for the client too', async () => {
    const events: string[] = [];
    const response = new AsyncTestClient(async (_environ, startResponse) => {
      const write = startResponse('200 OK', []);
      await write(bytes('a'));
      events.push('written');
      return [bytes('b')];
    }).open({});
    await response.started;
    await turn();
    expect(events).toEqual([]);
    expect([await response.next(), await response.next(), await response.next()]).toEqual([
      bytes('a'),
      bytes('b'),
      null,
    ]);
    expect(events).toEqual(['written']);
  });

  test('started rejects where there will be no head', async () => {
    const response = new AsyncTestClient(async (environ, startResponse) => {
      await environ['wsgi.input'].read();
      startResponse('200 OK', []);
      return [];
    }).open({ headers: { 'Content-Length': '5' }, body: ['ab'] });
    await expect(response.started).rejects.toThrow(ResponseBroken);
    expect((await response.finished).status).toBe(0);
  });
});

describe('B-36 a client that leaves', () => {
  test.each([1, 3])('after %i chunks: signal, then finally, no step in between', async (count) => {
    const events: string[] = [];
    const response = await testClient(numbers(events)).get('/', { disconnectAfter: count });
    const made = Array.from({ length: count }, (_, i) => `make ${i}`);
    expect(events).toEqual([...made, 'abort', 'finally']);
    expect(response).toMatchObject({ disconnected: true, failed: false, errors: '' });
  });

  test('before the first chunk', async () => {
    let reason: unknown;
    const response = await new AsyncTestClient(async (environ, startResponse) => {
      const signal = environ['quaich.signal'] as AbortSignal;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      reason = signal.reason;
      startResponse('200 OK', []);
      return [bytes('late')];
    }).get('/', { disconnectAfter: 0 });
    expect(reason).toBeInstanceOf(ClientDisconnected);
    expect([response.status, response.disconnected, response.errors]).toEqual([0, true, '']);
  });

  test('in the middle of a wait, by a signal or by disconnect', async () => {
    const waiting: AsyncApplication = async function* (environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('x');
      await delay(60000, undefined, { signal: environ['quaich.signal'] });
    };
    const controller = new AbortController();
    const request = testClient(waiting).get('/', { signal: controller.signal });
    await turn();
    controller.abort();
    expect(await request).toMatchObject({ disconnected: true, errors: '' });
    const open = testClient(waiting).open({});
    await open.next();
    expect(await open.disconnect(new RequestAborted('shutdown'))).toMatchObject({ disconnected: true, errors: '' });
    const aborted = await testClient(waiting).get('/', { signal: AbortSignal.abort() });
    expect(aborted.disconnected).toBe(true);
  });

  test('G-63 reads in progress reject', async () => {
    let caught: unknown;
    let returned = false;
    async function* never(): AsyncGenerator<string> {
      try {
        yield 'ab';
        await new Promise(() => {});
      } finally {
        returned = true;
      }
    }
    const open = new AsyncTestClient(async (environ, startResponse) => {
      try {
        await environ['wsgi.input'].read();
      } catch (error) {
        caught = error;
      }
      startResponse('200 OK', []);
      return [];
    }).open({ method: 'POST', body: never() });
    await turn();
    expect((await open.disconnect()).read).toBe(2);
    expect(caught).toBeInstanceOf(ClientDisconnected);
    expect(returned).toBe(false); // it hangs, and holds nothing up
  });

  test('a body that does not end in time does not hold the request up', async () => {
    let stuck = (): void => {};
    const reached = new Promise<void>((resolve) => {
      stuck = resolve;
    });
    const app: AsyncApplication = async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield bytes('x');
      stuck();
      await new Promise(() => {});
    };
    const open = testClient(app, { closeTimeout: 5 }).open({});
    await open.next();
    const next = expect(open.next()).rejects.toThrow(ResponseBroken);
    await reached;
    const { disconnected, errors } = await open.disconnect();
    await next;
    expect([disconnected, errors.includes('B-36')]).toEqual([true, true]);
  });

  test('after the end it changes nothing', async () => {
    const open = testClient(echo).open({});
    const response = await open.finished;
    expect(await open.disconnect()).toBe(response);
    expect(response.disconnected).toBe(false);
  });
});
