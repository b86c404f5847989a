import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, parseResponses, talk } from './client.ts';
import { busy, inProgress, settled } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/behaviours.mjs', import.meta.url));
const GET = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

let folder = '';
const running: Server[] = [];
const messages: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quaich-test-'));
  messages.length = 0;
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
  rmSync(folder, { recursive: true });
});

async function start(apps: Record<string, string>, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: Object.entries(apps).map(([prefix, name]) => ({ prefix, module, export: name })),
    bind: '127.0.0.1:0',
    syncWorkers: 2,
    asyncWorkers: 1,
    errorLog: { write: (text) => messages.push(text) },
    ...options,
  });
  running.push(server);
  return server;
}

/** One request over a connection of its own; status and body. */
async function get(server: Server, path: string): Promise<[status: number, body: string]> {
  const text = await talk(server.url, GET(path));
  const [response] = parseResponses(text);
  return response === undefined ? [0, ''] : [response.status, response.body];
}

/** A request that stays open on the client's side until it is answered. */
function ask(server: Server, path: string): Promise<[status: number, body: string]> {
  return new Promise((resolve, reject) => {
    http
      .get(server.url + path, { agent: false }, (response) => {
        let body = '';
        response.setEncoding('latin1');
        response.on('data', (text) => {
          body += text;
        });
        response.on('end', () => resolve([response.statusCode ?? 0, body]));
        response.on('error', reject);
      })
      .on('error', reject);
  });
}

