/** No bridge waits for its own thread: each place from which one could is tried, and each that may block does. */
import { fileURLToPath } from 'node:url';
import { type AsyncApplication, type Server, serve } from 'quaich';
import { toFetchHandler } from 'quaich/gateways';
import { asyncToSync, DeadlockError, syncToAsync } from 'quaich/shim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { environWith, logOf, RecordingTransport } from '../shim/gateway.ts';
import { blocks } from './apps/nested-bridges.mjs';

const module = fileURLToPath(new URL('./apps/nested-bridges.mjs', import.meta.url));

describe('in a server', () => {
  let server: Server;

  beforeAll(async () => {
    server = await serve({
      apps: [
        { prefix: '/worker', module, export: 'blocks' },
        { prefix: '/inline', module, export: 'blocks', inline: true },
        { prefix: '/sync', module, export: 'mayBlock' },
        { prefix: '/to-and-fro', module, export: 'toAndFro' },
      ],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      asyncWorkers: 1,
    });
  });

  afterAll(() => server.close());

  const ask = async (path: string): Promise<string> => (await fetch(`${server.url}${path}`)).text();

  it.each([
    ['/worker', 'an async worker of the server'],
    ['/worker/later', 'an async worker of the server'],
    ['/inline', "the server's own thread"],
    ['/inline/later', "the server's own thread"],
  ])('B-23 a call of asyncToSync on an event loop that requests wait for throws at once (%s)', async (path, place) => {
    const text = await ask(path);
    expect(text).toContain('QUAICH_DEADLOCK at once: asyncToSync(');
    expect(text).toContain(`was called on ${place}`);
    expect(text).toMatch(/Await the async application itself there, or call the bridge from a sync application/);
  });

  it('B-23 a sync worker may block, B-41 and bridges may follow on bridges', async () => {
    expect(await ask('/sync')).toBe('hello from an event loop');
    expect(await ask('/to-and-fro')).toBe('hello from a worker');
  });
});

describe('in a mount inside another server', () => {
  it('B-23 a call of asyncToSync throws at once while a request waits for the event loop, B-66 and not when none does', async () => {
    const handler = toFetchHandler(blocks);
    for (const path of ['/', '/later']) {
      const response = await handler(new Request(`http://a${path}`));
      expect(await response.text()).toMatch(/^QUAICH_DEADLOCK at once: .* on the event loop of the host of a mount/);
    }
    const app = asyncToSync(`${module}:helloAsync`);
    const body = app(environWith(null), () => () => {});
    expect(Buffer.concat([...body]).toString()).toBe('hello from an event loop');
    await app.shutdown?.({});
  });
});

describe('without a server', () => {
  async function ask(app: AsyncApplication): Promise<{ status: string; log: string }> {
    const environ = environWith(new AsyncInput(null), { 'quaich.async': true });
    const transport = new RecordingTransport<true>();
    runAsync(app, environ, transport);
    await transport.over;
    return { status: transport.events[0], log: logOf(environ) };
  }

  it('B-41 applications that would call each other over bridges for ever get an error, as deep as it is', async () => {
    const app = syncToAsync(`${module}:pingSync`, { threads: 1, report: () => {} });
    const { status, log } = await ask(app);
    expect(status).toContain('500');
    expect(log).toMatch(
      /DeadlockError: the bridge to .*pingSync was started on a thread that a bridge to it has started/,
    );
    await app.shutdown?.({});
  });

  it('B-41 the error is of a class of its own, also after it has crossed threads', async () => {
    const app = syncToAsync(`${module}:pingSync`, { threads: 1, report: () => {} });
    const body = app(environWith(new AsyncInput(null), { 'quaich.async': true }), () => async () => {});
    await expect(body).rejects.toBeInstanceOf(DeadlockError);
    await app.shutdown?.({});
  });
});
