/** The engine's table of applications over the wire, in each way an application can run (G-181). */
import { fileURLToPath } from 'node:url';
import type { Server } from 'quaich';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { APPLICATIONS, type ApplicationCase } from '../engine/application-table.ts';
import { serveWay, WAYS } from './all-ways.ts';
import { header, parseResponses, talk, type WireResponse } from './client.ts';

const module = fileURLToPath(new URL('./apps/application-ways.ts', import.meta.url));
const FRAMING = ['Connection', 'Content-Length', 'Date', 'Keep-Alive', 'Server', 'Transfer-Encoding'];

/** The field lines of the application: those of the gateway's framing left out, unless they are expected. */
function ownFields(response: WireResponse, expected: string[]): string[] {
  return response.headers
    .map(([name, value]) => `${name}: ${value}`)
    .filter((line) => expected.includes(line) || !FRAMING.includes(line.slice(0, line.indexOf(':'))));
}

function check(one: ApplicationCase, response: WireResponse): void {
  expect(response.status).toBe(one.status);
  expect(response.complete).toBe(one.broken !== true);
  if (one.fields !== undefined) expect(ownFields(response, one.fields)).toEqual(one.fields);
  if (one.body !== undefined) expect(response.body).toBe(one.body);
  if (one.length !== undefined) {
    const bare = one.length < 0 || one.status === 204;
    expect(header(response, 'Content-Length')).toBe(bare ? undefined : String(one.length));
  }
}

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

  // A bridge looks at an array with a bad chunk step by step: what came before the chunk is on its way (G-141).
  const expected = (one: ApplicationCase): ApplicationCase =>
    way.way.startsWith('shimmed') && one.title.startsWith('G-103 a bad chunk in an array')
      ? { ...one, status: 200, body: 'a', broken: true }
      : one;

  test.each(APPLICATIONS.map((one, index) => ({ ...one, index })))('$title', async ({ index, ...one }) => {
    check(expected(one), await ask(`/${index}`, one.method));
    // The end of a response may be on the wire before the body is closed.
    await vi.waitFor(async () => {
      expect(JSON.parse((await ask(`/trace/${index}`)).body)).toEqual(one.trace ?? []);
    });
  });
});