/** Waits for text in a file that an application writes. */
async function logged(file: string, text: string): Promise<string> {
  for (;;) {
    try {
      const found = readFileSync(file, 'utf8');
      if (found.includes(text)) return found;
    } catch {
      // Not written yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('both kinds in one process', () => {
  it('async applications answer at once while all sync workers are blocked', async () => {
    const server = await start({ '/slow': 'blocking', '/fast': 'asyncFast' }, { status: '127.0.0.1:0' });
    const file = join(folder, 'over');
    const blocked = [1, 2].map(() => ask(server, `/slow?until=${file}`));
    await busy(server, 2);
    for (let i = 0; i < 20; i++) expect((await ask(server, '/fast'))[0]).toBe(200);
    writeFileSync(file, '');
    expect((await Promise.all(blocked)).map(([status]) => status)).toEqual([200, 200]);
  });

  it('sync applications answer at once while the async worker is blocked by a bad application', async () => {
    const server = await start({ '/rude': 'rude', '/fast': 'fast' }, { status: '127.0.0.1:0' });
    const file = join(folder, 'over');
    const blocked = ask(server, `/rude?until=${file}`);
    await inProgress(server);
    for (let i = 0; i < 20; i++) expect((await ask(server, '/fast'))[0]).toBe(200);
    writeFileSync(file, '');
    expect((await blocked)[0]).toBe(200);
  });

  it('a request waits behind a slow one only when no worker is free', async () => {
    const server = await start({ '': 'blocking' }, { status: '127.0.0.1:0' });
    const file = join(folder, 'over');
    const slow = ask(server, `/?until=${file}`);
    await busy(server);
    for (let i = 0; i < 10; i++) expect((await ask(server, '/?ms=1'))[0]).toBe(200);
    writeFileSync(file, '');
    expect((await slow)[0]).toBe(200);
  });

  it('inline applications run on the main thread, pooled ones do not', async () => {
    const server = await start({ '/pool': 'asyncFast' });
    const inline = await start({ '': 'asyncFast' }, { inline: true });
    expect((await ask(server, '/pool'))[1]).toMatch(/^[1-9]\d* false$/);
    expect((await ask(inline, '/'))[1]).toBe('0 true');
  });

  it('several servers live in one process', async () => {
    const [a, b] = await Promise.all([start({ '': 'fast' }), start({ '': 'asyncFast' })]);
    expect((await ask(a, '/'))[0]).toBe(200);
    await a.close();
    expect((await ask(b, '/'))[0]).toBe(200);
  });
});

describe('the validator', () => {
  it.each([
    ['untyped', false],
    ['asyncUntyped', false],
    ['asyncUntyped', true],
  ])('V-60 is put around every application at the wish of the owner: %s, inline: %s', async (name, inline) => {
    const server = await start({ '': name }, { inline });
    const validating = await start({ '': name, '/fast': 'fast', '/async': 'asyncFast' }, { inline, validate: true });
    expect((await ask(server, '/'))[0]).toBe(200);
    expect((await ask(validating, '/'))[0]).toBe(500);
    expect((await ask(validating, '/fast'))[0]).toBe(200);
    expect((await ask(validating, '/async'))[0]).toBe(200);
  });
});

describe('mounts', () => {
  it('G-14 a mount matches whole segments, the longest prefix first; the rest is 404', async () => {
    const server = await start({ '/a': 'fast', '/a/b': 'asyncFast' });
    expect((await get(server, '/a'))[0]).toBe(200);
    expect((await get(server, '/a/x'))[0]).toBe(200);
    expect((await get(server, '/%61/b?q'))[0]).toBe(200);
    expect((await get(server, '/ab'))[0]).toBe(404);
    expect((await get(server, '/'))[0]).toBe(404);
  });
});

describe.each([
  ['sync', true],
  ['async', true],
  ['inline', true],
  ['sync', false],
  ['inline', false],
])('bodies: %s, direct reads: %s', (way, directReads) => {
  const pick = (sync: string, async: string) => (way === 'sync' ? sync : async);
  let server: Server;

  beforeAll(async () => {
    server = await start(
      {
        '/digest': pick('digest', 'asyncDigest'),
        '/stream': pick('stream', 'asyncStream'),
        '/endless': pick('endless', 'asyncEndless'),
      },
      { inline: way === 'inline', directReads },
    );
    // It goes on from test to test.
    running.pop();
  });

  afterAll(() => server.close());

  it('a large request body streams through a small space, unchanged', async () => {
    const block = Buffer.alloc(100_003);
    for (let i = 0; i < block.length; i++) block[i] = (i * 31) & 255;
    const hash = createHash('sha256');
    const size = block.length * 80;
    const answer = await new Promise<string>((resolve, reject) => {
      const request = http.request(
        `${server.url}/digest`,
        { method: 'POST', headers: { 'Content-Length': size } },
        (response) => {
          let body = '';
          response.on('data', (text) => {
            body += text;
          });
          response.on('end', () => resolve(body));
        },
      );
      request.on('error', reject);
      for (let i = 0; i < 80; i++) {
        hash.update(block);
        request.write(block);
      }
      request.end();
    });
    expect(answer).toBe(`${size} ${hash.digest('hex')}`);
  });

  it('a large chunked request body arrives unchanged', async () => {
    const block = Buffer.alloc(77_777, 'abc');
    const hash = createHash('sha256');
    const answer = await new Promise<string>((resolve, reject) => {
      const request = http.request(`${server.url}/digest`, { method: 'POST' }, (response) => {
        let body = '';
        response.on('data', (text) => {
          body += text;
        });
        response.on('end', () => resolve(body));
      });
      request.on('error', reject);
      for (let i = 0; i < 40; i++) {
        hash.update(block);
        request.write(block);
      }
      request.end();
    });
    expect(answer).toBe(`${block.length * 40} ${hash.digest('hex')}`);
  });

  it('a large response streams unchanged to a slow client', async () => {
    const size = 20_000_000;
    const client = new Client(server.url);
    client.send(`GET /stream?size=${size} HTTP/1.0\r\n\r\n`);
    await client.until((text) => text.length > 1000);
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.socket.resume();
    const text = await client.all();
    const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1');
    expect(body.length).toBe(size);
    for (let i = 0; i * 50_000 < size; i++) {
      if (body[i * 50_000] !== (i & 255) || body[i * 50_000 + 49_999] !== (i & 255)) {
        throw new Error(`block ${i} holds ${body[i * 50_000]}`);
      }
    }
  });

  it('G-105 and B-35 a client that stops reading stops the application; one that goes closes it', async () => {
    const log = join(folder, 'log');
    const client = new Client(server.url);
    client.send(GET(`/endless?${log}`));
    await client.until((text) => text.length > 100_000);
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    client.socket.destroy();
    const line = await logged(log, 'closed after');
    // What fits into the sockets' buffers and the window, some megabytes; without backpressure it would be far more.
    expect(Number(/after (\d+)/.exec(line)?.[1])).toBeLessThan(400);
    if (way !== 'sync') expect(line).toContain('QUAICH_CLIENT_DISCONNECTED');
  });

  it('G-63 an upload cut short never looks complete', async () => {
    const text = await talk(server.url, 'POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    expect(text).not.toContain(' 200 ');
  });

  it('G-67 100 Continue comes with the first read', async () => {
    const client = new Client(server.url);
    client.send('POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
    expect(await client.until((received) => received.includes('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');
    await client.until((received) => received.includes('200 OK'));
    client.socket.end();
    expect(parseResponses(await client.all()).at(-1)?.body).toMatch(/^3 /);
  });
});

describe('files', () => {
  it.each(['sync', 'async', 'inline'])('G-160 a wrapped file is sent whole and closed once: %s', async (way) => {
    const path = join(folder, 'file');
    const log = join(folder, 'log');
    const content = Buffer.alloc(3_000_000);
    for (let i = 0; i < content.length; i++) content[i] = (i * 7 + (i >> 8)) & 255;
    writeFileSync(path, content);
    const server = await start({ '': way === 'sync' ? 'file' : 'asyncFile' }, { inline: way === 'inline' });
    const text = await talk(server.url, GET(`/?${path}&${log}`));
    const [response] = parseResponses(text);
    expect(response.complete).toBe(true);
    expect(Buffer.from(response.body, 'latin1').equals(content)).toBe(true);
    expect(await logged(log, 'closed')).toBe('closed\n');
  });
});

describe('disconnects', () => {
  it.each([false, true])('B-36 the signal of an async application aborts (inline: %s)', async (inline) => {
    const server = await start({ '': 'waiting' }, { inline });
    const log = join(folder, 'log');
    const client = new Client(server.url);
    client.send(GET(`/?${log}`));
    await logged(log, 'begun\n');
    client.socket.resetAndDestroy();
    expect(await logged(log, 'aborted')).toBe('begun\naborted QUAICH_CLIENT_DISCONNECTED\n');
  });

  it('B-35 a sync generator is closed when its client goes', async () => {
    const server = await start({ '': 'endless' });
    const log = join(folder, 'log');
    const client = new Client(server.url);
    client.send(GET(`/?${log}`));
    await client.until((text) => text.length > 1000);
    client.socket.destroy();
    expect(await logged(log, 'closed after')).toMatch(/^closed after/);
    const next = new Client(server.url).send(GET('/nothing?/dev/null'));
    expect(await next.until((text) => text.length > 1000)).toContain('HTTP/1.1 200 ');
    next.socket.destroy();
  }, 10_000);
});

describe('workers that die (G-147)', () => {
  it.each(['/exit', '/memory'])(
    '%s costs only its own request, and the worker is replaced',
    async (path) => {
      const server = await start({ '/deadly': 'deadly', '/other': 'blocking' }, { limitWorkerMemory: '64m' });
      const other = ask(server, '/other?ms=800');
      const dead = await ask(server, `/deadly${path}`);
      expect(dead[0]).toBe(500);
      expect((await other)[0]).toBe(200);
      const threads = new Set<string>();
      for (let i = 0; i < 10; i++) threads.add((await ask(server, '/deadly'))[1]);
      expect(threads.size).toBeGreaterThan(0);
      expect(messages.join('')).toMatch(/sync worker \d ended: /);
    },
    60_000,
  );

  it('with one worker, later requests wait for its successor', async () => {
    const server = await start({ '': 'deadly' }, { syncWorkers: 1 });
    const [first, second] = await Promise.all([ask(server, '/exit'), ask(server, '/after')]);
    expect(first[0]).toBe(500);
    expect(second[0]).toBe(200);
  });

  it('an async worker takes its own requests with it, each settled once', async () => {
    const server = await start({ '/deadly': 'asyncDeadly', '/sync': 'fast', '/events': 'events' });
    const stream = new Client(server.url);
    stream.send(GET('/events'));
    await stream.until((text) => text.includes('data: 1'));
    const [dead, sync] = await Promise.all([ask(server, '/deadly/exit'), ask(server, '/sync')]);
    expect(dead[0]).toBe(500);
    expect(sync[0]).toBe(200);
    const [broken] = parseResponses(await stream.all());
    expect(broken.complete).toBe(false);
    expect((await ask(server, '/deadly'))[0]).toBe(200);
  });

  it('a response begun by a worker that dies is broken off', async () => {
    const server = await start({ '': 'halfDead' });
    const text = await talk(server.url, GET());
    expect(text).toContain('begun');
    expect(parseResponses(text)[0].complete).toBe(false);
  });

  it('an exception outside of any request replaces the worker', async () => {
    const server = await start({ '': 'asyncDeadly' });
    const before = (await ask(server, '/later'))[1];
    let after = before;
    while (after === before) after = (await ask(server, '/'))[1];
    expect(messages.join('')).toContain('outside of any request');
  });

  it('G-148 a worker stuck in one step is replaced after the limit', async () => {
    const server = await start({ '': 'deadly' }, { syncWorkers: 1, timeoutStep: 200 });
    expect((await ask(server, '/loop'))[0]).toBe(500);
    expect((await ask(server, '/'))[0]).toBe(200);
  });
});

describe('lifespan', () => {
  it('L-02, L-06 and L-09 startup and shutdown run once in every worker, and requests see a copy of the state', async () => {
    const log = join(folder, 'log');
    process.env.LIFESPAN_LOG = log;
    const server = await start({ '': 'lifespan', '/again': 'lifespan' }, { syncWorkers: 3 });
    const { state, thread } = JSON.parse((await ask(server, '/again'))[1]);
    expect(state).toEqual({ started: thread });
    await server.close();
    const lines = readFileSync(log, 'utf8').trim().split('\n').sort();
    expect(lines.filter((line) => line.startsWith('startup'))).toHaveLength(3);
    expect(lines.filter((line) => line.startsWith('shutdown'))).toHaveLength(3);
    expect(new Set(lines).size).toBe(6);
  });

  it('L-05 a startup that throws stops the server at start', async () => {
    await expect(start({ '': 'failing' })).rejects.toThrow('no database');
  });

  it('L-04 a module that never finishes loading stops the server at start', async () => {
    const endless = join(folder, 'endless.mjs');
    writeFileSync(endless, 'await new Promise(() => setInterval(() => {}, 1000)); export function app() {}');
    const apps = endless;
    await expect(serve({ apps, bind: '127.0.0.1:0', timeoutStartup: 300 })).rejects.toThrow('longer than 300 ms');
  });

  it('a start that fails late leaves no thread behind', async () => {
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const before = ports();
    const accessLogFile = join(folder, 'missing', 'access');
    await expect(start({ '': 'fast' }, { accessLogFile })).rejects.toThrow('cannot open the access log');
    expect(ports()).toBe(before);
  });

  it('L-10 a shutdown that throws is reported', async () => {
    const server = await start({ '': 'badEnd' }, { syncWorkers: 1 });
    await expect(server.close()).rejects.toThrow('shutdown');
    expect(messages.join('')).toContain('bad end');
  });
});

describe('the end of a server', () => {
  it('L-08 a request in progress is answered, idle connections are closed', async () => {
    const server = await start({ '/slow': 'blocking' }, { status: '127.0.0.1:0' });
    const idle = new Client(server.url);
    idle.send(GET('/nowhere'));
    await idle.until((text) => text.includes('404'));
    const slow = ask(server, '/slow?ms=1000');
    await inProgress(server);
    const closed = server.close();
    await idle.all();
    expect((await slow)[0]).toBe(200);
    await closed;
    await expect(ask(server, '/slow')).rejects.toThrow('ECONNREFUSED');
  });

  it('nothing is left behind: threads, sockets, files, timers', async () => {
    // In a process of its own, where all resources are the server's.
    const child = fork(fileURLToPath(new URL('./apps/leftovers.mjs', import.meta.url)), [folder], { stdio: 'inherit' });
    const exited = once(child, 'exit');
    const [{ url }] = await once(child, 'message');
    for (const path of ['/sync', '/async', '/inline', '/nowhere']) await talk(url, GET(path));
    const idle = new Client(url);
    idle.send(GET('/sync'));
    await idle.until((text) => text.includes('200 OK'));
    const stream = new Client(url);
    stream.send(GET('/events'));
    await stream.until((text) => text.includes('data: 1'));
    const report = once(child, 'message');
    child.send('close');
    const [{ before, after }] = await report;
    expect(after).toEqual(before);
    // With nothing left, the process ends by itself once this channel is closed.
    child.disconnect();
    expect((await exited)[0]).toBe(0);
    await Promise.all([idle.all(), stream.all()]);
  });

  it('L-08 a response that never ends is cut off after the grace period', async () => {
    const server = await start({ '': 'ticks' }, { timeoutGraceful: 200 });
    const client = new Client(server.url);
    client.send(GET());
    await client.until((text) => text.includes('tick 1'));
    await server.close();
    expect(parseResponses(await client.all())[0].complete).toBe(false);
  });

  it('L-11 abort cuts the waiting for a worker short', async () => {
    const options = { syncWorkers: 1, timeoutGraceful: 20_000, status: '127.0.0.1:0' };
    const server = await start({ '': 'blocking' }, options);
    const client = new Client(server.url).send(GET('/?ms=15000'));
    await busy(server);
    client.socket.destroy();
    const begun = performance.now();
    const closed = server.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    server.abort();
    await closed;
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('L-11 a worker that does not stop is ended', async () => {
    const server = await start({ '': 'deadly' }, { syncWorkers: 1, timeoutGraceful: 100, status: '127.0.0.1:0' });
    const client = new Client(server.url);
    client.send(GET('/loop'));
    await busy(server);
    await server.close();
    await client.all();
    expect(messages.join('')).toContain('had to be ended');
  });
});

describe('limits', () => {
  it('more requests than slots wait for their turn', async () => {
    const server = await start({ '': 'blocking' }, { maxRequestsInProgress: 2 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(server, '/?ms=20')));
    expect(answers.map(([status]) => status)).toEqual(new Array(12).fill(200));
  });

  it('L-26 connections above the limit get 503, and there is room again when one ends', async () => {
    const server = await start({ '': 'fast' }, { maxConnections: 2 });
    const [first, second] = [new Client(server.url).send(GET()), new Client(server.url).send(GET())];
    await Promise.all([first, second].map((client) => client.until((text) => text.includes('200 OK'))));
    expect(await new Client(server.url).send(GET()).all()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nConnection: close\r\n/);
    first.socket.end();
    await first.all();
    let answer = '';
    while (!answer.includes('200 OK')) answer = await talk(server.url, GET());
    expect(answer).toContain('200 OK');
    second.socket.destroy();
  });

  it('a slow head gets 408, an idle connection is closed', async () => {
    const server = await start({ '': 'fast' }, { timeoutHead: 100, timeoutKeepAlive: 100 });
    const slow = new Client(server.url).send('GET / HT');
    expect(await slow.all()).toContain('408');
    const idle = new Client(server.url).send(GET());
    expect(parseResponses(await idle.all())).toHaveLength(1);
  });

  it('a client that takes the last response slowly gets all of it', async () => {
    const server = await start({ '': 'stream' }, { timeoutSend: 700 });
    const client = new Client(server.url);
    client.send('GET /?size=30000000 HTTP/1.0\r\n\r\n');
    // Slower than the time that a client has to close after the last response, with pauses below the limit.
    for (let i = 0; i < 8; i++) {
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 350));
      const before = client.received.length;
      client.socket.resume();
      await client.until((text) => text.length > before + 2_000_000);
    }
    const text = await client.all();
    expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(30_000_000);
  });

  it('a client that takes nothing is dropped', async () => {
    const server = await start({ '': 'stream' }, { timeoutSend: 300, status: '127.0.0.1:0' });
    const client = new Client(server.url);
    client.send('GET /?size=30000000 HTTP/1.0\r\n\r\n');
    await client.until((text) => text.length > 0);
    client.socket.pause();
    await settled(server, (metrics) => expect(metrics.value('quaich_connections')).toBe(0));
    client.socket.resume();
    expect((await client.all()).length).toBeLessThan(30_000_000);
  });

  it('without keep-alive every connection ends with its first response', async () => {
    const server = await start({ '': 'fast' }, { timeoutKeepAlive: 0 });
    const client = new Client(server.url).send(GET() + GET());
    expect(parseResponses(await client.all())).toHaveLength(1);
  });

  it('G-65 a body above the limit gets 413', async () => {
    const server = await start({ '': 'digest' }, { limitBody: 100 });
    expect(await talk(server.url, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n`)).toContain(' 413 ');
    const chunk = `64\r\n${'x'.repeat(100)}\r\n`;
    const text = await talk(
      server.url,
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
    );
    expect(text).toContain(' 413 ');
  });
});
