/** Who ends a connection, and what the other side gets to know of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WAYS } from './all-ways.ts';
import { Client, header, parseResponses } from './client.ts';

const module = fileURLToPath(new URL('./apps/ends.mjs', import.meta.url));
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-ends-'));
let files = 0;

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const post = (lines: string) => `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Sends a whole body before it reads anything, as many clients do. Fulfils with what came back. */
function writeThenRead({ url }: Server, size: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.pause();
    socket.write(post(`Content-Length: ${size}`));
    socket.write(Buffer.alloc(size), () => {
      let received = '';
      socket.on('data', (text) => {
        received += text;
      });
      socket.on('end', () => {
        socket.destroy();
        resolve(received);
      });
      socket.resume();
    });
  });
}

/** One upload through an agent that keeps connections. */
function upload({ url }: Server, agent: http.Agent, size: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent, headers: { 'Content-Length': size } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject);
    request.end(Buffer.alloc(size));
  });
}

async function written(file: string): Promise<string> {
  // It is there before it is written.
  await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(0), { timeout: 10_000 });
  return readFileSync(file, 'utf8');
}

/** Standard error of a process, and the wait for something there. */
class Errors {
  text = '';
  readonly #stream: Readable;

  constructor(stream: Readable) {
    this.#stream = stream.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      await once(this.#stream, 'data');
    }
  }
}

