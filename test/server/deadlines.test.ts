/** Deadlines of applications and of clients, by real threads and sockets: nobody waits for ever (L-22 to L-26). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Client, header, parseResponses, type WireResponse } from './client.ts';
import { ended, get, ready, start as startCommand } from './command.ts';
import { busy, inProgress, queued } from './scrape.ts';

const module = fileURLToPath(new URL('./apps/deadlines.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-deadlines-'));
const running: Server[] = [];
const clients: Client[] = [];
let messages = '';

beforeEach(() => {
  messages = '';
});

afterAll(() => rmSync(folder, { recursive: true }));

let gates = 0;

/** A request that lasts until it is told to end. */
function gate(): { path: string; end(): void } {
  const file = join(folder, String(gates++));
  return { path: `/until?${file}`, end: () => writeFileSync(file, '') };
}

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
});

const WAYS = [
  ['pooled sync', 'app', false],
  ['pooled async', 'asyncApp', false],
  ['inline', 'asyncApp', true],
] as const;

async function start(name: string, options: Partial<ServeOptions> = {}): Promise<Server> {
  const server = await serve({
    apps: [{ module, export: name }],
    bind: ['127.0.0.1:0', 'fastcgi://127.0.0.1:0', 'scgi://127.0.0.1:0'],
    syncWorkers: 1,
    asyncWorkers: 1,
    timeoutGraceful: 0,
    status: '127.0.0.1:0',
    errorLog: {
      write: (text) => {
        messages += text;
      },
    },
    ...options,
  });
  running.push(server);
  return server;
}

function open(url: string, text = ''): Client {
  const client = new Client(url).send(text);
  clients.push(client);
  return client;
}

const GET = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const LAST = (path = '/') => GET(path).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
const POST = (path: string, length: number) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;

async function answer(client: Client): Promise<WireResponse> {
  return parseResponses(await client.all())[0];
}

const ask = ({ url }: Server, path = '/'): Promise<WireResponse> => answer(open(url, LAST(path)));
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const soon = { timeout: 15_000, interval: 20 };

/** Sends a piece every 50 milliseconds until `count` were sent or the server has ended; how many it has sent. */
async function dribble(client: Client, piece: string, count: number): Promise<number> {
  let sent = 0;
  for (; sent < count && !client.ended; sent++) {
    client.send(piece);
    await pause(50);
  }
  return sent;
}

describe('requests that loop on all workers', () => {
  it('L-22 G-148 cost others the time of the queue and a 503 each, and their workers are replaced (pooled sync)', async () => {
    const command = startCommand([
      `${module}:app`,
      ...['--bind', '127.0.0.1:0', '--sync-workers', '2'],
      ...['--timeout-queue', '300ms', '--timeout-response', '1500ms'],
    ]);
    const [url] = await ready(command);
    const loops = [1, 2].map(() => open(url, LAST('/loop')));
    await vi.waitFor(() => expect(command.stdout).toBe('looping\n'.repeat(2)), soon);
    const others = await Promise.all([1, 2, 3].map(() => answer(open(url, LAST()))));
    expect(loops.map(({ received }) => received)).toEqual(['', '']);
    for (const other of others) expect([other.status, header(other, 'Retry-After')]).toEqual([503, '1']);
    for (const loop of loops) expect((await answer(loop)).status).toBe(504);
    // The time to answer, as much to end, and that of a start.
    await vi.waitFor(async () => expect((await get(url)).status).toBe(200), soon);
    await vi.waitFor(() => expect(command.stderr.split('did not answer within 1500 ms')).toHaveLength(3), soon);
    command.child.kill('SIGTERM');
    expect((await ended(command)).code).toBe(0);
  });
});

