/** G-09: that an application need not be safe for concurrent calls. */
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, parseResponses, talk } from './client.ts';

const module = fileURLToPath(new URL('./apps/concurrency.mjs', import.meta.url));
const behaviours = fileURLToPath(new URL('./apps/behaviours.mjs', import.meta.url));
const running: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

const GET = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

async function start(options: Parameters<typeof serve>[0]): Promise<Server> {
  const server = await serve({ bind: '127.0.0.1:0', syncWorkers: 1, asyncWorkers: 1, ...options });
  running.push(server);
  return server;
}

async function get(server: Server, path: string): Promise<string> {
  const [response] = parseResponses(await talk(server.url, GET(path)));
  expect(response.status).toBe(200);
  return response.body;
}

/** Many requests at once, half of them pipelined on one connection; the most that ran at a time. */
async function mostAtATime(server: Server): Promise<number> {
  const pipelined = talk(server.url, GET().repeat(10));
  const alone = Array.from({ length: 10 }, () => get(server, '/'));
  expect(parseResponses(await pipelined).map(({ body }) => body)).toEqual(new Array(10).fill('ab'));
  expect(await Promise.all(alone)).toEqual(new Array(10).fill('ab'));
  return Number(await get(server, '/most'));
}

describe.each([
  ['pooled sync', 'syncApp', false],
  ['pooled async', 'asyncApp', false],
  ['inline', 'asyncApp', true],
])('%s', (way, name, inline) => {
  it('G-09 an application with one worker and one request at a time is never called concurrently', async () => {
    const server = await start({ apps: [{ module, export: name }], inline, asyncRequests: 1 });
    expect(await mostAtATime(server)).toBe(1);
    expect(await get(server, '/multithread')).toBe('false');
  });

  it.skipIf(way === 'pooled sync')(
    'G-09 G-44 without the setting it is, and with another number as often',
    async () => {
      const free = await start({ apps: [{ module, export: name }], inline });
      expect(await mostAtATime(free)).toBeGreaterThan(3);
      expect(await get(free, '/multithread')).toBe('true');
      const three = await start({ apps: [{ module, export: name }], inline, asyncRequests: 3 });
      expect(await mostAtATime(three)).toBe(3);
    },
  );
});

describe('a worker that is full', () => {
  it('G-09 keeps nobody waiting who wants another application', async () => {
    const apps = [
      { prefix: '/slow', module: behaviours, export: 'events', kind: 'async' as const },
      { prefix: '/sync', module: behaviours, export: 'fast' },
    ];
    const server = await start({ apps, asyncRequests: 1, maxRequestsInProgress: 2 });
    const stream = new Client(server.url).send(GET('/slow'));
    await stream.until((text) => text.includes('data: 1'));
    // It waits for the one place, ahead of all that follow.
    const waiting = new Client(server.url).send(GET('/slow'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => get(server, '/sync')));
    expect(answers).toHaveLength(20);
    expect(waiting.received).toBe('');
    stream.socket.destroy();
    await waiting.until((text) => text.includes('data: 1'));
    expect(waiting.received).toContain('200 OK');
    waiting.socket.destroy();
  });
});