describe.each(WAYS.slice(0, 3))('$way', (way) => {
  const open = (options: Partial<ServeOptions> = {}): Promise<Server> =>
    serve({
      apps: [{ module, export: way.async ? 'asyncApp' : 'app', inline: 'inline' in way }],
      bind: '127.0.0.1:0',
      syncWorkers: 2,
      asyncWorkers: 1,
      // Answers ahead of bodies are what is looked at, of which a worker then sees nothing.
      bufferSmallBody: 0,
      ...options,
    });
  let server: Server;
  beforeAll(async () => {
    server = await open();
  });
  afterAll(() => server.close());

  it.each([
    ['a large body', 'Content-Length: 500000'],
    ['a body that waits for 100 Continue', 'Content-Length: 5\r\nExpect: 100-continue'],
    ['chunks that wait for 100 Continue', 'Transfer-Encoding: chunked\r\nExpect: 100-continue'],
  ])('G-183 a complete answer ahead of %s says that it is the last', async (_what, lines) => {
    const [response] = parseResponses(await new Client(server.url).send(post(lines)).all());
    expect([response.status, header(response, 'Connection')]).toEqual([403, 'close']);
  });

  it('G-183 a client that keeps its connections loses no request behind refused uploads', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 8; i++) expect(await upload(server, agent, 1 << 20)).toBe(403);
    agent.destroy();
  });

  it('G-64 a client that writes all of a large body before it reads gets its answer', async () => {
    for (let i = 0; i < 4; i++) expect(await writeThenRead(server, 20 << 20)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('L-12 a client that goes on sending behind the last answer does not hold up the stop', async () => {
    const stopping = await open({ timeoutGraceful: 30_000 });
    const client = new Client(stopping.url).send(post('Content-Length: 500000'));
    await client.until((text) => text.includes('no'));
    client.socket.on('error', () => {});
    const trickle = setInterval(() => client.send('x'), 50);
    const begun = performance.now();
    await stopping.close();
    clearInterval(trickle);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it('G-184 a client that ends its side behind its request gets its answer, however late', async () => {
    const client = new Client(server.url).send(get('/late?2000'));
    client.socket.end();
    const [response] = parseResponses(await client.all());
    expect([response?.status, response?.body]).toEqual([200, 'late']);
  });

  it('G-184 so does one with a request behind a body, also where sockets are read by events', async () => {
    for (const directReads of [true, false]) {
      const { url } = await open({ directReads });
      const first = 'POST /late?200 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody';
      const client = new Client(url).send(first + get('/late?0'));
      client.socket.end();
      expect(parseResponses(await client.all()).map(({ status }) => status)).toEqual([200, 200]);
    }
  });

  it('G-184 so does one with more requests behind it than are read ahead', async () => {
    const client = new Client(server.url).send(get('/late?600') + get('/late?0').repeat(40));
    client.socket.end();
    expect(parseResponses(await client.all()).map(({ status }) => status)).toEqual(Array(41).fill(200));
  });

  const leaving: [how: string, path: string, leave: (socket: net.Socket) => void][] = [
    ['closes its socket within the response', '/begun', (socket) => socket.destroy()],
    ['closes its socket before the response', '/silent', (socket) => socket.destroy()],
    ['resets its connection before the response', '/silent', (socket) => socket.resetAndDestroy()],
    [
      'ends its side, and resets its connection before the response',
      '/silent',
      (socket) => {
        socket.end();
        socket.once('finish', () => setTimeout(() => socket.resetAndDestroy(), 100));
      },
    ],
  ];
  it.each(leaving)('B-37 G-48 G-184 G-230 an application is told of a client that %s', async (_how, path, leave) => {
    const file = join(directory, String(files++));
    const client = new Client(server.url).send(get(`${path}?${file}`));
    if (path === '/begun') await client.until((text) => text.includes('begun'));
    // Its request has been read when another one, sent later, is answered.
    else await new Client(server.url).send('GET / HTTP/1.0\r\n\r\n').all();
    leave(client.socket);
    expect(await written(file)).toBe('QUAICH_CLIENT_DISCONNECTED');
  });

  const unread: [what: string, request: (path: string) => string][] = [
    [
      'most of a body',
      (path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n${'x'.repeat(2_000_000)}`,
    ],
    ['more requests than are read ahead', (path) => get(path) + get('/').repeat(40)],
    ['a request that finds no room', (path) => get(path) + get('/late?0')],
  ];
  it.each(unread)('B-37 G-48 G-184 a reset behind %s, which nobody reads, ends the request', async (_what, request) => {
    const file = join(directory, String(files++));
    const { url } = await open({ syncWorkers: 1, asyncRequests: 1, timeoutQueue: 0 });
    const client = new Client(url).send(request(`/silent?${file}`));
    // The application makes the file when it begins. Then the server takes no more when the client can send no more.
    let unsent = -1;
    await vi.waitFor(
      () => {
        statSync(file);
        const before = unsent;
        unsent = client.socket.writableLength;
        expect(unsent).toBe(before);
      },
      { timeout: 10_000, interval: 100 },
    );
    client.socket.resetAndDestroy();
    expect(await written(file)).toBe('QUAICH_CLIENT_DISCONNECTED');
    expect(parseResponses(await new Client(url).send('GET / HTTP/1.0\r\n\r\n').all())[0].status).toBe(403);
  });

  it('G-230 a client that has ended its side within a chunked response gets all of it, whatever it was asked', async () => {
    const client = new Client(server.url).send(get('/slowly?600'));
    await client.until((text) => text.includes('begun'));
    client.socket.end();
    const [response] = parseResponses(await client.all());
    expect([response.complete, response.body]).toEqual([true, 'begunover']);
  });

  it('L-71 a stream of events ends when the stop begins, and its application is told', async () => {
    const file = join(directory, String(files++));
    const stopping = await open({ timeoutGraceful: 60_000 });
    const client = new Client(stopping.url).send(get(`/events?${file}`));
    await client.until((text) => text.includes('begun'));
    const begun = performance.now();
    const [text] = await Promise.all([client.all(), stopping.close()]);
    expect(performance.now() - begun).toBeLessThan(20_000);
    const [response] = parseResponses(text);
    expect([response.complete, response.body]).toEqual([true, 'begun']);
    expect(await written(file)).toBe('QUAICH_REQUEST_ABORTED');
  });

  it('G-48 B-38 an application is told that the server gives up, where a stop takes too long', async () => {
    const file = join(directory, String(files++));
    const stopping = await open({ timeoutGraceful: 100 });
    const client = new Client(stopping.url).send(get(`/begun?${file}`));
    await client.until((text) => text.includes('begun'));
    await stopping.close();
    expect(await written(file)).toBe('QUAICH_REQUEST_ABORTED');
  });

  it.each([
    ['turns out shorter', 'r', 'the file ended before the 1000000 bytes that were announced (G-122)'],
    ['cannot be read', 'a', 'EBADF'],
  ])('G-122 G-164 a file that %s while it is sent is reported with its request', async (_what, flags, message) => {
    writeFileSync(join(directory, 'short.txt'), 'ten bytes.');
    const argv = [`${module}:${way.async ? 'asyncApp' : 'app'}`, '--bind', '127.0.0.1:0'];
    const child = spawn(process.execPath, [main, ...argv, ...('inline' in way ? ['--inline'] : [])], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const errors = new Errors(child.stderr);
    const [, url] = await errors.until(/listening on (\S+)/);
    const client = new Client(url).send(get(`/file?${join(directory, 'short.txt')}&${flags}`));
    expect(parseResponses(await client.all())[0].complete).toBe(false);
    await errors.until(/GET "\/file" of .*\n.*\n/);
    expect(errors.text).toContain(message);
    child.kill();
    await once(child, 'exit');
  });
});
