/** L-33: the number of sync workers is changed while the server runs. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Command, get, ready, start as startCommand } from './command.ts';

const module = fileURLToPath(new URL('./apps/resized.mjs', import.meta.url));
const running: Server[] = [];
// Many threads are started here.
vi.setConfig({ testTimeout: 90_000 });

let messages = '';
let folder = '';
let folders = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-resized-'));
  messages = '';
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<ServeOptions>): Promise<Server> {
  const errorLog = { write: (text: string) => (messages += text) };
  const server = await serve({ apps: module, bind: '127.0.0.1:0', timeoutGraceful: 500, errorLog, ...options });
  running.push(server);
  return server;
}

const soon = { timeout: 60_000 };

/** Fulfils when so many requests are with a worker each at a time: with the answers of all of them. */
async function meet(url: string, count: number): Promise<Set<string>> {
  const place = join(folder, `${folders++}-${count}`);
  mkdirSync(place);
  const answers = await Promise.all(Array.from({ length: count }, () => get(url, `/meet?${place}`)));
  return new Set(answers.map(({ text }) => text));
}

/** Fulfils when all of many requests are answered by so few workers. */
const onlyBy = (url: string, count: number) =>
  vi.waitFor(async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => get(url)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(count);
  }, soon);

describe('the number of sync workers', () => {
  it('L-33 is raised and lowered, which the log tells', async () => {
    const server = await start({ syncWorkers: 2 });
    await server.addSyncWorkers(1);
    expect((await meet(server.url, 3)).size).toBe(3);
    await server.addSyncWorkers(2);
    // What comes together is done together.
    await Promise.all([server.addSyncWorkers(1), server.addSyncWorkers(-5)]);
    await onlyBy(server.url, 1);
    expect(messages).toBe(
      [
        'quaich: 3 sync workers from now on, after 2\n',
        'quaich: 5 sync workers from now on, after 3\n',
        'quaich: 1 sync workers from now on, after 5\n',
      ].join(''),
    );
  });

  it('L-33 is at least one, and at most what there is room for', async () => {
    const server = await start({ syncWorkers: 2 });
    await server.addSyncWorkers(100);
    expect((await meet(server.url, 8)).size).toBe(8);
    await server.addSyncWorkers(1);
    await server.addSyncWorkers(-100);
    await server.addSyncWorkers(-1);
    await onlyBy(server.url, 1);
    expect(messages).toContain('8 sync workers are the most there can be\n');
    expect(messages).toContain('1 sync workers are the fewest there can be\n');
  });

  it('L-33 G-44 from one to more replaces that one, which was told that it is alone', async () => {
    const server = await start({ syncWorkers: 1 });
    const { text: alone } = await get(server.url);
    expect(alone).toMatch(/ false$/);
    await server.addSyncWorkers(1);
    const answers = [...(await meet(server.url, 2))];
    expect(answers).toEqual([expect.stringMatching(/ true$/), expect.stringMatching(/ true$/)]);
    expect(answers.map((text) => text.split(' ')[0])).not.toContain(alone.split(' ')[0]);
  });

  it('L-33 that is lowered lets running requests end', async () => {
    const server = await start({ syncWorkers: 2 });
    const places = [1, 2].map((name) => join(folder, String(name)));
    for (const place of places) mkdirSync(place);
    const waiting = places.map((place) => get(server.url, `/wait?${place}`));
    for (const place of places) await vi.waitFor(() => expect(existsSync(join(place, 'begun'))).toBe(true), soon);
    await server.addSyncWorkers(-1);
    for (const place of places) writeFileSync(join(place, 'over'), '');
    for (const request of waiting) expect((await request).status).toBe(200);
    await onlyBy(server.url, 1);
    expect(messages).not.toContain('ended');
  });

  it('L-33 stays when workers are replaced', async () => {
    const server = await start({ syncWorkers: 2, maxRequests: 5 });
    await server.addSyncWorkers(1);
    const first = await meet(server.url, 3);
    await vi.waitFor(async () => {
      const { text } = await get(server.url);
      expect(first).not.toContain(text);
    }, soon);
    expect((await meet(server.url, 3)).size).toBe(3);
  });

  it('L-33 L-27 is that of the configuration after a reload, as far as there is room', async () => {
    const server = await start({ syncWorkers: 1 });
    expect(await server.reload({ apps: module, bind: '127.0.0.1:0', syncWorkers: 3 })).not.toContain('syncWorkers');
    expect((await meet(server.url, 3)).size).toBe(3);
    expect(await server.reload({ apps: module, bind: '127.0.0.1:0', syncWorkers: 9 })).toContain('syncWorkers');
    expect((await meet(server.url, 8)).size).toBe(8);
  });

  it('L-33 is no matter of a server without sync applications', async () => {
    const server = await start({ apps: `${module}:asyncApp` });
    await server.addSyncWorkers(1);
    expect(messages).toContain('there are no sync applications');
  });
});

/** Sends a signal, and waits for what the command says of it. */
async function signal(command: Command, name: NodeJS.Signals, said: string): Promise<void> {
  command.child.kill(name);
  await vi.waitFor(() => expect(command.stderr).toContain(said), soon);
}

describe.skipIf(process.platform === 'win32')('SIGTTIN and SIGTTOU', () => {
  it('L-33 raise and lower it, until the configuration is read again', async () => {
    const command = startCommand([module, '--sync-workers', '2', '--bind', '127.0.0.1:0']);
    const [url] = await ready(command);
    await signal(command, 'SIGTTIN', '3 sync workers from now on, after 2\n');
    await signal(command, 'SIGTTIN', '4 sync workers from now on, after 3\n');
    expect((await meet(url, 4)).size).toBe(4);
    await signal(command, 'SIGTTOU', '3 sync workers from now on, after 4\n');
    await signal(command, 'SIGHUP', 'reloaded\n');
    expect(command.stderr).toContain('2 sync workers from now on, after 3\n');
    await onlyBy(url, 2);
    command.child.kill('SIGTERM');
    expect(await command.code).toBe(0);
  });
});