describe.each(WAYS)('a request that is not answered (%s)', (_way, name, inline) => {
  it('L-22 gets 504, and the next one of its connection is served', async () => {
    const server = await start(name, { inline, timeoutResponse: 300, timeoutAsyncResponse: 300 });
    const client = open(server.url, GET('/polite'));
    await client.until((text) => text.includes('in time\n'));
    client.send(LAST());
    const [late, next] = parseResponses(await client.all());
    expect([late.status, next.status]).toEqual([504, 200]);
    // The application has ended by itself.
    expect(messages).toBe('');
  });

  it('L-22 gets 504, however much of its body comes meanwhile', async () => {
    const server = await start(name, { inline, timeoutResponse: 400, timeoutAsyncResponse: 400 });
    const client = open(server.url, POST('/wait', 300_000) + 'x'.repeat(100_000));
    await dribble(client, 'x'.repeat(1000), 100);
    expect((await answer(client)).status).toBe(504);
  });

  it('L-22 has more time while its client sends the body', async () => {
    const server = await start(name, { inline, timeoutResponse: 300, timeoutAsyncResponse: 300, bufferSmallBody: 0 });
    const client = open(server.url, POST('/length', 20_000));
    await dribble(client, 'x'.repeat(1000), 20);
    expect(await answer(client)).toMatchObject({ status: 200, body: '20000' });
  });
});

describe('a request that is not answered', () => {
  it.each([false, true])('L-22 aborts its signal, with RequestAborted (pooled async, inline: %s)', async (inline) => {
    const server = await start('asyncApp', { inline, timeoutAsyncResponse: 300 });
    const before = (await ask(server)).body;
    expect((await ask(server, '/wait')).status).toBe(504);
    expect((await ask(server, '/reasons')).body).toMatch(/RequestAborted$/);
    // An application that waits holds up nobody.
    expect((await ask(server)).body).toBe(before);
  });

  it('L-22 has its worker replaced, also when its client has gone (pooled sync)', async () => {
    const server = await start('app', { timeoutResponse: 300 });
    const before = (await ask(server)).body;
    const gone = open(server.url, GET('/wait'));
    await busy(server);
    gone.socket.destroy();
    const after = await ask(server);
    expect(after.status).toBe(200);
    expect(after.body).not.toBe(before);
    expect(messages).toContain('sync worker 0 ended: an application did not answer within 300 ms');
  });

  it('L-22 G-174 G-175 gets 504 by FastCGI and by SCGI (pooled sync)', async () => {
    const server = await start('app', { syncWorkers: 2, timeoutResponse: 300 });
    const variables = { PATH_INFO: '/wait', REQUEST_URI: '/wait', DOCUMENT_URI: '/wait' };
    const front = open(server.urls[1], fastcgi.request(1, variables, { keep: false }));
    const other = open(server.urls[2], scgi.request(variables));
    expect(await front.all()).toContain('Status: 504 Gateway Timeout\r\n');
    expect(await other.all()).toContain('Status: 504 Gateway Timeout\r\n');
  });

  it('L-22 may wait for ever by default, where an application is async', async () => {
    const server = await start('asyncApp', { timeoutResponse: 100 });
    expect((await ask(server, '/slow?900')).status).toBe(200);
  });
});

