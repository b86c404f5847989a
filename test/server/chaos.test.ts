import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serve } from 'quaich';
import { describe, expect, it } from 'vitest';
import { Client, parseResponses, talk } from './client.ts';
import { type Random, random, seedFrom } from './random.ts';

const module = fileURLToPath(new URL('./apps/behaviours.mjs', import.meta.url));
const SLOTS = 8;
const SECONDS = 4;

describe('bad clients and dying workers at once', () => {
  it('nothing is lost: no slot, no worker, no connection', async () => {
    const seed = seedFrom('CHAOS_SEED');
    const server = await serve({
      apps: [
        ['/digest', 'digest'],
        ['/async-digest', 'asyncDigest'],
        ['/stream', 'stream'],
        ['/async-stream', 'asyncStream'],
        ['/events', 'events'],
        ['/block', 'blocking'],
        ['/deadly', 'deadly'],
        ['/async-deadly', 'asyncDeadly'],
        ['/fast', 'fast'],
      ].map(([prefix, name]) => ({ prefix, module, export: name })),
      bind: '127.0.0.1:0',
      syncWorkers: 2,
      asyncWorkers: 2,
      maxRequestsInProgress: SLOTS,
      timeoutGraceful: 2000,
      errorLog: { write: () => {} },
    });
    const end = Date.now() + SECONDS * 1000;
    let talks = 0;
    let answered = 0;

    const post = (path: string, size: number): string =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`;
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const troublemaker = async (pick: Random): Promise<void> => {
      while (Date.now() < end) {
        talks++;
        const client = new Client(server.url);
        const limit = setTimeout(() => client.socket.destroy(), 1500);
        const size = pick(300_000);
        const choice = pick(12);
        if (choice === 0) client.send(post('/digest', size) + 'x'.repeat(pick(size + 1)));
        else if (choice === 1) client.send(post('/async-digest', size) + 'x'.repeat(pick(size + 1)));
        else if (choice === 2) client.send(get(`/stream?size=${size * 10}`));
        else if (choice === 3) client.send(get(`/async-stream?size=${size * 10}`));
        else if (choice === 4) client.send(get('/events'));
        else if (choice === 5) client.send(get(`/block?ms=${pick(30)}`).repeat(1 + pick(5)));
        else if (choice === 6 && pick(4) === 0) client.send(get('/deadly/exit'));
        else if (choice === 7 && pick(4) === 0) client.send(get('/async-deadly/exit'));
        else if (choice === 8) client.send('GET / HTTP/1.1\r\nHo');
        else client.send(get('/fast').repeat(1 + pick(20)));
        const way = pick(4);
        if (way === 0) await sleep(pick(40));
        else if (way === 1) await client.until((text) => text.length > pick(200_000));
        else {
          client.socket.end();
          await client.all();
          answered++;
        }
        if (way === 0 && pick(2) === 0) client.socket.resetAndDestroy();
        else client.socket.destroy();
        clearTimeout(limit);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => troublemaker(random(seed + i * 7919))));
    expect(talks).toBeGreaterThan(50);
    expect(answered).toBeGreaterThan(10);

    // Workers come back, with growing delay.
    const [after] = parseResponses(await talk(server.url, get('/fast')));
    expect(after.status).toBe(200);
    // Every slot is free: as many streams as there are slots begin.
    const streams = Array.from({ length: SLOTS }, () => new Client(server.url).send(get('/events')));
    for (const stream of streams) expect(await stream.until((text) => text.includes('data: 0'))).toContain('data: 0');
    for (const stream of streams) stream.socket.destroy();
    await server.close();
  }, 60_000);
});
