/** `syncToAsync` on worker threads, which may block while the calling thread's event loop goes on. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { ClientDisconnected } from 'quaich';
import { type SyncToAsyncOptions, syncToAsync } from 'quaich/shim';
import { afterEach, describe, expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { Blocks, environWith, Lines, logOf, RecordingTransport, withoutFrames } from '../shim/gateway.ts';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));
const plans = fileURLToPath(new URL('./apps/plan.mjs', import.meta.url));
type App = ReturnType<typeof syncToAsync>;
const started: App[] = [];
let reports: string[] = [];

afterEach(async () => {
  reports = [];
  for (const app of started.splice(0)) await app.shutdown?.({});
});

async function bridge(name: string, options: SyncToAsyncOptions = {}, from = module): Promise<App> {
  const report = (message: string): void => {
    reports.push(message);
  };
  const app = syncToAsync(`${from}:${name}`, { threads: 1, report, ...options });
  started.push(app);
  await app.startup?.({});
  return app;
}

interface Setting {
  source?: ConstructorParameters<typeof AsyncInput>[0];
  more?: Record<string, unknown>;
  prepare?: (transport: RecordingTransport<true>) => void;
}

function begin(app: App, { source = null, more, prepare }: Setting = {}) {
  const environ = environWith(new AsyncInput(source), { 'quaich.async': true, ...more });
  const transport = new RecordingTransport<true>();
  prepare?.(transport);
  const running = runAsync(app, environ, transport);
  return { environ, transport, running };
}

async function answer(...parameters: Parameters<typeof begin>) {
  const request = begin(...parameters);
  await request.transport.over;
  return { ...request, log: logOf(request.environ) };
}

describe('a sync application for an async caller', () => {
  it('B-20 runs on a worker, B-31 B-64 with a true environ, L-06 and the state of its own hooks', async () => {
    const app = await bridge('syncInfo', { threads: 2 });
    const { transport } = await answer(app, {
      more: { 'wsgi.multithread': true, 'wsgi.multiprocess': false, 'test.function': answer },
    });
    const seen = JSON.parse(transport.body);
    expect(seen.threadId).not.toBe(threadId);
    expect(seen).toMatchObject({
      nullPrototype: true,
      frozen: true,
      flags: [false, true, false, false],
      state: { startedOn: seen.threadId },
    });
    expect(seen.types).toMatchObject({ 'wsgi.input': 'object', 'quaich.client_disconnected': 'function' });
    expect(Object.keys(seen.types)).not.toContain('quaich.signal');
    expect(transport.events[0]).toMatch(new RegExp(`^head "200 OK.*" ${transport.body.length}$`));
  });

  it('B-20 the event loop goes on while the application blocks, and L-13 the first call starts the threads', async () => {
    const app = syncToAsync(`${module}:sleeps`, { threads: 1 });
    started.push(app);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    expect((await answer(app)).transport.body).toBe('awake');
    clearInterval(timer);
    // A loop that stands has one tick, afterwards; a busy machine leaves out many.
    expect(ticks).toBeGreaterThan(2);
  });

  it('B-22 a read blocks until the client has sent more', async () => {
    const app = await bridge('readsTwice');
    let send: (block: Uint8Array | null) => void = () => {};
    const source = {
      read: () =>
        new Promise<Uint8Array | null>((resolve) => {
          send = resolve;
        }),
    };
    const { transport } = begin(app, {
      source,
      prepare: (recording) => {
        recording.onSend = (number) => {
          if (number === 0) setTimeout(() => send(Buffer.from('second\n')), 5);
          return undefined;
        };
      },
    });
    setTimeout(() => send(Buffer.from('first\n')), 20);
    await transport.over;
    expect(transport.chunks).toEqual(['first\n', 'second\n', 'end']);
  });

  it('B-37 a disconnect wakes a blocked read with an error, B-66 and the worker serves the next request', async () => {
    const app = await bridge('readsAll');
    const { transport, running, environ } = begin(app, { source: { read: () => new Promise(() => {}) } });
    setTimeout(() => running?.disconnect(new ClientDisconnected()), 30);
    await transport.over;
    expect((await answer(app, { source: new Blocks('next') })).transport.body).toBe('next');
    expect(logOf(environ)).toBe('read threw ClientDisconnected, disconnected true\n');
  });

  it('B-37 a running computation can poll for the disconnect, B-38 and what it yields then is discarded', async () => {
    const app = await bridge('polls');
    const errors = new Lines();
    const { transport, running } = begin(app, { more: { 'wsgi.errors': errors } });
    const write = errors.write.bind(errors);
    errors.write = (text) => {
      write(text);
      if (text === 'waiting\n') running?.disconnect(new ClientDisconnected());
    };
    await transport.over;
    expect(transport.chunks).toEqual(['polling']);
    expect(errors.text).toBe('waiting\nnoticed\n');
  });

  it('B-27 B-35 B-62 B-30 the body is ahead by a bounded number of chunks; a disconnect ends it on its own thread', async () => {
    const app = await bridge('endlessSync', { ahead: 10_000 });
    let sent = () => {};
    // Ends: with the first chunk.
    const sending = new Promise<void>((resolve) => {
      sent = resolve;
    });
    const { transport, running, environ } = begin(app, {
      prepare: (recording) => {
        recording.onSend = () => {
          sent();
          return new Promise(() => {});
        };
      },
    });
    await sending;
    await new Promise((resolve) => setTimeout(resolve, 200)); // time to run away, if it could
    running?.disconnect(new ClientDisconnected());
    await transport.over;
    const steps = Number(/return after (\d+), same thread\nclose, same thread/.exec(logOf(environ))?.[1]);
    expect(steps).toBeGreaterThan(1);
    expect(steps).toBeLessThan(12);
  });

  it('B-26 write blocks under backpressure, and its buffer may be used again', async () => {
    const app = await bridge('writesSync');
    let pending = 0;
    let most = 0;
    const { transport } = await answer(app, {
      prepare: (recording) => {
        recording.onSend = () => {
          most = Math.max(most, ++pending);
          return new Promise((resolve) =>
            setTimeout(() => {
              pending--;
              resolve();
            }, 5),
          );
        };
      },
    });
    expect(transport.chunks).toEqual(['1', '2', '3']);
    expect(most).toBe(1);
  });

  it('B-60 what the application asks of its gateway happens in the context of the call', async () => {
    const app = await bridge('syncApp', {}, plans);
    const storage = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const see = (what: string): void => void seen.push(`${what} in ${storage.getStore()}`);
    const plan = {
      call: [
        ['start', '200 OK', []],
        ['write', 'a'],
        ['read', 'read', null],
      ],
      body: 'iterator',
      steps: [],
    };
    const source = {
      read: () => {
        see('read');
        return null;
      },
    };
    const environ = environWith(new AsyncInput(source), { 'quaich.async': true, 'test.plan': JSON.stringify(plan) });
    const body = await storage.run('request 7', () =>
      app(environ, () => {
        see('start');
        return async () => see('write');
      }),
    );
    await body.close?.();
    expect(seen).toEqual(['start in request 7', 'write in request 7', 'read in request 7']);
  });

  it('B-63 a worker has one request at a time, the others wait; beyond the limit they get 503', async () => {
    const app = await bridge('sleeps', { queue: 1 });
    const [first, second, third] = await Promise.all([answer(app), answer(app), answer(app)]);
    expect([first, second].map(({ transport }) => transport.body)).toEqual(['awake', 'awake']);
    expect(third.transport.events[0]).toContain('503');
  });

  it('B-22 a request does not wait for a worker for ever: 503', async () => {
    const app = await bridge('sleeps', { queueTimeout: 20 });
    const [first, second] = await Promise.all([answer(app), answer(app)]);
    expect(first.transport.body).toBe('awake');
    expect(second.transport.events[0]).toContain('503');
    expect((await answer(app)).transport.body).toBe('awake');
  });

  it('B-32 a failure that the caller left before it came to is reported, once', async () => {
    // Ends: some time after the application has failed.
    const leave = () => new Promise<void>((_, reject) => setTimeout(reject, 300, new ClientDisconnected()));
    const { log } = await answer(await bridge('failsAheadSync'), {
      prepare: (recording) => {
        recording.leaving = { at: 0, say: leave };
      },
    });
    expect(withoutFrames(log)).toBe('quaich: GET "/": the body failed\nError: expected: unheard\n');
  });

  it('B-38 a write that finds the client gone throws once; later ones are discarded', async () => {
    const app = await bridge('writesOnSync');
    const { log } = await answer(app, {
      prepare: (recording) => {
        recording.leaving = { at: 1, say: () => Promise.reject(new ClientDisconnected()) };
      },
    });
    expect(log).toBe('written\nClientDisconnected\nwritten\nwritten\n');
  });

  it('G-103 an array with a bad chunk is checked as a whole: 500, and nothing of it is sent', async () => {
    const app = await bridge('syncApp', {}, plans);
    const call = [['start', '200 OK', []]];
    const plan = { call, body: 'array', close: 'ok', steps: [{ chunk: 'good' }, { chunk: ['bad', 'text'] }] };
    const { transport, log } = await answer(app, { more: { 'test.plan': JSON.stringify(plan) } });
    expect(transport.events[0]).toContain('500');
    expect(log).toContain('chunk 1 of the body must be a Uint8Array, got string; encode text with TextEncoder (G-103)');
    expect(log.match(/app: close/g)).toHaveLength(1);
  });

  it('G-117 G-123 an array crosses in one piece, however large, so that its length is known', async () => {
    const { transport } = await answer(await bridge('largeArraySync'));
    expect(transport.events[0]).toBe('head "200 OK\\r\\n" 6000000');
    expect(transport.body).toHaveLength(6_000_000);
  });

  it('B-29 a body whose gateway has all that it wants is not ahead of it', async () => {
    const app = await bridge('counts');
    const { log, transport } = await answer(app);
    expect(transport.body).toBe('ab');
    expect(log).toMatch(/^step 1\nstep 2\nquaich: .*surplus was cut \(G-120\)\nreturn\n$/);
  });

  it('B-35 a request whose client goes while it waits for a worker is taken out of the queue', async () => {
    const app = await bridge('sleeps', { queue: 1 });
    const first = answer(app);
    const { transport, running } = begin(app);
    running?.disconnect(new ClientDisconnected());
    await transport.over;
    expect(transport.chunks).toEqual([]);
    expect((await answer(app)).transport.body).toBe('awake');
    await first;
  });

  it('B-40 a worker that does not end after a disconnect is terminated and replaced, with a report', async () => {
    const app = await bridge('spins', { terminateTimeout: 50, threads: 1 });
    const { transport, running } = begin(app);
    setTimeout(() => running?.disconnect(new ClientDisconnected()), 20);
    await transport.over;
    expect(reports.join()).toContain('did not end within 50 ms');
    const again = begin(app);
    setTimeout(() => again.running?.disconnect(new ClientDisconnected()), 20);
    await again.transport.over;
  });

  it('B-32 G-145 whatever is thrown crosses: null, a stack that throws, a cause that cannot be cloned', async () => {
    const app = await bridge('failsStrangely');
    for (const [path, text] of [
      ['/null', 'thrown value: null'],
      ['/getter', 'Error: x'],
      ['/function', 'expected: uncloneable'],
    ]) {
      const { transport, log } = await answer(app, { more: { PATH_INFO: path } });
      expect(transport.events[0]).toContain('500');
      expect(log).toContain(text);
    }
  });

  it('B-05 an application that is async already is refused when a thread has loaded it', async () => {
    await expect(bridge('echo')).rejects.toThrow(/is async already/);
  });

  it('L-08 a shutdown ends what still runs, and leaves no thread', async () => {
    const app = await bridge('endlessSync');
    const { transport, environ } = begin(app, {
      prepare: (recording) => {
        recording.onSend = () => new Promise((resolve) => setTimeout(resolve, 1));
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await app.shutdown?.({});
    await transport.over;
    expect(logOf(environ)).toMatch(/close, same thread/);
    expect((await answer(app)).transport.events[0]).toContain('500');
  });
});
