/** L-48: what the tracing channel of requests tells, and when. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Application, type AsyncApplication, markAsync, type RequestTrace } from '../../src/index.ts';
import { AsyncTestClient, SyncTestClient, type TestResponse } from '../../src/testing/index.ts';
import { bytes } from './application-table.ts';

const channel = tracingChannel<unknown, RequestTrace>('quaich:request');
const undo: (() => void)[] = [];

afterEach(() => {
  for (const end of undo.splice(0)) end();
});

/** Subscribes, until the end of the test. */
function listen(): { events: string[]; traces: RequestTrace[] } {
  const events: string[] = [];
  const traces: RequestTrace[] = [];
  const note = (event: string) => (trace: RequestTrace) => {
    events.push(event);
    traces.push(trace);
  };
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  };
  channel.subscribe(subscribers);
  undo.push(() => channel.unsubscribe(subscribers));
  return { events, traces };
}

const FIELDS: [string, string][] = [
  ['Content-Type', 'text/plain'],
  ['X-Empty', ''],
];

/** A sync application that tells of its steps. */
function syncApp(tell: (what: string) => void, chunks = ['one', 'two']): Application {
  return (_environ, startResponse) => {
    tell('call');
    startResponse('201 Created', FIELDS);
    const steps = chunks.map(bytes);
    return {
      [Symbol.iterator]: () => ({
        next() {
          tell('step');
          const value = steps.shift();
          return value === undefined ? { done: true, value } : { done: false, value };
        },
      }),
      close: () => tell('close'),
    };
  };
}

/** Its async twin, which waits before each. */
function asyncApp(tell: (what: string) => void, chunks = ['one', 'two']): AsyncApplication {
  return async (environ, startResponse) => {
    tell('call');
    environ['quaich.signal']?.addEventListener('abort', () => tell('abort'));
    await turn();
    startResponse('201 Created', FIELDS);
    const steps = chunks.map(bytes);
    return {
      [Symbol.asyncIterator]: () => ({
        async next() {
          await turn();
          tell('step');
          const value = steps.shift();
          return value === undefined ? { done: true as const, value } : { done: false as const, value };
        },
        async return() {
          tell('return');
          return { done: true as const, value: undefined };
        },
      }),
      async close() {
        await turn();
        tell('close');
      },
    };
  };
}

/** The async twin of an application that needs nothing of its convention. */
const twin = (app: Application): AsyncApplication =>
  markAsync(async (environ, startResponse) => app(environ as never, startResponse as never));

const KINDS: [kind: string, ask: (app: Application) => TestResponse | Promise<TestResponse>][] = [
  ['sync', (app) => new SyncTestClient(app).get('/a?b=c')],
  ['async', (app) => new AsyncTestClient(twin(app)).get('/a?b=c')],
];

