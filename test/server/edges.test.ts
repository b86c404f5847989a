/** The beginning of a server, the end of a request, and clients that only send. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serveWay, WAYS } from './all-ways.ts';
import { Client, parseResponses, talk } from './client.ts';

const module = fileURLToPath(new URL('./apps/edges.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quaich-edges-'));
const running: Server[] = [];

afterEach(async () => {
  delete process.env.STARTUP_GATE;
  await Promise.all(running.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

const get = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

it('L-11 a stop that is cut short at once ends connections whose end is on its way', async () => {
  const server = await serve({ apps: [{ module, export: 'asyncApp' }], bind: '127.0.0.1:0', asyncWorkers: 1 });
  const idle = new Client(server.url).send(get());
  await idle.until((text) => text.includes('\r\n\r\n'));
  const closed = server.close();
  server.abort();
  await closed;
  await idle.all();
});

describe('startup', () => {
  it('L-03 L-04 no request is answered before startup, which is awaited, is complete', async () => {
    const gate = join(mkdtempSync(join(tmpdir(), 'quaich-gate-')), 'open');
    process.env.STARTUP_GATE = gate;
    const port = await freePort();
    let up = false;
    const starting = serve({ apps: [{ module, export: 'gated' }], bind: `127.0.0.1:${port}`, syncWorkers: 1 }).then(
      (server) => {
        up = true;
        running.push(server);
        return server;
      },
    );
    await vi.waitFor(() => expect(existsSync(`${gate}.waiting`)).toBe(true), { timeout: 10_000 });
    const early = await talk(`http://127.0.0.1:${port}`, get());
    expect([early, up]).toEqual(['', false]);
    writeFileSync(gate, '');
    const server = await starting;
    expect(parseResponses(await talk(server.url, get()))[0].body).toBe('true');
  });

  it.each(['stuck', 'blocked'])(
    'L-04 L-05 a startup that does not end is cut short by its limit (%s)',
    async (name) => {
      await expect(
        serve({ apps: [{ module, export: name }], bind: '127.0.0.1:0', syncWorkers: 1, timeoutStartup: 500 }),
      ).rejects.toThrow(/500 ms/);
    },
  );

  it('L-04 L-05 also that of an inline application', async () => {
    const apps = [{ module, export: 'stuck', kind: 'async' as const, inline: true }];
    await expect(serve({ apps, bind: '127.0.0.1:0', timeoutStartup: 200 })).rejects.toThrow(/200 ms/);
  });
});

describe('shutdown', () => {
  it('L-10 L-11 one of an inline application that does not end is cut short, and told', async () => {
    const messages: string[] = [];
    const server = await serve({
      apps: [{ module, export: 'stuckEnd', inline: true }],
      bind: '127.0.0.1:0',
      timeoutGraceful: 0,
      errorLog: { write: (text) => messages.push(text) },
    });
    await expect(server.close()).rejects.toThrow('1 shutdown hooks failed');
    expect(messages.join('')).toContain('longer than 1000 ms');
  });
});

describe('an application that requests its own server (pooled sync)', () => {
  const ask = ({ url }: Server) => `GET /?${url}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

  it('B-42 holds the only worker while it waits for it, which the owner is told once', async () => {
    const messages: string[] = [];
    const server = await serve({
      apps: [{ module, export: 'selfish' }],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      queueWarning: 200,
      errorLog: { write: (text) => messages.push(text) },
    });
    running.push(server);
    const [response] = parseResponses(await new Client(server.url).send(ask(server)).all());
    expect(response.body).toBe('got none');
    expect(messages.filter((text) => text.includes('B-42'))).toEqual([
      expect.stringContaining('all sync workers have been busy for 200 ms while requests wait (1)'),
    ]);
  });

  it('B-42 gets its answer, and nobody is told, where another worker is free', async () => {
    const messages: string[] = [];
    const server = await serve({
      apps: [{ module, export: 'selfish' }],
      bind: '127.0.0.1:0',
      syncWorkers: 2,
      queueWarning: 1000,
      errorLog: { write: (text) => messages.push(text) },
    });
    running.push(server);
    const [response] = parseResponses(await new Client(server.url).send(ask(server)).all());
    expect([response.body, messages]).toEqual(['got an answer', []]);
  });
});

describe.each(WAYS.filter(({ way }) => !way.startsWith('shimmed')))('$way', (way) => {
  it('G-98 G-154 work that goes on after a response cannot write, and delays nothing', async () => {
    const server = await serveWay(way, [{ module, export: way.export }]);
    running.push(server);
    const client = new Client(server.url);
    const ask = async (path: string): Promise<string> => {
      const before = client.received.length;
      client.send(get(path));
      await client.until((text) => /\r\n\r\n.+$/s.test(text.slice(before)));
      return parseResponses(client.received.slice(before))[0].body;
    };
    expect(await ask('/keep')).toBe('kept');
    expect(await ask('/late')).toMatch(/^startResponse: \w+, write: \w+$/);
    expect(await ask('/keep')).toBe('kept');
    client.socket.end();
    expect(parseResponses(await client.all())).toHaveLength(3);
  });

  it('B-43 a client that sends all before it reads comes to no standstill: both directions have limits', async () => {
    const server = await serve({
      apps: [{ module, export: way.way === 'pooled sync' ? 'echo' : 'asyncEcho', inline: 'inline' in way }],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      asyncWorkers: 1,
      timeoutSend: 300,
      timeoutBody: 300,
      limitSpool: 0, // else a sync worker may be through with it before the client is cut (B-45)
    });
    running.push(server);
    const size = 64 << 20;
    const greedy = new Client(server.url);
    greedy.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(100_000)}`);
    await greedy.until((text) => text.includes('xxx'));
    greedy.socket.pause();
    greedy.send('x'.repeat(size - 100_000));
    // The one worker is free again, although that client goes on without reading.
    await vi.waitFor(async () => expect(parseResponses(await talk(server.url, get('/count')))[0].body).toBe('0'), {
      timeout: 10_000,
    });
    greedy.socket.resume();
    expect((await greedy.all()).length).toBeLessThan(size);
  });
});
