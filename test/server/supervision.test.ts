/** What a server does when workers die, do not start, do not end, or leave errors behind: by real threads. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client, header, parseResponses, type WireResponse } from './client.ts';
import { busy, inProgress } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/supervised.mjs', import.meta.url));
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const running: Server[] = [];
let messages = '';
/** When a worker did not start, in milliseconds. */
const failures: number[] = [];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-supervised-'));
  process.env.SUPERVISED = folder;
  messages = '';
  failures.length = 0;
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
  delete process.env.SUPERVISED;
  rmSync(folder, { recursive: true });
});

async function start(name: string, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: name }],
    bind: '127.0.0.1:0',
    timeoutGraceful: 500,
    errorLog: {
      write: (text) => {
        messages += text;
        if (text.includes('did not start')) failures.push(performance.now());
      },
    },
    ...options,
  });
  running.push(server);
  return server;
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

async function ask({ url }: { url: string }, path: string): Promise<WireResponse> {
  return parseResponses(await new Client(url).send(GET(path)).all())[0];
}

/** The thread that answers. */
const thread = async (server: Server): Promise<string> => (await ask(server, '/')).body;

/** What the test waits for happens soon, on a busy machine too. */
const soon = { timeout: 15_000, interval: 20 };

const report = (what: RegExp) => vi.waitFor(() => expect(messages).toMatch(what), soon);

const kinds = [
  ['sync', 'app'],
  ['async', 'asyncApp'],
] as const;

describe.each(kinds)('a %s worker that does not start again', (kind, name) => {
  it.each([
    ['its module does not load', 'load', 'RangeError: the module is broken'],
    ['its startup hook throws', 'startup', 'RangeError: the database is down'],
    ['a promise of its module is rejected', 'reject', 'RangeError: the module is broken'],
    ['it exits', 'exit', 'supervised\\.mjs: it ended its thread as process\\.exit does, with exit code 5'],
  ])('L-05 L-20 because %s, is tried again until it does; meanwhile requests get 503', async (_why, how, reason) => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    writeFileSync(join(folder, how), '');
    expect((await ask(server, '/exit')).status).toBe(500);
    // It waits for a successor, until that has failed.
    expect((await ask(server, '/')).status).toBe(503);
    await report(new RegExp(`${kind} worker \\d did not start: .*${reason}`));
    const refused = await vi.waitFor(async () => {
      const response = await ask(server, '/');
      expect([response.status, header(response, 'Retry-After')]).toEqual([503, '1']);
      return response;
    }, soon);
    expect(refused.body).toContain('no worker is ready');
    // The module cache of a thread that failed would keep the error.
    rmSync(join(folder, how));
    await vi.waitFor(async () => expect((await ask(server, '/')).status).toBe(200), soon);
    await server.close();
  });

  it('L-05 is tried again with growing delay', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    writeFileSync(join(folder, 'startup'), '');
    await ask(server, '/exit');
    await vi.waitFor(() => expect(failures.length).toBeGreaterThan(3), soon);
    // 100, 200, 400 milliseconds, and the time of a start each.
    expect(failures[3] - failures[2]).toBeGreaterThan(400);
    expect(failures[2] - failures[1]).toBeGreaterThan(200);
  });

  it('L-08 L-11 does not keep the server from stopping', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    writeFileSync(join(folder, 'load'), '');
    await ask(server, '/exit');
    await report(/did not start/);
    const begun = performance.now();
    await server.close();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('L-05 leaves the others serving', async () => {
    const server = await start(name, { syncWorkers: 2, asyncWorkers: 2 });
    writeFileSync(join(folder, 'load'), '');
    await ask(server, '/exit');
    await report(/did not start/);
    for (let i = 0; i < 10; i++) expect((await ask(server, '/')).status).toBe(200);
  });
});

describe.each(kinds)('a %s worker that has served and dies', (kind, name) => {
  it('G-147 is replaced without delay, however often', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      expect((await ask(server, '/exit')).status).toBe(500);
      const begun = performance.now();
      expect((await ask(server, '/')).status).toBe(200);
      times.push(performance.now() - begun);
    }
    // With doubled delays the last ones would wait for 6 and 13 seconds.
    expect(times.toSorted((a, b) => a - b)[3]).toBeLessThan(2500);
  });

  it('G-147 is reported once: why it ended, and the requests that ended with it', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    await ask(server, '/exit?a=%1b[2J');
    await report(/ended/);
    expect(messages).toBe(
      `quaich: ${kind} worker 0 ended: its thread exited with code 3\n` +
        'requests that ended with it, their bodies not closed (G-147):\n' +
        `  GET "/exit?a=%1b[2J" of ${module}\n`,
    );
  });

  it('G-147 is reported with the class of the error that ended it', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1, limitWorkerMemory: '64m' });
    await ask(server, '/memory');
    await report(/ended: Error.*reaching memory limit[\s\S]*GET "\/memory"/);
  }, 60_000);
});

