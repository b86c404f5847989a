/** What a server tells of itself at the address of --status: by real requests, counted on both sides. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from './client.ts';
import { ended, get, start as startCommand } from './command.ts';
import { busy, inProgress, queued, type Scrape, scrape, settled } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/counted.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-status-'));
const running: Server[] = [];

afterEach(() => Promise.all(running.splice(0).map((server) => server.close().catch(() => {}))));
afterAll(() => rmSync(folder, { recursive: true }));

let gates = 0;

/** A file for which requests to `/until` wait, and what makes it. */
function gate(): { path: string; open(): void } {
  const file = join(folder, `gate-${gates++}`);
  return { path: `/until?${file}`, open: () => writeFileSync(file, '') };
}

const APPS = [
  { module, export: 'app', prefix: '/sync' },
  { module, export: 'asyncApp', prefix: '/async', inline: false },
  { module, export: 'asyncApp', prefix: '/inline', inline: true },
];
const KINDS = { '/sync': 'sync', '/async': 'async', '/inline': 'inline' } as const;

async function start(options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: APPS,
    bind: '127.0.0.1:0',
    status: '127.0.0.1:0',
    syncWorkers: 2,
    asyncWorkers: 1,
    errorLog: { write() {} },
    ...options,
  });
  running.push(server);
  return server;
}

const total = (metrics: Scrape): number => metrics.value('quaich_requests_total');

