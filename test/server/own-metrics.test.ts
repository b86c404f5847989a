/** What applications measure with prom-client, at the address of --status. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { get, ready, start as startCommand } from './command.ts';
import { type Scrape, scrape } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/measured.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-own-metrics-'));
afterAll(() => rmSync(folder, { recursive: true }));
const running: Server[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close().catch(() => {}))));

const OPTIONS = {
  apps: [
    { module, export: 'app', prefix: '/sync' },
    { module, export: 'asyncApp', prefix: '/async', inline: false },
    { module, export: 'asyncApp', prefix: '/own', workers: 1 },
    { module, export: 'asyncApp', prefix: '/inline', inline: true },
  ],
  bind: '127.0.0.1:0',
  status: '127.0.0.1:0',
  syncWorkers: 2,
  asyncWorkers: 1,
};
/** Of these options: four workers, and the server's own thread. */
const THREADS = 5;

async function start(options: Partial<ServeOptions> = {}): Promise<Server & { log: string[] }> {
  const log: string[] = [];
  const server = await serve({ ...OPTIONS, errorLog: { write: (text) => log.push(text) }, ...options });
  running.push(server);
  return Object.assign(server, { log });
}

const settled = (server: Server, check: (metrics: Scrape) => void): Promise<Scrape> =>
  vi.waitFor(
    async () => {
      const metrics = await scrape(server.statusUrl);
      check(metrics);
      return metrics;
    },
    { timeout: 15_000, interval: 20 },
  );

const served = (metrics: Scrape, path = '/'): number => metrics.value('site_served_total', { path });

describe('metrics of applications', () => {
  it('L-73 are put together over pooled sync, pooled async and inline, as each says, and agree to the request', async () => {
    const server = await start();
    const paths = ['/sync/', '/async/', '/own/', '/inline/', '/sync/x', '/inline/longer'];
    await Promise.all(paths.flatMap((path) => Array.from({ length: 10 }, () => get(server.url, path))));
    const metrics = await scrape(server.statusUrl);
    expect([served(metrics), served(metrics, '/x'), served(metrics, '/longer')]).toEqual([40, 10, 10]);
    expect(metrics.histogram('site_path_length', {})).toEqual({ count: 60, sum: 130, buckets: [50, 60, 60] });
    expect([metrics.value('site_threads'), metrics.value('site_most')]).toEqual([THREADS, 1]);
    expect(metrics.text).toContain('# HELP site_served_total Requests.\n# TYPE site_served_total counter\n');
    expect(metrics.text).not.toContain('site_secret');
  });

  it('L-73 leave the names of the server to it', async () => {
    const server = await start();
    const metrics = await scrape(server.statusUrl);
    expect(metrics.text).not.toContain('quaich_mine');
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    await scrape(server.statusUrl);
    // Once for each kind and group of workers.
    expect(server.log.join('').match(/metrics of .* quaich_mine is left out/g)).toHaveLength(4);
  });

  it('L-73 are none where a module exports something else by that name', async () => {
    const file = join(folder, 'other.mjs');
    writeFileSync(
      file,
      `export const metrics = { count: 1 };
       export function app(environ, startResponse) { startResponse('200 OK', []); return []; }`,
    );
    const server = await start({ apps: file });
    expect((await scrape(server.statusUrl)).value('quaich_ready')).toBe(1);
    expect((await get(server.url)).status).toBe(200);
  });
});

