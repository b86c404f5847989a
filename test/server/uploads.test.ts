/** B-44: slow uploads do not occupy workers, where the server waits for their bodies. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServeOptions, Server } from 'quaich';
import { describe, expect, it } from 'vitest';
import { Uploads } from '../../src/server/uploads.ts';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import * as scgi from '../protocols/scgi-client.ts';
import { Client, parseResponses, talk } from './client.ts';
import { ready, start as startCommand } from './command.ts';
import { startServer } from './serving.ts';
import { temporaryFiles } from './temporary-files.ts';

const module = fileURLToPath(new URL('./apps/uploads.mjs', import.meta.url));
const apps = [
  { module, export: 'app' },
  { prefix: '/busy', module, export: 'busy' },
  { prefix: '/late', module, export: 'late' },
];
const start = (options: Partial<ServeOptions>) => startServer({ apps, ...options });

const GET = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const POST = (length: number, more = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}Content-Length: ${length}\r\n\r\n`;
const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const answerTo = (body: string) => `begun ${body.length} ${createHash('sha256').update(body, 'latin1').digest('hex')}`;

async function get(server: Server, path: string): Promise<string> {
  return parseResponses(await talk(server.url, GET(path)))[0].body;
}

describe.each([true, false])('uploads to pooled sync applications (direct reads: %s)', (directReads) => {
  it('B-44 a quick request gets through beside more slow uploads than there are workers', async () => {
    const server = await start({ directReads, bufferBody: '64k' });
    const bodies = Array.from({ length: 5 }, (_, i) => String(i).repeat(3000));
    const slow = bodies.map((body) => new Client(server.url).send(POST(body.length) + body.slice(0, 1000)));
    for (let i = 0; i < 5; i++) expect(await get(server, '/')).toBe('quick');
    expect(await get(server, '/uploads')).toBe('0');
    for (const [i, client] of slow.entries()) client.send(bodies[i].slice(1000, 2000));
    expect(await get(server, '/')).toBe('quick');
    for (const [i, client] of slow.entries()) client.send(bodies[i].slice(2000));
    for (const [i, client] of slow.entries()) {
      const [response] = parseResponses(await client.all());
      expect(response).toMatchObject({ status: 200, body: answerTo(bodies[i]), complete: true });
    }
  });

  it('with a setting of 0 it waits for the slow one', async () => {
    const server = await start({ directReads, bufferSmallBody: 0 });
    const body = 'x'.repeat(3000);
    const slow = new Client(server.url).send(POST(body.length) + body.slice(0, 1000));
    await slow.until((text) => text.includes('begun'));
    const quick = new Client(server.url).send(GET());
    // What the gateway answers itself comes after the other has been taken in, and before it is answered.
    expect(await talk(server.url, 'nonsense\r\n\r\n')).toContain(' 400 ');
    expect(quick.received).toBe('');
    slow.send(body.slice(1000));
    expect(parseResponses(await slow.all())[0].body).toBe(answerTo(body));
    expect(await quick.until((text) => text.includes('quick'))).toContain('200 OK');
    quick.socket.destroy();
  });

  it('B-44 a worker gets the request when the configured part of the body is there', async () => {
    const server = await start({ directReads, bufferBody: 1000 });
    const body = 'y'.repeat(5000);
    const client = new Client(server.url).send(POST(body.length) + body.slice(0, 999));
    expect(await get(server, '/uploads')).toBe('0');
    expect(client.received).toBe('');
    client.send(body.slice(999, 1000));
    await client.until((text) => text.includes('begun'));
    client.send(body.slice(1000));
    expect(parseResponses(await client.all())[0].body).toBe(answerTo(body));
  });

  it('B-44 or all of it, also where its length was not announced', async () => {
    const server = await start({ directReads, bufferBody: '256k' });
    const client = new Client(server.url).send(`${CHUNKED}5\r\nhello\r\n`);
    expect(await get(server, '/uploads')).toBe('0');
    client.send('6\r\n world\r\n0\r\n\r\n');
    await client.until((text) => text.endsWith('0\r\n\r\n'));
    // Nothing at all, and the next request of the same connection.
    client.send(`${CHUNKED}0\r\n\r\n`);
    await client.until((text) => text.split('0\r\n\r\n').length === 3);
    client.socket.end();
    const [first, second] = parseResponses(await client.all());
    expect(first.body).toBe(answerTo('hello world'));
    expect(second.body).toBe(answerTo('').slice('begun '.length));
  });

  it('B-44 a body larger than what can be kept of it arrives unchanged', async () => {
    const server = await start({ directReads, bufferBody: '256k' });
    const body = Array.from({ length: 300_000 }, (_, i) => String(i % 997)).join('');
    const client = new Client(server.url).send(POST(body.length) + body);
    expect(parseResponses(await client.all())[0].body).toBe(answerTo(body));
  });
});

describe('uploads with the default settings (pooled sync)', () => {
  /** What no worker needs to wait for ahead of a body, and a bit. */
  const START = 70_000;
  const body = 'z'.repeat(200_000);
  const upload = (server: Server) => new Client(server.url).send(POST(body.length) + body.slice(0, START));
  const begun = (client: Client) => client.until((text) => text.includes('begun'));

  it('B-44 keep no worker before 64 KiB of them are there, whether their length is announced or not', async () => {
    const server = await start({});
    const announced = new Client(server.url).send(POST(body.length) + body.slice(0, 1000));
    const chunked = new Client(server.url).send(`${CHUNKED}5\r\nhello\r\n`);
    expect(await get(server, '/uploads')).toBe('0');
    chunked.send('0\r\n\r\n');
    await chunked.until((text) => text.includes(answerTo('hello').slice('begun '.length)));
    chunked.socket.destroy();
    expect(await get(server, '/uploads')).toBe('1');
    announced.send(body.slice(1000, START));
    await begun(announced);
    announced.send(body.slice(START));
    expect(parseResponses(await announced.all())[0].body).toBe(answerTo(body));
  });

  it('B-44 leave one worker to others, and take turns', async () => {
    const server = await start({ syncWorkers: 2 });
    const first = upload(server);
    await begun(first);
    const others = [upload(server), upload(server)];
    const expecting = new Client(server.url).send(POST(5, 'Expect: 100-continue\r\n'));
    for (let i = 0; i < 5; i++) expect(await get(server, '/')).toBe('quick');
    expect(others.map(({ received }) => received)).toEqual(['', '']);
    // One that is complete needs no turn; one whose client goes passes it on.
    const [complete, next] = others;
    complete.send(body.slice(START));
    expect(parseResponses(await complete.all())[0].body).toBe(answerTo(body));
    await expecting.until((text) => text.includes('100 Continue'));
    expecting.send('hello');
    expect(parseResponses(await expecting.all())[0].body).toBe(answerTo('hello'));
    first.socket.destroy();
    await begun(next);
    next.send(body.slice(START));
    expect(parseResponses(await next.all())[0].body).toBe(answerTo(body));
  });

  it('B-44 L-23 wait for their turn as long as their clients send, and are told when the server stops', async () => {
    const server = await start({ syncWorkers: 2, timeoutQueue: 200, limitQueue: 1 });
    const first = upload(server);
    await begun(first);
    const others = [upload(server), upload(server), upload(server)];
    await pause(700);
    const [done] = others;
    done.send(body.slice(START));
    expect(parseResponses(await done.all())[0].body).toBe(answerTo(body));
    expect(others.slice(1).map(({ received }) => received)).toEqual(['', '']);
    await server.close();
    for (const client of [first, ...others]) await client.all();
  });
});

