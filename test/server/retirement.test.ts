/** L-16: workers are replaced after a number of requests, without a request lost. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ringLayout } from '../../src/rings/index.ts';
import { Retirement, type RetirementOptions } from '../../src/server/retirement.ts';
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
  it(`L-16 L-09 under load workers are replaced, each after its shutdown, and no request is lost: ${workers}`, async () => {
    const server = await start(name, {
      syncWorkers: workers,
      asyncWorkers: workers,
      maxRequests: 40,
      maxRequestsJitter: 10,
    });
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
  });
});

describe('a worker that is to be replaced', () => {
  it('L-16 is not while the only one has a stream that does not end; nothing is cut short', async () => {
    const server = await start('asyncApp', { asyncWorkers: 1, maxRequests: 5 });
    const stream = new Client(server.url).send('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
    await stream.until((text) => text.includes('data: '));
    const [, thread] = /data: (\d+) /.exec(stream.received) ?? [];
    const answers = await load(server, 2, 6);
    expect(answers).toHaveLength(12);
    expect(new Set(answers.map(([other]) => other))).toEqual(new Set([thread]));
    expect(messages.join('')).toContain('not replaced');
    expect(stream.ended).toBe(false);
    stream.socket.destroy();
    // Idle now: after as many requests.
    await vi.waitFor(async () => expect((await load(server, 1, 5)).map(([other]) => other)).not.toContain(thread), {
      timeout: 10_000,
    });
  });

  it('L-16 is ended when its shutdown hook does not end', async () => {
    const server = await start('endless', { syncWorkers: 1, maxRequests: 3, timeoutGraceful: 0 });
    const answers = await load(server, 1, 5);
    expect(new Set(answers.map(([thread]) => thread)).size).toBe(2);
    expect(messages.join('')).toContain('took too long');
  });

  it('L-16 never is without the setting', async () => {
    const server = await start('app', { syncWorkers: 1 });
    expect((await load(server, 2, 100)).map(([, seen]) => seen)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});

describe('the order of replacements', () => {
  function retirement(options: Partial<RetirementOptions> = {}) {
    const layout = ringLayout({ slots: 8, syncWorkers: 2, asyncWorkers: 2 });
    const inFlight = [0, 0, 0, 0];
    const retired: number[] = [];
    const ready = [true, true, true, true];
    const resumed = vi.fn();
    const one = new Retirement({
      rings: { layout, inFlight: (worker) => inFlight[worker], retire: (worker) => retired.push(worker) },
      kind: 'sync',
      first: 0,
      size: 2,
      maxRequests: 3,
      maxRequestsJitter: 0,
      patience: 5000,
      ready,
      resumed,
      report: () => {},
      ...options,
    });
    const { first, size } = { first: 0, size: 2, ...options };
    for (let worker = first; worker < first + size; worker++) one.started(worker);
    const serve = (worker: number, times: number) => {
      for (let i = 0; i < times; i++) one.finished(worker, 0);
    };
    return { one, inFlight, retired, ready, resumed, serve };
  }

  it('L-16 one worker at a time, and none while another is missing', () => {
    const { one, retired, ready, serve } = retirement();
    serve(0, 2);
    expect(retired).toEqual([]);
    serve(0, 1);
    serve(1, 5);
    expect(retired).toEqual([0]);
    one.ended(0);
    serve(1, 1);
    expect(retired).toEqual([0]);
    ready[0] = true;
    one.started(0);
    ready[0] = false; // that one died
    serve(1, 1);
    expect(retired).toEqual([0]);
    ready[0] = true;
    one.started(0);
    serve(1, 1);
    expect(retired).toEqual([0, 1]);
  });

  it('L-16 each after a number of its own', () => {
    const after = Array.from({ length: 50 }, () => {
      const { retired, serve } = retirement({ maxRequests: 10, maxRequestsJitter: 5 });
      let count = 0;
      for (; retired.length === 0; count++) serve(0, 1);
      return count;
    });
    expect(Math.min(...after)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...after)).toBeLessThanOrEqual(15);
    expect(new Set(after).size).toBeGreaterThan(1);
  });

  it('L-16 an async worker gets no more requests, and leaves with the last of those it has', () => {
    const { one, inFlight, retired, ready, serve } = retirement({ first: 2 });
    inFlight[3] = 2;
    serve(3, 3);
    expect([retired, ready[3]]).toEqual([[], false]);
    one.tick(4999);
    inFlight[3] = 1;
    serve(3, 1);
    expect(retired).toEqual([]);
    inFlight[3] = 0;
    serve(3, 1);
    expect(retired).toEqual([3]);
  });

  it.each([
    [2, 5000],
    [1, 1000],
  ])('L-16 one of %i goes on when they are not over after %i ms', (size, patience) => {
    const { one, inFlight, retired, ready, resumed, serve } = retirement({ first: 2, size });
    inFlight[2] = 1;
    serve(2, 3);
    one.tick(patience - 1);
    expect([ready[2], resumed.mock.calls.length]).toEqual([false, 0]);
    one.tick(patience);
    expect([ready[2], resumed.mock.calls.length]).toEqual([true, 1]);
    inFlight[2] = 0;
    serve(2, 2);
    expect(retired).toEqual([]);
    serve(2, 1);
    expect(retired).toEqual([2]);
  });
});
