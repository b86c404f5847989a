/** What a request enters in AsyncLocalStorage is its own, in every way an application can run. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { serveWay, WAYS } from './all-ways.ts';
import { parseResponses, talk } from './client.ts';
import { EVERY_WAY, type OpenWay } from './every-way.ts';

describe.each(EVERY_WAY)('$way', ({ open }) => {
  let way: OpenWay;

  beforeAll(async () => {
    way = await open();
  });

  afterAll(() => way.close());

  const bodyOf = async (path: string): Promise<string> => (await way.ask('GET', path)).body;

  test('G-190 B-60 what a request enters is there to its end, in what it left behind, and in no other request', async () => {
    expect(await bodyOf('/context/alice')).toBe('call:nobody step:alice');
    expect(await bodyOf('/context/')).toBe('call:nobody step:nobody');
    // A set: the ways before may have told the same, where they run on this thread too.
    const told = new Set<string>();
    await vi.waitFor(async () => {
      for (const one of (await bodyOf('/context/told')).split(' ')) told.add(one);
      told.delete('');
      expect([...told].toSorted()).toEqual(['close:alice', 'close:nobody', 'timer:alice', 'timer:nobody']);
    }, 10_000);
  });

  test('G-190 neither in one that follows it on its connection', async () => {
    if (way.url === undefined) return;
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const text = await talk(way.url, [
      get('/context/alice') + get('/context/') + get('/context/alice'),
      get('/context/'),
    ]);
    expect(parseResponses(text).map(({ body }) => body)).toEqual([
      'call:nobody step:alice',
      'call:nobody step:nobody',
      'call:nobody step:alice',
      'call:nobody step:nobody',
    ]);
  });
});

describe.each(WAYS)('$way', (way) => {
  test('G-190 L-06 what a startup hook enters is in no request', async () => {
    const module = fileURLToPath(new URL('./apps/contexts.ts', import.meta.url));
    const server = await serveWay(way, [{ module, export: way.export }]);
    try {
      const text = await talk(server.url, 'GET /context/ HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(parseResponses(text)[0].body).toBe('call:nobody step:nobody');
    } finally {
      await server.close();
    }
  });
});
