/** `asyncToSync`: the calling thread blocks, the application runs on another one. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { threadId } from 'node:worker_threads';
import { ClientDisconnected } from 'quaich';
import { type AsyncToSyncOptions, asyncToSync, shareContext } from 'quaich/shim';
import { afterEach, describe, expect, it } from 'vitest';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { type Blocks, environWith, logOf, RecordingTransport, withoutFrames } from '../shim/gateway.ts';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));
const plans = fileURLToPath(new URL('./apps/plan.mjs', import.meta.url));
type App = ReturnType<typeof asyncToSync>;
const leave = (): never => {
  throw new ClientDisconnected();
};
const started: App[] = [];

afterEach(async () => {
  for (const app of started.splice(0)) await app.shutdown?.({});
});

async function bridge(name: string, options: AsyncToSyncOptions = {}, from = module): Promise<App> {
  const app = asyncToSync(`${from}:${name}`, { report: () => {}, ...options });
  started.push(app);
  await app.startup?.({});
  return app;
}

function run(
  app: App,
  {
    source = null,
    more,
    prepare,
  }: {
    source?: Blocks | null;
    more?: Record<string, unknown>;
    prepare?: (transport: RecordingTransport<false>) => void;
  } = {},
) {
  const environ = environWith(new SyncInput(source), more);
  const transport = new RecordingTransport<false>();
  prepare?.(transport);
  runSync(app, environ, transport);
  return { environ, transport, log: logOf(environ) };
}

describe('an async application for a sync caller', () => {
  it('B-50 runs on another thread, B-31 B-64 with a true environ, L-06 and the state of its own hooks', async () => {
    const app = await bridge('asyncInfo');
    const { transport } = run(app, {
      more: {
        'test.list': ['a', [1, true]],
        'test.bytes': new Uint8Array([1, 2]),
        'test.function': run,
        'test.object': { a: 1 },
      },
    });
    const seen = JSON.parse(transport.body);
    expect(seen.threadId).not.toBe(threadId);
    expect(seen).toMatchObject({
      nullPrototype: true,
      version: [1, 0],
      frozen: true,
      list: ['a', [1, true]],
      bytes: [1, 2],
      flags: [true, true, false, true],
      state: { startedOn: seen.threadId },
    });
    expect(Object.keys(seen.types)).not.toContain('test.function');
    expect(Object.keys(seen.types)).not.toContain('test.object');
    expect(seen.types).toMatchObject({ 'wsgi.input': 'object', 'wsgi.errors': 'object', 'quaich.signal': 'object' });
    expect(transport.events[0]).toMatch(new RegExp(`^head "200 OK.*" ${transport.body.length}$`));
  });

  it('M-18 an async environ is refused', async () => {
    const app = await bridge('asyncInfo');
    expect(() => app(environWith(null, { 'quaich.async': true }), () => () => {})).toThrow(
      /call the async application itself/,
    );
  });

  it('B-41 a bridge call on the thread of a bridge is refused with a deadlock error, B-66 and the next call works', async () => {
    const app = await bridge('nested');
    for (const path of ['/direct', '/on-loop', '/direct']) {
      const { transport, log } = run(app, { more: { PATH_INFO: path } });
      expect(transport.events[0]).toContain('500');
      expect(log).toMatch(/DeadlockError: asyncToSync\(.*echo'\) was called on the thread of another bridge/);
    }
  });

  it('B-41 a bridge that would start itself on its own thread is refused', async () => {
    await expect(bridge('recursive')).rejects.toThrow(/each would start the next, for ever/);
  });

  it('B-52 an application that ends without startResponse is an error', async () => {
    const { transport, log } = run(await bridge('noHead'));
    expect(transport.events[0]).toContain('500');
    expect(log).toContain('startResponse was not called');
  });

  /** An application that does what the plan says (apps/plan.mjs). */
  async function follow(call: unknown[], steps: unknown[][], more: Record<string, unknown> = {}) {
    const app = await bridge('asyncApp', { ahead: 0 }, plans);
    const plan = {
      call,
      body: 'iterator',
      close: 'ok',
      steps: steps.map(([chunk, ...ops]) => ({ chunk, ops })),
      ...more,
    };
    return run(app, { more: { 'test.plan': JSON.stringify(plan) } });
  }
  const OK = ['start', '200 OK', [['X-Name', 'J\u00fcrgen']]];

  it('B-24 B-28 B-33 the head waits for the first non-empty chunk or the end, in latin-1', async () => {
    const late = await follow([OK], [[''], ['', ['start', '404 Not Found', [], 'plain']], ['a']]);
    expect(late.transport.events[0]).toBe('head "404 Not Found\\r\\n" -1');
    const empty = await follow([OK], []);
    expect(empty.transport.events).toEqual(['head "200 OK\\r\\nX-Name: J\u00fcrgen\\r\\n" 0', 'end', 'done']);
  });

  it('B-25 once a chunk has gone, startResponse throws the very error it was given', async () => {
    const { transport, log } = await follow([OK], [['a'], ['b', ['start', '500 Oops', [], 'own']]]);
    expect(transport.events).toEqual([expect.stringContaining('200 OK'), 'chunk a', 'abort', 'done']);
    expect(log).toContain('start threw OwnError: expected: own');
  });

  it('G-87 a bad head is refused in the call, on the thread of the application', async () => {
    const { transport, log } = await follow([['start', '200 OK', [['Connection', 'close']]]], []);
    expect(transport.events[0]).toContain('500');
    expect(log).toMatch(/app: start threw ApplicationError: .*hop-by-hop/);
  });

  it('G-103 an array with a bad chunk is checked as a whole: 500, and nothing of it is sent', async () => {
    const app = await bridge('asyncApp', {}, plans);
    const plan = { call: [OK], body: 'array', close: 'ok', steps: [{ chunk: 'good' }, { chunk: ['bad', 'promise'] }] };
    const { transport, log } = run(app, { more: { 'test.plan': JSON.stringify(plan) } });
    expect(transport.events[0]).toContain('500');
    expect(log).toContain(
      'chunk 1 of the body must be a Uint8Array, got Promise; await it in an async generator (G-103)',
    );
    expect(log.match(/app: close/g)).toHaveLength(1);
  });

  it('G-117 G-123 an array crosses in one piece, however large, so that its length is known', async () => {
    const { transport } = run(await bridge('largeArray'));
    expect(transport.events[0]).toBe('head "200 OK\\r\\n" 6000000');
    expect(transport.body).toHaveLength(6_000_000);
  });

  it('B-29 B-30 the surplus over Content-Length is cut, then return and close, once each', async () => {
    const { transport, log } = await follow([['start', '200 OK', [['Content-Length', '3']]]], [['ab'], ['cd'], ['ef']]);
    expect(transport.body).toBe('abc');
    expect(log).toMatch(/app: step 2\n(quaich: .*\n)?app: return\napp: close\n/);
    expect(log).not.toContain('step 3');
  });

  it('B-32 B-53 an error keeps name, message, stack and cause, before the head and after it', async () => {
    const before = await follow([OK, ['throw', 'cause']], []);
    expect(before.transport.events[0]).toContain('500');
    expect(before.log).toMatch(/TypeError: expected: with a cause\n\s+at .*plan\.mjs/);
    expect(before.log).toContain('caused by: RangeError: expected: the cause');
    const after = await follow([OK], [['a'], ['b', ['throw', 'own']]]);
    expect(after.transport.events).toContain('abort');
    expect(after.log.match(/quaich: .*the body failed\n(?:OwnError|Error): expected: own/g)).toHaveLength(1);
  });

  it('B-54 a body that is closed early: signal, return, close, in this order', async () => {
    const app = await bridge('endless', { ahead: 0 });
    const environ = environWith(new SyncInput(null));
    const body = app(environ, () => () => {});
    const iterator = body[Symbol.iterator]();
    iterator.next();
    iterator.next();
    iterator.return?.();
    expect(logOf(environ)).toBe('signal RequestAborted\nreturn after 2\n');
    body.close?.();
    expect(logOf(environ)).toBe('signal RequestAborted\nreturn after 2\nclose\n');
  });

  it('B-27 the application is ahead by no more than was configured', async () => {
    const app = await bridge('endless', { ahead: 10_000 });
    const environ = environWith(new SyncInput(null));
    const body = app(environ, () => () => {});
    const iterator = body[Symbol.iterator]();
    iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 200)); // time to run away, if it could
    body.close?.();
    const steps = Number(/return after (\d+)/.exec(logOf(environ))?.[1]);
    expect(steps).toBeGreaterThan(1);
    expect(steps).toBeLessThan(12);
  });

  it('B-35 a client that goes while the caller blocks: the caller is freed, the application gets the signal', async () => {
    const app = await bridge('waits');
    let gone = false;
    const { transport, log } = run(app, {
      more: { 'quaich.client_disconnected': () => gone },
      prepare: (recording) => {
        recording.onSend = () => {
          gone = true;
          return undefined;
        };
      },
    });
    expect(transport.events.filter((event) => event.startsWith('chunk'))).toEqual(['chunk first']);
    expect(log).toContain('signal ClientDisconnected\nreturn\n');
    expect(log).not.toContain('failed');
  });

  it('B-22 a wait without an end is cut by the time limit, and the bridge goes on working', async () => {
    const app = await bridge('waits', { timeout: 150 });
    const { transport, log } = run(app);
    expect(transport.events).toContain('abort');
    expect(log).toContain('no answer for 150 ms');
    expect(run(app).transport.body).toContain('first');
    const silent = await bridge('silent', { timeout: 100, closeTimeout: 20 });
    expect(run(silent).transport.events[0]).toContain('500');
  });

  it('B-53 B-39 a call that is given up before its body has ended, or its limit has passed, and what it says is heard', async () => {
    const app = await bridge('endsOnAbort', { timeout: 50 });
    const { transport, log } = run(app);
    expect(transport.events[0]).toContain('500');
    expect(log).toMatch(
      /^signal RequestAborted\nclose\nquaich: .*close\(\) of the body failed\nError: expected: close/,
    );
    expect(log).toContain('no answer for 50 ms');
  });

  const unheard = (what: string) => `quaich: GET "/": ${what}\nError: expected: unheard\n`;

  it.each([
    ['failsWhenLeft', '/', unheard('the application threw')],
    ['failsByThenable', '/', unheard('the application threw')],
    ['failsWhenLeft', '/reason', ''],
    ['failsWhenLeft', '/call', ''],
  ])(
    'B-32 B-57 G-140 %s at %s: what it throws when its caller has left is reported, once',
    async (name, path, said) => {
      const app = await bridge(name);
      const { log } = run(app, { more: { PATH_INFO: path, 'quaich.client_disconnected': () => true } });
      expect(withoutFrames(log)).toBe(said);
    },
  );

  it('B-32 a failure that the caller left before it came to is reported, once', async () => {
    const { log } = run(await bridge('failsAhead'), {
      prepare: (recording) => {
        recording.leaving = { at: 0, say: leave };
      },
    });
    expect(withoutFrames(log)).toBe(unheard('the body failed'));
  });

  it('B-38 a write after the client has gone fails once; later ones are discarded', async () => {
    const app = await bridge('writesOn');
    const { log } = run(app, {
      prepare: (recording) => {
        recording.leaving = {
          at: 1,
          say: () => {
            throw new ClientDisconnected();
          },
        };
      },
    });
    expect(log).toBe('written\nClientDisconnected, signal ClientDisconnected\nwritten\nwritten\n');
  });

  it('B-54 the signal tells an early close from a client that has gone', async () => {
    const app = await bridge('endless', { ahead: 0 });
    // Not from the start: however long the first step takes, it is not a look in between that finds out.
    let gone = false;
    const { log } = run(app, {
      more: { 'quaich.client_disconnected': () => gone },
      prepare: (recording) => {
        recording.leaving = {
          at: 0,
          say: () => {
            gone = true;
            throw new ClientDisconnected();
          },
        };
      },
    });
    expect(log).toBe('signal ClientDisconnected\nreturn after 1\nclose\n');
  });

  it('B-56 work that is left behind does not hold up the response, nor a return() that never ends', async () => {
    expect(run(await bridge('leavesWork')).transport.body).toBe('done');
    const app = await bridge('neverReturns', { closeTimeout: 50, ahead: 0 });
    const { transport, log } = run(app, {
      prepare: (recording) => {
        recording.onSend = () => {
          throw new ClientDisconnected();
        };
      },
    });
    expect(transport.events).toContain('done');
    expect(log).toContain('B-56');
  });

  it('B-09 writes take effect in call order, each with the bytes it was given', async () => {
    const { transport } = run(await bridge('writes'));
    expect(transport.chunks).toEqual(['1', '2', '3']);
  });

  it('B-09 what was written before the application fails arrives, though it was not waited for', async () => {
    const { transport, log } = run(await bridge('writesAndThrows'));
    expect(transport.chunks).toEqual(['1', '2', '3']);
    expect(transport.events.slice(-2)).toEqual(['abort', 'done']);
    expect(log).toContain('RangeError: expected: after three writes');
  });

  it('B-61 named contexts cross', async () => {
    const requestId = new AsyncLocalStorage<string>();
    shareContext('request id', requestId);
    const app = await bridge('asyncInfo');
    const { transport } = requestId.run('request 7', () => run(app));
    expect(JSON.parse(transport.body).context).toBe('request 7');
  });

  it('two bodies may be taken in turns', async () => {
    const app = await bridge('endless');
    const bodies = [1, 2].map(() => app(environWith(new SyncInput(null)), () => () => {}));
    const iterators = bodies.map((body) => body[Symbol.iterator]());
    for (let i = 0; i < 100; i++) for (const iterator of iterators) expect(iterator.next().value).toHaveLength(1000);
    for (const body of bodies) body.close?.();
  });

  it('L-05 a startup hook that throws keeps the bridge from starting, and L-10 shutdown says so', async () => {
    process.env.QUAICH_TEST_HOOK = 'asyncInfo';
    await expect(bridge('asyncInfo')).rejects.toThrow(/expected: asyncInfo does not start/);
    process.env.QUAICH_TEST_HOOK = 'asyncInfo shutdown';
    const app = await bridge('asyncInfo');
    started.length = 0;
    await expect(app.shutdown?.({})).rejects.toThrow(/a shutdown hook failed/);
    delete process.env.QUAICH_TEST_HOOK;
  });

  it('B-05 an application that is sync already is refused when its thread has loaded it', async () => {
    await expect(bridge('sleeps')).rejects.toThrow(/is sync already/);
  });
});