describe('uploads that wait for their turn (pooled sync)', () => {
  const MIB = 2 ** 20;
  const body = Array.from({ length: 500_000 }, (_, i) => String(i % 9973)).join('');
  const head = POST(body.length);
  const begun = (client: Client) => client.until((text) => text.includes('begun'));
  /** Has the one turn. */
  const first = async (server: Server) => {
    const client = new Client(server.url).send(head + body.slice(0, MIB));
    await begun(client);
    return client;
  };
  const isLinux = platform() === 'linux';

  it('B-44 G-63 are kept in a file, and need none when they are complete', async () => {
    const server = await start({ syncWorkers: 2, timeoutQueue: 300 });
    const holder = await first(server);
    expect(body.length).toBeGreaterThan(1.5 * MIB);
    const announced = new Client(server.url).send(head + body.slice(0, 1.2 * MIB));
    const expecting = new Client(server.url).send(POST(body.length, 'Expect: 100-continue\r\n'));
    await expecting.until((text) => text.includes('100 Continue'));
    const size = body.length.toString(16);
    const chunked = new Client(server.url).send(`${CHUNKED}${size}\r\n${body}`);
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(2);
    await pause(700);
    expecting.send(body);
    announced.send(body.slice(1.2 * MIB));
    for (const client of [expecting, announced]) {
      expect(parseResponses(await client.all())[0]).toMatchObject({ status: 200, body: answerTo(body) });
    }
    chunked.send(`\r\n${size}\r\n${body}\r\n0\r\n\r\n`);
    await chunked.until((text) => text.includes(answerTo(body + body).slice('begun '.length)));
    chunked.socket.destroy();
    holder.send(body.slice(MIB));
    expect(parseResponses(await holder.all())[0].body).toBe(answerTo(body));
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
  });

  it.each([1.1, 1.25, 1.5].map((part) => part * MIB))(
    'B-44 G-63 go on from the file when their turn comes, after %s bytes',
    async (part) => {
      const server = await start({ syncWorkers: 2 });
      const holder = await first(server);
      const [next, last] = [1, 2].map(() => new Client(server.url).send(head + body.slice(0, part)));
      if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(2);
      holder.socket.destroy();
      await begun(next);
      next.send(body.slice(part));
      expect(parseResponses(await next.all())[0].body).toBe(answerTo(body));
      await begun(last);
      last.send(body.slice(part));
      expect(parseResponses(await last.all())[0].body).toBe(answerTo(body));
      if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
    },
  );

  it('B-44 give their space back when their clients go, and when they fail', async () => {
    const server = await start({ syncWorkers: 2, limitSpool: '2m', limitBody: 2 * MIB });
    const holder = await first(server);
    const half = `80000\r\n${body.slice(0, MIB / 2)}\r\n`;
    for (let i = 0; i < 4; i++) {
      const gone = new Client(server.url).send(head + body.slice(0, 1.6 * MIB));
      if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(1);
      gone.socket.destroy();
      const large = new Client(server.url).send(`${CHUNKED}${half}${half}${half}${half}${half}`);
      expect(parseResponses(await large.all())[0].status).toBe(413);
    }
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
    const last = new Client(server.url).send(head + body);
    expect(parseResponses(await last.all())[0].body).toBe(answerTo(body));
    holder.socket.destroy();
  });

  it.each([
    ['B-44 L-23 get 503 where they may have no space, and their turn does not come', 0],
    ['B-44 L-23 get 503 where the space is used up', '64k'],
  ])('%s', async (_title, limitSpool) => {
    const server = await start({ syncWorkers: 2, timeoutQueue: 300, maxRequestsInProgress: 4, limitSpool });
    const holder = await first(server);
    const waiting = [1, 2, 3].map(() => new Client(server.url).send(head + body));
    waiting[0].socket.destroy();
    for (const client of waiting.slice(1)) {
      const [response] = parseResponses(await client.all());
      expect([response.status, response.headers]).toEqual([503, expect.arrayContaining([['Retry-After', '1']])]);
    }
    const again = [1, 2, 3].map(() => new Client(server.url).send(GET()));
    for (const client of again) await client.until((text) => text.includes('quick'));
    holder.send(body.slice(MIB));
    expect(parseResponses(await holder.all())[0].body).toBe(answerTo(body));
    for (const client of again) client.socket.destroy();
  });

  it('B-44 L-23 count among the requests that wait where they may have no space', async () => {
    const server = await start({ syncWorkers: 2, limitQueue: 1, limitSpool: 0 });
    const holder = await first(server);
    const [second, third, fourth] = [1, 2, 3].map(() => new Client(server.url).send(head + body.slice(0, MIB)));
    const refused = await Promise.race([second.all(), third.all(), fourth.all()]);
    expect(parseResponses(refused)[0].status).toBe(503);
    await server.close();
    for (const client of [holder, second, third, fourth]) await client.all();
  });

  it('B-44 G-63 are not complete where their clients end within them, when their turn has come', async () => {
    const server = await start({ syncWorkers: 2 });
    const holder = await first(server);
    const folder = mkdtempSync(join(tmpdir(), 'quaich-uploads-'));
    const outcome = join(folder, 'outcome');
    const fields = `X-Outcome: ${outcome}\r\nContent-Length: ${body.length}`;
    const cut = new Client(server.url);
    cut.send(`POST /late?700 HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body.slice(0, 1.3 * MIB)}`);
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(1);
    holder.send(body.slice(MIB));
    await holder.all();
    await pause(200);
    cut.socket.end();
    await expect.poll(() => existsSync(outcome) && readFileSync(outcome, 'utf8')).toMatch(/^(Client|Request)/);
    rmSync(folder, { recursive: true });
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
  });

  it('B-44 go to one worker each, also when there are more workers while they come', async () => {
    const server = await start({ syncWorkers: 2 });
    const holder = await first(server);
    const begin = Math.floor(1.2 * MIB);
    const others = [1, 2, 3].map(() => new Client(server.url).send(head + body.slice(0, begin)));
    const adding = server.addSyncWorkers(2);
    for (let at = begin; at < body.length; at += 20_000) {
      for (const client of others) client.send(body.slice(at, at + 20_000));
      await pause(10);
    }
    await adding;
    for (const client of others) expect(parseResponses(await client.all())[0].body).toBe(answerTo(body));
    holder.send(body.slice(MIB));
    expect(parseResponses(await holder.all())[0].body).toBe(answerTo(body));
  });

  it('B-44 L-23 wait on while the queue is full, and are not refused for that', async () => {
    const server = await start({ syncWorkers: 2, limitQueue: 1 });
    const holder = await first(server);
    const others = [1, 2, 3].map(() => new Client(server.url).send(head + body.slice(0, 1.2 * MIB)));
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(3);
    const busy = [1, 2].map(() => new Client(server.url).send(GET('/busy?500')));
    // The gateway has them when it answers what came behind them.
    expect(await talk(server.url, 'nonsense\r\n\r\n')).toContain(' 400 ');
    holder.socket.destroy();
    for (const client of busy) await client.until((text) => text.includes('done'));
    for (const client of others) {
      client.send(body.slice(1.2 * MIB));
      expect(parseResponses(await client.all())[0].body).toBe(answerTo(body));
      client.socket.destroy();
    }
    for (const client of busy) client.socket.destroy();
  });

  it.runIf(isLinux)('B-44 G-63 tell the application where the file is damaged', async () => {
    const server = await start({ syncWorkers: 2 });
    const holder = await first(server);
    const next = new Client(server.url).send(head + body.slice(0, 1.6 * MIB));
    // What is written behind the cut would make up for it, by zeros.
    const sizes = () => temporaryFiles().map((path) => statSync(path).size);
    await expect.poll(() => Math.max(0, ...sizes())).toBeGreaterThanOrEqual(0.6 * MIB);
    await pause(200);
    truncateSync(temporaryFiles()[0]);
    holder.socket.destroy();
    // The application has begun its response.
    expect(parseResponses(await next.all())[0]).toMatchObject({ status: 200, complete: false });
    await expect.poll(() => temporaryFiles().length).toBe(0);
    expect(await get(server, '/')).toBe('quick');
  });

  it.each([
    ['files may have 256 KiB', { wrapper: ['bash', '-c', 'ulimit -f 256; exec "$@"', 'bash'] }, 'EFBIG'],
    ['there is no folder for them', { env: { TMPDIR: '/nonexistent' } }, 'ENOENT'],
  ])('B-44 G-63 lose nothing where %s', async (_title, place, reason) => {
    const command = startCommand([`${module}:app`, '--sync-workers', '2', '--bind', '127.0.0.1:0'], place);
    const [url] = await ready(command);
    const holder = new Client(url).send(head + body.slice(0, MIB));
    await begun(holder);
    const next = [1, 2].map(() => new Client(url).send(head + body));
    await expect.poll(() => command.stderr, { timeout: 10_000 }).toContain(reason);
    holder.send(body.slice(MIB));
    for (const client of [holder, ...next]) expect(parseResponses(await client.all())[0].body).toBe(answerTo(body));
    expect(command.stderr.split('the temporary file')).toHaveLength(2);
  });
});

