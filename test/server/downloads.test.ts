/** B-45: slow clients of large responses do not occupy workers that others wait for. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServeOptions, Server } from 'quaich';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import * as fastcgi from '../protocols/fastcgi-client.ts';
import { SIZE, write } from './apps/downloads.mjs';
import { Client, parseResponses, talk } from './client.ts';
import { ready, start as startCommand } from './command.ts';
import { closeServers, startServer } from './serving.ts';
import { temporaryFiles } from './temporary-files.ts';

const module = fileURLToPath(new URL('./apps/downloads.mjs', import.meta.url));
const uploads = fileURLToPath(new URL('./apps/uploads.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-downloads-'));
const path = join(folder, 'file');
const isLinux = platform() === 'linux';

afterEach(async () => {
  await closeServers();
  if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true }));

const apps = [
  { module, export: 'app' },
  { prefix: '/file', module, export: 'file' },
];
const start = (options: Partial<ServeOptions> = {}) => startServer({ apps, ...options });

const GET = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const LAST = 'Connection: close\r\n';

/** Has begun to get a response, and reads no further. */
async function slow(url: string, target: string, more = LAST): Promise<Client> {
  const client = new Client(url).send(GET(target, more));
  await client.until((text) => text !== '');
  client.socket.pause();
  return client;
}

/** Reads on, to the end. */
function rest(client: Client): Promise<string> {
  client.socket.resume();
  return client.all();
}

/** Descriptors of this process that are this file. */
function descriptorsOf(file: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false; // that of the folder itself
    }
  });
}

async function quick(server: Server): Promise<string> {
  return parseResponses(await talk(server.url, GET('/quick')))[0].body;
}

const hash = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');
write(path);
const whole = hash(readFileSync(path, 'latin1'));

function expectWhole(text: string): void {
  const [response] = parseResponses(text);
  expect([response.status, response.complete, response.body.length]).toEqual([200, true, SIZE]);
  expect(hash(response.body)).toBe(whole);
}

describe.each([true, false])('downloads from pooled sync applications (direct reads: %s)', (directReads) => {
  it.each([
    ['in large chunks', '/chunks?1000000'],
    ['in one', `/announced?${SIZE}`],
    ['in small ones', '/chunks?1000'],
    ['of an announced length', '/announced?65536'],
    ['from a file', `/file?${path}`],
  ])('B-45 %s: slow clients keep no worker from others, and get all of it', async (_title, target) => {
    const server = await start({ directReads });
    const clients: Client[] = [];
    for (let i = 0; i < 3; i++) {
      clients.push(await slow(server.url, target));
      expect(await quick(server)).toBe('quick');
    }
    if (isLinux && !target.startsWith('/file')) expect(temporaryFiles().length).toBe(3);
    for (const client of clients) expectWhole(await rest(client));
    expect(await quick(server)).toBe('quick');
  });
});