describe.each([
  ['sync', 'app', '/native?2'],
  ['async', 'asyncApp', '/slow?2000'],
])('a %s worker that runs out of memory', (_kind, name, slow) => {
  it('L-31 ends the requests that it has, and no other', async () => {
    const server = await start(name, { syncWorkers: 2, asyncWorkers: 2, limitWorkerMemory: '64m' });
    // Two requests at a time are with two workers.
    const [other, own] = await Promise.all([ask(server, slow), ask(server, '/memory')]);
    expect([other.status, own.status]).toEqual([200, 500]);
    expect((await ask(server, '/')).status).toBe(200);
  }, 60_000);
});

describe('a worker that cannot be ended, because it is inside native code', () => {
  it('G-148 B-40 has a successor at once', async () => {
    const server = await start('app', { syncWorkers: 1, timeoutStep: 200 });
    const begun = performance.now();
    const stuck = new Client(server.url).send(GET('/native?12'));
    // Nor is its client kept waiting for that.
    expect(parseResponses(await stuck.all())[0].status).toBe(500);
    expect((await ask(server, '/')).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(9000);
    // Until the system has ended it, nothing can be told of it; the server says so and goes.
    await expect(server.close()).rejects.toMatchObject({ code: 'QUAICH_STUCK' });
    expect(performance.now() - begun).toBeLessThan(11_500);
  });
});

describe('a worker whose successor fails once', () => {
  it('L-05 L-16 is replaced later, and no worker is left over', async () => {
    const server = await start('app', { syncWorkers: 2, maxRequests: 5 });
    writeFileSync(join(folder, 'startup'), '');
    const serving = async (): Promise<Set<string>> =>
      new Set(await Promise.all(Array.from({ length: 20 }, () => thread(server))));
    await vi.waitFor(async () => {
      await serving();
      expect(messages).toContain('did not start');
    }, soon);
    const before = await serving();
    expect(before.size).toBeLessThanOrEqual(2);
    rmSync(join(folder, 'startup'));
    await vi.waitFor(async () => {
      const now = await serving();
      expect([...before].filter((one) => now.has(one))).toEqual([]);
    }, soon);
  });
});

describe('requests that no worker comes to', () => {
  it('G-148 get 503 when they have waited too long', async () => {
    const server = await start('app', { syncWorkers: 2, timeoutQueue: 300, status: '127.0.0.1:0' });
    const stuck = [1, 2].map(() => new Client(server.url).send(GET('/stuck')));
    await busy(server, 2);
    const responses = await Promise.all([1, 2, 3].map(() => ask(server, '/')));
    for (const response of responses) {
      expect([response.status, header(response, 'Retry-After')]).toEqual([503, '1']);
      expect(response.body).toContain('all workers are busy');
    }
    for (const { socket } of stuck) socket.destroy();
  });

  it('G-148 get 503 also where there is no room for them', async () => {
    const server = await start('asyncApp', {
      asyncWorkers: 1,
      asyncRequests: 1,
      timeoutQueue: 300,
      status: '127.0.0.1:0',
    });
    const slow = new Client(server.url).send(GET('/slow?3000'));
    await inProgress(server);
    const head = await new Client(server.url).send(GET('/').replace('GET', 'HEAD')).all();
    expect(head).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n[\s\S]*\r\n\r\n$/);
    expect(await slow.until((text) => text.includes('200 OK'))).toContain('200 OK');
    expect((await ask(server, '/')).status).toBe(200);
    slow.socket.destroy();
  });
});

const lateErrors = ['/rejection', '/timer', '/microtask', '/tick', '/object'];

describe.each(kinds)('an error outside of any request, on a %s worker', (kind, name) => {
  it.each(lateErrors)('G-146 harms no other request: %s', async (path) => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1, uncaughtErrors: 'report' });
    const slow = kind === 'async' ? ask(server, '/slow?300') : ask(server, '/');
    const before = await thread(server);
    expect((await ask(server, path)).status).toBe(200);
    await report(new RegExp(`an error outside of any request in ${kind} worker 0 \\(G-146\\): `));
    expect((await slow).status).toBe(200);
    // It goes on.
    expect(await thread(server)).toBe(before);
    if (path === '/rejection') expect(messages).toMatch(/TypeError: forgotten\n.*supervised\.mjs:\d+[\s\S]*the cause/);
  });

  it('G-146 has the worker replaced, once in a while, which ends its requests meanwhile', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1, timeoutGraceful: 10_000 });
    const before = await thread(server);
    const slow = kind === 'async' ? ask(server, '/slow?2000') : Promise.resolve(null);
    await Promise.all([1, 2, 3, 4, 5].map(() => ask(server, '/timer')));
    await vi.waitFor(async () => expect(await thread(server)).not.toBe(before), soon);
    const successor = await thread(server);
    expect((await slow)?.body ?? before).toBe(before);
    for (let i = 0; i < 20; i++) expect((await ask(server, '/timer')).status).toBe(200);
    expect(await thread(server)).toBe(successor);
    expect(messages.split('which is replaced')).toHaveLength(2);
  });
});

