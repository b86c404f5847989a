/** L-50: a mount with workers of its own, beside mounts that share theirs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AppOptions, type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import * as scgi from '../protocols/scgi-client.ts';
import { Client, header, parseResponses, type WireResponse } from './client.ts';
import { ended, get, ready, start as startCommand } from './command.ts';
import { inProgress, scrape } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/mount-workers.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-mounts-'));
const broken = join(folder, 'broken');
process.env.QUAICH_TEST_BROKEN = broken;
const running: Server[] = [];

afterEach(() => Promise.all(running.splice(0).map((server) => server.close().catch(() => {}))));
afterAll(() => rmSync(folder, { recursive: true }));

const mount = (prefix: string, kind: string, workers?: number): AppOptions => ({
  module,
  prefix,
  export: kind,
  ...(workers !== undefined && { workers }),
});

async function start(apps: AppOptions[], options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps,
    bind: '127.0.0.1:0',
    syncWorkers: 2,
    asyncWorkers: 1,
    errorLog: { write() {} },
    ...options,
  });
  running.push(server);
  return server;
}

async function send(url: string, path: string, body = '', fields = ''): Promise<WireResponse> {
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${fields}\r\n`;
  return parseResponses(await new Client(url).send(head + body).all())[0];
}

const KINDS = [
  ['pooled sync', 'sync'],
  ['pooled async', 'async'],
] as const;

describe.each(KINDS)('a mount with workers of its own: %s', (_, kind) => {
  const apps = [mount('', kind), mount('/heavy', kind, 1)];

  it('L-50 keeps no other mount waiting when it is busy, and waits for none', async () => {
    const server = await start(apps, { status: '127.0.0.1:0' });
    const file = join(folder, `${kind}-held`);
    const held = [1, 2, 3].map(() => get(server.url, `/heavy/hold?${file}`));
    await inProgress(server, 3);
    // They are held for as long as there is no file.
    for (let i = 0; i < 20; i++) expect((await get(server.url, '/light')).status).toBe(200);
    writeFileSync(file, '');
    for (const one of held) expect((await one).status).toBe(200);
    rmSync(file);
    const others = [1, 2, 3].map(() => get(server.url, `/hold?${file}`));
    await inProgress(server, 3);
    expect((await get(server.url, '/heavy/light')).status).toBe(200);
    writeFileSync(file, '');
    for (const one of others) expect((await one).status).toBe(200);
  });

  it('L-50 has its own threads, and knows how many', async () => {
    const server = await start([mount('', kind), mount('/one', kind, 1), mount('/two', kind, 2)]);
    const seen = async (path: string) => {
      const responses = await Promise.all(Array.from({ length: 12 }, () => send(server.url, path)));
      return {
        threads: new Set(responses.map((response) => header(response, 'X-Thread'))),
        multiprocess: new Set(responses.map((response) => header(response, 'X-Multiprocess'))),
      };
    };
    const [shared, one, two] = [await seen('/'), await seen('/one'), await seen('/two')];
    const all = [shared, one, two].flatMap(({ threads }) => [...threads]);
    expect([one.threads.size, new Set(all).size]).toEqual([1, all.length]);
    expect([...one.multiprocess, ...two.multiprocess]).toEqual(['false', 'true']);
    expect(server.applications.map(({ where }) => where)).toEqual([
      kind === 'sync' ? '2 sync workers' : '1 async worker',
      `1 ${kind} worker of its own`,
      `2 ${kind} workers of its own`,
    ]);
  });

  it.each(['/heavy/echo', '/echo'])('L-50 gets heads, bodies and answers whole: %s', async (path) => {
    const server = await start(apps, { bind: ['127.0.0.1:0', 'scgi://127.0.0.1:0'], limitRequestFields: 200 });
    const body = Array.from({ length: 300_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
    const fields = Array.from({ length: 90 }, (_, i) => `X-Field-${i}: ${i}\r\n`).join('');
    const response = await send(server.url, path, body, `${fields}X-Last: last\r\n`);
    expect([header(response, 'X-Fields'), header(response, 'X-Last')]).toEqual(['91', 'last']);
    expect(response.body === body).toBe(true);
    const chunked = new Client(server.url).send(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let i = 0; i < 50; i++) chunked.send(`3e8\r\n${body.slice(i * 1000, (i + 1) * 1000)}\r\n`);
    const [second] = parseResponses(await chunked.send('0\r\n\r\n').all());
    expect(second.body === body.slice(0, 50_000)).toBe(true);
    const front = new Client(server.urls[1]).send(scgi.request({ DOCUMENT_URI: path, REQUEST_URI: path }, body));
    expect((await front.all()).endsWith(`\r\n\r\n${body}`)).toBe(true);
  });

  it('L-50 is told of by status, metrics and messages', async () => {
    let log = '';
    const server = await start([...apps, mount('/é', kind, 1)], {
      status: '127.0.0.1:0',
      errorLog: { write: (text) => (log += text) },
    });
    expect((await get(server.url, '/heavy/exit')).status).toBe(500);
    await vi.waitFor(async () => {
      const metrics = await scrape(server.statusUrl);
      const died = (mount: string) => metrics.value('quaich_workers_replaced_total', { mount, kind, cause: 'died' });
      expect([died('/heavy'), died('/é'), died('')]).toEqual([1, 0, 0]);
      const idle = (mount: string) => metrics.value('quaich_workers', { mount, kind, state: 'idle' });
      expect([idle('/heavy'), idle('/é'), idle('')]).toEqual([1, 1, kind === 'sync' ? 2 : 1]);
    }, 20_000);
    expect(log).toMatch(new RegExp(`^quaich: /heavy: ${kind} worker 0 ended: `, 'm'));
    const { workers } = JSON.parse((await get(String(server.statusUrl), '/status')).text);
    expect(new Set(workers.map(({ mount }: { mount: string }) => mount))).toEqual(new Set(['', '/heavy', '/é']));
    expect((await get(String(server.statusUrl), '/')).text).toContain(`${kind} 0 of /é`);
  });
});

describe('workers of a mount', () => {
  it('L-50 that cannot start again make the server unready, while others serve', async () => {
    const server = await start([mount('', 'sync'), mount('/own', 'sync', 1)], { healthPath: '/healthz' });
    writeFileSync(broken, '');
    try {
      expect((await get(server.url, '/own/exit')).status).toBe(500);
      await vi.waitFor(async () => expect((await get(server.url, '/healthz')).status).toBe(503), 20_000);
      expect((await get(server.url, '/own')).status).toBe(503);
      expect((await get(server.url, '/')).status).toBe(200);
    } finally {
      rmSync(broken);
    }
    await vi.waitFor(async () => expect((await get(server.url, '/healthz')).status).toBe(200), 20_000);
    expect((await get(server.url, '/own')).status).toBe(200);
  });

  it('L-50 take part in reloads; another number of them needs a new start', async () => {
    const apps = [mount('', 'sync'), mount('/own', 'async', 1)];
    const server = await start(apps);
    const threads = () =>
      Promise.all(['/', '/own'].map(async (path) => header(await send(server.url, path), 'X-Thread')));
    const [before, own] = await threads();
    const options = { bind: '127.0.0.1:0', syncWorkers: 2, asyncWorkers: 1, errorLog: { write() {} } };
    expect(await server.reload({ ...options, apps: [apps[0], mount('/own', 'async', 2)] })).toEqual([
      'the workers of /own',
    ]);
    const [after, ownAfter] = await threads();
    expect([after === before, ownAfter === own]).toEqual([false, false]);
  });

  it('L-50 go before the setting that all async applications run inline', async () => {
    const server = await start([mount('', 'async'), mount('/own', 'async', 1)], { inline: true });
    expect(server.applications.map(({ where }) => where)).toEqual(['inline', '1 async worker of its own']);
    expect((await send(server.url, '/own', 'text')).body).toBe('text');
    expect((await send(server.url, '/', 'text')).body).toBe('text');
  });

  it('L-50 are given in the configuration file', async () => {
    const apps = [
      { prefix: '/', module, export: 'sync' },
      { prefix: '/own', module, export: 'sync', workers: 1 },
    ];
    const file = join(folder, 'own.config.json');
    writeFileSync(file, JSON.stringify({ apps, bind: '127.0.0.1:0' }));
    const command = startCommand(['--config', file], { cwd: folder });
    const [url] = await ready(command);
    expect(command.stderr).toMatch(/^\/own .* sync application · 1 sync worker of its own$/m);
    expect((await get(url, '/own')).status).toBe(200);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });

  it.each([
    [{ workers: 0 }, 'apps.workers: expected a whole number from 1 to 256, got 0'],
    [{ workers: '2' }, 'apps.workers: expected a whole number from 1 to 256, got "2"'],
    [{ workers: 2, inline: true }, 'apps.workers: expected none, since an inline application has no workers, got 2'],
  ])('L-50 are refused: %j', async (given, message) => {
    await expect(start([{ ...mount('', 'async'), ...given } as AppOptions])).rejects.toThrow(message);
  });
});
