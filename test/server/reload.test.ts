// L-27: applications are loaded again while requests go on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Command, dist, ended, get, ready, start } from './command.ts';

type Serve = typeof import('../../src/server/index.ts').serve;
const { serve }: { serve: Serve } = await import(join(dist, 'src/server/index.js'));

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quaich-reload-'));
  write('package.json', '{"type":"module"}');
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

/** An application of either kind that answers with this text, and below /slow after so many milliseconds. */
const site = (kind: 'sync' | 'async', text: string, slow = 1000) =>
  kind === 'sync'
    ? `export function app(environ, startResponse) {
         if (environ.PATH_INFO === '/slow') {
           console.log('begun');
           Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${slow});
         }
         startResponse('200 OK', []);
         return [new TextEncoder().encode('${text}' + (environ.STAGE ?? ''))];
       }`
    : `export async function app(environ, startResponse) {
         if (environ.PATH_INFO === '/slow') {
           console.log('begun');
           await new Promise((resolve) => setTimeout(resolve, ${slow}));
         }
         startResponse('200 OK', []);
         return [new TextEncoder().encode('${text}' + (environ.STAGE ?? ''))];
       }`;

const quaich = (...argv: string[]) => start([...argv, '-b', '127.0.0.1:0'], { cwd: directory });

/** Sends SIGHUP, and waits for what the command says of it. */
async function hangUp(command: Command, said = /^reloaded$/gm): Promise<void> {
  const before = command.stderr.match(said)?.length ?? 0;
  command.child.kill('SIGHUP');
  await vi.waitFor(() => expect(command.stderr.match(said)?.length ?? 0, command.stderr).toBe(before + 1), 20_000);
}

/** Milliseconds between two requests of a client: new workers need the processors, too. */
const PAUSE = 5;

/** Sends requests all the time, until told to stop; fulfils with the texts of the answers, of which none is missing. */
function load(url: string, connections = 4, path = '/'): () => Promise<Set<string>> {
  let going = true;
  const texts = new Set<string>();
  const client = async () => {
    while (going) {
      const { status, text } = await get(url, path);
      if (status !== 200) throw new Error(`status ${status}: ${text}`);
      texts.add(text);
      await sleep(PAUSE);
    }
  };
  const clients = Promise.all(Array.from({ length: connections }, client));
  clients.catch(() => {});
  return async () => {
    going = false;
    await clients;
    return texts;
  };
}