it('B-44 uploads go on in the order in which they came, also when there are more workers', () => {
  let most = 1;
  const turns: number[] = [];
  const uploads = new Uploads(() => most);
  const [first, second, third] = [1, 2, 3].map((number) => {
    const upload = { dispatch: () => uploads.admits(upload) && turns.push(number) };
    return upload;
  });
  expect([uploads.admits(first), uploads.admits(second), uploads.admits(third)]).toEqual([true, false, false]);
  uploads.admitWaiting();
  expect(turns).toEqual([]);
  most = 2;
  uploads.admitWaiting();
  expect(turns).toEqual([2]);
  uploads.end(first);
  expect([turns, uploads.areWaiting]).toEqual([[2, 3], false]);
});

describe('an upload that is held back (pooled sync)', () => {
  it('B-44 G-67 is asked for by the gateway, once, while all workers are busy', async () => {
    const server = await start({ bufferBody: '64k' });
    const busy = new Client(server.url).send(GET('/busy?1500'));
    const client = new Client(server.url).send(POST(5, 'Expect: 100-continue\r\n'));
    await client.until((text) => text.includes('\r\n\r\n'));
    expect(client.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    expect(busy.received).toBe('');
    client.send('hello');
    const text = await client.all();
    expect(text.split('100 Continue')).toHaveLength(2);
    expect(parseResponses(text)[0].body).toBe(answerTo('hello'));
    busy.socket.destroy();
  });

  it('B-44 frees its place when the client vanishes, and no application is called', async () => {
    const server = await start({ bufferBody: '64k', maxRequestsInProgress: 1 });
    const gone = new Client(server.url).send(POST(1000, 'Expect: 100-continue\r\n'));
    await gone.until((text) => text.includes('100 Continue'));
    gone.send('abc');
    const next = new Client(server.url).send(GET('/uploads'));
    expect(await talk(server.url, 'nonsense\r\n\r\n')).toContain(' 400 ');
    expect(next.received).toBe('');
    // What waits for the one place gets it.
    gone.socket.destroy();
    await next.until((text) => text.includes('0\r\n\r\n'));
    next.socket.end();
    expect(parseResponses(await next.all())[0].body).toBe('0');
  });

  it('B-44 is refused when the client ends its side within the body', async () => {
    const server = await start({ bufferBody: '64k', maxRequestsInProgress: 1 });
    expect(parseResponses(await talk(server.url, `${POST(1000)}abc`))[0].status).toBe(400);
    expect(await get(server, '/uploads')).toBe('0');
  });

  it.each([
    ['408 when the rest does not come', `${POST(1000)}abc`, 408],
    ['400 when its framing breaks', `${CHUNKED}5\r\nhello\r\nnonsense\r\n`, 400],
    ['413 when it turns out too large', `${CHUNKED}1000\r\n${'x'.repeat(4096)}\r\n`, 413],
  ])('B-44 gets %s, and no application is called', async (_title, text, status) => {
    const server = await start({ bufferBody: '64k', timeoutBody: 200, limitBody: 2000, maxRequestsInProgress: 1 });
    const client = new Client(server.url).send(text);
    expect(parseResponses(await client.all())[0].status).toBe(status);
    expect(await get(server, '/uploads')).toBe('0');
  });

  it('B-44 is given up when the server stops', async () => {
    const server = await start({ bufferBody: '64k' });
    const client = new Client(server.url).send(POST(1000, 'Expect: 100-continue\r\n'));
    await client.until((text) => text.includes('100 Continue'));
    client.send('abc');
    expect(await get(server, '/uploads')).toBe('0');
    await server.close();
    expect(await client.all()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  });
});

describe('behind a front server (pooled sync)', () => {
  const { ABORT_REQUEST, begin, contentOf, END_REQUEST, PARAMS, pairs, readRecords, record, STDIN, STDOUT, stream } =
    fastcgi;
  const variables = { ...fastcgi.VARIABLES, REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3000' };
  const opening = begin(1) + stream(PARAMS, 1, pairs(variables));
  const hello = 'h'.repeat(3000);

  async function both(options: Partial<ServeOptions> = {}): Promise<{ server: Server; front: () => Client }> {
    const server = await start({
      bufferBody: '64k',
      bind: ['127.0.0.1:0', 'fastcgi://127.0.0.1:0', 'scgi://127.0.0.1:0'],
      ...options,
    });
    return { server, front: () => new Client(server.urls[1]) };
  }

  const ended = (text: string) => readRecords(text).records.some(({ type }) => type === END_REQUEST);

  it('B-44 G-174 slow uploads by FastCGI keep no worker', async () => {
    const { server, front } = await both();
    const slow = [front(), front(), front()].map((client) =>
      client.send(opening + record(STDIN, 1, hello.slice(0, 9))),
    );
    for (let i = 0; i < 3; i++) expect(await get(server, '/')).toBe('quick');
    expect(await get(server, '/uploads')).toBe('0');
    for (const client of slow) client.send(record(STDIN, 1, hello.slice(9)) + record(STDIN, 1));
    for (const client of slow) {
      const { records } = readRecords(await client.until(ended));
      expect(contentOf(records, STDOUT, 1)).toContain(answerTo(hello));
      client.socket.destroy();
    }
  });

  it('B-44 G-174 an upload that is aborted before a worker has it frees its place, and the connection goes on', async () => {
    const { server, front } = await both({ maxRequestsInProgress: 1 });
    const client = front().send(opening + record(STDIN, 1, 'abc') + record(ABORT_REQUEST, 1));
    await client.until(ended);
    client.send(fastcgi.request(2, { PATH_INFO: '/uploads' }));
    const { records } = readRecords(
      await client.until(
        (text) => readRecords(text).records.some(({ id }) => id === 2) && text.length > 100 && ended(text.slice(-16)),
      ),
    );
    expect(contentOf(records, STDOUT, 2)).toMatch(/\r\n\r\n0$/);
    client.socket.destroy();
    expect(await get(server, '/uploads')).toBe('0');
  });

  it('B-44 G-175 slow uploads by SCGI keep no worker, and free their place when the front server goes', async () => {
    const { server } = await both({ maxRequestsInProgress: 2 });
    const text = scgi.request({ REQUEST_METHOD: 'POST' }, hello);
    const gone = new Client(server.urls[2]).send(text.slice(0, -2000));
    expect(await get(server, '/')).toBe('quick');
    gone.socket.destroy();
    const slow = new Client(server.urls[2]).send(text.slice(0, -2000));
    expect(await get(server, '/uploads')).toBe('0');
    slow.send(text.slice(-2000));
    expect(await slow.all()).toContain(answerTo(hello));
  });
});

it.each([true, false])(
  'G-63 G-66 what an application transfers of a body cuts nothing off it (inline: %s)',
  async (inline) => {
    const server = await start({ apps: [{ module, export: 'transferring', inline }], asyncWorkers: 1 });
    const body = `first line, with something behind\n${'0123456789'.repeat(10_000)}`;
    const [response] = parseResponses(await new Client(server.url).send(POST(body.length) + body).all());
    expect(response.status).toBe(200);
    expect(response.body === body, `${response.body.length} of ${body.length} bytes`).toBe(true);
  },
);

it.each([true, false])(
  'G-154 G-63 a read that goes on behind the response ends with the request (inline: %s)',
  async (inline) => {
    const server = await start({ apps: [{ module, export: 'forgetful', inline }], asyncWorkers: 1 });
    const client = new Client(server.url).send(`${POST(1_000_000)}the beginning`);
    await client.until((text) => text.includes('\r\n\r\n'));
    expect(await get(server, '/')).toBe('RequestAborted');
    client.socket.destroy();
  },
);
