/** What a gateway knows of the peer, above all of one that has gone (G-182). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AsyncApplication, serve } from 'quaich';
import { toNodeListener } from 'quaich/gateways';
import { afterAll, describe, expect, it } from 'vitest';
import { WAYS } from './all-ways.ts';
import { asyncApp } from './apps/peers.mjs';
import { Client, parseResponses } from './client.ts';
import { listening } from './listening.ts';

const module = fileURLToPath(new URL('./apps/peers.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'quaich-peers-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const RESETS = 20;
/** Sends requests, each behind its own connection's reset, while this process accepts nothing. */
function sendAndReset(url: string): void {
  const script = `
    const request = 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\n\\r\\nhi';
    for (let i = 0; i < ${RESETS}; i++) {
      const socket = require('node:net').connect(${new URL(url).port}, '127.0.0.1', () => {
        socket.write(request);
        socket.resetAndDestroy();
      });
    }`;
  expect(spawnSync(process.execPath, ['-e', script]).status).toBe(0);
}

async function seen(url: string): Promise<unknown[]> {
  const client = new Client(url).send('GET /seen HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  return JSON.parse(parseResponses(await client.all())[0].body) as unknown[];
}

describe.each(WAYS.slice(0, 3))('$way', (way) => {
  const open = (bind: string, directReads = true) =>
    serve({
      apps: [{ module, export: way.async ? 'asyncApp' : 'app', inline: 'inline' in way }],
      bind,
      directReads,
      syncWorkers: 1,
      asyncWorkers: 1,
    });

  it.each([true, false])('G-182 runs no request of a client that has reset it (direct reads: %s)', async (direct) => {
    const server = await open('127.0.0.1:0', direct);
    sendAndReset(server.url);
    expect(await seen(server.url)).toEqual([]);
    await server.close();
  });

  it('G-182 tells that a peer is on a Unix socket', async () => {
    const server = await open(`unix:${join(directory, way.way.replace(' ', '-'))}`);
    await new Client(server.url).send('GET / HTTP/1.0\r\n\r\n').all();
    expect(await seen(server.url)).toEqual([[null, true]]);
    await server.close();
  });
});

describe('node:http mount', () => {
  const listener = toNodeListener(asyncApp as AsyncApplication);

  it('G-182 runs no request of a client that has reset it', async () => {
    const { url, close } = await listening(listener);
    sendAndReset(url);
    expect(await seen(url)).toEqual([]);
    await close();
  });

  it('G-177, G-182 runs no request of a client that has left while other middleware had it', async () => {
    const inside = toNodeListener(asyncApp as AsyncApplication);
    const clients: Client[] = [];
    const { url, close } = await listening((request, response) => {
      if (request.url === '/seen') inside(request, response);
      else request.socket.once('close', () => inside(request, response)).destroy();
    });
    for (let i = 0; i < 3; i++) clients.push(new Client(url).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    for (const client of clients) await client.all();
    expect(await seen(url)).toEqual([]);
    await close();
  });

  it('G-182 tells that a peer is on a Unix socket', async () => {
    const path = join(directory, 'mount');
    const server = http.createServer(listener);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await new Client(`unix:${path}`).send('GET / HTTP/1.0\r\n\r\n').all();
    expect(await seen(`unix:${path}`)).toEqual([[null, true]]);
    await new Promise((resolve) => server.close(resolve));
  });
});
