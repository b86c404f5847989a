/**
 * Large chunks whose memory is taken away while a slow client reads them (G-118): the client gets their bytes or a
 * response that breaks off, and never those of anything else.
 */
import { fileURLToPath } from 'node:url';
import type { ServeOptions } from 'quaich';
import { describe, expect, it } from 'vitest';
import { Client, talk } from './client.ts';
import { startServer } from './serving.ts';

const module = fileURLToPath(new URL('./apps/lost-chunks.mjs', import.meta.url));
const SIZE = 16 * 1_048_576;

const GET = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

/** Asks for a body, and for another behind it; reads on once the application has taken the chunk away. */
async function lose(path: string, options: Partial<ServeOptions>) {
  const server = await startServer({ apps: [{ module, export: 'app' }], ...options });
  const client = new Client(server.url).send(GET(path) + GET('/end', 'Connection: close\r\n'));
  await client.until((text) => text.includes('aaaa'));
  client.socket.pause();
  expect(await talk(server.url, GET('/lose'))).toContain('lost');
  client.socket.resume();
  const text = await client.all();
  const [head] = text.split('\r\n\r\n', 1);
  const [body, next] = text.slice(head.length + 4).split('HTTP/1.1', 2);
  const letters = body.match(/a{2,}/g)?.join('').length ?? 0;
  return { letters, others: body.replace(/a{2,}/g, ''), next };
}

const PATHS = ['/array', '/array-closed', '/array-of-two', '/steps'];
/** Sizes and ends of chunks. */
const FRAMING = /^[\da-f\r\n]*$/;

describe('a chunk that is lost while a slow client reads it', () => {
  it.each(PATHS)('G-118 breaks the response off, inline: %s', async (path) => {
    const { letters, others, next } = await lose(path, { inline: true });
    expect(letters).toBeLessThan(SIZE);
    expect(others).toMatch(FRAMING);
    expect(next).toBe(undefined);
  });

  it.each([
    ...PATHS.map((path) => ({ path, inline: false })),
    { path: '/write', inline: true },
    { path: '/write', inline: false },
  ])('G-118 was copied: $path, inline: $inline', async ({ path, inline }) => {
    const { letters, others, next } = await lose(path, { inline });
    expect(letters).toBe(path === '/array-of-two' ? SIZE + 100 : SIZE);
    expect(others.replace('end', '')).toMatch(FRAMING);
    expect(next).toContain('end');
  });
});