describe('downloads that wait for their clients (pooled sync)', () => {
  const chunks = '/chunks?1000000';
  /** Waits until the worker has nothing to do with those before any more. */
  const relieved = async (server: Server) => expect(await quick(server)).toBe('quick');

  it('B-45 L-23 wait in place of the worker only where others do', async () => {
    const server = await start();
    const client = await slow(server.url, chunks);
    await pause(1000);
    if (isLinux) expect(temporaryFiles()).toEqual([]);
    expectWhole(await rest(client));
  });

  it('B-45 close the body when the worker has sent all of it, and the connection goes on', async () => {
    const server = await start();
    const outcome = join(folder, 'outcome');
    const client = await slow(server.url, chunks, `X-Outcome: ${outcome}\r\n`);
    expect(existsSync(outcome)).toBe(false);
    client.send(GET('/quick', LAST));
    await relieved(server);
    expect(readFileSync(outcome, 'utf8')).toBe('closed');
    const text = await rest(client);
    const [first, second] = parseResponses(text);
    expect([hash(first.body), second.body]).toEqual([whole, 'quick']);
  });

  it('B-45 G-141 break off where the application fails behind what it has sent', async () => {
    const server = await start();
    const client = await slow(server.url, '/broken?1000000');
    await relieved(server);
    const [response] = parseResponses(await rest(client));
    expect([response.complete, response.body.length, hash(response.body)]).toEqual([false, SIZE, whole]);
  });

  it('B-45 B-36 leave nothing behind when their clients go', async () => {
    const server = await start();
    const clients = [await slow(server.url, chunks), await slow(server.url, `/file?${path}`)];
    await relieved(server);
    for (const { socket } of clients) socket.destroy();
    if (isLinux) await expect.poll(() => temporaryFiles().length).toBe(0);
    if (isLinux) await expect.poll(() => descriptorsOf(path)).toEqual([]);
    await relieved(server);
  });

  it('B-45 are sent to their end while the worker is still in close', async () => {
    const server = await start({ syncWorkers: 2 });
    const clients = [await slow(server.url, '/lasting?1000000'), await slow(server.url, '/lasting?1000000')];
    await relieved(server);
    for (const client of clients) expectWhole(await rest(client));
    await relieved(server);
  });

  it('B-45 L-21 are sent to their end when the worker dies that has sent them', async () => {
    const server = await start({ timeoutStep: 500, timeoutResponse: 0 });
    const client = await slow(server.url, '/endless?1000000');
    await relieved(server);
    expectWhole(await rest(client));
  });

  it('B-45 G-166 are sent to their end where the file has no name any more', async () => {
    const server = await start();
    const own = join(folder, 'gone');
    write(own);
    const client = await slow(server.url, `/file?${own}`);
    await relieved(server);
    unlinkSync(own);
    expectWhole(await rest(client));
  });

  it('B-45 G-164 break off where the file has become shorter, which is told', async () => {
    const command = startCommand([`${module}:file`, '--sync-workers', '1', '--bind', '127.0.0.1:0']);
    const [url] = await ready(command);
    const own = join(folder, 'short');
    write(own);
    const clients = [await slow(url, `/?${own}`), new Client(url).send(GET(`/?${path}`, LAST))];
    expectWhole(await clients[1].all());
    truncateSync(own, SIZE / 2);
    expect(parseResponses(await rest(clients[0]))[0].complete).toBe(false);
    await expect.poll(() => command.stderr).toMatch(/GET "\/\?\S+short": the body failed\n.*G-122/);
  });

  it('B-45 L-08 are dropped when the server stops, and leave nothing behind', async () => {
    const server = await start();
    const clients = [await slow(server.url, chunks), await slow(server.url, `/file?${path}`)];
    await relieved(server);
    await server.close();
    for (const client of clients) expect(parseResponses(await rest(client))[0].complete).toBe(false);
  });

  it('B-45 G-174 by FastCGI, too', async () => {
    const server = await start({ bind: ['127.0.0.1:0', 'fastcgi://127.0.0.1:0'] });
    const { END_REQUEST, contentOf, readRecords, request, STDOUT } = fastcgi;
    const variables = { PATH_INFO: '/chunks', QUERY_STRING: '1000000' };
    const client = new Client(server.urls[1]).send(request(1, variables));
    await client.until((text) => text !== '');
    client.socket.pause();
    await relieved(server);
    client.socket.resume();
    const ended = (text: string) => text.length > SIZE && text.slice(-16).charCodeAt(1) === END_REQUEST;
    const { records } = readRecords(await client.until(ended));
    expect(hash(contentOf(records, STDOUT, 1).replace(/^.*?\r\n\r\n/s, ''))).toBe(whole);
    client.socket.destroy();
  });

  it.each(['fastcgi://127.0.0.1:0', `fastcgi+unix:${join(folder, 'socket')}`])(
    'B-45 G-141 G-174 tell a front server that they break off, behind all that it has not taken: %s',
    async (bind) => {
      const server = await start({ bind: ['127.0.0.1:0', bind], limitSpool: '1m' });
      const variables = { PATH_INFO: '/chunks', QUERY_STRING: '1000000' };
      const client = new Client(server.urls[1].replace('fastcgi+', '')).send(fastcgi.request(1, variables));
      await client.until((text) => text !== '');
      client.socket.pause();
      await relieved(server);
      const text = await rest(client);
      expect(text.length).toBeLessThan(SIZE);
      // A record of no version.
      expect(text.slice(-8)).toBe('\0'.repeat(8));
    },
  );

  it.runIf(isLinux)('B-45 B-44 have space that uploads leave to them', async () => {
    const server = await start({
      apps: [...apps, { prefix: '/upload', module: uploads, export: 'app' }],
      syncWorkers: 2,
      limitSpool: '16m',
    });
    const post = (length: number) => `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    const sending = new Client(server.url).send(post(1_000_000) + 'x'.repeat(70_000));
    await sending.until((text) => text.includes('begun'));
    // One for which there is space, and one for which there is none any more.
    const kept = () => temporaryFiles().map((file) => statSync(file).size > 12e6);
    const waiting: Client[] = [];
    for (const length of [15_000_000, 2_500_000]) {
      waiting.push(new Client(server.url).send(post(length) + 'x'.repeat(length - 1)));
      await expect.poll(kept).toEqual([true]);
    }
    const client = await slow(server.url, `/file?${path}`);
    expect(await quick(server)).toBe('quick');
    expectWhole(await rest(client));
    for (const { socket } of [sending, ...waiting]) socket.destroy();
  });

  it('B-45 L-23 hold their workers where that is wanted: others wait for them, or get 503', async () => {
    const server = await start({ timeoutQueue: 1500, limitSpool: 0 });
    const client = await slow(server.url, chunks);
    expect(parseResponses(await talk(server.url, GET('/quick')))[0].status).toBe(503);
    expectWhole(await rest(client));
    await relieved(server);
  });

  it.each([
    ['of chunks', '/chunks?1000000', '4m'],
    ['of a file', `/file?${path}`, '512k'],
  ])(
    'B-45 G-141 %s: the slow one that has got least breaks off where there is no space',
    async (_title, target, space) => {
      const mounts = [`${module}:app`, `/file=${module}:file`];
      const argv = ['--sync-workers', '2', '--limit-spool', space, '--bind', '127.0.0.1:0'];
      const command = startCommand([...mounts, ...argv]);
      const [url] = await ready(command);
      const outcome = join(folder, 'outcome-of-one-that-breaks-off');
      const clients = [await slow(url, target), await slow(url, target, `X-Outcome: ${outcome}\r\n${LAST}`)];
      clients[0].socket.resume();
      await clients[0].until((text) => text.length > SIZE / 4);
      clients[0].socket.pause();
      expect(parseResponses(await talk(url, GET('/quick')))[0].body).toBe('quick');
      expect(parseResponses(await rest(clients[1]))[0].complete).toBe(false);
      expectWhole(await rest(clients[0]));
      if (target.startsWith('/chunks')) expect(readFileSync(outcome, 'utf8')).toBe('closed');
      expect(command.stderr.split('broken off')).toHaveLength(2);
      expect(command.stderr).toContain(`GET ${JSON.stringify(target)} is broken off`);
    },
  );

  it('B-45 G-131 G-141 break off behind another one of their connection, which goes on', async () => {
    const server = await start({ syncWorkers: 2, limitSpool: '1m' });
    const client = new Client(server.url).send(GET(chunks) + GET(chunks, LAST));
    await client.until((text) => text.length > 100_000);
    client.socket.pause();
    await relieved(server);
    const [first, second] = parseResponses(await rest(client));
    expect([first.complete, hash(first.body)]).toEqual([true, whole]);
    expect(second?.complete ?? false).toBe(false);
  });

  it('B-45 are whole where there is no space, but their clients are not slow', async () => {
    const server = await start({ limitSpool: '1m' });
    const client = await slow(server.url, chunks);
    const waiting = quick(server);
    // Some 4 MB a second: longer than slow ones are left alone.
    for (let due = 0; !client.ended; due += 400_000) {
      client.socket.resume();
      await client.until(({ length }) => length >= due);
      client.socket.pause();
      await pause(100);
    }
    expectWhole(client.received);
    expect(await waiting).toBe('quick');
  });

  it.each([
    ['files may have 256 KiB', { wrapper: ['bash', '-c', 'ulimit -f 256; exec "$@"', 'bash'] }, 'EFBIG'],
    ['there is no folder for them', { env: { TMPDIR: '/nonexistent' } }, 'ENOENT'],
  ])('B-45 nothing is lost where %s', async (_title, place, reason) => {
    const command = startCommand([`${module}:app`, '--sync-workers', '1', '--bind', '127.0.0.1:0'], place);
    const [url] = await ready(command);
    const clients = [await slow(url, chunks), new Client(url).send(GET('/announced?1000', LAST))];
    await expect.poll(() => command.stderr, { timeout: 10_000 }).toContain(reason);
    for (const client of clients) expectWhole(await rest(client));
    expect(command.stderr.split('the temporary file')).toHaveLength(2);
  });
});