describe('the channel quaich:request', () => {
  it('L-48 spans all of a sync request: its call, the steps of its body, its close', () => {
    const { events, traces } = listen();
    new SyncTestClient(syncApp((what) => events.push(what))).get('/');
    expect(events).toEqual(['start', 'call', 'step', 'step', 'step', 'close', 'end']);
    expect(new Set(traces).size).toBe(1);
  });

  it('L-48 ends the call of an async application with its first wait, and the request behind the close', async () => {
    const { events, traces } = listen();
    await new AsyncTestClient(asyncApp((what) => events.push(what))).get('/');
    expect(events).toEqual(['start', 'call', 'end', 'step', 'step', 'step', 'close', 'asyncStart', 'asyncEnd']);
    expect(new Set(traces).size).toBe(1);
  });

  it('L-48 tells the same of an async application that waits for nothing', async () => {
    const { events } = listen();
    const app = markAsync((_environ, startResponse) => {
      events.push('call');
      startResponse('200 OK', []);
      return [bytes('at once')];
    });
    await new AsyncTestClient(app).get('/');
    expect(events).toEqual(['start', 'call', 'end', 'asyncStart', 'asyncEnd']);
  });

  it.each(KINDS)('L-48 has environ, head and size of a request, %s', async (_kind, ask) => {
    const { traces } = listen();
    const seen: unknown[] = [];
    await ask((environ, startResponse) => {
      seen.push(environ, traces[0].status, traces[0].headers);
      return syncApp(() => {})(environ, startResponse);
    });
    const [trace] = traces;
    expect(seen).toEqual([trace.environ, 0, []]);
    expect(trace.environ).toBe(seen[0]);
    expect(trace.environ.QUERY_STRING).toBe('b=c');
    expect([trace.status, trace.headers, trace.bytes, trace.disconnected]).toEqual([201, FIELDS, 6, false]);
    expect(trace.error).toBe(undefined);
  });

  const error = new Error('expected');
  const fail = (): never => {
    throw error;
  };

  it.each<[string, number, Application]>([
    ['the call', 500, fail],
    [
      'the first step',
      500,
      function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield fail();
      },
    ],
    [
      'a later step',
      200,
      function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield bytes('part');
        fail();
      },
    ],
    [
      'close',
      200,
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([bytes('whole')], { close: fail });
      },
    ],
  ])('L-48 tells of an error once, before the end: in %s', async (_where, status, app) => {
    for (const [kind, ask] of KINDS) {
      const { events, traces } = listen();
      await ask(app);
      const expected =
        kind === 'sync' ? ['start', 'error', 'end'] : ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];
      expect(events, kind).toEqual(expected);
      expect(traces[0].error).toBe(error);
      expect(traces[0].status).toBe(status);
      for (const end of undo.splice(0)) end();
    }
  });

  it('L-48 takes a body that is too short for an error', () => {
    const { events, traces } = listen();
    new SyncTestClient((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', '5']]);
      return [bytes('two')];
    }).get('/');
    expect(events).toEqual(['start', 'error', 'end']);
    expect(String(traces[0].error)).toContain('after 3 of 5 bytes');
  });

  it('L-48 takes a client that leaves for no error', async () => {
    const { events, traces } = listen();
    new SyncTestClient(syncApp((what) => events.push(what))).get('/', { disconnectAfter: 1 });
    expect(events).toEqual(['start', 'call', 'step', 'close', 'end']);
    expect(traces[0].disconnected).toBe(true);
    events.length = 0;
    traces.length = 0;
    await new AsyncTestClient(asyncApp((what) => events.push(what))).get('/', { disconnectAfter: 1 });
    expect(events.slice(0, 5)).toEqual(['start', 'call', 'end', 'step', 'abort']);
    expect(events.slice(-3)).toEqual(['close', 'asyncStart', 'asyncEnd']);
    expect(events).not.toContain('error');
    expect(traces[0].disconnected).toBe(true);
  });

  it('L-48 B-60 runs a request in the stores that are bound to its start', async () => {
    const storage = new AsyncLocalStorage<string>();
    let count = 0;
    channel.start.bindStore(storage, () => `request ${++count}`);
    undo.push(() => channel.start.unbindStore(storage));
    const seen = new Set<string>();
    const tell = (what: string): void => void seen.add(`${what}: ${storage.getStore()}`);
    new SyncTestClient(syncApp(tell)).get('/');
    expect([...seen]).toEqual(['call', 'step', 'close'].map((what) => `${what}: request 1`));
    seen.clear();
    await new AsyncTestClient(asyncApp(tell)).get('/', { disconnectAfter: 1 });
    expect([...seen].sort()).toEqual(['abort', 'call', 'close', 'return', 'step'].map((what) => `${what}: request 2`));
    expect(storage.getStore()).toBe(undefined);
  });

  it('L-48 tells nothing to those who have gone', () => {
    const { events } = listen();
    for (const end of undo.splice(0)) end();
    new SyncTestClient(syncApp(() => {})).get('/');
    expect(events).toEqual([]);
  });
});
