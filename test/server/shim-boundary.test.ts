/** What crosses the boundary of a bridge, what does not, and in which order its two sides end. */
import { fileURLToPath } from 'node:url';
import { type Application, type AsyncApplication, ClientDisconnected } from 'quaich';
import { asyncToSync, syncToAsync } from 'quaich/shim';
import { afterEach, describe, expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { environWith, Lines, logOf, RecordingTransport } from '../shim/gateway.ts';

const module = fileURLToPath(new URL('./apps/boundary.mjs', import.meta.url));
const started: (Application | AsyncApplication)[] = [];

afterEach(async () => {
  for (const app of started.splice(0)) await app.shutdown?.({});
});

async function toSync(name: string): Promise<Application> {
  const app = asyncToSync(`${module}:${name}`, { report: () => {} });
  started.push(app);
  await app.startup?.({});
  return app;
}

async function toAsync(name: string): Promise<AsyncApplication> {
  const app = syncToAsync(`${module}:${name}`, { threads: 1, report: () => {} });
  started.push(app);
  await app.startup?.({});
  return app;
}

function askSync(app: Application, more: Record<string, unknown> = {}) {
  const environ = environWith(new SyncInput(null), more);
  const transport = new RecordingTransport<false>();
  runSync(app, environ, transport);
  return { environ, transport, log: logOf(environ) };
}

async function askAsync(app: AsyncApplication, more: Record<string, unknown> = {}) {
  const environ = environWith(new AsyncInput(null), { 'quaich.async': true, ...more });
  const transport = new RecordingTransport<true>();
  runAsync(app, environ, transport);
  await transport.over;
  return { environ, transport, log: logOf(environ) };
}

const DIRECTIONS = [
  [
    'sync to async',
    async (name: string, more?: Record<string, unknown>) => askAsync(await toAsync(`${name}Sync`), more),
  ],
  [
    'async to sync',
    async (name: string, more?: Record<string, unknown>) => askSync(await toSync(`${name}Async`), more),
  ],
] as const;

describe.each(DIRECTIONS)('%s', (_direction, ask) => {
  it('B-33 field values cross as latin-1, both ways', async () => {
    const value = '\u00e9\u00a0\u0080\u00ff';
    const { transport } = await ask('echo', { HTTP_X_VALUE: value });
    const head = `200 caf\u00e9\r\nX-Value: ${value}\r\nX-Own: \u00a0\u0080\u00ff\r\n`;
    expect(transport.events[0]).toBe(`head ${JSON.stringify(head)} 4`);
    expect(transport.body).toBe(value);
  });

  it('B-34 thousands of equal fields cross in order, in a time that grows no faster than they do', async () => {
    const time = async (count: number): Promise<number> => {
      const begin = performance.now();
      const { transport } = await ask('many', { 'test.count': count });
      const found = [...transport.events[0].matchAll(/Set-Cookie: c(\d+)=/g)].map(([, number]) => Number(number));
      expect(found).toEqual(Array.from({ length: count }, (_, i) => i));
      return performance.now() - begin;
    };
    await time(400);
    // As many as a head may have (G-191).
    const [small, large] = [await time(400), await time(8000)];
    // Twenty times as many; four hundred times as long, if it were quadratic.
    expect(large).toBeLessThan(120 * small + 100);
  });

  it('B-65 changes to environ on the other thread are not seen on this one', async () => {
    const seen = await ask('change', { PATH_INFO: '/as/it/was', QUERY_STRING: 'a' });
    const environ: Record<string, unknown> = seen.environ;
    expect(seen.transport.body).toBe('/changed');
    expect([environ.PATH_INFO, environ.QUERY_STRING, 'test.added' in environ]).toEqual(['/as/it/was', 'a', false]);
  });
});

describe('an async application that fails behind asyncToSync', () => {
  it.each(['failsAtOnce', 'failsEarly'])('B-53 before any chunk: the caller gets the error, 500 (%s)', async (name) => {
    const { transport, log } = askSync(await toSync(name));
    expect(transport.events[0]).toContain('500 Internal Server Error');
    expect(transport.events[0]).not.toContain('X-Mine');
    expect(log.match(/TypeError: expected: (at once|early)/g)).toHaveLength(1);
  });

  it('B-53 after a chunk: the body throws, and the response is broken off', async () => {
    const { transport, log } = askSync(await toSync('failsLate'));
    expect(transport.chunks).toEqual(['part']);
    expect(transport.events).toContain('abort');
    expect(log).toContain('TypeError: expected: late');
  });
});

it('B-39 a cancelled request is over when the sync side has ended, and its worker takes no other before', async () => {
  const app = await toAsync('slowStep');
  const events: string[] = [];
  const lines = (who: string): Lines => {
    const errors = new Lines();
    errors.write = (text) => void events.push(`${who} ${text.trim()}`);
    return errors;
  };
  const ask = (who: string, onBegun?: () => void) => {
    const errors = lines(who);
    const write = errors.write;
    errors.write = (text) => {
      write(text);
      if (text === 'begun\n') onBegun?.();
    };
    const environ = environWith(new AsyncInput(null), { 'quaich.async': true, 'wsgi.errors': errors });
    const transport = new RecordingTransport<true>();
    const running = runAsync(app, environ, transport);
    return { transport, running };
  };
  const first = ask('first', () => first.running?.disconnect(new ClientDisconnected()));
  const second = ask('second');
  await Promise.all([
    first.transport.over.then(() => events.push('first over')),
    second.transport.over.then(() => events.push('second over')),
  ]);
  expect(first.transport.chunks).toEqual([]);
  expect(events.slice(0, 2)).toEqual(['first begun', 'first ended']);
  expect(events.indexOf('first over')).toBeGreaterThan(events.indexOf('first ended'));
  expect(events.indexOf('second begun')).toBeGreaterThan(events.indexOf('first ended'));
  expect(second.transport.body).toBe('late');
});
