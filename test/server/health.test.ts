/** Health checks on the public addresses, and the time between the signal to stop and the stop. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as scgi from '../protocols/scgi-client.ts';
import { Client, header, parseResponses, type WireResponse } from './client.ts';
import { ended, get, ready, start as startCommand } from './command.ts';
import { queued } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/counted.mjs', import.meta.url));
const supervised = fileURLToPath(new URL('./apps/supervised.mjs', import.meta.url));
const running: Server[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close().catch(() => {}))));

async function start(options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: 'app' }],
    bind: '127.0.0.1:0',
    healthPath: '/healthz',
    syncWorkers: 1,
    asyncWorkers: 1,
    errorLog: { write() {} },
    ...options,
  });
  running.push(server);
  return server;
}

const GET = (path: string, fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const CLOSE = 'Connection: close\r\n';

async function ask(url: string, path: string): Promise<WireResponse> {
  return parseResponses(await new Client(url).send(GET(path, CLOSE)).all())[0];
}

/** One answer on a connection that goes on. */
async function exchange(client: Client, path: string): Promise<WireResponse> {
  const before = client.received.length;
  client.send(GET(path));
  await client.until((text) => {
    const [, length] = /Content-Length: (\d+)\r\n/.exec(text.slice(before)) ?? [];
    const end = text.indexOf('\r\n\r\n', before);
    return end >= 0 && text.length >= end + 4 + Number(length);
  });
  return parseResponses(client.received.slice(before))[0];
}

describe.each([
  { way: 'pooled sync', app: 'app', inline: false },
  { way: 'pooled async', app: 'asyncApp', inline: false },
  { way: 'inline', app: 'asyncApp', inline: true },
])('the health path: $way', ({ app, inline }) => {
  it('L-40 is answered by the server, with a query too, and no other path is', async () => {
    const server = await start({ apps: [{ module, export: app, inline }] });
    for (const path of ['/healthz', '/healthz?from=balancer']) {
      expect(await ask(server.url, path)).toMatchObject({ status: 200, body: '200 OK: ready\n' });
    }
    const [head] = parseResponses(
      await new Client(server.url).send(`HEAD /healthz HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`).all(),
      ['HEAD'],
    );
    expect([head.status, head.body]).toEqual([200, '']);
    for (const path of ['/healthz/', '/health', '/']) expect((await ask(server.url, path)).body).toBe(path);
  });
});