describe('a request that waits for what an error outside of it has ended', () => {
  it('G-146 gets 500 within the limit of its worker, which is replaced', async () => {
    const server = await start('asyncApp', { asyncWorkers: 1, timeoutGraceful: 1500 });
    expect((await ask(server, '/never')).status).toBe(500);
    expect(messages).toContain('its requests went on for 1500 ms behind its successor');
    expect((await ask(server, '/')).status).toBe(200);
  });
});

describe('an error outside of any request, inline', () => {
  it('G-146 ends neither the process nor other requests', async () => {
    const args = [main, `${module}:asyncApp`, '--inline', '--bind', '127.0.0.1:0'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const url = await vi.waitFor(() => {
      const [, found] = /listening on (\S+)/.exec(errors) ?? [];
      expect(found).toBeDefined();
      return found;
    }, soon);
    const status = async (path: string) => (await ask({ url }, path)).status;
    const slow = status('/slow?500');
    for (const path of lateErrors) expect(await status(path)).toBe(200);
    expect(await slow).toBe(200);
    await vi.waitFor(() => expect(errors.split('outside of any request (G-146)')).toHaveLength(6), soon);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });
});

describe.each([
  ['sync', 'endless'],
  ['async', 'asyncEndless'],
])('a shutdown hook of a %s worker that does not end', (_kind, name) => {
  it('L-10 is a failure of the stop, too, where it ends its thread', async () => {
    const server = await start(`${name}Exit`, { syncWorkers: 1, asyncWorkers: 1 });
    await expect(server.close()).rejects.toThrow('1 shutdown hooks');
    expect(messages).toContain('worker 0 ended: its thread exited with code 0');
  });

  it('L-10 L-11 is cut short, and makes the stop a failure', async () => {
    const server = await start(name, { timeoutGraceful: 100, syncWorkers: 1, asyncWorkers: 1 });
    const begun = performance.now();
    await expect(server.close()).rejects.toThrow('1 shutdown hooks');
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe.skipIf(process.platform !== 'linux')('the files of a worker that dies', () => {
  const open = (): number => readdirSync('/proc/self/fd').length;

  /** The file, whose worker dies while it is sent to a client that has stopped reading. */
  async function acrossDeath(server: Server, path: string): Promise<WireResponse> {
    const client = new Client(server.url).send(GET(`${path}?${join(folder, 'file')}`));
    await client.until((text) => text.length > 100_000);
    client.socket.pause();
    await ask(server, '/exit');
    await thread(server);
    // Whatever is opened now may not have the number of the file.
    await ask(server, '/open');
    client.socket.resume();
    return parseResponses(await client.all())[0];
  }

  it.each(kinds)('L-21 are closed: %s', async (_kind, name) => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    await ask(server, '/');
    const before = open();
    for (let i = 0; i < 3; i++) {
      await ask(server, '/open');
      await ask(server, '/exit');
      await thread(server);
    }
    await vi.waitFor(() => expect(open()).toBeLessThan(before + 15), soon);
  });

  it.each(kinds)('L-21 are closed, and nothing that has got the number of one: %s', async (_kind, name) => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1 });
    for (let i = 0; i < 5; i++) await ask(server, `/fifo?${fifo}`);
    // Connections that get the numbers which the pipe had.
    const clients = Array.from({ length: 10 }, () => new Client(server.url));
    for (const client of clients) client.send(GET('/').replace('Connection: close', 'A: b'));
    for (const client of clients) await client.until((text) => text.includes('200 OK'));
    await ask(server, '/exit');
    await thread(server);
    for (const client of clients) {
      expect(parseResponses(await client.send(GET('/')).all()).map(({ status }) => status)).toEqual([200, 200]);
    }
  });

  it('L-21 G-166 but those that are being sent, which are sent to their end', async () => {
    const content = Buffer.alloc(20_000_000, 'quaich ');
    writeFileSync(join(folder, 'file'), content);
    const server = await start('asyncApp', { asyncWorkers: 1 });
    await ask(server, '/');
    const before = open();
    const response = await acrossDeath(server, '/file');
    expect(Buffer.from(response.body, 'latin1').equals(content)).toBe(true);
    await ask(server, '/exit');
    await thread(server);
    await vi.waitFor(() => expect(open()).toBeLessThanOrEqual(before + 2), soon);
  });

  it('L-21 G-141 and none is sent that Node closes with the thread: the response breaks off with it', async () => {
    const content = Buffer.alloc(20_000_000, 'quaich ');
    writeFileSync(join(folder, 'file'), content);
    const server = await start('asyncApp', { asyncWorkers: 1 });
    const whole = await ask(server, `/handle?${join(folder, 'file')}`);
    expect(Buffer.from(whole.body, 'latin1').equals(content)).toBe(true);
    const response = await acrossDeath(server, '/handle');
    expect(response.complete).toBe(false);
    expect(content.subarray(0, response.body.length).equals(Buffer.from(response.body, 'latin1'))).toBe(true);
  });
});
