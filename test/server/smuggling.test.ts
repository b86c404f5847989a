/** The attacks of docs/smuggling.md, byte by byte as they stand there, against real servers. */
import { fileURLToPath } from 'node:url';
import { type Server, serve } from 'quaich';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attacks } from '../corpus/attacks.ts';
import { Client, header, parseResponses } from './client.ts';

const module = fileURLToPath(new URL('./apps/describe.mjs', import.meta.url));
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe.each(['sync', 'async', 'inline', 'inline without direct reads'])('request smuggling: %s', (way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serve({
      apps: [{ module, export: way === 'sync' ? 'syncApp' : 'asyncApp', inline: way.startsWith('inline') }],
      bind: '127.0.0.1:0',
      syncWorkers: 1,
      asyncWorkers: 1,
      directReads: !way.includes('without'),
      timeoutKeepAlive: '60s',
    });
  });

  afterAll(() => server.close());

  it.each(attacks)('$name', async ({ bytes, statuses, closes }) => {
    const responses = parseResponses(await new Client(server.url).send(bytes + NEXT).all());
    expect(responses.map(({ status }) => status)).toEqual(closes ? statuses : [...statuses, 200]);
    const served = responses.filter(({ status }) => status === 200).map(({ body }) => JSON.parse(body).target);
    expect(served).not.toContain('/smuggled');
    expect(served.at(-1) === '/next').toBe(!closes);
  });

  it('G-240 ends the connection with a refused CONNECT, whatever came before', async () => {
    const connect = 'CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n';
    const get = 'GET /before HTTP/1.1\r\nHost: a\r\n\r\n';
    for (const [sent, statuses] of [
      [connect, [501]],
      [connect + NEXT, [501]],
      [get + connect + connect + NEXT, [200, 501]],
    ] as const) {
      // Nothing else ends it before the test is over.
      const responses = parseResponses(await new Client(server.url).send(sent).all());
      expect(responses.map(({ status }) => status)).toEqual(statuses);
      expect(header(responses.at(-1)!, 'Connection')).toBe('close');
    }
  });

  it('an absolute form goes before the field Host', async () => {
    const { bytes } = attacks.find(({ name }) => name.startsWith('an absolute form whose host'))!;
    const [response] = parseResponses(await new Client(server.url).send(bytes + NEXT).all());
    expect(JSON.parse(response.body).fields.HTTP_HOST).toBe('b');
  });
});