describe('a queue with a limit', () => {
  it.each(WAYS)('L-23 refuses the requests beyond it at once: %s', async (_way, name, inline) => {
    const server = await start(name, { inline, asyncRequests: 1, limitQueue: 2 });
    const { path, end } = gate();
    const first = open(server.url, LAST(path));
    await inProgress(server);
    const others = [1, 2, 3, 4].map(() => ask(server));
    const refused = await Promise.race(others);
    expect([refused.status, header(refused, 'Retry-After')]).toEqual([503, '1']);
    expect(first.received).toBe('');
    end();
    const statuses = (await Promise.all(others)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, 200, 503, 503]);
    expect((await answer(first)).status).toBe(200);
  });

  it('L-23 counts nobody for whom a worker is free (pooled sync)', async () => {
    const server = await start('app', { syncWorkers: 2, limitQueue: 1 });
    const answers = await Promise.all([1, 2, 3].map(() => ask(server, '/slow?100')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('L-23 B-36 counts nobody who has left (pooled sync)', async () => {
    const server = await start('app', { limitQueue: 1 });
    const { path, end } = gate();
    const slow = open(server.url, LAST(path));
    await busy(server);
    const left = open(server.url, LAST());
    await queued(server);
    left.socket.destroy();
    await inProgress(server);
    const next = open(server.url, LAST());
    await queued(server);
    end();
    expect((await answer(slow)).status).toBe(200);
    expect((await answer(next)).status).toBe(200);
  });

  it('L-23 B-36 serves who waits, however many leave behind it (pooled sync)', async () => {
    const server = await start('app', { maxRequestsInProgress: 4 });
    const { path, end } = gate();
    const slow = open(server.url, LAST(path));
    await busy(server);
    const patient = open(server.url, LAST());
    await queued(server);
    for (let i = 0; i < 30; i++) {
      const left = open(server.url, LAST());
      await pause(10);
      left.socket.resetAndDestroy();
    }
    end();
    expect((await answer(slow)).status).toBe(200);
    expect((await answer(patient)).status).toBe(200);
    expect((await ask(server)).status).toBe(200);
    await inProgress(server, 0);
  });

  it('L-23 B-44 counts an upload when its body is there (pooled sync)', async () => {
    const server = await start('app', { limitQueue: 1 });
    const upload = open(server.url, `${POST('/length', 10)}12345`);
    const { path, end } = gate();
    const slow = open(server.url, LAST(path));
    await busy(server);
    const next = open(server.url, LAST());
    await queued(server);
    upload.send('67890');
    expect((await answer(upload)).status).toBe(503);
    end();
    expect((await answer(slow)).status).toBe(200);
    expect((await answer(next)).status).toBe(200);
  });
});

describe.each(WAYS)('a client that is waited for (%s)', (_way, name, inline) => {
  it.each([true, false])('L-24 has to send its body at the least rate (direct reads: %s)', async (directReads) => {
    const server = await start(name, { inline, directReads, timeoutBody: 400, minRate: 1000 });
    const slow = open(server.url, POST('/length', 1000));
    const fast = open(server.url, POST('/length', 50_000));
    const [sent] = await Promise.all([dribble(slow, 'x', 100), dribble(fast, 'x'.repeat(2000), 25)]);
    // Both have sent something all the time.
    expect((await answer(slow)).status).toBe(408);
    expect(sent).toBeLessThan(100);
    expect(await answer(fast)).toMatchObject({ status: 200, body: '50000' });
  });

  it('L-24 has to take a response at the least rate', async () => {
    const taking = async (minRate: number, timeoutSend: number, blocks: number): Promise<WireResponse> => {
      const server = await start(name, { inline, timeoutSend, minRate });
      const client = open(server.url, LAST(`/blocks?${blocks}`));
      // A megabyte or so every 100 milliseconds: about 10 of them a second.
      while (!client.ended) {
        const before = client.received.length;
        client.socket.resume();
        await client.until((text) => text.length > before + 1_000_000);
        client.socket.pause();
        await pause(client.ended ? 0 : 100);
      }
      return answer(client);
    };
    // What the one is sent has an end only where it is cut off.
    const [slow, fast] = await Promise.all([taking(1_000_000_000, 400, 1_000_000), taking(1000, 1500, 300)]);
    expect(slow.complete).toBe(false);
    expect([fast.complete, fast.body.length]).toEqual([true, 300 * 65_536]);
  });

  it('L-24 is not slow where the application has little to send', async () => {
    const server = await start(name, { inline, timeoutBody: 200, timeoutSend: 200, minRate: 1_000_000 });
    const response = await ask(server, '/events?16');
    expect([response.complete, response.body]).toEqual([true, 'data: 1\n\n'.repeat(16)]);
  });
});

describe('a client that sends a byte now and then', () => {
  it('L-24 G-174 G-175 is cut off by FastCGI and by SCGI, too (pooled sync)', async () => {
    const server = await start('app', { timeoutBody: 400, minRate: 1000 });
    const variables = { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3000', PATH_INFO: '/length', REQUEST_URI: '/length' };
    const { begin, PARAMS, pairs, record, STDIN, stream, VARIABLES } = fastcgi;
    const head = begin(1, { keep: false }) + stream(PARAMS, 1, pairs({ ...VARIABLES, ...variables }));
    const front = open(server.urls[1], head);
    const other = open(server.urls[2], scgi.request({ ...variables, DOCUMENT_URI: '/length' }));
    await Promise.all([dribble(front, record(STDIN, 1, 'x'), 100), dribble(other, 'x', 100)]);
    expect(await front.all()).toContain('Status: 408 Request Timeout\r\n');
    expect(await other.all()).toContain('Status: 408 Request Timeout\r\n');
  });

  it('L-24 B-44 keeps no sync worker by default, however long its body is to be', async () => {
    const server = await start('app', { syncWorkers: 2 });
    const slow = [20_000, 100_000].flatMap((length) =>
      Array.from({ length: 4 }, () => ({ length, client: open(server.url, POST('/length', length)) })),
    );
    const dribbling = slow.map(({ client }) => dribble(client, 'x'.repeat(600), 20));
    // With a worker for each upload none would be answered before the rest of the bodies comes.
    for (let i = 0; i < 10; i++) expect((await ask(server)).status).toBe(200);
    await Promise.all(dribbling);
    for (const { length, client } of slow) client.send('x'.repeat(length - 20 * 600));
    for (const { length, client } of slow) expect((await answer(client)).body).toBe(String(length));
  });

  it('B-44 G-67 is not asked for a body that the application may refuse, if that is large (pooled sync)', async () => {
    const server = await start('app');
    const expecting = (length: number) => POST('/refuse', length).replace('Host', 'Expect: 100-continue\r\nHost');
    expect(await open(server.url, expecting(1_000_000)).all()).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('an async worker whose event loop is blocked', () => {
  it('L-25 G-147 is told of and replaced, and each of its requests is settled once', async () => {
    const server = await start('asyncApp', { timeoutLoop: 500 });
    const before = (await ask(server)).body;
    const waiting = [1, 2].map(() => open(server.url, LAST('/slow?20000')));
    const stream = open(server.url, LAST('/events?1000'));
    await stream.until((text) => text.includes('data'));
    const culprit = open(server.url, LAST('/loop'));
    for (const client of [...waiting, culprit]) {
      const responses = parseResponses(await client.all());
      expect(responses.map(({ status }) => status)).toEqual([500]);
    }
    expect((await answer(stream)).complete).toBe(false);
    const after = await ask(server);
    expect([after.status, after.body === before]).toEqual([200, false]);
    await vi.waitFor(() => expect(messages).toContain('its event loop did not turn for 500 ms'), soon);
    expect(messages).toContain('GET "/loop" of');
  });

  it('L-25 is left alone where its requests only wait, or keep it busy in turns', async () => {
    const server = await start('asyncApp', { timeoutLoop: 800 });
    const before = (await ask(server)).body;
    const [slow] = await Promise.all([ask(server, '/slow?2000'), ask(server, '/events?30')]);
    expect(slow.body).toBe(before);
    expect(messages).toBe('');
  });

  it('L-25 L-22 goes on answering 504 meanwhile', async () => {
    const server = await start('asyncApp', { timeoutLoop: 3000, timeoutAsyncResponse: 300 });
    expect((await ask(server, '/loop')).status).toBe(504);
    expect((await ask(server)).status).toBe(504);
    await vi.waitFor(async () => expect((await ask(server)).status).toBe(200), soon);
  });
});

describe('a limit', () => {
  it('L-23 L-26 G-148 is a least time, whenever the wait begins', async () => {
    const limit = 400;
    const server = await start('app', { timeoutQueue: limit, timeoutKeepAlive: limit });
    const stream = open(server.url, GET('/events?1000'));
    await stream.until((text) => text.includes('data'));
    const timed = async (text: string): Promise<number> => {
      const begun = performance.now();
      await open(server.url, text).all();
      return performance.now() - begun;
    };
    // Spread over the time from one tick of the server's clock to the next, a quarter of the limit.
    const waits: Promise<number>[] = [];
    for (let i = 0; i < 8; i++) {
      waits.push(timed(LAST()), timed(''));
      await pause(13);
    }
    expect(Math.min(...(await Promise.all(waits)))).toBeGreaterThanOrEqual(limit);
  });
});

describe('connections', () => {
  it('L-26 G-148 have one time for a whole head, however it comes', async () => {
    const server = await start('app', { timeoutHead: 400 });
    const { begin, PARAMS, record } = fastcgi;
    const http = open(server.url, 'GET / HTTP/1.1\r\nHost: a\r\nX: ');
    const front = open(server.urls[1], begin(1));
    const other = open(server.urls[2], '1000:');
    const sent = [dribble(http, 'x', 100), dribble(front, record(PARAMS, 1, 'x'), 100), dribble(other, 'x', 100)];
    expect(Math.max(...(await Promise.all(sent)))).toBeLessThan(100);
    expect((await answer(http)).status).toBe(408);
    expect([await front.all(), await other.all()]).toEqual(['', '']);
  });

  it('L-26 beyond the limit get 503, by each protocol, and there is room again when one ends', async () => {
    const server = await start('app', { maxConnections: 1 });
    const first = open(server.url, GET());
    await first.until((text) => text.includes('200 OK'));
    const refused = await answer(open(server.url, GET() + GET()));
    expect([refused.status, header(refused, 'Retry-After'), header(refused, 'Connection')]).toEqual([
      503,
      '1',
      'close',
    ]);
    expect(refused.body).toContain('too many connections');
    expect(await open(server.urls[1], fastcgi.request(1)).all()).toContain('Status: 503 ');
    expect(await open(server.urls[2], scgi.request()).all()).toContain('Status: 503 ');
    expect((await open(server.url, POST('/', 1_000_000) + 'x'.repeat(1_000_000)).all()).split('HTTP/1.1')).toHaveLength(
      2,
    );
    first.socket.end();
    await first.all();
    await vi.waitFor(async () => expect((await ask(server)).status).toBe(200), soon);
  });

  it('L-26 of one address have a limit of their own', async () => {
    const server = await start('app', { maxConnectionsPerAddress: 2 });
    const kept = [1, 2].map(() => open(server.url, GET()));
    for (const client of kept) await client.until((text) => text.includes('200 OK'));
    expect((await ask(server)).body).toContain('too many connections from this address');
    kept[0].socket.end();
    await kept[0].all();
    await vi.waitFor(async () => expect((await ask(server)).status).toBe(200), soon);
  });

  it('L-26 have a number of requests, the last of which is told', async () => {
    const server = await start('app', { maxConnectionRequests: 3 });
    const responses = parseResponses(await open(server.url, GET().repeat(5)).all());
    expect(responses.map((one) => [one.status, header(one, 'Connection')])).toEqual([
      [200, undefined],
      [200, undefined],
      [200, 'close'],
    ]);
    const front = open(server.urls[1]);
    for (let id = 1; id <= 3; id++) {
      front.send(fastcgi.request(id));
      const ends = (text: string) =>
        fastcgi.readRecords(text).records.some((one) => one.type === fastcgi.END_REQUEST && one.id === id);
      expect(ends(await front.until(ends))).toBe(true);
    }
    await front.all();
  });
});