describe('what they count', () => {
  it('L-74 goes on when workers are replaced, or die', async () => {
    const server = await start({ apps: OPTIONS.apps.slice(0, 1) });
    for (let i = 0; i < 20; i++) await get(server.url, '/sync/');
    await server.reload({ ...OPTIONS, apps: OPTIONS.apps.slice(0, 1) });
    // What the old ones have counted they tell before they leave; what they are, nobody is any more.
    await settled(server, (metrics) => {
      expect(metrics.value('site_threads')).toBe(2);
      expect(metrics.value('quaich_workers')).toBe(2);
      expect(served(metrics)).toBe(20);
    });
    for (let i = 0; i < 20; i++) await get(server.url, '/sync/');
    expect(served(await scrape(server.statusUrl))).toBe(40);
    await get(server.url, '/sync/exit');
    await settled(server, (metrics) => {
      expect(metrics.value('quaich_workers_replaced_total', { cause: 'died' })).toBe(1);
      expect(metrics.value('site_threads')).toBe(2);
      expect(served(metrics)).toBe(40);
      expect(metrics.histogram('site_path_length', {}).count).toBe(40);
    });
  });

  it('L-74 counts as it was told last of a worker that is busy', async () => {
    const server = await start({ apps: OPTIONS.apps.slice(0, 1) });
    for (let i = 0; i < 20; i++) await get(server.url, '/sync/');
    expect(served(await scrape(server.statusUrl))).toBe(20);
    const blocked = [1, 2].map(() => get(server.url, '/sync/block?3000'));
    await settled(server, (metrics) => {
      expect(metrics.value('quaich_workers', { state: 'busy' })).toBe(2);
      expect([served(metrics), served(metrics, '/block')]).toEqual([20, 0]);
    });
    const begun = performance.now();
    expect(served(await scrape(server.statusUrl))).toBe(20);
    expect(performance.now() - begun).toBeLessThan(2000);
    await Promise.all(blocked);
    expect(served(await scrape(server.statusUrl), '/block')).toBe(2);
  });

  it('L-74 has a limit, and what a registry throws keeps nothing else from being told', async () => {
    const file = join(folder, 'hostile.mjs');
    writeFileSync(
      file,
      `const many = Array.from({ length: 40_000 }, (_, i) => ({ value: 1, labels: { i } }));
       const metric = (name, values) => ({ name, type: 'gauge', help: 'x', aggregator: 'sum', values });
       export const metrics = {
         async getMetricsAsJSON() {
           if (globalThis.asked === true) throw new Error('no registry today');
           globalThis.asked = true;
           return [metric('many', many), metric('few', [{ value: 2, labels: {} }]), metric('b"ad', []), null];
         },
       };
       export function app(environ, startResponse) { startResponse('200 OK', []); return []; }`,
    );
    const server = await start({ apps: file, syncWorkers: 1 });
    const first = await scrape(server.statusUrl);
    expect(first.value('few')).toBe(2);
    expect(first.text).not.toMatch(/^many|b"ad/m);
    expect(server.log.join('')).toContain('"b\\"ad" is no metric of prom-client');
    const second = await scrape(server.statusUrl);
    expect([second.value('few'), second.value('quaich_ready')]).toEqual([0, 1]);
    expect(server.log.join('')).toContain('no registry today');
  });

  it.skipIf(process.platform === 'win32')(
    'L-73 L-74 L-51 is one over several processes, one that dies included',
    async () => {
      const argv = [`${module}:app`, '--processes', '2', '--sync-workers', '1', '-b', '127.0.0.1:0'];
      const command = startCommand([...argv, '--status', '127.0.0.1:0']);
      const [url] = await ready(command);
      await vi.waitFor(() => expect(command.stderr).toMatch(/^status on /m), 10_000);
      const [, statusUrl] = /^status on (.*)$/m.exec(command.stderr) ?? [];
      for (let i = 0; i < 20; i++) await get(url);
      const metrics = await scrape(statusUrl);
      expect([served(metrics), metrics.value('site_threads')]).toEqual([20, 2]);
      process.kill(Number((await get(url, '/pid')).text), 'SIGKILL');
      await vi.waitFor(async () => {
        const found = await scrape(statusUrl);
        expect(found.value('quaich_processes_replaced_total')).toBe(1);
        expect([served(found), found.value('site_threads')]).toEqual([20, 2]);
      }, 20_000);
    },
    60_000,
  );
});
