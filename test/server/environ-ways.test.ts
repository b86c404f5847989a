/**
 * What an application gets to see, in each way it can run: its call, environ, input, and the errors of startResponse.
 */
import { fileURLToPath } from 'node:url';
import type { Server } from 'quaich';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveWay, WAYS } from './all-ways.ts';
import { parseResponses, talk } from './client.ts';
import { ENVIRONS, get, HEADS, HOST, READS, type Report, TEXT } from './environ-table.ts';

const module = fileURLToPath(new URL('./apps/probe.mjs', import.meta.url));

describe.each(WAYS)('$way', (way) => {
  let server: Server;

  beforeAll(async () => {
    server = await serveWay(way, [
      { module, export: way.export },
      { prefix: '/app/', module, export: way.export },
    ]);
  });

  afterAll(() => server.close());

  async function reports(requests: string): Promise<Report[]> {
    return parseResponses(await talk(server.url, requests)).map((response) => {
      expect(response.status).toBe(200);
      return JSON.parse(response.body);
    });
  }

  test.each(ENVIRONS)('%s', async (_title, request, expected) => {
    const [report] = await reports(request);
    const found = Object.fromEntries(Object.keys(expected).map((key) => [key, report.strings[key]]));
    expect(found).toEqual(expected);
    expect(report.odd).toEqual([]);
  });

  test('G-01 two arguments and no this; G-03 G-04 the next call gets a new environ', async () => {
    const seen = await reports(get('/') + get('/') + get('/'));
    expect(seen).toHaveLength(3);
    for (const report of seen) {
      expect(report).toMatchObject({ arguments: 2, hasThis: false, seenBefore: false });
    }
  });

  test('G-05 G-06 environ is plain, its CGI variables are strings', async () => {
    const [report] = await reports(get('/', `${HOST}X-A: 1\r\n`));
    expect(report).toMatchObject({ prototype: 'null', plain: true, extensible: true, odd: [] });
  });

  test('G-24 the name and the port of the server', async () => {
    const [report] = await reports(get('/'));
    expect(report.strings.SERVER_NAME).not.toBe('');
    expect(report.strings.SERVER_PORT).toBe(new URL(server.url).port);
  });

  test('G-40 G-42 G-43 G-45 G-46 G-47 version, streams, flags', async () => {
    const [report] = await reports(get('/'));
    expect(report).toMatchObject({
      version: [1, 0],
      errors: true,
      run_once: false,
      input_terminated: true,
      async: way.async,
    });
    expect(typeof report.multiprocess).toBe('boolean');
  });

  test('G-44 B-31 multithread where requests share a realm', async () => {
    const [report] = await reports(get('/'));
    expect(report.multithread).toBe(way.async);
  });

  describe.each([
    ['with a length', `Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`],
    [
      'in chunks (G-62)',
      `Transfer-Encoding: chunked\r\n\r\n7\r\n${TEXT.slice(0, 7)}\r\nc\r\n${TEXT.slice(7)}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
    ],
  ])('a body %s', (_framing, body) => {
    test.each(READS)('%s', async (_title, steps, results) => {
      const one = `POST / HTTP/1.1\r\n${HOST}X-Do: ${JSON.stringify(steps)}\r\n${body}`;
      // Pipelined: what follows must not be read as part of the body (G-54), nor the other way round (G-64).
      const [report, next] = await reports(one + get('/next'));
      expect(report.results).toEqual(results);
      expect(report.private).toBe(true);
      expect(next.strings.PATH_INFO).toBe('/next');
    });
  });

  test('G-55 without framing fields every read is empty at once', async () => {
    const steps = [['read'], ['readline'], ['readlines'], ['lines'], ['read', 5]];
    const [report] = await reports(get('/', `${HOST}X-Do: ${JSON.stringify(steps)}\r\n`));
    expect(report.results).toEqual(['', '', [], [], '']);
  });

  test('G-64 G-68 G-131 bytes that were not read are never the next request, and responses keep their order', async () => {
    const post = (path: string) =>
      `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\nxxxx`;
    expect(post('/').split('\r\n\r\n').slice(1).join('\r\n\r\n')).toHaveLength(30);
    const seen = await reports(post('/1') + get('/2') + post('/3') + get('/4'));
    expect(seen.map((report) => report.strings.PATH_INFO)).toEqual(['/1', '/2', '/3', '/4']);
  });

  test.each(HEADS)('%s G-87 a bad head throws into the application: %j', async (row, head) => {
    const steps = JSON.stringify([['start', ...head]]).replace(/[\u0080-\uffff]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    const [report] = await reports(get('/', `${HOST}X-Do: ${steps}\r\n`));
    expect(report.results[0]).toContain(row);
  });

  test('G-125 G-126 chunked coding on HTTP/1.1 ends with an empty chunk', async () => {
    const text = await talk(server.url, get('/', `${HOST}X-Stream: 1\r\n`));
    expect(text).toMatch(/\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n0\r\n\r\n$/);
    const old = await talk(server.url, 'GET / HTTP/1.0\r\nX-Stream: 1\r\nConnection: keep-alive\r\n\r\n');
    expect(old).not.toMatch(/Transfer-Encoding|Connection: keep-alive/i);
    expect(JSON.parse(parseResponses(old)[0].body).arguments).toBe(2);
  });
});
