/** Python applications under the server: in few processes, since each interpreter takes its time. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServeOptions, type Server, serve } from 'quaich';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { apps, cache } from '../python/folder.ts';
import { Client, header, parseResponses, type WireResponse } from './client.ts';
import { dist, ended, get, ready, start as startCommand } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'quaich-python-'));
const behaviours = join(apps, 'behaviours.py');
const running: Server[] = [];
let messages = '';

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close().catch(() => {})));
  messages = '';
});

/** A server with the messages of its own and of its workers, which share the file of their log. */
async function start(options: Partial<ServeOptions>): Promise<Server> {
  const server = await serve({
    apps: behaviours,
    bind: '127.0.0.1:0',
    syncWorkers: 1,
    timeoutGraceful: 2000,
    pythonCache: cache,
    errorLogFile: join(folder, 'log'),
    ...options,
  });
  running.push(server);
  return server;
}

const log = (): string => readFileSync(join(folder, 'log'), 'utf8');
const soon = { timeout: 15_000, interval: 20 };

async function ask(url: string, path: string, version = 'HTTP/1.1', method = 'GET'): Promise<WireResponse> {
  const client = new Client(url).send(`${method} ${path} ${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
  return parseResponses(await client.all(), [method])[0];
}
