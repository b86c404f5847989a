/** What applications are free to do, and what the server does not do for them, in each way they can run. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveWay, WAYS } from './all-ways.ts';
import { Client, header, parseResponses, talk, type WireResponse } from './client.ts';

const module = fileURLToPath(new URL('./apps/freedoms.mjs', import.meta.url));

describe.each(WAYS)('$way', (way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serveWay(way, [{ module, export: way.export }]);
  });

  afterAll(() => server.close());

  const ask = async (path: string, fields = '', method = 'GET'): Promise<WireResponse> => {
    const text = await talk(server.url, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    return parseResponses(text, [method])[0];
  };

  it('A-17 G-04 an application that leaves nothing of environ as it was disturbs no other request', async () => {
    // On one connection, where as much as possible is the same.
    const client = new Client(server.url);
    const look = async (path: string): Promise<string> => {
      const before = client.received.length;
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Field: b\r\n\r\n`);
      await client.until((text) => /\r\n\r\n.*(?:spoilt$|\]$|\r\n0\r\n\r\n$)/s.test(text.slice(before)));
      return parseResponses(client.received.slice(before))[0].body;
    };
    const first = await look('/look');
    expect(first).toContain('["HTTP_X_FIELD","b"]');
    expect(first).toContain('["state",{"answer":42}]');
    expect(await look('/spoil')).toBe('spoilt');
    expect(await look('/look')).toBe(first);
    client.socket.destroy();
  });

  it.each(['/reuse', '/write'])('A-22 G-115 a buffer may be used again for the next chunk: %s', async (path) => {
    const { body, complete } = await ask(path);
    expect(complete).toBe(true);
    expect(body.length).toBe(60 * 50_000);
    for (let i = 0; i < 60; i++) {
      const block = body.slice(i * 50_000, (i + 1) * 50_000);
      expect(block === String.fromCharCode(i).repeat(50_000), `block ${i}`).toBe(true);
    }
  });

  it.each(['/reuse', '/write'])('A-22 G-115 also behind a client that does not read yet: %s', async (path) => {
    const client = new Client(server.url);
    client.send(`GET ${path}?large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    client.socket.pause();
    // The application goes on for as long as the system takes what it sends.
    await delay(200);
    client.socket.resume();
    const [{ body, complete }] = parseResponses(await client.all());
    expect([complete, body.length]).toEqual([true, 60 * 200_000]);
    for (let i = 0; i < 60; i++) {
      const block = body.slice(i * 200_000, (i + 1) * 200_000);
      expect(block === String.fromCharCode(i).repeat(200_000), `block ${i}`).toBe(true);
    }
  });

  it('G-142 G-141 nothing is appended to a response that breaks off', async () => {
    const response = await ask('/breaks');
    expect(response).toMatchObject({ status: 200, body: 'what has been sent', complete: false });
  });

  it('G-150 neither codings nor ranges nor cached copies are the affair of the server', async () => {
    const plain = await ask('/page');
    expect(plain).toMatchObject({ status: 200, complete: true });
    expect(plain.body).toHaveLength(20_000);
    // The client ends its side behind its request: whether the head can still say so is a matter of time (G-183).
    const comparable = ({ headers, ...rest }: WireResponse) => ({
      ...rest,
      headers: headers.filter(([name]) => name !== 'Date' && name !== 'Connection'),
    });
    for (const fields of [
      'Accept-Encoding: gzip, br, zstd, deflate;q=0.1, identity;q=0\r\n',
      'Range: bytes=0-9\r\n',
      'Range: bytes=0-9\r\nIf-Range: "the-tag"\r\n',
      'If-None-Match: "the-tag"\r\n',
      'If-None-Match: *\r\n',
      'If-Match: "another"\r\n',
      'If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n',
      'If-Unmodified-Since: Sun, 06 Nov 1984 08:49:37 GMT\r\n',
      'TE: gzip, trailers\r\nCache-Control: no-transform, only-if-cached\r\n',
      'Accept: nothing/nowhere\r\nAccept-Charset: utf-16\r\nAccept-Language: tlh\r\n',
    ]) {
      expect([fields, comparable(await ask('/page', fields))]).toEqual([fields, comparable(plain)]);
    }
  });

  it('A-21 an application that wants ranges and conditional requests answers them itself', async () => {
    const whole = await ask('/letters.txt');
    expect(whole).toMatchObject({ status: 200, body: 'abcdefghijklmnopqrstuvwxyz\n' });
    const part = await ask('/letters.txt', 'Range: bytes=2-4\r\n');
    expect([part.status, part.body, header(part, 'Content-Range')]).toEqual([206, 'cde', 'bytes 2-4/27']);
    const tag = header(whole, 'ETag');
    expect(await ask('/letters.txt', `If-None-Match: ${tag}\r\n`)).toMatchObject({ status: 304, body: '' });
    expect((await ask('/letters.txt', 'If-Match: "another"\r\n')).status).toBe(412);
  });
});

describe.each([
  ['pooled sync', 'copies'],
  ['pooled async', 'asyncCopies'],
])('%s, two workers', (_way, name) => {
  it('A-25 G-44 each worker has a copy of its own of what a module keeps', async () => {
    const server = await serve({
      apps: [{ module, export: name }],
      bind: '127.0.0.1:0',
      syncWorkers: 2,
      asyncWorkers: 2,
    });
    try {
      const answers: { thread: number; copy: string; calls: number }[] = [];
      const one = async () => {
        const text = await talk(server.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        return JSON.parse(parseResponses(text)[0].body) as (typeof answers)[number];
      };
      // Until both have answered: two at a time find one worker busy each.
      while (new Set(answers.map(({ thread }) => thread)).size < 2)
        answers.push(...(await Promise.all([one(), one()])));
      const threads = [...new Set(answers.map(({ thread }) => thread))];
      const copies = threads.map((thread) => {
        const own = answers.filter((answer) => answer.thread === thread);
        expect(own.map(({ calls }) => calls).toSorted((a, b) => a - b)).toEqual(own.map((_, i) => i + 1));
        return new Set(own.map(({ copy }) => copy));
      });
      expect(copies.map(({ size }) => size)).toEqual([1, 1]);
      expect(new Set(copies.flatMap((set) => [...set])).size).toBe(2);
    } finally {
      await server.close();
    }
  });
});
