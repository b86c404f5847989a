/** Threads of bridges that die or stand still: whoever waits gets an error, the next request another thread. */
import { fileURLToPath } from 'node:url';
import { ClientDisconnected, serve } from 'quaich';
import { type AsyncToSyncOptions, asyncToSync, type SyncToAsyncOptions, syncToAsync } from 'quaich/shim';
import { afterEach, describe, expect, it } from 'vitest';
import { AsyncInput } from '../../dist/src/engine/async-input.js';
import { runAsync } from '../../dist/src/engine/run-async.js';
import { runSync } from '../../dist/src/engine/run-sync.js';
import { SyncInput } from '../../dist/src/engine/sync-input.js';
import { Blocks, environWith, logOf, RecordingTransport } from '../shim/gateway.ts';
import { Client } from './client.ts';

const module = fileURLToPath(new URL('./apps/bridged.mjs', import.meta.url));
const ends: (() => void | Promise<void> | undefined)[] = [];
let reports: string[] = [];
const report = (message: string): void => void reports.push(message);

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  reports = [];
});

describe('the thread of asyncToSync', () => {
  async function bridge(name: string, options: AsyncToSyncOptions = {}) {
    const app = asyncToSync(`${module}:${name}`, { report, ...options });
    ends.push(() => app.shutdown?.({}));
    await app.startup?.({});
    return app;
  }

  function run(app: ReturnType<typeof asyncToSync>, more: Record<string, unknown> = {}) {
    const environ = environWith(new SyncInput(null), more);
    const transport = new RecordingTransport<false>();
    runSync(app, environ, transport);
    return { events: transport.events, body: transport.body, log: logOf(environ) };
  }

  it.each([
    ['dies', 'exit code 7'],
    ['diesLate', 'exit code 7'],
    ['diesInClose', 'exit code 7'],
    ['outOfMemory', 'memory limit'],
  ])('G-147 B-22 its death ends the wait of a blocked caller, and is reported (%s)', async (name, reason) => {
    const app = await bridge(name, { maxOldGenerationSizeMb: 24 });
    const { events, log } = run(app);
    expect(events.join()).toMatch(/500|abort/);
    expect(log).toMatch(/BridgeError: the thread of .* has died/);
    expect(log.match(/BridgeError/g)).toHaveLength(1);
    await expect.poll(() => reports.join(), { timeout: 10_000 }).toContain(reason);
  });

  it('G-147 a thread that died is replaced, without a call and without a hook', async () => {
    const app = await bridge('diesLate');
    run(app);
    const seen: string[] = [];
    await expect
      .poll(
        () => {
          const { body, log } = run(app);
          if (body !== 'a') seen.push(log);
          return body;
        },
        { timeout: 10_000 },
      )
      .toBe('a');
    // Until then each call has an answer at once.
    expect(seen.filter((log) => !/has died and is being replaced/.test(log))).toEqual([]);
  });

  it('G-147 two bodies that are being taken both end with their thread', async () => {
    const app = await bridge('diesLate', { ahead: 0 });
    const bodies = [1, 2].map(() => app(environWith(new SyncInput(null)), () => () => {})[Symbol.iterator]());
    for (const body of bodies) expect(body.next().value).toHaveLength(1);
    for (const body of bodies) expect(() => body.next()).toThrow(/has died/);
  });

  it('B-40 an event loop that stands still is found out when a request is to end: the thread is terminated and replaced', async () => {
    const app = await bridge('standsStill', { closeTimeout: 50, ahead: 0 });
    let gone = false;
    const environ = environWith(new SyncInput(null), { 'quaich.client_disconnected': () => gone });
    const transport = new RecordingTransport<false>();
    transport.onSend = () => {
      gone = true;
      return undefined;
    };
    runSync(app, environ, transport);
    expect(transport.events.at(-1)).toBe('done');
    expect(reports.join()).toMatch(
      /GET "\/" does not end, and its thread's event loop stands still: it is terminated \(B-40\)/,
    );
    await expect
      .poll(() => run(app, { 'quaich.client_disconnected': () => true }).log, { timeout: 10_000 })
      .not.toContain('being replaced');
  });
});

describe('a thread of syncToAsync', () => {
  async function bridge(name: string, options: SyncToAsyncOptions = {}) {
    const app = syncToAsync(`${module}:${name}`, { threads: 1, report, ...options });
    ends.push(() => app.shutdown?.({}));
    await app.startup?.({});
    return app;
  }

  async function run(app: ReturnType<typeof syncToAsync>, path = '/', source: Blocks | null = null) {
    const environ = environWith(new AsyncInput(source), { 'quaich.async': true, PATH_INFO: path });
    const transport = new RecordingTransport<true>();
    runAsync(app, environ, transport);
    await transport.over;
    return { events: transport.events, body: transport.body, log: logOf(environ) };
  }

  it.each(['diesSync', 'outOfMemorySync', 'diesReading'])(
    'G-147 its death costs its own request, those that wait for a thread are served by its successor (%s)',
    async (name) => {
      const app = await bridge(name, { maxOldGenerationSizeMb: 24 });
      for (const { events, log } of await Promise.all([run(app, '/', new Blocks('a\n')), run(app)])) {
        expect(events[0]).toContain('500');
        expect(log).toMatch(/BridgeError: the thread of the application has died/);
      }
    },
  );

  it('G-147 one that dies between two requests costs none', async () => {
    const app = await bridge('diesLater');
    expect((await run(app, '/die')).body).toBe('served');
    await expect.poll(() => reports.join(), { timeout: 10_000 }).toContain('code 7');
    expect((await run(app)).body).toBe('served');
  });

  it('B-22 B-40 a step that does not end is ended by the time limit of the server, and its thread replaced', async () => {
    const server = await serve({
      apps: [{ module, export: 'maySpinAsync' }],
      bind: '127.0.0.1:0',
      asyncWorkers: 1,
      timeoutStep: 1500,
    });
    ends.push(() => server.close());
    const ask = async (path: string): Promise<string> => {
      const client = new Client(server.url).send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const received = await client.until((text) => text.includes('\r\n\r\n'));
      client.socket.destroy();
      return received;
    };
    expect(await ask('/spin')).not.toContain('200 OK');
    expect(await ask('/')).toContain('200 OK');
  });

  it('B-36 a client that goes does not wait for a thread that has died', async () => {
    const app = await bridge('diesSync');
    const environ = environWith(new AsyncInput(null), { 'quaich.async': true });
    const transport = new RecordingTransport<true>();
    const running = runAsync(app, environ, transport);
    running?.disconnect(new ClientDisconnected());
    await transport.over;
    expect(transport.chunks).toEqual([]);
  });
});
