/** The engine's table of applications over the wire, in each way an application can run (G-181). */
import { fileURLToPath } from 'node:url';
import type { Server } from 'quaich';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { APPLICATIONS } from '../engine/application-table.ts';
import { serveWay, WAYS } from './all-ways.ts';
import { checkAnswer } from './application-check.ts';
import { parseResponses, talk, type WireResponse } from './client.ts';

const module = fileURLToPath(new URL('./apps/application-ways.ts', import.meta.url));
describe.each(WAYS)('$way', (way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serveWay(way, [{ module, export: way.export }]);
  });

  afterAll(() => server.close());

  const ask = async (path: string, method = 'GET'): Promise<WireResponse> => {
    const text = await talk(server.url, `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return parseResponses(text, [method])[0];
  };

  test.each(APPLICATIONS.map((one, index) => ({ ...one, index })))('$title', async ({ index, ...one }) => {
    checkAnswer(one, await ask(`/${index}`, one.method));
    // The end of a response may be on the wire before the body is closed.
    await vi.waitFor(async () => {
      expect(JSON.parse((await ask(`/trace/${index}`)).body)).toEqual(one.trace ?? []);
    }, 10_000);
  });
});