describe.skipIf(process.platform === 'win32')('SIGHUP', () => {
  it.each(['sync', 'async'] as const)('L-27 gives new requests to new code, %s, and loses none', async (kind) => {
    write('site.js', site(kind, 'old'));
    const command = quaich('./site.js', '--sync-workers', '2', '--async-workers', '2');
    const [url] = await ready(command);
    const slow = get(url, '/slow');
    await vi.waitFor(() => expect(command.stdout).toBe('begun\n'), 20_000);
    const stop = load(url);
    write('site.js', site(kind, 'new'));
    await hangUp(command);
    for (let i = 0; i < 20; i++) expect((await get(url)).text).toBe('new');
    expect((await slow).text).toBe('old');
    expect([...(await stop())].sort()).toEqual(['new', 'old']);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });

  it('L-27 many in a row, beside requests that go on, lose nothing', async () => {
    write('site.js', site('sync', 'text 0', 300));
    const command = quaich('./site.js', '--sync-workers', '2', '--timeout-graceful', '5s');
    const [url] = await ready(command);
    const [stop, stopSlow] = [load(url, 2), load(url, 1, '/slow')];
    for (let i = 1; i <= 8; i++) {
      write('site.js', site('sync', `text ${i}`, 300));
      await hangUp(command);
      expect((await get(url)).text).toBe(`text ${i}`);
    }
    expect((await stop()).size).toBeGreaterThan(1);
    await stopSlow();
    expect(command.stderr).not.toMatch(/ended|killed/);
  }, 90_000);

  it('L-27 requests that take longer than several reloads are answered, of both kinds, and new code is everywhere', async () => {
    const put = (turn: number) => {
      write('sync.js', site('sync', `sync ${turn}`, 1500));
      write('async.js', site('async', `async ${turn}`, 1500));
    };
    put(0);
    const command = quaich('/=./sync.js', '/async=./async.js', '--sync-workers', '3', '--async-workers', '2');
    const [url] = await ready(command);
    const stops = ['/', '/async', '/slow', '/async/slow'].map((path) => load(url, 2, path));
    for (let turn = 1; turn <= 6; turn++) {
      put(turn);
      await hangUp(command);
      expect((await get(url)).text).toBe(`sync ${turn}`);
      expect((await get(url, '/async')).text).toBe(`async ${turn}`);
    }
    for (const stop of stops) expect((await stop()).size).toBeGreaterThan(1);
    expect(command.stderr).not.toMatch(/ended|killed|failed/);
  }, 90_000);

  it.each([
    ['a syntax error', 'export const app = 1 +;', /reload failed, the server goes on as it was: cannot load/],
    [
      'a startup hook that throws',
      `${site('sync', 'bad')}\nexport const startup = () => { throw new Error('no database') };`,
      /reload failed.*no database/,
    ],
    ['an application of another kind', site('async', 'bad'), /has become async, after sync: that needs a new start/],
  ])('L-27 %s leaves the old code in service', async (_, text, message) => {
    write('site.js', site('sync', 'old'));
    const command = quaich('./site.js', '--sync-workers', '2');
    const [url] = await ready(command);
    write('site.js', text);
    await hangUp(command, new RegExp(message, 'g'));
    for (let i = 0; i < 4; i++) expect((await get(url)).text).toBe('old');
    write('site.js', site('sync', 'mended'));
    await hangUp(command);
    for (let i = 0; i < 4; i++) expect((await get(url)).text).toBe('mended');
  });

  it.each([
    ['quaich.config.js', 'export default'],
    ['quaich.config.mjs', 'export default'],
  ])('L-27 reads %s again, and names what needs a new start', async (name, before) => {
    write('site.js', site('sync', 'stage '));
    const config = (stage: string, workers: number, apps = "['./site.js']") =>
      write(
        name,
        `${before} { apps: ${apps}, syncWorkers: ${workers}, backlog: ${100 * workers}, env: { STAGE: '${stage}' } };`,
      );
    config('one', 1);
    const command = quaich();
    const [url] = await ready(command);
    expect((await get(url)).text).toBe('stage one');
    config('two', 2);
    await hangUp(command);
    expect(command.stderr).toContain('2 sync workers from now on, after 1\n');
    expect(command.stderr).toContain('needs a new start to take effect: backlog\n');
    expect((await get(url)).text).toBe('stage two');
    config('three', 1, "['./site.js', '/more=./site.js']");
    await hangUp(command, /mounts that are added or removed need a new start of the server/g);
    expect((await get(url)).text).toBe('stage two');
  });

  it.each([
    ['an async', 'sync.js', 'async.js'],
    ['a sync', 'async.js', 'sync.js'],
  ])(
    'L-34 %s application that does not start keeps those of the other kind as they are, too',
    async (_, good, bad) => {
      write('sync.js', site('sync', 'old'));
      write('async.js', site('async', 'old'));
      const command = quaich('./sync.js', '/async=./async.js', '--sync-workers', '2', '--async-workers', '1');
      const [url] = await ready(command);
      const paths = ['/', '/async/'];
      const stops = paths.map((path) => load(url, 2, path));
      const kindOf = (file: string) => (file === 'sync.js' ? 'sync' : 'async');
      write(good, site(kindOf(good), 'new'));
      // It fails after the others have started up.
      const late = "new Promise((_, reject) => setTimeout(() => reject(new Error('no database')), 1500))";
      write(bad, `${site(kindOf(bad), 'bad')}\nexport const startup = () => ${late};`);
      await hangUp(command, /^quaich: reload failed.*no database/gm);
      for (const stop of stops) expect([...(await stop())]).toEqual(['old']);
      for (const path of paths) expect((await get(url, path)).text).toBe('old');
      write(bad, site(kindOf(bad), 'new'));
      await hangUp(command);
      for (const path of paths) expect((await get(url, path)).text).toBe('new');
      command.child.kill('SIGTERM');
      expect((await ended(command)).code).toBe(0);
    },
    60_000,
  );

  it('L-34 no new worker gets a request before all have started up, and one that dies meanwhile fails the reload', async () => {
    write('sync.js', site('sync', 'old'));
    write('async.js', site('async', 'old'));
    const command = quaich('./sync.js', '/async=./async.js', '--sync-workers', '1', '--async-workers', '1');
    const [url] = await ready(command);
    const exits = 'setTimeout(() => process.exit(7), 300)';
    write('sync.js', `${site('sync', 'bad')}\nexport const startup = () => void ${exits};`);
    const late = 'new Promise((resolve) => setTimeout(resolve, 1500))';
    write('async.js', `${site('async', 'bad')}\nexport const startup = () => ${late};`);
    const stop = load(url, 2);
    await hangUp(command, /^quaich: reload failed.*its thread exited with code 7/gm);
    expect([...(await stop())]).toEqual(['old']);
  });

  it('L-27 inline applications stay as they are, and are named', async () => {
    write('site.js', site('async', 'old'));
    const command = quaich('./site.js', '--inline');
    const [url] = await ready(command);
    write('site.js', site('async', 'new'));
    await hangUp(command);
    expect(command.stderr).toContain('needs a new start to take effect: the inline application at /\n');
    expect((await get(url)).text).toBe('old');
  });

  it('L-27 requests without an end give up their places in time', async () => {
    write('site.js', site('async', 'text', 2 ** 30));
    const command = quaich('./site.js', '--async-workers', '1', '--timeout-graceful', '1s');
    const [url] = await ready(command);
    for (let i = 0; i < 3; i++) {
      get(url, '/slow').catch(() => {});
      await vi.waitFor(() => expect(command.stdout.match(/begun/g)).toHaveLength(i + 1), 20_000);
      await hangUp(command);
    }
    expect((await get(url)).text).toBe('text');
  });

  it('during a stop changes nothing', async () => {
    write('site.js', site('async', 'text', 1000));
    const command = quaich('./site.js');
    const [url] = await ready(command);
    const slow = get(url, '/slow');
    await vi.waitFor(() => expect(command.stdout).toBe('begun\n'), 20_000);
    command.child.kill('SIGTERM');
    // It takes no connections any more.
    await vi.waitFor(() => expect(get(url)).rejects.toThrow(), 20_000);
    command.child.kill('SIGHUP');
    expect((await slow).text).toBe('text');
    const { code, stderr } = await ended(command);
    expect([code, stderr.includes('reload')]).toEqual([0, false]);
  });
});