describe('metrics of a counted load', () => {
  it('L-42 agree to the request, and to the byte', async () => {
    const lines: string[] = [];
    const server = await start({ accessLog: true, accessLogStream: { write: (text) => lines.push(text) } });
    const sockets = new Set<Socket>();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const statuses = new Map<string, number>();
    const request = (path: string) =>
      new Promise<void>((resolve, reject) => {
        const outgoing = http.get(`${server.url}${path}`, { agent }, (response) => {
          response.resume().on('end', () => {
            const mount = /^\/(?:sync|async|inline)(?=\/)/.exec(path)?.[0] ?? '';
            const key = `${mount} ${Math.floor(Number(response.statusCode) / 100)}xx`;
            statuses.set(key, (statuses.get(key) ?? 0) + 1);
            resolve();
          });
        });
        outgoing.on('socket', (socket) => sockets.add(socket)).on('error', reject);
      });
    const paths = Object.keys(KINDS).flatMap((mount) => [
      ...Array.from({ length: 60 }, () => `${mount}/`),
      ...Array.from({ length: 15 }, () => `${mount}/moved`),
      ...Array.from({ length: 10 }, () => `${mount}/missing`),
      ...Array.from({ length: 5 }, () => `${mount}/fail`),
    ]);
    await Promise.all([...paths, '/nowhere', '/nowhere'].map(request));

    const metrics = await settled(server, (found) => expect(total(found)).toBe(272));
    for (const [mount, kind] of Object.entries(KINDS)) {
      const counts = ['2xx', '3xx', '4xx', '5xx'].map((status) => [
        metrics.value('quaich_requests_total', { mount, kind, status }),
        statuses.get(`${mount} ${status}`),
      ]);
      expect(counts, mount).toEqual([
        [60, 60],
        [15, 15],
        [10, 10],
        [5, 5],
      ]);
      for (const name of ['quaich_request_seconds', 'quaich_queue_seconds', 'quaich_application_seconds']) {
        const { count, sum, buckets } = metrics.histogram(name, { mount, kind });
        expect([count, buckets.at(-1)], `${name} ${mount}`).toEqual([90, 90]);
        expect(sum).toBeGreaterThan(0);
        expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
      }
    }
    expect(metrics.value('quaich_requests_total', { mount: '', status: '4xx' })).toBe(2);
    expect(metrics.value('quaich_requests_in_progress')).toBe(0);
    expect(metrics.value('quaich_disconnects_total')).toBe(0);
    await vi.waitFor(() => expect(lines.join('').trim().split('\n')).toHaveLength(272), 10_000);

    const carried = (which: 'bytesRead' | 'bytesWritten') => [...sockets].reduce((sum, one) => sum + one[which], 0);
    expect(metrics.value('quaich_connections_total', { outcome: 'accepted' })).toBe(sockets.size);
    expect(metrics.value('quaich_connections', { state: 'idle' })).toBe(sockets.size);
    const [sent, received] = [carried('bytesRead'), carried('bytesWritten')];
    expect(metrics.value('quaich_sent_bytes_total')).toBe(sent);
    expect(metrics.value('quaich_received_bytes_total')).toBe(received);
    agent.destroy();
    const after = await settled(server, (found) => expect(found.value('quaich_connections')).toBe(0));
    expect(after.value('quaich_sent_bytes_total')).toBe(sent);
    expect(after.value('quaich_received_bytes_total')).toBe(received);
  });

  it('L-42 are read by a parser of the format, each with its help and its type', async () => {
    const server = await start();
    await get(server.url, '/sync/');
    const { parsed, text } = await settled(server, (found) => expect(total(found)).toBe(1));
    const names = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(15);
    expect(Object.keys(parsed)).toEqual(names);
    for (const [name, { help, type }] of Object.entries(parsed)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
  });
});

describe('the time of a request', () => {
  it.each([
    ['pooled sync', '/sync', { syncWorkers: 1 }],
    ['pooled async', '/async', { asyncWorkers: 1, asyncRequests: 1 }],
    ['inline', '/inline', { asyncRequests: 1 }],
  ] as const)('L-42 is told apart: waiting, application, all; %s', async (_, mount, options) => {
    const server = await start(options);
    const { path, open } = gate();
    const first = get(server.url, mount + path);
    await inProgress(server);
    const others = [1, 2].map(() => get(server.url, `${mount}/`));
    await queued(server, 2);
    // One is with its application for as long as two wait.
    const begun = performance.now();
    await sleep(200);
    const waited = (performance.now() - begun) / 1000;
    open();
    await Promise.all([first, ...others]);
    const metrics = await settled(server, (found) => expect(total(found)).toBe(3));
    const [queue, application, all] = ['queue', 'application', 'request'].map((name) =>
      metrics.histogram(`quaich_${name}_seconds`, { mount }),
    );
    expect(queue.sum).toBeGreaterThan(2 * waited);
    expect(application.sum).toBeGreaterThan(waited);
    // Two threads look at a clock.
    expect(all.sum).toBeGreaterThan(queue.sum + application.sum - 0.01);
  });

  it('L-42 begins with its arrival where it is refused in the queue', async () => {
    const server = await start({ syncWorkers: 1, timeoutQueue: 300 });
    const { path, open } = gate();
    const blocked = get(server.url, `/sync${path}`);
    // Nothing orders two connections.
    await busy(server);
    const begun = performance.now();
    const refused = await get(server.url, '/sync/');
    const waited = (performance.now() - begun) / 1000;
    expect(refused.status).toBe(503);
    open();
    await blocked;
    const metrics = await settled(server, (found) => expect(total(found)).toBe(2));
    expect(metrics.value('quaich_requests_total', { mount: '/sync', status: '5xx' })).toBe(1);
    const { count, sum } = metrics.histogram('quaich_request_seconds', { mount: '/sync' });
    expect(count).toBe(2);
    // The other one was there before, and until after.
    expect(sum).toBeGreaterThanOrEqual(0.3 + waited);
    expect(metrics.histogram('quaich_queue_seconds', { mount: '/sync' }).count).toBe(1);
  });
});

describe('a moment', () => {
  it('L-42 shows busy workers, the queue, and connections by what they do', async () => {
    const server = await start();
    const { path, open } = gate();
    const blocked = [1, 2, 3].map(() => get(server.url, `/sync${path}`));
    const reading = new Client(server.url).send('GET / HT');
    const metrics = await settled(server, (found) => {
      expect(found.value('quaich_workers', { kind: 'sync', state: 'busy' })).toBe(2);
      expect(found.value('quaich_requests_queued')).toBe(1);
      expect(found.value('quaich_connections', { state: 'reading' })).toBe(1);
    });
    expect(metrics.value('quaich_requests_in_progress')).toBe(3);
    expect(metrics.value('quaich_workers', { kind: 'async', state: 'idle' })).toBe(1);
    expect(metrics.value('quaich_connections', { state: 'application' })).toBe(3);
    expect(metrics.value('quaich_worker_requests', { kind: 'sync' })).toBe(2);
    reading.socket.destroy();
    open();
    await Promise.all(blocked);
    await settled(server, (found) => {
      expect(found.value('quaich_workers', { kind: 'sync', state: 'idle' })).toBe(2);
    });
  });

  it('L-42 is answered while all workers are blocked', async () => {
    const server = await start();
    const { path, open } = gate();
    const blocked = [1, 2, 3].map(() => get(server.url, `/sync${path}`));
    await queued(server);
    // They stay until the gate opens, and this does not wait for them.
    expect((await scrape(server.statusUrl)).value('quaich_workers', { kind: 'sync', state: 'busy' })).toBe(2);
    open();
    await Promise.all(blocked);
  });

  it('L-42 shows event loops, memory and the heap of workers', async () => {
    const server = await start();
    await get(server.url, '/async/loop?0');
    const metrics = await settled(server, (found) => {
      for (const kind of ['gateway', 'async'])
        for (const state of ['active', 'idle'])
          expect(found.value('quaich_event_loop_seconds_total', { kind, state }), `${kind} ${state}`).toBeGreaterThan(
            0,
          );
    });
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(metrics.value('process_cpu_seconds_total')).toBeGreaterThan(0);
    const [major, minor] = process.versions.node.split('.').map(Number);
    if (major < 22 || (major === 22 && minor < 16) || major === 23) return;
    await settled(server, (found) => {
      for (const kind of ['sync', 'async'])
        expect(found.value('quaich_worker_heap_bytes', { kind })).toBeGreaterThan(1_000_000);
    });
  });
});

describe('what goes wrong', () => {
  it('L-42 clients that leave are counted', async () => {
    const server = await start();
    for (const mount of ['/async', '/inline']) {
      const client = new Client(server.url).send(`GET ${mount}/stream HTTP/1.1\r\nHost: a\r\n\r\n`);
      await client.until((text) => text.includes('more'));
      client.socket.destroy();
    }
    const metrics = await settled(server, (found) => expect(total(found)).toBe(2));
    for (const mount of ['/async', '/inline']) {
      expect(metrics.value('quaich_disconnects_total', { mount })).toBe(1);
      expect(metrics.value('quaich_requests_total', { mount, status: '2xx' })).toBe(1);
    }
  });

  it('L-42 connections that are refused are counted', async () => {
    const server = await start({ maxConnections: 1 });
    const first = new Client(server.url).send('GET /inline/ HTTP/1.1\r\nHost: a\r\n\r\n');
    await first.until((text) => text.includes('200 OK'));
    expect((await get(server.url, '/inline/')).status).toBe(503);
    first.socket.destroy();
    const metrics = await settled(server, (found) => expect(total(found)).toBe(2));
    const outcomes = ['accepted', 'refused', 'dropped'].map((outcome) =>
      metrics.value('quaich_connections_total', { outcome }),
    );
    expect(outcomes).toEqual([1, 1, 0]);
    expect(metrics.value('quaich_requests_total', { mount: '', status: '5xx' })).toBe(1);
  });

  it('L-42 lines of the access log that are lost are counted', async () => {
    const server = await start({
      accessLogStream: {
        write() {
          throw new Error('full');
        },
      },
    });
    for (let i = 0; i < 3; i++) await get(server.url, '/inline/');
    await settled(server, (found) => expect(found.value('quaich_log_lines_dropped_total')).toBe(3));
  });

  it('L-42 workers that are replaced are counted by cause', async () => {
    const server = await start({ syncWorkers: 1, maxRequests: 20, timeoutStep: 400 });
    const replaced = async (cause: string, count: number) => {
      await settled(server, (found) =>
        expect(found.value('quaich_workers_replaced_total', { kind: 'sync', cause }), cause).toBe(count),
      );
    };
    await get(server.url, '/sync/exit');
    await replaced('died', 1);
    await get(server.url, '/sync/loop?5000');
    await replaced('timeout', 1);
    await server.reload({ apps: APPS, bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1 });
    await replaced('reload', 1);
    for (let i = 0; i < 20; i++) expect((await get(server.url, '/sync/')).status).toBe(200);
    await replaced('requests', 1);
    for (const cause of ['died', 'timeout', 'reload']) await replaced(cause, 1);
    await replaced('startup', 0);
  });
});

describe('the status address', () => {
  it('L-42 exists only where it is asked for', async () => {
    const server = await start({ status: undefined });
    expect(server.statusUrl).toBeNull();
  });

  it('L-42 tells all of it as JSON', async () => {
    const server = await start();
    for (let i = 0; i < 5; i++) await get(server.url, '/sync/');
    await settled(server, (found) => expect(total(found)).toBe(5));
    const told = JSON.parse((await get(String(server.statusUrl), '/status')).text);
    expect(told).toMatchObject({
      stage: 'ready',
      ready: true,
      node: process.version,
      requests: { inProgress: 0, queued: 0 },
      connections: { accepted: 5, refused: 0, dropped: 0 },
      logLinesDropped: 0,
    });
    expect(told.mounts[0]).toMatchObject({
      mount: '/sync',
      kind: 'sync',
      statuses: { '2xx': 5, '3xx': 0, '4xx': 0, '5xx': 0 },
      total: { count: 5, p50: expect.any(Number), p99: expect.any(Number) },
    });
    expect(told.recent.total.count).toBe(5);
    expect(told.workers.map(({ kind, state }: { kind: string; state: string }) => `${kind} ${state}`)).toEqual([
      'sync idle',
      'sync idle',
      'async idle',
    ]);
  });

  it('L-42 knows its pages, and no method that would change anything', async () => {
    const server = await start();
    const answers = ['/nothing', '/statuses', '/constructor', '//metrics'].map((path) =>
      get(`${server.statusUrl}`, path),
    );
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    const client = new Client(`${server.statusUrl}`);
    const text = await client
      .send('POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      .all();
    expect(text).toMatch(/^HTTP\/1\.1 405 [\s\S]*\r\nAllow: GET, HEAD\r\n/);
  });

  it.skipIf(process.platform === 'win32')('L-42 may be a Unix socket, with the rights of sockets', async () => {
    const path = join(folder, 'status.sock');
    const server = await start({ status: `unix:${path}`, socketMode: '600' });
    expect(server.statusUrl).toBe(`unix:${path}`);
    expect((await get(`unix:${path}`, '/ready')).text).toBe('ready\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('L-42 that cannot be had keeps the server from starting', async () => {
    const first = await start();
    const { host } = new URL(String(first.statusUrl));
    await expect(start({ status: host })).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+: the port is in use/);
    await expect(start({ bind: host, status: host })).rejects.toThrow(/is given twice/);
    await expect(start({ status: 'fastcgi://127.0.0.1:0' })).rejects.toThrow(/status: expected an address for HTTP/);
  });

  it('L-42 needs a package, and says so where it is missing', async () => {
    // Stands in for an installation without it.
    const hooks =
      "export const resolve = (name, context, next) => { if (name === 'prom-client') throw new Error('not found'); return next(name, context); };";
    const file = join(folder, 'without.mjs');
    const url = `data:text/javascript,${encodeURIComponent(hooks)}`;
    writeFileSync(file, `import { register } from 'node:module'; register(${JSON.stringify(url)});`);
    const argv = [`${module}:app`, '-b', '127.0.0.1:0', '--status', '127.0.0.1:0'];
    const { code, stderr } = await ended(
      startCommand(argv, { execArgv: ['--disable-warning=DEP0205', '--import', file] }),
    );
    expect([code, stderr]).toEqual([
      2,
      'quaich: status: needs the package prom-client: type "npm install prom-client"\n',
    ]);
    rmSync(file);
  });

  it('L-42 answers before the applications have started up', async () => {
    const slow = join(folder, 'slow.mjs');
    const started = join(folder, 'started');
    writeFileSync(
      slow,
      `import { existsSync } from 'node:fs';
       import { setTimeout as sleep } from 'node:timers/promises';
       export const startup = async () => { while (!existsSync('${started}')) await sleep(5); };
       export function app(environ, startResponse) { startResponse('200 OK', []); return []; }`,
    );
    const path = join(folder, 'early.sock');
    const starting = start({ apps: slow, status: `unix:${path}`, syncWorkers: 1 });
    await vi.waitFor(async () => expect((await get(`unix:${path}`, '/live')).status).toBe(200), 10_000);
    expect(await get(`unix:${path}`, '/ready')).toEqual({ status: 503, text: 'the server is starting\n' });
    writeFileSync(started, '');
    await starting;
    expect((await get(`unix:${path}`, '/ready')).status).toBe(200);
  });
});
