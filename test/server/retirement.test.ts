/** L-16, L-30: workers are replaced by their requests, age and memory, without a request lost. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client } from './client.ts';

const module = fileURLToPath(new URL('./apps/retired.mjs', import.meta.url));
const running: Server[] = [];
const messages: string[] = [];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-retired-'));
  process.env.RETIRED_LOG = join(folder, 'log');
  messages.length = 0;
});

afterEach(async () => {
  delete process.env.RETIRED_LOG;
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
  rmSync(folder, { recursive: true });
});

async function start(name: string, options: Partial<ServeOptions>): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: name }],
    bind: '127.0.0.1:0',
    errorLog: { write: (text) => messages.push(text) },
    ...options,
  });
  running.push(server);
  return server;
}

const lifespan = (what: string): string[] =>
  readFileSync(join(folder, 'log'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(what))
    .map((line) => line.slice(what.length + 1));

/** Requests one after the other on each of several connections; what was answered, as thread and count. */
async function load(server: Server, connections: number, requests: number): Promise<[thread: string, seen: number][]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const answers: [string, number][] = [];
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      http
        .get(server.url, { agent }, (response) => {
          let body = '';
          response.setEncoding('latin1');
          response.on('data', (text) => {
            body += text;
          });
          response.on('end', () => {
            const [thread, seen] = body.split(' ');
            if (response.statusCode === 200) answers.push([thread, Number(seen)]);
            resolve();
          });
          response.on('error', reject);
        })
        .on('error', reject);
    });
  const one = async () => {
    for (let i = 0; i < requests; i++) await ask();
  };
  await Promise.all(Array.from({ length: connections }, one));
  agent.destroy();
  return answers;
}

describe.each([
  ['pooled sync', 'app', 1],
  ['pooled sync', 'app', 3],
  ['pooled async', 'asyncApp', 1],
  ['pooled async', 'asyncApp', 3],
])('%s', (_way, name, workers) => {
  it.each([
    ['L-16 L-09 after their requests', { maxRequests: 40, maxRequestsJitter: 10 }],
    ['L-30 at their age', { recycleAge: 300 }],
  ])(
    `%s workers are replaced under load, each after its shutdown, and no request is lost: ${workers}`,
    async (...row) => {
      const server = await start(name, { syncWorkers: workers, asyncWorkers: workers, ...row[1] });
      const answers: [thread: string, seen: number][] = [];
      const threads = new Set<string>();
      // The first ones and some successors: how soon depends on how long a thread takes to start.
      for (let asked = 0; threads.size < workers + 3; asked += 400) {
        expect(answers).toHaveLength(asked);
        answers.push(...(await load(server, 8, 50)));
        for (const [thread] of answers) threads.add(thread);
      }
      // New threads, not old ones with what their modules have kept.
      for (const thread of threads) {
        const seen = answers.filter(([other]) => other === thread).map(([, count]) => count);
        expect(seen.toSorted((a, b) => a - b)).toEqual(seen.map((_, i) => i + 1));
      }
      await server.close();
      expect(new Set(lifespan('startup')).size).toBe(lifespan('startup').length);
      expect(lifespan('shutdown').toSorted()).toEqual(lifespan('startup').toSorted());
      expect(messages.join('')).not.toContain('ended');
    },
  );
});

describe.each([
  ['sync', 'app', 'growing'],
  ['async', 'asyncApp', 'asyncGrowing'],
])('L-30 a %s worker', (kind, name, growing) => {
  it('is replaced at its age, also when it has nothing to do, and its successor starts first', async () => {
    await start(name, { syncWorkers: 1, asyncWorkers: 1, recycleAge: 200 });
    await vi.waitFor(() => expect(lifespan('shutdown').length).toBeGreaterThan(2), { timeout: 20_000 });
    let serving = 0;
    for (const line of readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')) {
      serving += line.startsWith('startup') ? 1 : -1;
      expect(serving).toBeGreaterThan(0);
    }
    expect(messages.join('')).toMatch(new RegExp(`${kind} worker \\d is replaced after \\d+ s\n`));
  });

  it('is replaced when it has too much memory, and no request is lost', async () => {
    const server = await start(growing, { syncWorkers: 1, asyncWorkers: 1, recycleMemory: '100m' });
    const told = new RegExp(`${kind} worker 0 is replaced with \\d{3,} MiB of memory\n`);
    const threads = new Set<string>();
    for (let asked = 0; threads.size < 2; asked += 40) {
      const answers = await load(server, 4, 10);
      expect(answers).toHaveLength(40);
      for (const [thread] of answers) threads.add(thread);
      expect(asked, messages.join('')).toBeLessThan(4000);
    }
    expect(messages.join('')).toMatch(told);
    expect(messages.join('')).not.toContain('ended');
  });

  it('is replaced for its memory now and then, where the limit is less than what it needs', async () => {
    const server = await start(name, { syncWorkers: 1, asyncWorkers: 1, recycleMemory: 1 });
    const [[before]] = await load(server, 1, 1); // now: once the message is there, the successor may answer
    await vi.waitFor(() => expect(messages.join('')).toContain('is replaced with'), { timeout: 20_000 });
    await vi.waitFor(async () => expect((await load(server, 1, 1))[0][0]).not.toBe(before), { timeout: 20_000 });
    // The successor tells of its memory every second, too.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(messages.filter((text) => text.includes('is replaced with'))).toHaveLength(1);
  });
});

describe('a worker that is to be replaced', () => {
  it('L-16 ends the streams that it has beside its successor, and nothing is cut short', async () => {
    const server = await start('asyncApp', { asyncWorkers: 1, maxRequests: 5 });
    const stream = new Client(server.url).send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await stream.until((text) => text.includes('data: '));
    const [, thread] = /data: (\d+) /.exec(stream.received) ?? [];
    await vi.waitFor(async () => expect((await load(server, 1, 5)).map(([other]) => other)).not.toContain(thread), {
      timeout: 10_000,
    });
    const { length } = stream.received;
    await stream.until((text) => text.length > length + 200);
    expect(stream.ended).toBe(false);
    expect(lifespan('shutdown')).not.toContain(thread);
    stream.socket.destroy();
    await vi.waitFor(() => expect(lifespan('shutdown')).toContain(thread), { timeout: 10_000 });
  });

  it('L-16 goes on when its successor does not start', async () => {
    const server = await start('app', { syncWorkers: 1, maxRequests: 5 });
    // The hook of the successor cannot write its note.
    process.env.RETIRED_LOG = join(folder, 'nowhere', 'log');
    await vi.waitFor(
      async () => {
        expect(await load(server, 1, 5)).toHaveLength(5);
        expect(messages.join('')).toContain('did not start');
      },
      { timeout: 20_000 },
    );
    expect(new Set((await load(server, 1, 20)).map(([thread]) => thread)).size).toBe(1);
  });

  it('L-16 is ended when its shutdown hook does not end', async () => {
    const server = await start('endless', { syncWorkers: 1, maxRequests: 3, timeoutGraceful: 0 });
    await vi.waitFor(
      async () => {
        await load(server, 1, 5);
        expect(messages.join('')).toContain('its shutdown hooks took longer than 1000 ms');
      },
      { timeout: 10_000 },
    );
  });

  it('L-16 never is without the setting', async () => {
    const server = await start('app', { syncWorkers: 1 });
    expect((await load(server, 2, 100)).map(([, seen]) => seen)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});