describe('the health path', () => {
  it('L-40 is the path of an application where nobody asked for it', async () => {
    const server = await start({ healthPath: undefined });
    expect((await ask(server.url, '/healthz')).body).toBe('/healthz');
  });

  it('L-40 is answered within 20 ms while all workers are blocked and requests wait', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quaich-health-'));
    const server = await start({ status: '127.0.0.1:0' });
    const blocked = [1, 2, 3].map(() => ask(server.url, `/until?${folder}/over`));
    await queued(server, 2);
    const client = new Client(server.url);
    expect((await exchange(client, '/healthz')).status).toBe(200);
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const begun = performance.now();
      expect((await exchange(client, '/healthz')).status).toBe(200);
      times.push(performance.now() - begun);
    }
    client.socket.destroy();
    expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(20);
    writeFileSync(join(folder, 'over'), '');
    expect((await Promise.all(blocked)).map(({ status }) => status)).toEqual([200, 200, 200]);
    rmSync(folder, { recursive: true });
  });

  it('L-40 is answered where there are too many connections', async () => {
    const server = await start({ maxConnections: 1 });
    const client = new Client(server.url);
    expect((await exchange(client, '/')).status).toBe(200);
    expect((await ask(server.url, '/')).status).toBe(503);
    const response = await ask(server.url, '/healthz');
    expect([response.status, header(response, 'Connection')]).toEqual([200, 'close']);
    client.socket.destroy();
  });

  it('L-40 is answered by SCGI, too', async () => {
    const server = await start({ bind: 'scgi://127.0.0.1:0' });
    const request = scgi.request({ REQUEST_URI: '/healthz', DOCUMENT_URI: '/healthz' });
    expect(await new Client(server.url.replace('scgi:', 'http:')).send(request).all()).toMatch(
      /^Status: 200 OK\r\n[\s\S]*200 OK: ready\n$/,
    );
  });

  it('L-40 says 503 while no worker is ready, and 200 again once one is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quaich-health-'));
    process.env.SUPERVISED = folder;
    try {
      const server = await start({ apps: [{ module: supervised, export: 'app' }] });
      writeFileSync(join(folder, 'startup'), '');
      await ask(server.url, '/exit');
      await vi.waitFor(
        async () => {
          const response = await ask(server.url, '/healthz');
          expect(response).toMatchObject({ status: 503, body: '503 Service Unavailable: no worker is ready\n' });
        },
        { timeout: 15_000, interval: 20 },
      );
      rmSync(join(folder, 'startup'));
      await vi.waitFor(async () => expect((await ask(server.url, '/healthz')).status).toBe(200), {
        timeout: 15_000,
        interval: 20,
      });
    } finally {
      delete process.env.SUPERVISED;
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(process.platform === 'win32')('a stop with --timeout-drain', () => {
  const command = (...argv: string[]) =>
    startCommand([`${module}:asyncApp`, '-b', '127.0.0.1:0', '--health-path', '/healthz', ...argv]);
  const drained = async (url: string) =>
    vi.waitFor(async () => expect((await get(url, '/healthz')).status).toBe(503), { timeout: 10_000, interval: 5 });

  it('L-41 goes on meanwhile, tells health checks, and ends connections with their next response', async () => {
    const quaich = command('--timeout-drain', '3s', '--status', '127.0.0.1:0');
    const [url] = await ready(quaich);
    const status = await vi.waitFor(() => {
      const [, found] = /^status on (.+)\n/m.exec(quaich.stderr) ?? [];
      expect(found).toBeDefined();
      return found;
    }, 10_000);
    expect([(await get(status, '/live')).status, (await get(status, '/ready')).status]).toEqual([200, 200]);
    const [busy, idle, streaming] = [new Client(url), new Client(url), new Client(url)];
    expect(header(await exchange(busy, '/'), 'Connection')).toBeUndefined();
    await exchange(idle, '/');
    streaming.send(GET('/stream'));
    await streaming.until((text) => text.includes('more'));

    const begun = performance.now();
    quaich.child.kill('SIGTERM');
    await drained(url);
    expect((await get(url, '/healthz')).text).toBe('503 Service Unavailable: the server is draining\n');
    expect([(await get(status, '/live')).status, (await get(status, '/ready')).status]).toEqual([200, 503]);
    const last = await exchange(busy, '/');
    expect([last.status, header(last, 'Connection')]).toEqual([200, 'close']);
    await busy.stayed();
    const fresh = new Client(url);
    const only = await exchange(fresh, '/');
    expect([only.status, header(only, 'Connection')]).toEqual([200, 'close']);
    await fresh.all();
    expect([idle.ended, streaming.ended]).toEqual([false, false]);

    await idle.all();
    // A timer may be early by a millisecond or two, since it counts whole ones.
    expect(performance.now() - begun).toBeGreaterThan(2990);
    streaming.socket.destroy();
    expect((await ended(quaich)).code).toBe(0);
  });

  it('L-41 loses no request of clients that go on asking on kept connections', async () => {
    const quaich = command('--timeout-drain', '2s');
    const [url] = await ready(quaich);
    let [answered, isDrained] = [0, false];
    const clients = Array.from({ length: 4 }, async () => {
      let client = new Client(url);
      while (!isDrained) {
        const response = await exchange(client, '/');
        expect(response.status).toBe(200);
        answered++;
        if (header(response, 'Connection') !== 'close') continue;
        await client.all();
        client = new Client(url);
      }
      client.socket.destroy();
    });
    await vi.waitFor(() => expect(answered).toBeGreaterThan(100), 10_000);
    quaich.child.kill('SIGTERM');
    await drained(url);
    const before = answered;
    await vi.waitFor(() => expect(answered).toBeGreaterThan(before + 20), 10_000);
    isDrained = true;
    await Promise.all(clients);
    expect((await ended(quaich)).code).toBe(0);
  });

  it('L-11 L-41 is cut short by a second signal', async () => {
    const quaich = command('--timeout-drain', '60s');
    const [url] = await ready(quaich);
    const begun = performance.now();
    quaich.child.kill('SIGTERM');
    await drained(url);
    quaich.child.kill('SIGTERM');
    expect((await ended(quaich)).code).toBe(1);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('L-41 is a matter of `close`, too', async () => {
    const server = await start({ timeoutDrain: 1000 });
    const begun = performance.now();
    const closed = server.close();
    expect((await ask(server.url, '/healthz')).status).toBe(503);
    expect((await ask(server.url, '/')).status).toBe(200);
    await closed;
    expect(performance.now() - begun).toBeGreaterThan(990);
  });
});