describe('Server.reload', () => {
  it('L-27 takes other options, one reload after the other, and rejects once the server stops', async () => {
    write('one.js', site('sync', 'one'));
    write('two.js', site('sync', 'two'));
    const options = { directory, bind: '127.0.0.1:0', syncWorkers: 1 };
    const server = await serve({ ...options, apps: './one.js' });
    try {
      const kept = await Promise.all([
        server.reload({ ...options, apps: './two.js', env: { STAGE: '!' } }),
        server.reload({ ...options, apps: './two.js', timeoutHead: '1s' }),
      ]);
      expect(kept).toEqual([[], ['timeoutHead']]);
      expect((await get(server.url)).text).toBe('two');
      await expect(server.reload({ ...options, apps: './three.js' })).rejects.toThrow(/three/);
      expect((await get(server.url)).text).toBe('two');
    } finally {
      await server.close();
    }
    await expect(server.reload({ ...options, apps: './one.js' })).rejects.toThrow('the server is stopping');
  });

  it('L-34 where a worker dies during a reload that fails, the old code goes on with as many workers', async () => {
    const exit = "if (environ.PATH_INFO === '/exit') process.exit(3);";
    write('old.js', site('sync', 'old').replace('{', `{ ${exit}`));
    const late = "new Promise((_, reject) => setTimeout(() => reject(new Error('no database')), 1500))";
    write('new.js', `${site('sync', 'new')}\nexport const startup = () => ${late};`);
    let messages = '';
    const errorLog = { write: (text: string) => (messages += text) };
    const options = { directory, bind: '127.0.0.1:0', syncWorkers: 2, errorLog };
    const server = await serve({ ...options, apps: './old.js' });
    try {
      const reload = server.reload({ ...options, apps: './new.js' });
      const failed = expect(reload).rejects.toThrow('no database');
      for (let i = 0; i < 3; i++) expect((await get(server.url, '/exit')).status).toBe(500);
      const stop = load(server.url);
      await failed;
      expect([...(await stop())]).toEqual(['old']);
      // Two slow ones run at a time, once those that were started in place of the dead are there.
      await vi.waitFor(async () => {
        const begun = performance.now();
        const slow = await Promise.all([get(server.url, '/slow'), get(server.url, '/slow')]);
        expect(slow.map(({ text }) => text)).toEqual(['old', 'old']);
        expect(performance.now() - begun).toBeLessThan(1900);
      }, 20_000);
      expect(messages).not.toContain('did not start');
    } finally {
      await server.close();
    }
  });

  it('L-27 is not waited for by a stop, and leaves nothing behind', async () => {
    write('one.js', site('sync', 'one'));
    write('never.js', `${site('sync', 'never')}\nexport const startup = () => new Promise(() => {});`);
    const options = { directory, bind: '127.0.0.1:0', syncWorkers: 1, timeoutGraceful: 500 };
    const server = await serve({ ...options, apps: './one.js' });
    const reload = server.reload({ ...options, apps: './never.js' }).catch(String);
    await vi.waitFor(async () => expect((await get(server.url)).text).toBe('one'), 5000);
    await server.close();
    expect(await reload).toMatch(/stop/);
  });
});
